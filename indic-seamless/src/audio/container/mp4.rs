//! MP4: whether all boxes are there, and the edit lists, which the demuxer does not apply.

use std::collections::BTreeMap;

use symphonia::{
    core::{
        codecs::{CodecParameters, audio::well_known::CODEC_ID_OPUS},
        formats::{FormatOptions, Track},
        io::ReadBytes,
    },
    default::formats::IsoMp4Reader,
};

use super::Container;
use crate::audio::{
    count::{self, Count},
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    edit::{Edit, Span},
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

/// The deepest nesting of boxes that is followed.
const DEPTH: usize = 4;

/// An MP4, M4A or `QuickTime` file.
pub(super) struct Mp4 {
    /// By the id of the track.
    edits: BTreeMap<u32, Edit>,
    /// Whether the sample table covers only a part of the audio, because the rest is in fragments.
    fragmented: bool,
}

impl Container for Mp4 {
    fn sniff(head: &[u8]) -> bool {
        matches!(head, [_, _, _, _, b'f', b't', b'y', b'p', ..])
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut movie = Movie::default();
        let end = scan.length();
        walk_boxes(&mut scan, end, 0, &mut movie)?;
        if !movie.seen {
            return Err(AudioError::Damaged(format!("cut short: the moov box is missing from its {end} bytes")));
        }
        let edits = movie.tracks.iter().filter_map(|track| Some((track.id, track.edit(&movie)?))).collect();
        Ok(Self { edits, fragmented: movie.fragmented })
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        let mut stream = demuxer::stream(source);
        // This demuxer expects a stream whose position is at the magic bytes.
        stream.ignore_bytes(4)?;
        let reader = IsoMp4Reader::try_new(stream, FormatOptions::default())?;
        Ok(Box::new(SymphoniaDemuxer::new(reader)))
    }

    /// Symphonia hands out the `dOps` box as an Opus header, but its numbers are big-endian: makes them little-endian.
    fn correct(&self, track: &mut Track) {
        let Some(CodecParameters::Audio(params)) = &mut track.codec_params else { return };
        let Some(header) = params.extra_data.as_deref_mut().filter(|_| params.codec == CODEC_ID_OPUS) else { return };
        // Pre-skip, rate and gain.
        for field in [10..12, 12..16, 16..18] {
            header.get_mut(field).unwrap_or_default().reverse();
        }
    }

    fn edit(&self, track: &AudioTrack) -> Edit {
        let mut edit = self.edits.get(&track.track.id).copied().unwrap_or_default();
        if let Some(whole) = track.length().filter(|whole| whole.ticks > 0 && !self.fragmented) {
            // In some files the sample table says how much of the last packet is padding, in others the edit list.
            let rest = Span { ticks: whole.ticks.saturating_sub(edit.skip.ticks), ..whole };
            if edit.keep.is_none_or(|keep| rest.seconds() < keep.seconds()) {
                edit.keep = Some(rest);
            }
        }
        edit
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        self.edit(track).keep.or_else(|| track.length()).map(Span::seconds)
    }

    fn check(&self, track: &AudioTrack, count: &Count) -> Result<(), AudioError> {
        // The time base may be coarser than the samples.
        count::check_seconds(count.decoded(), track.length().unwrap_or_default(), 0.001)
    }
}

/// What the boxes say about the file.
#[derive(Debug, Default)]
struct Movie {
    scale: u64,
    tracks: Vec<MovieTrack>,
    seen: bool,
    fragmented: bool,
}

/// What the boxes say about a track.
#[derive(Debug, Default)]
struct MovieTrack {
    id: u32,
    scale: u64,
    /// Length in the movie's units and start in the track's units; -1 for a pause.
    edits: Vec<(u64, i64)>,
}

fn walk_boxes(scan: &mut Scan<'_>, end: u64, depth: usize, movie: &mut Movie) -> Result<(), AudioError> {
    while scan.pos() < end {
        let at = scan.pos();
        let left = end - at;
        // QuickTime may end a list of boxes with four zeros.
        if left < 8 && depth > 0 {
            return scan.goto(end);
        }
        let Some([s0, s1, s2, s3, kind @ ..]) = scan.try_bytes::<8>()? else {
            return Err(AudioError::cut("bytes of a box header", left, 8));
        };
        let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 if depth == 0 => left,
            1 => u64::from_be_bytes(scan.bytes()?),
            size => u64::from(size),
        };
        let head = scan.pos() - at;
        if size < head {
            return Err(AudioError::Damaged(format!("a box of {size} bytes at byte {at}")));
        }
        let name: String = kind.iter().map(|&byte| char::from(byte).escape_default().to_string()).collect();
        if size > left {
            return Err(AudioError::cut(&format!("bytes of box {name}"), left, size));
        }
        let next = at + size;
        match &kind {
            b"moov" | b"trak" | b"edts" | b"mdia" if depth < DEPTH => {
                movie.seen |= &kind == b"moov";
                if &kind == b"trak" {
                    movie.tracks.push(MovieTrack::default());
                }
                walk_boxes(scan, next, depth + 1, movie)?;
            }
            b"mvex" if depth > 0 => movie.fragmented = true,
            b"mvhd" | b"mdhd" | b"tkhd" | b"elst" if depth > 0 => read(scan, &kind, movie)?,
            _ => {}
        }
        scan.goto(next)?;
    }
    Ok(())
}

fn read(scan: &mut Scan<'_>, kind: &[u8; 4], movie: &mut Movie) -> Result<(), AudioError> {
    let [version, ..] = scan.bytes::<4>()?;
    let wide = version == 1;
    if kind == b"elst" {
        let count = u32::from_be_bytes(scan.bytes()?);
        let Some(track) = movie.tracks.last_mut() else { return Ok(()) };
        // Real files have fewer; the limit keeps a wrong count from costing time.
        for _ in 0..count.min(64) {
            let edit = if wide {
                (u64::from_be_bytes(scan.bytes()?), i64::from_be_bytes(scan.bytes()?))
            } else {
                (u32::from_be_bytes(scan.bytes()?).into(), i32::from_be_bytes(scan.bytes()?).into())
            };
            let _rate = scan.bytes::<4>()?;
            track.edits.push(edit);
        }
        return Ok(());
    }
    // The times of creation and modification.
    scan.goto(scan.pos() + if wide { 16 } else { 8 })?;
    let value = u32::from_be_bytes(scan.bytes()?);
    match (kind, movie.tracks.last_mut()) {
        (b"mvhd", _) => movie.scale = value.into(),
        (b"tkhd", Some(track)) => track.id = value,
        (b"mdhd", Some(track)) => track.scale = value.into(),
        _ => {}
    }
    Ok(())
}

impl MovieTrack {
    /// The part that is heard, if the edit list is the usual one: a start and perhaps a length.
    fn edit(&self, movie: &Movie) -> Option<Edit> {
        let mut heard = self.edits.iter().filter(|(_, start)| *start >= 0);
        let (length, start) = *heard.next()?;
        if heard.next().is_some() || self.scale == 0 {
            return None;
        }
        let skip = Span { ticks: u64::try_from(start).ok()?, per_second: self.scale };
        // The length is only exact to the movie's unit, often a millisecond. 0 means "to the end". In a fragmented
        // file it is not the whole length, which its writer did not know.
        let keep = (length > 0 && movie.scale > 0 && !movie.fragmented)
            .then(|| Span { ticks: length.saturating_add(1), per_second: movie.scale });
        Some(Edit { skip, keep, ..Edit::default() })
    }
}
