//! [`Samples`]: hands out uncompressed samples, or blocks of a fixed size, as they arrive.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use symphonia::core::{
    codecs::CodecParameters,
    formats::{MediaInfo, Track},
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::layout::Layout;
use crate::{
    audio::{
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        error::AudioError,
        fault::Fault,
        source::AudioSource,
    },
    damage::DamageKind,
};

/// The most that is read at once, in bytes.
const MAX_READ: u64 = 1 << 20;

/// Takes packets out of the samples of a file or a pipe.
pub(super) struct Samples {
    source: AudioSource,
    track: Track,
    layout: Layout,
    /// The bytes of the data; `None` for everything up to the end.
    length: Option<u64>,
    /// The bytes read so far.
    read: u64,
    at_end: bool,
    /// Whether the end was compared with what the header promises.
    checked: bool,
    /// What has been read; the first `used` bytes have been passed on.
    buffer: Vec<u8>,
    used: usize,
}

impl Samples {
    /// The samples from byte `start` on: `length` bytes, or all up to the end.
    pub(super) fn new(
        mut source: AudioSource,
        layout: Layout,
        start: u64,
        length: Option<u64>,
    ) -> Result<Self, AudioError> {
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(layout.params.clone()));
        track.num_frames = length.map(|length| (length / layout.block).saturating_mul(layout.frames));
        source.seek(SeekFrom::Start(start))?;
        let (at_end, checked) = (false, false);
        Ok(Self { source, track, layout, length, read: 0, at_end, checked, buffer: Vec::new(), used: 0 })
    }

    /// The number of blocks that have been read and not been passed on.
    fn blocks(&self) -> u64 {
        (self.buffer.len() - self.used) as u64 / self.layout.block
    }

    /// Reads about a second, or, from a pipe, what one read gives. Reads again below a block or a fiftieth of a second,
    /// so that a pipe that gives single bytes does not make a piece of each.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let block = self.layout.block;
        let second = self.layout.second().min(MAX_READ.max(block));
        let enough = (second / 50).max(block) as usize;
        while self.buffer.len() < enough && !self.at_end {
            let old = self.buffer.len();
            let left = self.length.map_or(u64::MAX, |length| length - self.read);
            let most = second.saturating_sub(old as u64).max(block).min(left);
            self.buffer.resize(old + most as usize, 0);
            let count = match self.source.read(self.buffer.get_mut(old..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.buffer.truncate(old);
                    continue;
                }
                other => other.inspect_err(|_| self.buffer.truncate(old))?,
            };
            self.buffer.truncate(old + count);
            self.read += count as u64;
            self.at_end = count == 0;
        }
        Ok(())
    }

    /// Compares what was read with what the header promises.
    fn check_end(&mut self) -> Result<Demuxed, AudioError> {
        if self.read == 0 {
            return Err(AudioError::NoAudio("its data chunk is empty".to_owned()));
        }
        let rest = (self.buffer.len() - self.used) as u64;
        let fault = match self.length {
            Some(length) if self.read < length => Some(Fault::cut("bytes of samples", self.read, length)),
            None if rest > 0 => Some(half_sample(rest, self.layout.block)),
            _ => None,
        };
        let first = !std::mem::replace(&mut self.checked, true);
        Ok(fault.filter(|_| first).map_or(Demuxed::End, Demuxed::Fault))
    }
}

/// A recording that ends after `rest` bytes of a block.
pub(super) fn half_sample(rest: u64, block: u64) -> Fault {
    Fault::cut("bytes of the last sample", rest, block)
}

/// How many of the `declared` bytes of samples are there, if `present` bytes follow in the file, and what is wrong with that.
pub(super) fn measure(declared: u64, present: u64, block: u64) -> (u64, Option<Fault>) {
    /// Writers that count their header in, or forget to, are off by so much.
    const OFF_BY: u64 = 64;
    if declared <= present {
        return (declared, None);
    }
    let off = declared - present <= OFF_BY && present.is_multiple_of(block);
    (present, (!off).then(|| Fault::cut("bytes of samples", present, declared)))
}

/// The bytes of samples in a file whose writer did not know how many there would be.
pub(super) fn to_the_end(present: u64, block: u64) -> (u64, Option<Fault>) {
    let rest = present % block;
    (present, (rest > 0).then(|| half_sample(rest, block)))
}

/// The error for a file without any sample.
pub(super) fn no_samples(promised: Option<Fault>) -> AudioError {
    match promised {
        Some(cut) if cut.kind == DamageKind::CutShort => AudioError::Damaged(cut),
        _ => AudioError::NoAudio("its data chunk is empty".to_owned()),
    }
}

/// Where the samples of a file or a pipe are, and how they are packed.
#[derive(Debug)]
pub(super) struct Region {
    layout: Layout,
    /// The first byte.
    start: u64,
    /// The bytes; `None` for everything up to the end of a pipe.
    length: Option<u64>,
    faults: Vec<Fault>,
}

impl Region {
    /// Samples of a file, of which there are as many as [`measure`] or [`to_the_end`] found.
    pub(super) fn of_file(layout: Layout, start: u64, found: (u64, Option<Fault>)) -> Result<Self, AudioError> {
        let (length, fault) = found;
        if length < layout.block {
            return Err(no_samples(fault));
        }
        Ok(Self { layout, start, length: Some(length), faults: fault.into_iter().collect() })
    }

    /// Samples that arrive in a pipe.
    pub(super) fn of_pipe(layout: Layout, start: u64, length: Option<u64>) -> Self {
        Self { layout, start, length, faults: Vec::new() }
    }

    pub(super) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(super) fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(Samples::new(source, self.layout.clone(), self.start, self.length)?))
    }
}

impl Demuxer for Samples {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: MediaInfo::default(), alone: true })
    }

    /// From a pipe, a packet holds what has arrived.
    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        if self.blocks() == 0 && !self.at_end {
            self.fill()?;
        }
        let blocks = self.blocks().min(self.layout.packet);
        if blocks == 0 {
            return Ok(self.check_end()?);
        }
        let end = self.used + (blocks * self.layout.block) as usize;
        let data = self.buffer.get(self.used..end).unwrap_or_default();
        let packet = Packet::new(self.track.id, Timestamp::ZERO, Duration::new(blocks * self.layout.frames), data);
        self.used = end;
        Ok(Demuxed::Packet(packet))
    }

    fn waits(&self) -> bool {
        self.source.is_live() && !self.at_end && self.blocks() == 0
    }
}
