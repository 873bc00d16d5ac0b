//! Recordings that come piece by piece.

use std::{fmt, time::Instant};

use super::{
    TranscribeOptions, Transcriber, milliseconds, seconds,
    session::{Session, with_partial},
};
use crate::{
    audio::Waveform,
    error::{Error, Result},
    language::Language,
    segmentation::{SegmentationOptions, Segmenter, SpeechSegment},
    transcript::{Segment, Timings, Transcript},
};

/// Samples that are searched for speech at a time: a second.
const PIECE: usize = Waveform::SAMPLE_RATE as usize;

/// A transcription of speech that is still going on: from a microphone, a pipe or a socket.
///
/// Segments come as soon as they are closed by a pause, or at the latest when they are
/// [as long as they may be](SegmentationOptions::max_s). However long the stream runs, no more than that is held.
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
    /// Samples taken in.
    taken: usize,
    /// Whether these were all.
    ended: bool,
}

impl fmt::Debug for TranscriptStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptStream")
            .field("language", &self.session.language)
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
        let session = Session::new(transcriber, language, options, true)?;
        Ok(Self { session, segmenter, taken: 0, ended: false })
    }

    /// Takes in mono samples at 16 kHz and returns the segments that they close.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSample`] at NaN or an infinity; [`Error::Stopped`], with the segments that would have been returned,
    /// when the work was cancelled or the deadline has passed.
    pub fn feed(&mut self, samples: &[f32]) -> Result<Vec<Segment>> {
        if std::mem::take(&mut self.ended) {
            (self.taken, self.session.done_s) = (0, 0.0);
        }
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::InvalidSample { source_name: "audio".to_owned(), index: self.taken + index, value });
        }
        self.run(|stream, finished| {
            let mut closed = Vec::new();
            for piece in samples.chunks(PIECE) {
                stream.session.cancel.check()?;
                let started = Instant::now();
                stream.segmenter.push(piece, &mut closed);
                stream.session.timings.segmentation_ms += milliseconds(started);
                stream.taken += piece.len();
                if stream.session.is_enough(&closed) {
                    stream.transcribe(&std::mem::take(&mut closed), finished)?;
                }
            }
            stream.transcribe(&closed, finished)
        })
    }

    /// Ends the recording and returns what is left of it. What is fed after that is another recording.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn finish(&mut self) -> Result<Vec<Segment>> {
        self.run(|stream, finished| {
            let mut closed = Vec::new();
            stream.segmenter.finish(&mut closed);
            stream.ended = true;
            stream.transcribe(&closed, finished)
        })
    }

    /// Where the time went until now, in all recordings. Decoding the audio is not known here, nor the time between the calls.
    pub fn timings(&self) -> Timings {
        self.session.timings
    }

    /// Seconds of the recording that were fed.
    pub fn position(&self) -> f64 {
        seconds(self.taken)
    }

    fn transcribe(&mut self, closed: &[SpeechSegment], finished: &mut Vec<Segment>) -> Result<()> {
        self.session.transcribe_all(closed, seconds(self.taken), finished)
    }

    fn run(&mut self, work: impl FnOnce(&mut Self, &mut Vec<Segment>) -> Result<()>) -> Result<Vec<Segment>> {
        let mut finished = Vec::new();
        let run = work(self, &mut finished);
        let transcript = Transcript::new(seconds(self.taken), self.session.language, finished, self.session.timings);
        with_partial(run, transcript).map(|transcript| transcript.segments)
    }
}
