//! Probabilities of speech from a stream of samples.

use super::{
    level::Level,
    offset::OffsetFilter,
    silero::{BLOCK, CHUNK, CONTEXT, Silero},
};

/// Gives a probability of speech for each 32 ms of a recording: Silero VAD v6, after a filter that removes a constant offset
/// and a gain for quiet recordings.
///
/// The probabilities lag the sound by about 64 ms. Samples may be pushed in pieces of any size; the probabilities are
/// bit-identical. Large pieces are faster.
///
/// ```
/// use indic_seamless::segmentation::SpeechDetector;
///
/// let mut probabilities = Vec::new();
/// let mut detector = SpeechDetector::new();
/// detector.push(&[0.0; 1000], &mut probabilities);
/// assert_eq!(probabilities.len(), 1);
/// detector.finish(&mut probabilities);
/// assert_eq!(probabilities.len(), 2);
/// assert!(probabilities.iter().all(|&p| p < 0.1));
/// ```
#[derive(Debug, Clone)]
pub struct SpeechDetector {
    silero: Silero,
    offset: OffsetFilter,
    level: Level,
    /// The last 64 samples of the previous chunk, then those of the chunk that is not full yet.
    samples: Vec<f32>,
    gains: Vec<f32>,
}

impl Default for SpeechDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl SpeechDetector {
    /// Samples per probability: 32 ms at 16 kHz.
    pub const CHUNK: usize = CHUNK;

    /// A detector at the start of a recording. The weights are part of the crate; all detectors share them.
    pub fn new() -> Self {
        Self {
            silero: Silero::new(),
            offset: OffsetFilter::default(),
            level: Level::default(),
            samples: vec![0.0; CONTEXT],
            gains: Vec::with_capacity(BLOCK),
        }
    }

    /// Takes the next samples at 16 kHz, finite and within ±1, and appends a probability, from 0 to 1, for each 512 of
    /// them.
    pub fn push(&mut self, mut samples: &[f32], probabilities: &mut Vec<f32>) {
        while !samples.is_empty() {
            let room = CONTEXT + BLOCK * CHUNK - self.samples.len();
            let (head, rest) = samples.split_at(samples.len().min(room));
            self.samples.extend(head.iter().map(|&sample| self.offset.next(sample)));
            samples = rest;
            self.run(probabilities);
        }
    }

    /// Ends the recording: appends the probability of the last chunk, padded with silence, if there is one. The detector
    /// is then ready for another recording.
    pub fn finish(&mut self, probabilities: &mut Vec<f32>) {
        if self.samples.len() > CONTEXT {
            self.samples.resize(CONTEXT + CHUNK, 0.0);
            self.run(probabilities);
        }
        self.silero.reset();
        self.offset = OffsetFilter::default();
        self.level = Level::default();
        self.samples.fill(0.0);
    }

    /// Computes the probabilities of all full chunks.
    fn run(&mut self, probabilities: &mut Vec<f32>) {
        let Self { silero, level, samples, gains, .. } = self;
        let (_, heard) = samples.split_at(CONTEXT);
        gains.clear();
        gains.extend(heard.chunks_exact(CHUNK).map(|chunk| level.gain(chunk)));
        if !gains.is_empty() {
            silero.run(samples, gains, probabilities);
            samples.drain(..gains.len() * CHUNK);
        }
    }
}
