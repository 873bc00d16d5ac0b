//! Ogg: pages, the packets in them, and streams one behind the other.

mod demuxer;
mod mapping;
mod pages;
mod timeline;
mod vorbis;

use self::{
    demuxer::OggDemuxer,
    pages::{PageReader, Step},
};
use super::{Container, survey::Survey};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// An Ogg file.
pub(super) struct Ogg {
    survey: Survey,
}

impl Container for Ogg {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b"OggS")
    }

    /// A capture of a stream may start in the middle of a page.
    fn first_frame(source: &mut AudioSource) -> Result<Option<u64>, AudioError> {
        let mut pages = PageReader::new(&mut *source)?;
        Ok(matches!(pages.next()?, Step::Page(_)).then_some(0))
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        Ok(Self { survey: Survey::of(&mut OggDemuxer::new(source)?)? })
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(OggDemuxer::new(source)?))
    }

    fn promised_seconds(&self, _track: &AudioTrack) -> Option<f64> {
        Some(self.survey.seconds)
    }
}
