//! Clips of speech from a stream of samples.

use std::{fmt, mem, ops::Range};

use super::{
    Clip, SAMPLE_RATE, SegmentationOptions, SpeechDetector,
    cutter::{Cutter, SpeechSpan},
};
use crate::{audio::seconds, error::Result, features::LEAST_SAMPLES, transcript::EndReason};

/// The most surrounding audio that a clip has on either side of its speech, in seconds.
pub const CONTEXT_S: f64 = 0.2;
const CONTEXT: usize = (CONTEXT_S * SAMPLE_RATE as f64) as usize;
/// By how many chunks the probability lags the sound.
const DELAY: usize = 2;
/// Samples taken in at a time: as many as the detector computes together.
const PIECE: usize = 24 * SpeechDetector::CHUNK;

/// Finds speech in a stream of samples and cuts it into clips of bounded length.
///
/// Samples may be pushed in pieces of any size; the clips do not depend on it. A clip is returned once the pause after it
/// is long enough, about half a second after its end, or once it must be cut. Only the samples of the clip that is still
/// open are kept in memory; silence is not. No clip is shorter than [`LEAST_SAMPLES`], 35 ms, which the model needs: what is
/// recorded between two gaps and is that short gives none.
///
/// All times are those of the recording's clock, which runs with the samples. [`push_at`](Self::push_at) moves it forward
/// where nothing was recorded.
///
/// ```
/// use indic_seamless::segmentation::{SegmentationOptions, Segmenter};
///
/// let mut segmenter = Segmenter::new(SegmentationOptions::default())?;
/// let mut clips = Vec::new();
/// for second in 0..3 {
///     segmenter.push(&[0.0; 16_000], &mut clips);
///     assert_eq!(segmenter.position(), f64::from(second + 1));
/// }
/// segmenter.finish(&mut clips);
/// assert!(clips.is_empty()); // nobody spoke
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone)]
pub struct Segmenter {
    options: SegmentationOptions,
    detector: SpeechDetector,
    cutter: Cutter,
    /// The samples from `first` on that can still become part of a clip.
    samples: Vec<f32>,
    first: usize,
    /// Samples taken in, from `origin` on.
    taken: usize,
    /// The time of the first sample: 0, or the end of the last gap.
    origin: f64,
    probabilities: Vec<f32>,
    /// The last probability.
    last: f32,
    /// Spans of speech that have ended and are not yet clips.
    ended: Vec<SpeechSpan>,
}

impl fmt::Debug for Segmenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segmenter")
            .field("options", &self.options)
            .field("position", &self.position())
            .field("kept", &self.samples.len())
            .finish_non_exhaustive()
    }
}

impl Segmenter {
    /// A segmenter at the start of a recording.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentationOptions::check`].
    pub fn new(options: SegmentationOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            detector: SpeechDetector::new(),
            cutter: Cutter::new(&options),
            options,
            samples: Vec::new(),
            first: 0,
            taken: 0,
            origin: 0.0,
            probabilities: Vec::new(),
            last: 0.0,
            ended: Vec::new(),
        })
    }

    /// Takes the next samples, mono at 16 kHz, finite and within ±1, and appends the clips that end with them to `clips`.
    pub fn push(&mut self, samples: &[f32], clips: &mut Vec<Clip>) {
        for piece in samples.chunks(PIECE) {
            self.samples.extend_from_slice(piece);
            self.taken += piece.len();
            self.detector.push(piece, &mut self.probabilities);
            self.cut();
            self.emit(clips);
            self.forget();
        }
    }

    /// [`push`](Self::push) for samples that start at `start`, in seconds on the recording's clock.
    ///
    /// If that is later than [`position`](Self::position), nothing was recorded in between. A gap of
    /// [`max_pause_s`](SegmentationOptions::max_pause_s) or more ends the open clip, and speech is detected afresh behind it.
    /// A shorter one counts as silence, so that the clips keep their times. An earlier `start` is ignored: the clock does not
    /// go back.
    ///
    /// ```
    /// use indic_seamless::{
    ///     Waveform,
    ///     segmentation::{SegmentationOptions, Segmenter},
    /// };
    ///
    /// let speech = Waveform::open("examples/audio/hindi-1.wav")?;
    /// let (mut segmenter, mut clips) = (Segmenter::new(SegmentationOptions::default())?, Vec::new());
    /// segmenter.push_at(5.0, speech.samples(), &mut clips);
    /// segmenter.push_at(60.0, speech.samples(), &mut clips);
    /// segmenter.finish(&mut clips);
    /// assert_eq!(clips.len(), 2);
    /// assert!((5.0..5.2).contains(&clips[0].start) && (60.0..60.2).contains(&clips[1].start));
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn push_at(&mut self, start: f64, samples: &[f32], clips: &mut Vec<Clip>) {
        let gap = start - self.position();
        // Less than half a sample is rounding, and a negative number becomes 0.
        let missing = (gap * f64::from(SAMPLE_RATE)).round() as usize;
        if missing > 0 && self.taken == 0 {
            self.origin = start;
        } else if missing > 0 && gap >= self.options.max_pause_s {
            self.end(EndReason::Pause, clips);
            self.origin = start;
        } else if missing > 0 {
            self.push(&vec![0.0; missing], clips);
        }
        self.push(samples, clips);
    }

    /// Ends the recording: appends the clip that is still open. The segmenter is then ready for another recording.
    pub fn finish(&mut self, clips: &mut Vec<Clip>) {
        self.end(EndReason::EndOfRecording, clips);
        self.origin = 0.0;
    }

    /// Appends the clip that is still open, for `reason`, and forgets all that was pushed.
    fn end(&mut self, reason: EndReason, clips: &mut Vec<Clip>) {
        self.detector.finish(&mut self.probabilities);
        self.cut();
        if self.taken > 0 {
            // The probabilities lag, so the last ones are missing: repeat the last known one.
            self.probabilities.resize(DELAY, self.last);
            self.cut();
        }
        let cutter = mem::replace(&mut self.cutter, Cutter::new(&self.options));
        cutter.finish(reason, &mut self.ended);
        self.emit(clips);
        self.samples.clear();
        (self.first, self.taken) = (0, 0);
    }

    /// The end of what was pushed, in seconds on the recording's clock.
    pub fn position(&self) -> f64 {
        self.origin + seconds(self.taken)
    }

    /// Where the audio of the clip that is still open begins, in seconds on the recording's clock: what will be its
    /// [`audio_start`](Clip::audio_start). `None` while nobody speaks.
    ///
    /// ```
    /// use indic_seamless::{
    ///     Waveform,
    ///     segmentation::{SegmentationOptions, Segmenter},
    /// };
    ///
    /// let speech = Waveform::open("examples/audio/hindi-1.wav")?;
    /// let (mut segmenter, mut clips) = (Segmenter::new(SegmentationOptions::default())?, Vec::new());
    /// segmenter.push(&[0.0; 16_000], &mut clips);
    /// assert_eq!(segmenter.open_since(), None);
    /// segmenter.push(speech.samples(), &mut clips);
    /// let since = segmenter.open_since().expect("somebody speaks");
    /// segmenter.finish(&mut clips);
    /// assert_eq!(clips[0].audio_start, since);
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    #[must_use]
    pub fn open_since(&self) -> Option<f64> {
        let (_, audio) = self.samples_of(&self.cutter.open()?);
        Some(self.origin + seconds(audio.start))
    }

    /// Passes the probabilities to the cutter.
    fn cut(&mut self) {
        for probability in self.probabilities.drain(..) {
            self.cutter.push(probability, &mut self.ended);
            self.last = probability;
        }
    }

    /// The samples of a span: those of its speech, and those of its clip.
    fn samples_of(&self, span: &SpeechSpan) -> (Range<usize>, Range<usize>) {
        let SpeechSpan { speech, free, .. } = span;
        let longest = (self.options.max_s * f64::from(SAMPLE_RATE)) as usize;
        let (start, end) = (sample(speech.start).min(self.taken), sample(speech.end).min(self.taken));
        let context = CONTEXT.min(longest.saturating_sub(end - start) / 2);
        let audio_start = start.saturating_sub(context).max(sample(free.start).min(start));
        let audio_end = (end + context).min(sample(free.end)).min(self.taken);
        (start..end, audio_start..audio_end)
    }

    /// Appends a clip for each span that has ended.
    fn emit(&mut self, clips: &mut Vec<Clip>) {
        for span in mem::take(&mut self.ended) {
            let (speech, audio) = self.samples_of(&span);
            // Between two gaps: the probabilities that are repeated at the end can make speech of a single one.
            if audio.len() < LEAST_SAMPLES {
                continue;
            }
            let clip = Clip {
                start: self.origin + seconds(speech.start),
                end: self.origin + seconds(speech.end),
                audio_start: self.origin + seconds(audio.start),
                samples: self.samples[audio.start - self.first..audio.end - self.first].to_vec(),
                end_reason: span.end_reason,
            };
            tracing::debug!(start = clip.start, end = clip.end, end_reason = ?clip.end_reason, "cut a segment");
            clips.push(clip);
        }
    }

    /// Drops the samples that can no longer become part of a clip, once they are half of those kept.
    fn forget(&mut self) {
        let needed = sample(self.cutter.needed_from()).saturating_sub(CONTEXT);
        let unneeded = needed.saturating_sub(self.first).min(self.samples.len());
        if 2 * unneeded >= self.samples.len() {
            self.samples.drain(..unneeded);
            self.first += unneeded;
        }
    }
}

/// The first sample that a frame's probability describes.
fn sample(frame: usize) -> usize {
    frame.saturating_mul(SpeechDetector::CHUNK).saturating_sub(DELAY * SpeechDetector::CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clips of a recording of so many samples that the detector is sure of.
    fn sure(samples: usize) -> Vec<Clip> {
        let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
        (segmenter.samples, segmenter.taken) = (vec![0.1; samples], samples);
        segmenter.probabilities = vec![0.99; samples.div_ceil(SpeechDetector::CHUNK)];
        let mut clips = Vec::new();
        segmenter.finish(&mut clips);
        clips
    }

    #[test]
    fn what_is_too_short_for_the_model_is_no_clip() {
        for samples in [1, SpeechDetector::CHUNK, LEAST_SAMPLES - 1] {
            assert!(sure(samples).is_empty(), "{samples} samples");
        }
        for samples in [LEAST_SAMPLES, 2 * SpeechDetector::CHUNK] {
            let [clip] = &sure(samples)[..] else { panic!("{samples} samples are one clip") };
            assert_eq!(clip.samples.len(), samples);
        }
    }
}
