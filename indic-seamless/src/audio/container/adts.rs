//! ADTS: bare AAC, frame after frame.

use symphonia::{core::formats::FormatOptions, default::formats::AdtsReader};

use super::{
    Container,
    frames::{Frames, no_frame},
    tags,
};
use crate::audio::{
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

/// The samples of a frame, per channel and at the rate in its header.
const SAMPLES_EACH: u64 = 1024;

/// A stream of AAC frames.
pub(super) struct Adts {
    frames: Frames,
}

impl Container for Adts {
    fn sniff(head: &[u8]) -> bool {
        matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0)
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut count = 0;
        let end = loop {
            let at = scan.pos();
            if tags::at_end(&mut scan)? {
                break at;
            }
            scan.goto(at)?;
            let Some([0xff, sync, _, a, b, c, _]) = scan.try_bytes::<7>()? else {
                return Err(no_frame(&scan, at, count));
            };
            let size = u64::from(a & 3) << 11 | u64::from(b) << 3 | u64::from(c >> 5);
            if sync & 0xf6 != 0xf0 || size < 7 {
                return Err(no_frame(&scan, at, count));
            }
            if at + size > scan.length() {
                return Err(AudioError::cut("bytes of the last frame", scan.length() - at, size));
            }
            scan.goto(at + size)?;
            count += 1;
        };
        source.narrow(0, end);
        Ok(Self { frames: Frames { count, samples_each: SAMPLES_EACH } })
    }

    fn open(&self, mut source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        // If it knew the length, the demuxer would guess a duration from the bit rate of the first frames and cut the
        // audio there.
        source.forbid_seeking();
        let reader = AdtsReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        Ok(Box::new(SymphoniaDemuxer::new(reader)))
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        Some(self.frames.samples() as f64 / f64::from(track.rate()?))
    }
}
