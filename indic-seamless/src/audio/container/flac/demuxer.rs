//! [`FlacDemuxer`]: takes the packets out of FLAC files.

use std::{
    collections::VecDeque,
    io::{Read, Seek},
};

use symphonia::core::{
    formats::MediaInfo,
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::frames::{FlacReader, Step};
use crate::{
    audio::{
        container::survey,
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        error::AudioError,
        fault::Fault,
        flac::{FrameHeader, StreamInfo},
    },
    damage::DamageKind,
};

/// Takes the packets out of FLAC files. Another track begins with another file, and where rate or channels change.
pub(super) struct FlacDemuxer<R> {
    frames: FlacReader<R>,
    info: StreamInfo,
    /// What was found and not passed on.
    queue: VecDeque<Demuxed>,
    /// The description of the file, until its first frame.
    described: Option<StreamInfo>,
    clock: SampleClock,
    /// Whether something was skipped since the last frame.
    skipped: bool,
    /// Whether the samples are compared with their checksum.
    verify: bool,
}

impl<R: Read + Seek> FlacDemuxer<R> {
    pub(super) fn new(reader: R, verify: bool) -> Result<Self, AudioError> {
        let mut frames = FlacReader::new(reader)?;
        let (mut described, mut queue) = (None, VecDeque::new());
        loop {
            match frames.next()? {
                Step::Info(info) => described = Some(info),
                Step::Fault(fault) | Step::Rest(fault) => survey::note(&mut queue, fault),
                Step::Frame(header, bytes) => {
                    let info = described.filter(|info: &StreamInfo| info.fits(&header)).or(StreamInfo::of(&header));
                    let Some(info) = info else { continue };
                    let clock = SampleClock::new(info.samples);
                    let mut demuxer = Self { frames, info, queue, described: None, clock, skipped: false, verify };
                    demuxer.push(&header, bytes);
                    return Ok(demuxer);
                }
                Step::End => {
                    let fault = queue.into_iter().find_map(|item| match item {
                        Demuxed::Fault(fault) => Some(AudioError::Damaged(fault)),
                        _ => None,
                    });
                    let cut =
                        || AudioError::Damaged(Fault::new(DamageKind::CutShort, "cut short: no whole frame is there"));
                    return Err(fault.unwrap_or_else(cut));
                }
            }
        }
    }

    /// Adds a frame of this track.
    fn push(&mut self, header: &FrameHeader, bytes: Vec<u8>) {
        let (start, lost) = self.clock.take(header);
        if lost > 0 && !self.skipped {
            let what = format!("{lost} samples in front of frame {} are missing", header.number);
            self.queue.push_back(Demuxed::Fault(Fault::new(DamageKind::Gap, what)));
        }
        self.skipped = false;
        let pts = Timestamp::new(i64::try_from(start).unwrap_or(i64::MAX));
        self.queue.push_back(Demuxed::Packet(Packet::new(0, pts, Duration::new(header.block.into()), bytes)));
    }

    /// Begins a track: another file, or a part of this one in another form.
    fn begin(&mut self, info: StreamInfo, clock: SampleClock) {
        (self.info, self.clock) = (info, clock);
        self.queue.push_back(Demuxed::NewTracks);
    }
}

impl<R: Read + Seek + Send + Sync> Demuxer for FlacDemuxer<R> {
    fn track(&self) -> Option<AudioTrack> {
        let md5 = if self.verify { self.info.md5 } else { [0; 16] };
        let track = StreamInfo { md5, ..self.info }.track(0);
        Some(AudioTrack { track, media: MediaInfo::default(), alone: true })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(item);
            }
            match self.frames.next()? {
                Step::Info(info) => self.described = Some(info),
                Step::Frame(header, bytes) => {
                    let described = self.described.take().filter(|info| info.fits(&header));
                    if let Some(info) = described {
                        self.queue.extend(self.clock.missing().map(Demuxed::Fault));
                        self.begin(info, SampleClock::new(info.samples));
                    } else if !self.info.fits(&header)
                        && let Some(info) = StreamInfo::of(&header)
                    {
                        let left = self.clock.promised.saturating_sub(self.clock.position);
                        self.begin(info, SampleClock::new(left));
                    }
                    self.push(&header, bytes);
                }
                // How much is missing says more.
                Step::Fault(fault) if fault.kind == DamageKind::CutShort => {
                    return Ok(Demuxed::Fault(self.clock.missing().unwrap_or(fault)));
                }
                Step::Fault(fault) => {
                    self.skipped = true;
                    return Ok(Demuxed::Fault(fault));
                }
                // All samples are there: something else follows them.
                Step::Rest(_) if self.clock.is_complete() => {}
                Step::Rest(fault) => return Ok(Demuxed::Fault(self.clock.missing().unwrap_or(fault))),
                Step::End => return Ok(self.clock.missing().map_or(Demuxed::End, Demuxed::Fault)),
            }
        }
    }
}

/// Counts the samples of a track, lost ones included.
struct SampleClock {
    position: u64,
    /// The number that the next frame has, if none is lost.
    expected: Option<u64>,
    /// The largest block so far: that of all frames but the last, if they are numbered.
    block: u64,
    /// Samples by the description of the file; 0 for unknown.
    promised: u64,
}

impl SampleClock {
    fn new(promised: u64) -> Self {
        Self { position: 0, expected: None, block: 0, promised }
    }

    /// The first sample of the frame that follows, and how many are missing in front of it.
    fn take(&mut self, header: &FrameHeader) -> (u64, u64) {
        let block = u64::from(header.block);
        self.block = self.block.max(block);
        let (unit, step) = if header.by_sample { (1, block) } else { (self.block, 1) };
        let expected = self.expected.unwrap_or(header.number);
        let lost = header.number.saturating_sub(expected).saturating_mul(unit);
        self.position = self.position.saturating_add(lost);
        self.expected = Some(header.number.saturating_add(step));
        let start = self.position;
        self.position = start.saturating_add(block);
        (start, lost)
    }

    /// Whether there are as many samples as the description says, if it does.
    fn is_complete(&self) -> bool {
        self.promised > 0 && self.position >= self.promised
    }

    /// What is missing at the end.
    fn missing(&mut self) -> Option<Fault> {
        let promised = std::mem::take(&mut self.promised);
        (self.position < promised).then(|| Fault::cut("samples", self.position, promised))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn queues_a_few_of_the_faults_before_the_first_frame() {
        let file = &include_bytes!("../../../../examples/audio/hindi-2.flac")[..];
        let header = |at: usize| FrameHeader::parse(&file[at..]).map(|header| at..at + header.size);
        let header = (0..file.len()).find_map(header).expect("a frame");
        let bytes = [&file[..header.start], &file[header.clone()].repeat(5_000), &file[header.start..]].concat();
        let flac = FlacDemuxer::new(Cursor::new(bytes), false).expect("a frame");
        assert_eq!(flac.queue.len(), 1_001);
        assert!(matches!(flac.queue.back(), Some(Demuxed::Packet(_))));
    }
}
