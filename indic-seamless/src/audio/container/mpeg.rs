//! MPEG audio: frame after frame, without a container.

use symphonia::{
    core::formats::{FormatOptions, Track},
    default::formats::MpaReader,
};

use super::{
    Container,
    frames::{Frames, no_frame},
    tags,
};
use crate::audio::{
    count::Count,
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

/// How far to look for the first frame of a stream that starts in the middle of one.
const SEARCH: usize = 1 << 16;

/// A stream of MPEG audio frames.
pub(super) struct Mpeg {
    /// The frames with audio, without info frames.
    frames: Frames,
}

impl Container for Mpeg {
    fn sniff(head: &[u8]) -> bool {
        head.first_chunk().is_some_and(|head| Frame::parse(*head).is_some())
    }

    /// Where, near the start, two frames of the same kind follow each other: a recording of a radio stream starts
    /// anywhere in a frame.
    fn first_frame(source: &mut AudioSource) -> Result<Option<u64>, AudioError> {
        let head = source.peek(0, SEARCH)?;
        let frame = |at: usize| Frame::parse(*head.get(at..)?.first_chunk()?);
        let found = (0..head.len()).find(|&at| {
            let Some(first) = frame(at) else { return false };
            frame(at + first.size as usize).is_some_and(|second| second.kind == first.kind)
        });
        Ok(found.map(|at| at as u64))
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut first = None::<Frame>;
        let (mut count, mut end) = (0, 0);
        loop {
            let at = scan.pos();
            if tags::at_end(&mut scan)? {
                break;
            }
            scan.goto(at)?;
            // The tag of another file that was appended.
            if let Some(size) = scan.try_bytes::<10>()?.and_then(|head| tags::id3_size(&head)) {
                scan.goto(scan.length().min(at + size))?;
                continue;
            }
            scan.goto(at)?;
            let frame = scan.try_bytes::<4>()?.and_then(Frame::parse);
            let Some(frame) = frame.filter(|frame| first.is_none_or(|first| first.kind == frame.kind)) else {
                return Err(no_frame(&scan, at, count));
            };
            first = Some(frame);
            let next = at + frame.size;
            if next > scan.length() {
                return Err(AudioError::cut("bytes of the last frame", scan.length() - at, frame.size));
            }
            scan.goto(at)?;
            let mut body = [0; 40];
            let body = body.get_mut(..frame.size.min(40) as usize).unwrap_or_default();
            scan.fill(body)?;
            count += u64::from(!frame.is_info(body));
            scan.goto(next)?;
            end = next;
        }
        source.narrow(0, end);
        match first {
            Some(Frame { samples, .. }) if count > 0 => Ok(Self { frames: Frames { count, samples_each: samples } }),
            _ => Err(AudioError::NoAudio("no frame with audio".to_owned())),
        }
    }

    fn open(&self, mut source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        // If it knew the length, the demuxer would guess a duration from the bit rate of the first frames and cut the
        // audio there.
        source.forbid_seeking();
        let reader = MpaReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        Ok(Box::new(SymphoniaDemuxer::new(reader)))
    }

    fn trusts_padding(&self, track: &AudioTrack) -> bool {
        // MP3 files written one after the other start with the info frame of the first.
        promised_samples(&track.track).is_some_and(|promised| self.frames.samples() <= promised)
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        if self.trusts_padding(track) {
            track.seconds()
        } else {
            Some(self.frames.samples() as f64 / f64::from(track.rate()?))
        }
    }

    fn check(&self, track: &AudioTrack, count: &Count) -> Result<(), AudioError> {
        let Frames { count: frames, samples_each } = self.frames;
        if count.packets < frames {
            return Err(AudioError::Damaged(format!("only {} of its {frames} frames can be read", count.packets)));
        }
        // Some encoders count the info frame, too; those that state the padding do not.
        let slack = if track.track.delay.is_some() { 0 } else { samples_each };
        let found = self.frames.samples();
        match promised_samples(&track.track) {
            Some(promised) if found.saturating_add(slack) < promised => {
                Err(AudioError::cut("samples", found, promised))
            }
            _ => Ok(()),
        }
    }
}

/// The length by the info frame, in samples.
fn promised_samples(track: &Track) -> Option<u64> {
    let around = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
    track.num_frames?.checked_add(around)
}

/// The header of an MPEG audio frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Bytes, the header included.
    size: u64,
    samples: u64,
    /// The bits that stay the same within a stream: version, layer and rate.
    kind: u32,
    /// Bytes from the header to an info tag.
    info_at: usize,
}

impl Frame {
    fn parse(bytes: [u8; 4]) -> Option<Self> {
        const KBIT: [[u32; 15]; 5] = [
            [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let word = u32::from_be_bytes(bytes);
        if word >> 21 != 0x7ff {
            return None;
        }
        let (version, layer) = (word >> 19 & 3, 4 - (word >> 17 & 3));
        let divisor = match version {
            0 => 4,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let (table, samples) = match (divisor, layer) {
            (_, 4) => return None,
            (1, 1) => (0, 384),
            (1, 2) => (1, 1152),
            (1, _) => (2, 1152),
            (_, 1) => (3, 384),
            (_, 2) => (4, 1152),
            _ => (4, 576),
        };
        let kbit = *KBIT.get(table)?.get((word >> 12 & 15) as usize)?;
        let rate = [44_100, 48_000, 32_000].get((word >> 10 & 3) as usize)? / divisor;
        // Free-format streams do not say how long a frame is.
        if kbit == 0 {
            return None;
        }
        let padding = word >> 9 & 1;
        let size = match layer {
            1 => (12_000 * kbit / rate + padding) * 4,
            _ => samples / 8 * 1000 * kbit / rate + padding,
        };
        let mono = word >> 6 & 3 == 3;
        let info_at = match (divisor == 1, mono) {
            (true, false) => 36,
            (true, true) | (false, false) => 21,
            (false, true) => 13,
        };
        Some(Self { size: size.into(), samples: samples.into(), kind: word & 0xfffe_0c00, info_at })
    }

    /// Whether it holds a Xing, Info or VBRI tag instead of audio.
    fn is_info(self, body: &[u8]) -> bool {
        let at = |at: usize, tag: &[u8]| body.get(at..).is_some_and(|body| body.starts_with(tag));
        at(self.info_at, b"Xing") || at(self.info_at, b"Info") || at(36, b"VBRI")
    }
}
