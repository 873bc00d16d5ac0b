//! [`Table`] and [`Run`]: where the samples of a track are in the file, and when they are heard.

use super::{
    boxes::{BoxHeader, Numbers},
    movie::{Defaults, Track},
};
use crate::audio::container::layout::Layout;

/// Bytes of a file that are decoded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: u64,
    pub(super) size: u64,
    /// When it starts, and how long it is, in units of the track.
    pub(super) time: u64,
    pub(super) duration: u64,
}

/// The sample table of a track, from a position in it on.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The next chunk, the number of samples in it that were passed on, and their size.
    chunk: usize,
    in_chunk: u32,
    offset: u64,
    /// The entry of the table of chunk sizes.
    group: usize,
    /// The next sample, and its entry in the table of durations with the number of samples before it there.
    sample: u64,
    entry: usize,
    in_entry: u32,
    time: u64,
}

impl Table {
    /// The next samples, or `None` behind the last. Those of PCM, of which each is so small, are taken together.
    pub(super) fn next(&mut self, track: &Track, layout: Option<&Layout>, length: u64) -> Option<Sample> {
        loop {
            let start = *track.chunks.get(self.chunk)?;
            let number = u32::try_from(self.chunk + 1).ok()?;
            while track.in_chunks.get(self.group + 1).is_some_and(|&(first, _)| first <= number) {
                self.group += 1;
            }
            let (_, in_chunk) = *track.in_chunks.get(self.group)?;
            let left = u64::from(in_chunk - self.in_chunk.min(in_chunk)).min(u64::from(track.count) - self.sample);
            let at = start.saturating_add(self.offset);
            // Whatever the table says, nothing is behind the end of the file but the first sample that is missing.
            if left == 0 || self.offset > 0 && at >= length {
                if self.sample >= u64::from(track.count) {
                    return None;
                }
                self.skip(track, left);
                (self.chunk, self.in_chunk, self.offset) = (self.chunk + 1, 0, 0);
                continue;
            }
            let (count, size) = match layout.filter(|_| track.durations.first().is_some_and(|&(_, each)| each <= 1)) {
                // A sample of the table is one of each channel, whatever size it is said to have.
                Some(layout) => {
                    let blocks = (left / layout.frames).clamp(1, layout.packet);
                    (left.min(blocks * layout.frames), blocks * layout.block)
                }
                None if track.size > 0 => (1, track.size.into()),
                None => (1, (*track.sizes.get(usize::try_from(self.sample).ok()?)?).into()),
            };
            let time = self.time;
            self.skip(track, count);
            self.in_chunk = self.in_chunk.saturating_add(count as u32);
            self.offset += size;
            if size > 0 {
                return Some(Sample { at, size, time, duration: self.time - time });
            }
        }
    }

    /// Goes on by `count` samples in time.
    fn skip(&mut self, track: &Track, mut count: u64) {
        self.sample += count;
        while let Some(&(samples, each)) = track.durations.get(self.entry).filter(|_| count > 0) {
            let now = count.min(u64::from(samples - self.in_entry));
            self.time = self.time.saturating_add(now * u64::from(each));
            count -= now;
            self.in_entry += now as u32;
            if self.in_entry == samples {
                (self.entry, self.in_entry) = (self.entry + 1, 0);
            }
        }
    }
}

/// Samples of a fragment, which follow each other in the file.
#[derive(Debug, Default)]
pub(super) struct Run {
    at: u64,
    time: u64,
    /// How many samples are left.
    count: u32,
    /// Duration and size of each, from the last to the first; fewer than `count` where they are the default.
    entries: Vec<(u32, u32)>,
    default: (u32, u32),
}

impl Run {
    pub(super) fn next(&mut self, length: u64) -> Option<Sample> {
        self.count = self.count.checked_sub(1)?;
        let (duration, size) = self.entries.pop().unwrap_or(self.default);
        let sample = Sample { at: self.at, size: size.into(), time: self.time, duration: duration.into() };
        self.at = self.at.saturating_add(sample.size);
        self.time = self.time.saturating_add(sample.duration);
        if size == 0 && self.entries.is_empty() || sample.at >= length {
            // Nothing is there, or this is the first sample that is missing.
            self.count = 0;
        }
        Some(sample)
    }
}

/// The runs of a track in a fragment with the body `body`. `time` is when the fragment starts, if it does not say so, and
/// afterwards when it ends.
pub(super) fn runs(fragment: BoxHeader, body: &[u8], track: u32, defaults: &[Defaults], time: &mut u64) -> Vec<Run> {
    let mut runs = Vec::new();
    let defaults = defaults.iter().find(|default| default.track == track).copied().unwrap_or_default();
    for (_, traf) in Numbers(body).boxes().filter(|(kind, _)| kind == b"traf") {
        let mut default = defaults;
        let mut base = fragment.at;
        let mut next = base;
        let mut mine = false;
        for (kind, body) in Numbers(traf).boxes() {
            let mut numbers = Numbers(body);
            let flags = numbers.u32();
            match &kind {
                b"tfhd" => {
                    mine = numbers.u32() == track;
                    if flags & 1 != 0 {
                        base = numbers.u64();
                    }
                    numbers.skip(if flags & 2 == 0 { 0 } else { 4 });
                    if flags & 8 != 0 {
                        default.duration = numbers.u32();
                    }
                    if flags & 16 != 0 {
                        default.size = numbers.u32();
                    }
                    next = base;
                }
                b"tfdt" if mine => *time = numbers.wide(flags >> 24 == 1),
                b"trun" if mine => {
                    let run = Run::parse(flags, numbers, base, next, *time, default);
                    next = run.end();
                    *time = run.end_time();
                    runs.push(run);
                }
                _ => {}
            }
        }
    }
    runs
}

impl Run {
    fn parse(flags: u32, mut numbers: Numbers<'_>, base: u64, next: u64, time: u64, default: Defaults) -> Self {
        let count = numbers.u32();
        let at = match flags & 1 {
            0 => next,
            _ => base.saturating_add_signed(numbers.signed(false)),
        };
        numbers.skip(if flags & 4 == 0 { 0 } else { 4 });
        let (has_duration, has_size) = (flags & 0x100 != 0, flags & 0x200 != 0);
        // Flags and offsets of composition are of no interest.
        let rest = 4 * ((flags >> 10 & 1) + (flags >> 11 & 1)) as usize;
        let mut entries = Vec::new();
        while (has_duration || has_size) && entries.len() < count as usize && !numbers.0.is_empty() {
            let duration = if has_duration { numbers.u32() } else { default.duration };
            let size = if has_size { numbers.u32() } else { default.size };
            numbers.skip(rest);
            entries.push((duration, size));
        }
        let count = if has_duration || has_size { entries.len() as u32 } else { count };
        entries.reverse();
        Self { at, time, count, entries, default: (default.duration, default.size) }
    }

    /// The byte behind its last sample.
    fn end(&self) -> u64 {
        let defaults = u64::from(self.count) - self.entries.len() as u64;
        let size: u64 = self.entries.iter().map(|&(_, size)| u64::from(size)).sum();
        self.at.saturating_add(size + defaults * u64::from(self.default.1))
    }

    /// When its last sample ends.
    fn end_time(&self) -> u64 {
        let defaults = u64::from(self.count) - self.entries.len() as u64;
        let duration: u64 = self.entries.iter().map(|&(duration, _)| u64::from(duration)).sum();
        self.time.saturating_add(duration + defaults * u64::from(self.default.0))
    }
}
