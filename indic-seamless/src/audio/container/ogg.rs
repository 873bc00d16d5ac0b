//! Ogg: page after page, with their checksums.

use std::collections::BTreeMap;

use symphonia::{core::formats::FormatOptions, default::formats::OggReader};

use super::Container;
use crate::audio::{
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    edit::Span,
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

/// An Ogg file.
pub(super) struct Ogg;

/// What the walk has seen of a logical stream.
#[derive(Debug, Default)]
struct LogicalStream {
    sequence: u32,
    ended: bool,
    audio: bool,
}

impl Container for Ogg {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b"OggS")
    }

    /// Checks that every page is complete and in its place, and that each stream ends with the page that says so.
    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let table = crc_table();
        let mut scan = Scan::new(source)?;
        let mut streams = BTreeMap::<u32, LogicalStream>::new();
        let mut body = Vec::new();
        let mut pages = 0_u64;
        let mut speex = false;
        while scan.left() > 0 {
            let at = scan.pos();
            let damaged =
                |what: &str| AudioError::Damaged(format!("{what} at byte {at} of the file, after {pages} Ogg pages"));
            let Some(header) = scan.try_bytes::<27>()? else { return Err(damaged("cut short: part of a page header")) };
            let [b'O', b'g', b'g', b'S', 0, flags, .., s0, s1, s2, s3, n0, n1, n2, n3, c0, c1, c2, c3, segments] =
                header
            else {
                return Err(damaged("no Ogg page"));
            };
            let mut lacing = [0; 255];
            let lacing = lacing.get_mut(..usize::from(segments)).unwrap_or_default();
            let size: u64 = if scan.left() < u64::from(segments) {
                return Err(damaged("cut short: part of a page header"));
            } else {
                scan.fill(lacing)?;
                lacing.iter().map(|&length| u64::from(length)).sum()
            };
            if scan.left() < size {
                return Err(damaged(&format!("cut short: {} of {size} bytes of a page", scan.left())));
            }
            body.resize(size as usize, 0);
            scan.fill(&mut body)?;

            let mut unsigned = header;
            if let Some(sum) = unsigned.get_mut(22..26) {
                sum.fill(0);
            }
            let sum = [&unsigned[..], lacing, &body].into_iter().fold(0, |sum, bytes| crc(&table, sum, bytes));
            if sum != u32::from_le_bytes([c0, c1, c2, c3]) {
                return Err(damaged("wrong checksum of the page"));
            }
            let serial = u32::from_le_bytes([s0, s1, s2, s3]);
            let sequence = u32::from_le_bytes([n0, n1, n2, n3]);
            let (first, last) = (flags & 2 != 0, flags & 4 != 0);
            match streams.get_mut(&serial) {
                Some(stream) if !first => {
                    if stream.sequence.checked_add(1) != Some(sequence) {
                        return Err(damaged(&format!("page {sequence} follows page {}", stream.sequence)));
                    }
                    stream.sequence = sequence;
                    stream.ended |= last;
                }
                None if !first => return Err(damaged("a page of a stream that has not begun")),
                known => {
                    if known.is_some_and(|stream| stream.audio && !stream.ended) {
                        return Err(damaged("a new stream begins before the end of the one before"));
                    }
                    let audio =
                        [&b"OpusHead"[..], b"\x01vorbis", b"\x7fFLAC"].iter().any(|magic| body.starts_with(magic));
                    speex |= body.starts_with(b"Speex   ");
                    streams.insert(serial, LogicalStream { sequence, ended: last, audio });
                }
            }
            pages += 1;
        }
        if !streams.values().any(|stream| stream.audio) {
            return Err(match speex {
                true => AudioError::Unsupported("Speex in Ogg".to_owned()),
                false => AudioError::NoAudio("an Ogg file without a stream of Opus, Vorbis or FLAC".to_owned()),
            });
        }
        if streams.values().any(|stream| stream.audio && !stream.ended) {
            return Err(AudioError::Damaged(format!("cut short: {pages} Ogg pages, none of which ends the stream")));
        }
        Ok(Self)
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        let reader = OggReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        Ok(Box::new(SymphoniaDemuxer::new(reader)))
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        track.length().map(Span::seconds)
    }
}

fn crc_table() -> [u32; 256] {
    std::array::from_fn(|byte| {
        (0..8).fold((byte as u32) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 0 { 0 } else { 0x04c1_1db7 })
    })
}

fn crc(table: &[u32; 256], sum: u32, bytes: &[u8]) -> u32 {
    // The index is a byte: it cannot be out of bounds.
    bytes.iter().fold(sum, |sum, byte| sum << 8 ^ table[usize::from((sum >> 24) as u8 ^ byte)])
}
