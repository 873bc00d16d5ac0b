//! FLAC: frame after frame behind a description, and files joined.

mod demuxer;
mod frames;

use self::{
    demuxer::FlacDemuxer,
    frames::{FlacReader, Step},
};
use super::{
    Container,
    survey::{self, Survey},
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// A FLAC file.
pub(super) struct Flac {
    survey: Survey,
}

impl Container for Flac {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b"fLaC")
    }

    fn starts(bytes: &[u8]) -> Option<bool> {
        // The description, of 34 bytes, comes first.
        Some(matches!(bytes, [b'f', b'L', b'a', b'C', 0 | 0x80, 0, 0, 34, ..]))
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        // Where a frame ends is only known once it is decoded.
        let most = source.max_samples;
        Ok(Self { survey: Survey::within(&mut FlacDemuxer::new(source, false)?, most)? })
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn estimate(source: &mut AudioSource) -> Result<Option<f64>, AudioError> {
        if let Step::Info(info) = FlacReader::new(&mut *source)?.next()?
            && info.samples > 0
        {
            return Ok(Some(info.samples as f64 / f64::from(info.rate)));
        }
        survey::estimate(source, |source| FlacDemuxer::new(source, false)).map(Some)
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        // The checksum is that of all samples, in one form.
        let verify = self.survey.faults.is_empty() && self.survey.tracks == 1;
        Ok(Box::new(FlacDemuxer::new(source, verify)?))
    }

    fn promised_seconds(&self, _track: &AudioTrack) -> Option<f64> {
        Some(self.survey.seconds)
    }
}
