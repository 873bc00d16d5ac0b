//! FLAC: where its frames start and end.

use symphonia::{core::formats::FormatOptions, default::formats::FlacReader};

use super::Container;
use crate::audio::{
    count::Count,
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

/// A FLAC file.
pub(super) struct Flac {
    /// The size of all frames in bytes.
    frame_bytes: u64,
}

impl Container for Flac {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b"fLaC")
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let length = source.length();
        // An ID3v1 tag at the end.
        if length > 128 && source.peek(length - 128, 3)? == b"TAG" {
            source.narrow(0, length - 128);
        }
        let mut scan = Scan::new(source)?;
        scan.goto(4)?;
        loop {
            let Some([kind, a, b, c]) = scan.try_bytes()? else {
                return Err(AudioError::cut("bytes of a metadata header", scan.left(), 4));
            };
            let size = u64::from(u32::from_be_bytes([0, a, b, c]));
            if size > scan.left() {
                return Err(AudioError::cut("bytes of metadata", scan.left(), size));
            }
            scan.goto(scan.pos() + size)?;
            // The flag of the last block.
            if kind & 0x80 != 0 {
                return Ok(Self { frame_bytes: scan.left() });
            }
        }
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        let reader = FlacReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        Ok(Box::new(SymphoniaDemuxer::new(reader)))
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        track.seconds()
    }

    fn check(&self, track: &AudioTrack, count: &Count) -> Result<(), AudioError> {
        match track.track.num_frames.filter(|&promised| promised > 0) {
            Some(promised) if count.frames < promised => Err(AudioError::cut("samples", count.frames, promised)),
            // A file written to a pipe does not count its samples, and the demuxer drops a last frame that is
            // incomplete.
            None if count.bytes < self.frame_bytes => {
                Err(AudioError::cut("bytes of frames", count.bytes, self.frame_bytes))
            }
            _ => Ok(()),
        }
    }
}
