//! [`Blocks`]: takes the frames of the sound track out of the blocks of a Matroska file.

use std::{borrow::Cow, collections::VecDeque};

use symphonia::core::{
    formats::{MediaInfo, Track},
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::{
    NANOSECONDS,
    ebml::{self, Header, signed, split_number},
    encoding, lacing,
    tracks::SoundTrack,
};
use crate::{
    audio::{
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        edit::{Edit, Span},
        error::AudioError,
        fault::Fault,
        scan::Reader,
        source::AudioSource,
    },
    damage::DamageKind,
};

pub(super) const EBML: u32 = 0x1a45_dfa3;
pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const INFO: u32 = 0x1549_a966;
pub(super) const TRACKS: u32 = 0x1654_ae6b;
const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const PADDING: u32 = 0x75a2;
/// Other elements beside clusters, in clusters and in groups of blocks.
const SKIPPED: [u32; 23] = [
    EBML,
    INFO,
    TRACKS,
    0x114d_9b74,
    0x1c53_bb6b,
    0x1941_a469,
    0x1043_a770,
    0x1254_c367,
    0xec,
    0xbf,
    0xa7,
    0xab,
    0x5854,
    0xaf,
    0x9b,
    0xfa,
    0xfb,
    0xfd,
    0xa4,
    0x75a1,
    0x8e,
    0xa2,
    0xc8,
];
/// No number is longer in an element whose body is one.
const MAX_NUMBER: u64 = 8;
/// The largest block that is read into memory.
const MAX_BLOCK: u64 = 1 << 24;
/// The most bytes that the compressed frames of a block may become.
const MAX_UNPACKED: usize = 1 << 24;

/// Takes frames out of blocks, whatever the elements around them say about their own size. At damage it goes on at the next
/// cluster.
pub(super) struct Blocks {
    reader: Reader<AudioSource>,
    sound: SoundTrack,
    track: Track,
    media: MediaInfo,
    /// Nanoseconds in a unit of time.
    scale: u64,
    /// The time of the cluster, in units.
    cluster: u64,
    /// Where the segment ends, if it says so.
    end: u64,
    /// The frames of the last blocks, and what is heard of each. One is kept back until another follows: behind its block may
    /// stand how much of it is padding.
    frames: VecDeque<(Packet, Edit)>,
    /// Damage behind `frames`.
    fault: Option<Fault>,
    ended: bool,
}

impl Blocks {
    pub(super) fn new(
        reader: Reader<AudioSource>,
        sound: SoundTrack,
        track: Track,
        media: MediaInfo,
        scale: u64,
    ) -> Self {
        let (frames, fault) = (VecDeque::new(), None);
        Self { reader, sound, track, media, scale, cluster: 0, end: u64::MAX, frames, fault, ended: false }
    }

    /// Reads the next element.
    fn step(&mut self) -> Result<(), DemuxError> {
        let at = self.reader.pos();
        let left = self.reader.left();
        if left == 0 {
            self.ended = true;
            return Ok(());
        }
        let Some(header) = ebml::header(&mut self.reader)? else {
            return self.resynchronise(at, format!("no element at byte {at}"));
        };
        let left = self.reader.left();
        let size = header.size.unwrap_or(left);
        let next = self.reader.pos().saturating_add(size);
        match header.id {
            SEGMENT => {
                self.end = header.size.map_or(u64::MAX, |size| self.reader.pos().saturating_add(size));
                return Ok(());
            }
            CLUSTER => {
                self.cluster = 0;
                return Ok(());
            }
            GROUP => return Ok(()),
            _ => {}
        }
        let known = SKIPPED.contains(&header.id) || matches!(header.id, TIMESTAMP | SIMPLE_BLOCK | BLOCK | PADDING);
        if size > left && known {
            return self.overrun(&header, size, left);
        }
        match header.id {
            _ if !known && (header.size.is_none() || size > left) => {
                return self.resynchronise(at, format!("no element at byte {at}"));
            }
            TIMESTAMP if size <= MAX_NUMBER => self.cluster = ebml::unsigned(&self.reader.data(size)?),
            PADDING if size <= MAX_NUMBER => {
                let padding = signed(&self.reader.data(size)?);
                if let Some((_, heard)) = self.frames.back_mut() {
                    let span = Span { ticks: padding.unsigned_abs(), per_second: NANOSECONDS.into() };
                    // Negative padding is at the start of the block.
                    let part = if padding < 0 { &mut heard.skip } else { &mut heard.drop };
                    *part = span;
                }
            }
            SIMPLE_BLOCK | BLOCK if header.size.is_none() => {
                return self.resynchronise(at, format!("a block without a size at byte {at}"));
            }
            SIMPLE_BLOCK | BLOCK if self.mine(size)? => {
                if size > MAX_BLOCK {
                    return self.resynchronise(at, format!("a block of {size} bytes at byte {at}"));
                }
                self.reader.goto(next - size)?;
                let body = self.reader.data(size)?;
                self.block(&body, false);
            }
            _ if !known => self.fault = Some(unknown(&header)),
            _ => {}
        }
        self.reader.goto(next)?;
        Ok(())
    }

    /// An element ends behind the file: the file is cut short, or the size is wrong.
    fn overrun(&mut self, header: &Header, size: u64, left: u64) -> Result<(), DemuxError> {
        let body = self.reader.pos();
        if self.reader.find(CLUSTER.to_be_bytes())? {
            let reason = format!("element {:x} of {size} bytes at byte {}", header.id, header.at);
            self.fault = Some(Fault::new(DamageKind::Corrupt, reason));
            return Ok(());
        }
        self.ended = true;
        self.fault = Some(Fault::cut(&format!("bytes of element {:x}", header.id), left, size));
        // What there is of a block of samples can be heard.
        if matches!(header.id, SIMPLE_BLOCK | BLOCK) && self.sound.layout.is_some() && left < MAX_BLOCK {
            self.reader.goto(body)?;
            let body = self.reader.data(left)?;
            self.block(&body, true);
        }
        Ok(())
    }

    /// Whether the block of `size` bytes ahead is of the track. It is looked at no further, so that pictures are not read.
    fn mine(&mut self, size: u64) -> Result<bool, AudioError> {
        let head = self.reader.data(size.min(MAX_NUMBER))?;
        Ok(split_number(&head).is_some_and(|(number, ..)| number == self.sound.number))
    }

    /// Takes in the frames of a block.
    fn block(&mut self, body: &[u8], cut: bool) {
        let Some((number, _, rest)) = split_number(body) else { return };
        let (true, Some((&[t0, t1, flags], data))) = (number == self.sound.number, rest.split_first_chunk()) else {
            return;
        };
        let time = i128::from(self.cluster) + i128::from(i16::from_be_bytes([t0, t1]));
        let start = time.saturating_mul(self.scale.into());
        let frames = match (cut, lacing::split(flags, data)) {
            (false, Some(frames)) => frames,
            (false, None) => {
                self.fault = Some(Fault::new(DamageKind::Corrupt, "a block whose frames do not fit into it"));
                return;
            }
            (true, _) if flags & 6 == 0 => vec![data],
            (true, _) => return,
        };
        let mut room = MAX_UNPACKED;
        for (index, frame) in frames.into_iter().enumerate() {
            let bytes = match encoding::frame(&self.sound.encodings, frame) {
                Ok(bytes) => bytes,
                Err(error) => {
                    let reason = match error {
                        AudioError::Damaged(fault) => fault.reason,
                        other => format!("{other:?}"),
                    };
                    self.fault = Some(Fault::new(DamageKind::Corrupt, reason));
                    continue;
                }
            };
            if let Cow::Owned(bytes) = &bytes {
                let Some(left) = room.checked_sub(bytes.len()) else {
                    let reason = format!("a block of more than {MAX_UNPACKED} bytes when it is decompressed");
                    self.fault = Some(Fault::new(DamageKind::Corrupt, reason));
                    return;
                };
                room = left;
            }
            let nanoseconds = start + i128::from(self.sound.frame) * index as i128;
            let time = Timestamp::new(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
            self.pack(&bytes, time);
        }
    }

    /// Makes packets of a frame: one, or, of blocks of ADPCM, one for each.
    fn pack(&mut self, bytes: &[u8], time: Timestamp) {
        let (size, duration) = match &self.sound.layout {
            Some(layout) if layout.frames > 1 => (layout.block as usize, layout.frames),
            _ => (bytes.len().max(1), 0),
        };
        for chunk in bytes.chunks(size) {
            let packet = Packet::new(self.track.id, time, Duration::new(duration), chunk);
            self.frames.push_back((packet, Edit::default()));
        }
    }

    /// Goes to the next cluster behind byte `at`. What is behind the segment, or only zeros, is no damage.
    fn resynchronise(&mut self, at: u64, reason: String) -> Result<(), DemuxError> {
        self.reader.goto(at)?;
        if at >= self.end || self.reader.zeros_to_end()? {
            self.ended = true;
            return Ok(());
        }
        self.reader.goto(at + 1)?;
        self.fault = Some(Fault::new(DamageKind::Corrupt, reason));
        self.ended = !self.reader.find(CLUSTER.to_be_bytes())?;
        Ok(())
    }
}

fn unknown(header: &Header) -> Fault {
    Fault::new(DamageKind::Corrupt, format!("an unknown element {:x} at byte {}", header.id, header.at))
}

impl Demuxer for Blocks {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: self.media, alone: self.sound.alone })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        loop {
            let follows = self.frames.len() > 1;
            if follows || self.ended || self.fault.is_some() {
                if let Some((packet, heard)) = self.frames.pop_front() {
                    return Ok(Demuxed::Part(packet, heard));
                }
                if let Some(fault) = self.fault.take() {
                    return Ok(Demuxed::Fault(fault));
                }
                if self.ended {
                    return Ok(Demuxed::End);
                }
            }
            self.step()?;
        }
    }
}
