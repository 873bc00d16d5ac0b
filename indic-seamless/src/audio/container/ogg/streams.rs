//! [`SoundStreams`]: the streams of sound that begin beside each other in an Ogg file.

use super::{mapping::Mapping, pages::Page};
use crate::audio::{
    container::label::{self, TrackLabel},
    error::AudioError,
};

/// The most streams that are described. Each page is compared with all of them.
const MAX_STREAMS: usize = 1_000;

/// The streams of sound in a link of a chain, and which of them is wanted.
#[derive(Debug)]
pub(super) struct SoundStreams {
    /// The number of the stream that is wanted, counted from 1; `None` for the first that can be decoded.
    wanted: Option<usize>,
    /// How many began in this link.
    count: usize,
    /// Whether only first pages were seen since the link began.
    at_start: bool,
    /// The streams of the first link.
    streams: Vec<SoundStream>,
}

#[derive(Debug)]
struct SoundStream {
    serial: u32,
    /// The name of the codec if it is not decoded.
    foreign: Option<&'static str>,
    label: TrackLabel,
}

impl SoundStreams {
    pub(super) fn new(wanted: Option<usize>) -> Self {
        Self { wanted, count: 0, at_start: false, streams: Vec::new() }
    }

    /// Takes in the first page of a stream. `beside` says that another stream began and has no audio yet, `in_first` that this
    /// is the first link. Returns whether this stream is wanted by its number.
    pub(super) fn begin(&mut self, page: &Page, mapping: Option<&Mapping>, beside: bool, in_first: bool) -> bool {
        let foreign = page.body.starts_with(b"Speex   ").then_some("Speex");
        let at_start = std::mem::replace(&mut self.at_start, true);
        let Some(codec) = mapping.map(Mapping::name).or(foreign) else { return false };
        self.count = if beside || at_start { self.count + 1 } else { 1 };
        if in_first && self.streams.len() < MAX_STREAMS {
            let default = mapping.is_some() && self.streams.iter().all(|stream| stream.foreign.is_some());
            let label = TrackLabel { codec: codec.to_owned(), language: None, default };
            self.streams.push(SoundStream { serial: page.serial, foreign, label });
        }
        self.wanted == Some(self.count)
    }

    /// Takes in a page that is not the first of its stream. In the first link it may be one with comments.
    pub(super) fn follow(&mut self, page: &Page, in_first: bool) {
        self.at_start = false;
        let mut streams = self.streams.iter_mut().filter(|_| in_first);
        if let Some(stream) = streams.find(|stream| stream.serial == page.serial && stream.label.language.is_none()) {
            stream.label.language = language(&page.body);
        }
    }

    /// Whether there is the stream that is wanted, and can be decoded.
    pub(super) fn check(&self) -> Result<(), AudioError> {
        let Some(wanted) = self.wanted.filter(|_| !self.streams.is_empty()) else { return Ok(()) };
        match wanted.checked_sub(1).and_then(|index| self.streams.get(index)) {
            Some(SoundStream { foreign: Some(name), .. }) => Err(AudioError::foreign(name)),
            Some(_) => Ok(()),
            None => {
                let labels: Vec<_> = self.streams.iter().map(|stream| stream.label.clone()).collect();
                Err(label::no_such_track(wanted, &labels))
            }
        }
    }

    /// The name of a codec that was found and is not decoded.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        self.streams.iter().find_map(|stream| stream.foreign)
    }
}

/// The language in the comments of Opus or Vorbis, each of which has its length in front of it.
fn language(body: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"LANGUAGE=";
    let at = body.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let length = u32::from_le_bytes(*body.get(at.checked_sub(4)?..at)?.first_chunk()?);
    let comment = body.get(at..)?.get(..usize::try_from(length).ok()?)?;
    let language = str::from_utf8(comment.get(NAME.len()..)?).ok()?;
    Some(language.to_owned()).filter(|language| !language.is_empty())
}
