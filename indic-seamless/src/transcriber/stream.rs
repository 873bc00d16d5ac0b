//! Recordings that arrive piece by piece.

use std::{fmt, iter};

use super::{TranscribeOptions, Transcriber, read_ahead::Heard, session::Session};
use crate::{
    audio::Waveform,
    error::{Error, Result},
    language::Language,
    segmentation::{SegmentationOptions, Segmenter},
    transcript::{Segment, Timings},
};

/// Samples that are searched for speech between two checks for cancellation: a second.
const PIECE: usize = Waveform::SAMPLE_RATE as usize;

/// A transcription of live speech: from a microphone, a pipe or a socket.
///
/// A segment is returned as soon as a pause ends it, and at the latest when it reaches
/// [the longest length](SegmentationOptions::max_s). However long the stream, no more audio than that is kept.
///
/// ```
/// use indic_seamless::{Language, TranscribeOptions, Transcriber, Waveform};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let transcriber = Transcriber::demo()?;
/// let mut stream = transcriber.stream(Language::HINDI, TranscribeOptions::default())?;
/// let microphone = Waveform::open("examples/audio/hindi-1.wav")?;
/// let mut text = Vec::new();
/// for samples in microphone.samples().chunks(1600) {
///     text.extend(stream.feed(samples)?.into_iter().map(|segment| segment.text));
/// }
/// text.extend(stream.finish()?.into_iter().map(|segment| segment.text));
/// assert_eq!(text, ["कृपया आज का मौसम"]);
/// # Ok(())
/// # }
/// ```
pub struct TranscriptStream<'a> {
    session: Session<'a, 'a>,
    segmenter: Segmenter,
    /// Whether the recording has ended; what is fed next begins another one.
    ended: bool,
}

impl fmt::Debug for TranscriptStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptStream")
            .field("language", &self.session.task.language)
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl<'a> TranscriptStream<'a> {
    pub(super) fn new(
        transcriber: &'a Transcriber,
        language: Language,
        options: TranscribeOptions<'a>,
        segmentation: SegmentationOptions,
    ) -> Result<Self> {
        let segmenter = Segmenter::new(segmentation)?;
        let session = Session::new(transcriber, language, options, None)?;
        Ok(Self { session, segmenter, ended: false })
    }

    /// Takes mono samples at 16 kHz and returns the segments that end with them.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSample`] for NaN or an infinity. [`Error::Stopped`], with the segments that would have been returned,
    /// if the work was cancelled or the deadline has passed; [`Error::Unfinished`] with them if the model failed.
    pub fn feed(&mut self, samples: &[f32]) -> Result<Vec<Segment>> {
        let Self { session, segmenter, ended } = self;
        if std::mem::take(ended) {
            session.position.restart();
        }
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            let index = (session.position.read_s() * f64::from(Waveform::SAMPLE_RATE)).round() as usize + index;
            return Err(Error::InvalidSample { source_name: "audio".to_owned(), index, value });
        }
        let cancel = session.task.cancel.clone();
        let hear = |piece| {
            cancel.check()?;
            Ok(Heard::push(segmenter, piece))
        };
        Ok(session.run(samples.chunks(PIECE).map(hear))?.segments)
    }

    /// Ends the recording and returns its remaining segments. What is fed afterwards is another recording.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn finish(&mut self) -> Result<Vec<Segment>> {
        self.ended = true;
        Ok(self.session.run(iter::once(Ok(Heard::finish(&mut self.segmenter))))?.segments)
    }

    /// Where the time went so far, in all recordings. The time between the calls is not included, nor that of decoding the
    /// audio.
    pub fn timings(&self) -> Timings {
        self.session.stopwatch.timings()
    }

    /// Seconds of the recording that were fed.
    pub fn position(&self) -> f64 {
        self.session.position.read_s()
    }
}
