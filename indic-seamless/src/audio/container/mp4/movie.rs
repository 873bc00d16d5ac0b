//! [`Movie`]: what the `moov` box says about the tracks.

use std::io::{Read, Seek};

use super::{
    boxes::{BoxHeader, Numbers, next_box},
    entry::Entry,
};
use crate::audio::{
    container::label::{self, TrackLabel},
    edit::{Edit, Span},
    error::AudioError,
    scan::Reader,
};

/// The deepest nesting of boxes that is followed.
const DEPTH: usize = 6;
/// The most edits that are applied. Real files have fewer; the limit keeps a wrong count from costing time.
const MAX_EDITS: usize = 64;
/// The most tracks. Each costs more memory than an empty box has bytes.
const MAX_TRACKS: usize = 1_000;
/// The largest description of a codec.
const MAX_ENTRY: u64 = 1 << 20;

/// What the boxes say about the file.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Units of time in a second.
    scale: u64,
    pub(super) tracks: Vec<Track>,
    /// The defaults of fragments. Without any, there are no fragments.
    pub(super) defaults: Vec<Defaults>,
    pub(super) fragmented: bool,
}

/// What the boxes say about a track.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) id: u32,
    pub(super) enabled: bool,
    /// A code of ISO 639-2, packed into 15 bits; smaller numbers are `QuickTime`'s own.
    language: u16,
    pub(super) handler: [u8; 4],
    /// Units of time in a second.
    pub(super) scale: u32,
    /// Length in the movie's units and start in the track's units; -1 for a pause.
    edits: Vec<(u64, i64)>,
    /// The body of the `stsd` box: the codecs.
    pub(super) entries: Vec<u8>,
    /// Numbers of samples, and how long each of them is.
    pub(super) durations: Vec<(u32, u32)>,
    /// The first chunk, counted from 1, from which on chunks have so many samples.
    pub(super) in_chunks: Vec<(u32, u32)>,
    /// Where the chunks are in the file.
    pub(super) chunks: Vec<u64>,
    /// The size of all samples, or 0, and how many samples there are.
    pub(super) size: u32,
    pub(super) count: u32,
    /// The size of each sample, if they differ.
    pub(super) sizes: Vec<u32>,
}

/// The defaults of the fragments of a track.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) track: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
}

/// A part of a track that is heard, in units of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) to: u64,
    /// When its first sample is heard.
    pub(super) at: u64,
}

impl Part {
    /// When its last sample ends.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.to.saturating_sub(self.from))
    }
}

impl Movie {
    /// Reads the `moov` box.
    pub(super) fn read<S: Read + Seek>(reader: &mut Reader<S>, moov: BoxHeader) -> Result<Self, AudioError> {
        let mut movie = Self::default();
        reader.goto(moov.body)?;
        movie.boxes(reader, moov.end, 1)?;
        reader.goto(moov.end)?;
        Ok(movie)
    }

    /// Sound track `number`, counted from 1; without a number the default one: the first that is enabled, else the first.
    pub(super) fn sound(&self, number: Option<usize>) -> Option<&Track> {
        let mut sound = self.sounds();
        match number {
            Some(number) => sound.nth(number.checked_sub(1)?),
            None => self.sounds().find(|track| track.enabled).or_else(|| sound.next()),
        }
    }

    /// The sound tracks, for people.
    pub(super) fn labels(&self) -> Vec<TrackLabel> {
        let default = self.sound(None).map(|track| track.id);
        let label = |track: &Track| TrackLabel {
            codec: label::codec(&Entry::parse(&track.entries).map(|Entry { params, layout }| (params, layout))),
            language: track.language(),
            default: Some(track.id) == default,
        };
        self.sounds().map(label).collect()
    }

    fn sounds(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| &track.handler == b"soun")
    }

    fn boxes<S: Read + Seek>(&mut self, reader: &mut Reader<S>, end: u64, depth: usize) -> Result<(), AudioError> {
        while let Some(header) = next_box(reader, end)? {
            match &header.kind {
                b"trak" | b"edts" | b"mdia" | b"minf" | b"stbl" | b"mvex" if depth < DEPTH => {
                    self.fragmented |= &header.kind == b"mvex";
                    if &header.kind == b"trak" {
                        // What follows would be taken for a part of the last track.
                        if self.tracks.len() == MAX_TRACKS {
                            return Err(AudioError::damaged(format!("more than {MAX_TRACKS} tracks")));
                        }
                        self.tracks.push(Track::default());
                    }
                    self.boxes(reader, header.end, depth + 1)?;
                }
                b"mvhd" => {
                    let body = reader.data((header.end - header.body).min(32))?;
                    self.scale = scale(&body).into();
                }
                b"trex" if self.defaults.len() < MAX_TRACKS => {
                    let body = reader.data((header.end - header.body).min(24))?;
                    let mut numbers = Numbers(&body);
                    numbers.skip(4);
                    let track = numbers.u32();
                    numbers.skip(4);
                    self.defaults.push(Defaults { track, duration: numbers.u32(), size: numbers.u32() });
                }
                _ => {
                    if let Some(track) = self.tracks.last_mut() {
                        track.read(reader, header)?;
                    }
                }
            }
            reader.goto(header.end)?;
        }
        Ok(())
    }
}

/// The units of time in a second, from an `mvhd` or `mdhd` box.
fn scale(body: &[u8]) -> u32 {
    let mut numbers = Numbers(body);
    // The times of creation and modification stand before it.
    let wide = numbers.u32() >> 24 == 1;
    numbers.skip(if wide { 16 } else { 8 });
    numbers.u32()
}

impl Track {
    fn read<S: Read + Seek>(&mut self, reader: &mut Reader<S>, header: BoxHeader) -> Result<(), AudioError> {
        let size = header.end - header.body;
        let head = match &header.kind {
            b"tkhd" | b"mdhd" | b"hdlr" => reader.data(size.min(36))?,
            b"stsd" => reader.data(size.min(MAX_ENTRY))?,
            b"elst" | b"stts" | b"stsc" | b"stsz" | b"stz2" | b"stco" | b"co64" => reader.data(size)?,
            _ => return Ok(()),
        };
        let mut numbers = Numbers(&head);
        match &header.kind {
            b"mdhd" => {
                self.scale = scale(&head);
                // Behind the length.
                numbers.skip(if head.first() == Some(&1) { 32 } else { 20 });
                self.language = numbers.u16();
            }
            b"tkhd" => {
                let flags = numbers.u32();
                self.enabled = flags & 1 == 1;
                numbers.skip(if flags >> 24 == 1 { 16 } else { 8 });
                self.id = numbers.u32();
            }
            b"hdlr" => {
                numbers.skip(8);
                // QuickTime has a second one, for where the data is.
                if self.handler == [0; 4] {
                    self.handler = numbers.u32().to_be_bytes();
                }
            }
            b"elst" => {
                let wide = numbers.u32() >> 24 == 1;
                let count = (numbers.u32() as usize).min(MAX_EDITS);
                self.edits = (0..count)
                    .map_while(|_| {
                        let edit = (!numbers.0.is_empty()).then(|| (numbers.wide(wide), numbers.signed(wide)))?;
                        numbers.skip(4);
                        Some(edit)
                    })
                    .collect();
            }
            b"stsd" => self.entries = head,
            b"stts" => self.durations = pairs(numbers),
            b"stsc" => {
                numbers.skip(8);
                let (entries, _) = numbers.0.as_chunks::<12>();
                self.in_chunks = entries
                    .iter()
                    .map(|entry| {
                        let mut entry = Numbers(entry);
                        (entry.u32(), entry.u32())
                    })
                    .collect();
            }
            b"stsz" => {
                numbers.skip(4);
                (self.size, self.count) = (numbers.u32(), numbers.u32());
                self.sizes =
                    if self.size == 0 { numbers.all().take(self.count as usize).collect() } else { Vec::new() };
            }
            b"stz2" => {
                numbers.skip(7);
                let bits = numbers.u8();
                self.count = numbers.u32();
                self.sizes = compact(bits, numbers.0).take(self.count as usize).collect();
            }
            b"stco" => {
                numbers.skip(8);
                self.chunks = numbers.all().map(u64::from).collect();
            }
            _ => {
                numbers.skip(8);
                let (offsets, _) = numbers.0.as_chunks();
                self.chunks = offsets.iter().map(|&offset| u64::from_be_bytes(offset)).collect();
            }
        }
        Ok(())
    }

    /// The language as a code of three letters, if there is one.
    fn language(&self) -> Option<String> {
        // 1 is "a".
        let letter = |shift: u16| char::from_u32(0x60 + u32::from(self.language >> shift & 31));
        let code: String = [10, 5, 0].into_iter().filter_map(letter).collect();
        (self.language >= 0x400 && self.language < 1 << 15 && code != "und").then_some(code)
    }

    /// The length of all samples in the table, in units of the track.
    pub(super) fn length(&self) -> u64 {
        self.durations.iter().fold(0, |sum: u64, &(count, each)| sum.saturating_add(u64::from(count) * u64::from(each)))
    }

    /// The parts that are heard, one after the other; none without an edit list. Of several parts that follow each other
    /// in the track as in time, one is made. A single part is as long as it can be: lengths are only exact to the movie's unit,
    /// often a millisecond.
    pub(super) fn parts(&self, movie: &Movie) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut now = 0_u64;
        if movie.scale == 0 {
            return parts;
        }
        let in_track = |length: u64| {
            let ticks = u128::from(length) * u128::from(self.scale) / u128::from(movie.scale);
            u64::try_from(ticks).unwrap_or(u64::MAX)
        };
        let unit = u64::from(self.scale).div_ceil(movie.scale);
        for &(length, start) in &self.edits {
            let at = in_track(now);
            now = now.saturating_add(length);
            let Ok(from) = u64::try_from(start) else { continue };
            // 0 means "to the end". In a fragmented file it is not the whole length, which its writer did not know.
            let open = length == 0 || movie.fragmented;
            let to = if open { u64::MAX } else { from.saturating_add(in_track(length)) };
            match parts.last_mut() {
                Some(last)
                    if last.to.saturating_add(unit) >= from
                        && last.from <= from
                        && last.at.saturating_add(from - last.from) >= at =>
                {
                    last.to = to;
                }
                _ => parts.push(Part { from, to, at }),
            }
        }
        if let [part] = &mut parts[..] {
            part.to = part.to.saturating_add(unit);
        }
        parts
    }

    /// The part that is heard, if there is one at most.
    pub(super) fn edit(&self, parts: &[Part], movie: &Movie) -> Edit {
        let per_second = u64::from(self.scale.max(1));
        let span = |ticks| Span { ticks, per_second };
        let part = match parts {
            [] => Part { from: 0, to: u64::MAX, at: 0 },
            [part] => *part,
            // The demuxer leaves out what is not heard.
            _ => return Edit { done: true, ..Edit::default() },
        };
        let mut keep = (part.to < u64::MAX).then(|| part.to - part.from);
        // In some files the sample table says how much of the last packet is padding, in others the edit list.
        let rest = self.length().saturating_sub(part.from);
        if !movie.fragmented && rest > 0 && keep.is_none_or(|keep| rest < keep) {
            keep = Some(rest);
        }
        Edit { skip: span(part.from), keep: keep.map(span), start: span(part.at), ..Edit::default() }
    }
}

/// A table of pairs of numbers, behind its count.
fn pairs(mut numbers: Numbers<'_>) -> Vec<(u32, u32)> {
    numbers.skip(8);
    let (entries, _) = numbers.0.as_chunks::<8>();
    entries
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
        .collect()
}

/// Sizes of 4, 8 or 16 bits.
fn compact(bits: u8, bytes: &[u8]) -> Box<dyn Iterator<Item = u32> + '_> {
    match bits {
        4 => Box::new(bytes.iter().flat_map(|&byte| [u32::from(byte >> 4), u32::from(byte & 15)])),
        16 => Box::new(bytes.as_chunks().0.iter().map(|&size| u16::from_be_bytes(size).into())),
        _ => Box::new(bytes.iter().map(|&byte| byte.into())),
    }
}
