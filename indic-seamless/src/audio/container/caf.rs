//! Core Audio Format: samples, or packets with a table of their sizes.

use symphonia::core::{
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, well_known::CODEC_ID_AAC},
    },
    formats::{MediaInfo, Track},
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::{
    Container, config,
    layout::Layout,
    samples::{self, Samples},
};
use crate::{
    audio::{
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        edit::{Edit, Span},
        error::AudioError,
        fault::Fault,
        scan::{Reader, Scan},
        source::AudioSource,
    },
    damage::DamageKind,
};

/// The largest header of a codec.
const MAX_COOKIE: u64 = 1 << 20;
/// The largest table of packets, in bytes: those of a day and a half have less.
const MAX_TABLE: u64 = 1 << 24;

/// A CAF file.
pub(super) struct Caf {
    codec: Codec,
    start: u64,
    length: u64,
    /// The sizes of the packets, where they differ.
    sizes: Vec<u32>,
    edit: Edit,
    faults: Vec<Fault>,
}

#[derive(Debug)]
enum Codec {
    Samples(Layout),
    Packets(AudioCodecParameters),
}

/// What the chunks say.
#[derive(Debug, Default)]
struct Chunks {
    description: Option<[u8; 32]>,
    cookie: Vec<u8>,
    /// The number of samples that are heard, and those to leave out before them.
    heard: Option<(u64, u32)>,
    sizes: Vec<u8>,
    data: Option<(u64, i64)>,
    /// A chunk other than that of the samples that is cut short or too large.
    cut: Option<Fault>,
}

impl Container for Caf {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b"caff")
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let chunks = Chunks::read(&mut scan)?;
        let description = chunks.description.ok_or_else(|| AudioError::damaged("there is no format of the samples"))?;
        let (start, declared) =
            chunks.data.ok_or_else(|| AudioError::NoAudio("there is no chunk with samples".to_owned()))?;
        let description = Description::parse(&description);
        let codec = description.codec(&chunks)?;
        scan.goto(start)?;
        let present = scan.left();
        let block = if let Codec::Samples(layout) = &codec { layout.block } else { 1 };
        // -1 stands for all up to the end.
        let (length, fault) = match u64::try_from(declared).map(|size| size.saturating_sub(4)) {
            Err(_) => samples::to_the_end(present, block),
            Ok(0) if present > 0 => samples::to_the_end(present, block),
            Ok(size) => samples::measure(size, present, block),
        };
        if length < block {
            return Err(samples::no_samples(fault));
        }
        let sizes = match &codec {
            Codec::Samples(_) => Vec::new(),
            Codec::Packets(_) => packet_sizes(&chunks.sizes, description.packet, description.frames == 0),
        };
        if sizes.is_empty() && matches!(codec, Codec::Packets(_)) {
            return Err(AudioError::damaged("cut short: the table of its packets is missing"));
        }
        let per_second = u64::from(description.format.0.max(1));
        let mut edit = Edit::default();
        if let Some((heard, priming)) = chunks.heard.filter(|&(heard, _)| heard > 0) {
            edit.skip = Span { ticks: priming.into(), per_second };
            edit.keep = Some(Span { ticks: heard, per_second });
        }
        Ok(Self { codec, start, length, sizes, edit, faults: fault.into_iter().chain(chunks.cut).collect() })
    }

    fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        match &self.codec {
            Codec::Samples(layout) => {
                Ok(Box::new(Samples::new(source, layout.clone(), self.start, Some(self.length))?))
            }
            Codec::Packets(params) => {
                let mut reader = Reader::new(source)?;
                reader.goto(self.start)?;
                let mut track = Track::new(0);
                track.with_codec_params(CodecParameters::Audio(params.clone()));
                track.num_frames = self.edit.keep.map(|keep| keep.ticks);
                Ok(Box::new(CafPackets { reader, track, sizes: self.sizes.clone().into_iter(), ended: false }))
            }
        }
    }

    fn edit(&self, _track: &AudioTrack) -> Edit {
        self.edit
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        self.edit.keep.map(Span::seconds).or_else(|| track.seconds())
    }
}

impl Chunks {
    fn read(scan: &mut Scan<'_>) -> Result<Self, AudioError> {
        let mut chunks = Self::default();
        scan.goto(8)?;
        while let Some([a, b, c, d, size @ ..]) = scan.try_bytes::<12>()? {
            let (start, size) = (scan.pos(), i64::from_be_bytes(size));
            let Ok(body) = u64::try_from(size) else {
                // Only the samples may have an unknown size, up to the end.
                if [a, b, c, d] == *b"data" {
                    chunks.data.get_or_insert((start + 4, size));
                }
                break;
            };
            // Of each there is one: what follows the samples by mistake is not looked at.
            match &[a, b, c, d] {
                b"desc" if chunks.description.is_none() => chunks.description = scan.try_bytes()?,
                b"kuki" if chunks.cookie.is_empty() => chunks.cookie = scan.data(body.min(MAX_COOKIE))?,
                // The number of edits stands before the samples.
                b"data" if chunks.data.is_none() => chunks.data = Some((start + 4, size)),
                b"pakt" if chunks.heard.is_none() => {
                    let _packets = scan.try_bytes::<8>()?;
                    let heard = scan.try_bytes()?.map(u64::from_be_bytes);
                    let priming = scan.try_bytes()?.map(u32::from_be_bytes);
                    let _remainder = scan.try_bytes::<4>()?;
                    chunks.heard = heard.zip(priming);
                    let size = body.saturating_sub(24);
                    chunks.sizes = scan.data(size.min(MAX_TABLE))?;
                    if size > MAX_TABLE {
                        let reason = format!("a table of packets of {size} bytes, not at most {MAX_TABLE}");
                        chunks.cut = Some(Fault::new(DamageKind::Corrupt, reason));
                    }
                }
                _ => {}
            }
            let left = scan.length() - start;
            if body > left && [a, b, c, d] != *b"data" {
                chunks.cut = Some(Fault::cut("bytes of a chunk", left, body));
            }
            scan.goto(start.saturating_add(body).min(scan.length()))?;
        }
        Ok(chunks)
    }
}

/// The format of the samples.
#[derive(Debug)]
struct Description {
    format: (u32, u32),
    kind: [u8; 4],
    flags: u32,
    /// Bytes and samples of a packet; 0 where they differ.
    packet: u32,
    frames: u32,
    bits: u32,
}

impl Description {
    fn parse(description: &[u8; 32]) -> Self {
        let (numbers, _) = description.as_chunks::<4>();
        let number = |at: usize| numbers.get(at).map_or(0, |&number| u32::from_be_bytes(number));
        let rate = f64::from_bits(u64::from(number(0)) << 32 | u64::from(number(1)));
        Self {
            // No rate is beyond what 32 bits hold; others become the nearest.
            format: (rate.round() as u32, number(6)),
            kind: number(2).to_be_bytes(),
            flags: number(3),
            packet: number(4),
            frames: number(5),
            bits: number(7),
        }
    }

    fn codec(&self, chunks: &Chunks) -> Result<Codec, AudioError> {
        let format = self.format;
        // Samples may be stored in more bytes than they have bits.
        let bytes = match u64::from(self.packet.checked_div(format.1).unwrap_or(0)) {
            0 => u64::from(self.bits.div_ceil(8)),
            bytes => bytes,
        };
        let big = self.flags & 2 == 0;
        let samples = |layout: Result<Layout, AudioError>| layout.map(Codec::Samples);
        let packets = |params: Result<AudioCodecParameters, AudioError>| params.map(Codec::Packets);
        match &self.kind {
            b"lpcm" if self.flags & 1 == 1 => samples(Layout::floats(bytes, big, format)),
            b"lpcm" => samples(Layout::integers(bytes, big, format)),
            b"alaw" => samples(Layout::alaw(format)),
            b"ulaw" => samples(Layout::mulaw(format)),
            b"ima4" => samples(Layout::ima4(format)),
            b"alac" => packets(config::alac(&chunks.cookie, format)),
            b"aac " if chunks.cookie.first() == Some(&3) => packets(config::elementary_stream(&chunks.cookie, format)),
            b"aac " => packets(Ok(config::configured(CODEC_ID_AAC, format, &chunks.cookie))),
            b"aach" | b"aacp" => packets(config::elementary_stream(&chunks.cookie, format)),
            b".mp3" => packets(Ok(config::mpeg(3, format))),
            b".mp2" => packets(Ok(config::mpeg(2, format))),
            b"opus" => {
                let pre_skip = chunks.heard.map_or(0, |(_, priming)| priming);
                packets(Ok(config::bare_opus(format, u16::try_from(pre_skip).unwrap_or(0))))
            }
            b"flac" => packets(config::flac(&chunks.cookie, format)),
            b"ac-3" => Err(AudioError::foreign("AC-3")),
            b"ec-3" => Err(AudioError::foreign("E-AC-3")),
            b"samr" => Err(AudioError::foreign("AMR-NB")),
            b"agsm" => Err(AudioError::foreign("GSM 06.10")),
            b"ilbc" => Err(AudioError::foreign("iLBC")),
            b"aacl" | b"aace" => Err(AudioError::foreign("AAC-LD")),
            b"QDM2" | b"QDMC" => Err(AudioError::foreign("QDesign Music")),
            other => {
                let name: String = other.iter().map(|&byte| char::from(byte).escape_default().to_string()).collect();
                Err(AudioError::foreign(&format!("a CAF codec with the name {name}")))
            }
        }
    }
}

/// The sizes in a table of packets. The numbers have seven bits a byte; all have the size `each` if that is not 0, and
/// where the numbers of samples differ, these follow the sizes one by one.
fn packet_sizes(table: &[u8], each: u32, with_frames: bool) -> Vec<u32> {
    let mut sizes = Vec::new();
    let mut value = 0_u32;
    let mut is_size = true;
    for &byte in table {
        value = value << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if is_size {
                sizes.push(if each > 0 { each } else { value });
            }
            is_size = !(with_frames && each == 0 && is_size);
            value = 0;
        }
    }
    sizes
}

/// Takes packets out of the data.
struct CafPackets {
    reader: Reader<AudioSource>,
    track: Track,
    sizes: std::vec::IntoIter<u32>,
    ended: bool,
}

impl Demuxer for CafPackets {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: MediaInfo::default(), alone: true })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        let Some(size) = self.sizes.next().filter(|_| !self.ended).map(u64::from) else { return Ok(Demuxed::End) };
        let left = self.reader.left();
        if size > left {
            self.ended = true;
            return Ok(Demuxed::Fault(Fault::cut("bytes of a packet", left, size)));
        }
        let data = self.reader.data(size)?;
        Ok(Demuxed::Packet(Packet::new(self.track.id, Timestamp::ZERO, Duration::ZERO, data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tables_of_packets() {
        assert_eq!(packet_sizes(&[0x81, 0x00, 0x05], 0, false), [128, 5]);
        assert_eq!(packet_sizes(&[7, 64, 5, 32], 0, true), [7, 5]);
        assert_eq!(packet_sizes(&[], 0, false), [0; 0]);
    }
}
