//! FLAC: frame after frame behind a description, and files joined.

mod demuxer;
mod frames;

use self::demuxer::FlacDemuxer;
use super::{Container, survey::Survey};
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

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        // Where a frame ends is only known once it is decoded.
        let most = source.max_samples;
        Ok(Self { survey: Survey::within(&mut FlacDemuxer::new(source, false)?, most)? })
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
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
