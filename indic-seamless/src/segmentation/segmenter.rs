//! Segments of speech from a stream of samples.

use std::{fmt, mem};

use super::{
    SAMPLE_RATE, SegmentationOptions, SpeechDetector,
    cutter::{Cut, Cutter},
};
use crate::{audio::seconds, error::Result};

/// The most surrounding audio that a segment's samples have on either side, in seconds.
pub const CONTEXT_S: f64 = 0.2;
const CONTEXT: usize = (CONTEXT_S * SAMPLE_RATE as f64) as usize;
/// By how many chunks a probability is later than the sound.
const DELAY: usize = 2;
/// Samples taken in at a time: as many as the detector computes together.
const PIECE: usize = 24 * SpeechDetector::CHUNK;

/// A stretch of speech.
///
/// ```
/// use indic_seamless::{
///     Waveform,
///     segmentation::{CONTEXT_S, SegmentationOptions, Segmenter},
/// };
///
/// let clip = Waveform::open("examples/audio/hindi-1.wav")?;
/// let padded = [&[0.0; 16_000], clip.samples(), &[0.0; 16_000]].concat();
/// let (mut segmenter, mut segments) = (Segmenter::new(SegmentationOptions::default())?, Vec::new());
/// segmenter.push(&padded, &mut segments);
/// segmenter.finish(&mut segments);
/// let speech = &segments[0];
/// assert!((speech.start - 1.0).abs() < 0.1 && (speech.start - speech.audio_start - CONTEXT_S).abs() < 1e-9);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct SpeechSegment {
    /// Where speech begins, in seconds from the start of the recording.
    pub start: f64,
    /// Where speech ends, in seconds from the start of the recording.
    pub end: f64,
    /// Where `samples` begins, in seconds from the start of the recording.
    pub audio_start: f64,
    /// The audio to transcribe, at 16 kHz: the speech with up to [`CONTEXT_S`] of what surrounds it on both sides, but
    /// nothing of another segment's speech.
    pub samples: Vec<f32>,
}

impl fmt::Debug for SpeechSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, audio_start, samples } = self;
        write!(f, "SpeechSegment({start:.3} s to {end:.3} s, {} samples from {audio_start:.3} s)", samples.len())
    }
}

/// Finds speech in a stream of samples and cuts it into segments of bounded length.
///
/// Samples may be pushed in pieces of any size: the segments are the same. A segment comes out when the pause behind it
/// is long enough, about half a second behind its end, or when it has reached the longest length. Kept in memory are
/// the samples of the segment that is open; silence is not kept.
///
/// ```
/// use indic_seamless::segmentation::{SegmentationOptions, Segmenter};
///
/// let mut segmenter = Segmenter::new(SegmentationOptions::default())?;
/// let mut segments = Vec::new();
/// for second in 0..3 {
///     segmenter.push(&[0.0; 16_000], &mut segments);
///     assert_eq!(segmenter.position(), f64::from(second + 1));
/// }
/// segmenter.finish(&mut segments);
/// assert!(segments.is_empty()); // nobody spoke
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone)]
pub struct Segmenter {
    options: SegmentationOptions,
    detector: SpeechDetector,
    cutter: Cutter,
    /// The samples from `first` on that can still become part of a segment.
    samples: Vec<f32>,
    first: usize,
    /// Samples taken in.
    taken: usize,
    probabilities: Vec<f32>,
    last: f32,
    cuts: Vec<Cut>,
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
    /// A segmenter that has heard nothing yet.
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
            probabilities: Vec::new(),
            last: 0.0,
            cuts: Vec::new(),
        })
    }

    /// Takes in the next samples at 16 kHz, finite and within ±1, and appends to `segments` those that end by them.
    pub fn push(&mut self, samples: &[f32], segments: &mut Vec<SpeechSegment>) {
        for piece in samples.chunks(PIECE) {
            self.samples.extend_from_slice(piece);
            self.taken += piece.len();
            self.detector.push(piece, &mut self.probabilities);
            self.cut();
            self.give(segments);
            self.forget();
        }
    }

    /// Ends the recording: appends the segment that is still open. The segmenter is then ready for another recording.
    pub fn finish(&mut self, segments: &mut Vec<SpeechSegment>) {
        self.detector.finish(&mut self.probabilities);
        self.cut();
        if self.taken > 0 {
            // What is too late to come is taken to be as the last that came.
            self.probabilities.resize(DELAY, self.last);
            self.cut();
        }
        let cutter = mem::replace(&mut self.cutter, Cutter::new(&self.options));
        cutter.finish(&mut self.cuts);
        self.give(segments);
        self.samples.clear();
        (self.first, self.taken) = (0, 0);
    }

    /// How much was taken in, in seconds.
    pub fn position(&self) -> f64 {
        seconds(self.taken)
    }

    /// Hands the probabilities on.
    fn cut(&mut self) {
        for probability in self.probabilities.drain(..) {
            self.cutter.push(probability, &mut self.cuts);
            self.last = probability;
        }
    }

    /// Makes segments of the cuts.
    fn give(&mut self, segments: &mut Vec<SpeechSegment>) {
        let taken = self.taken;
        let longest = (self.options.max_s * f64::from(SAMPLE_RATE)) as usize;
        for Cut { speech, free } in self.cuts.drain(..) {
            let (start, end) = (sample(speech.start).min(taken), sample(speech.end).min(taken));
            let context = CONTEXT.min(longest.saturating_sub(end - start) / 2);
            let audio_start = start.saturating_sub(context).max(sample(free.start).min(start));
            let audio_end = (end + context).min(sample(free.end)).min(taken);
            segments.push(SpeechSegment {
                start: seconds(start),
                end: seconds(end),
                audio_start: seconds(audio_start),
                samples: self.samples[audio_start - self.first..audio_end - self.first].to_vec(),
            });
        }
    }

    /// Drops the samples that no segment can have any more, once they are half of what is kept.
    fn forget(&mut self) {
        let needed = sample(self.cutter.needed_from()).saturating_sub(CONTEXT);
        let unneeded = needed.saturating_sub(self.first).min(self.samples.len());
        if 2 * unneeded >= self.samples.len() {
            self.samples.drain(..unneeded);
            self.first += unneeded;
        }
    }
}

/// The sample that a frame's probability tells of.
fn sample(frame: usize) -> usize {
    frame.saturating_mul(SpeechDetector::CHUNK).saturating_sub(DELAY * SpeechDetector::CHUNK)
}
