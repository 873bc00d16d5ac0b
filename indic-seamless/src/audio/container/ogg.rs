//! Ogg: pages, the packets in them, and streams one behind the other.

mod demuxer;
mod mapping;
mod pages;
mod streams;
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
    /// The number of the sound stream, if it is not the default one.
    number: Option<usize>,
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
        Self::of(source, None)
    }

    fn walk_track(source: &mut AudioSource, number: usize) -> Result<Self, AudioError> {
        Self::of(source, Some(number))
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(OggDemuxer::new(source, self.number)?))
    }

    fn promised_seconds(&self, _track: &AudioTrack) -> Option<f64> {
        Some(self.survey.seconds)
    }
}

impl Ogg {
    /// Walks over a file, for a sound stream by its number or the default one.
    fn of(source: &mut AudioSource, number: Option<usize>) -> Result<Self, AudioError> {
        Ok(Self { number, survey: Survey::of(&mut OggDemuxer::new(source, number)?)? })
    }
}
