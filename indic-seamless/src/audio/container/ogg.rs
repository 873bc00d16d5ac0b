//! Ogg: pages, the packets in them, and streams one behind the other.

mod demuxer;
mod mapping;
mod pages;
mod streams;
mod timeline;
mod vorbis;

use std::io::Cursor;

use self::{
    demuxer::OggDemuxer,
    pages::{PageReader, Step},
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

/// The bytes at the end of a file in which the last page is: the largest is a little smaller.
const TAIL: usize = 1 << 16;

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

    /// By the granule position of the last page; of a chain, by the first part of it.
    fn estimate(source: &mut AudioSource) -> Result<Option<f64>, AudioError> {
        let (serial, first, rate) = OggDemuxer::new(&mut *source, None)?.first();
        let tail = source.peek(source.length().saturating_sub(TAIL as u64), TAIL)?;
        let (mut pages, mut last) = (PageReader::new(Cursor::new(tail))?, None);
        loop {
            match pages.next()? {
                Step::Page(page) => last = page.granule.map(|granule| (page.serial, granule)).or(last),
                Step::Fault(_) => {}
                Step::End => break,
            }
        }
        match last.filter(|&(of, granule)| of == serial && granule > first) {
            Some((_, granule)) => Ok(Some((granule - first) as f64 / f64::from(rate.max(1)))),
            None => survey::estimate(source, |source| OggDemuxer::new(source, None)).map(Some),
        }
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
