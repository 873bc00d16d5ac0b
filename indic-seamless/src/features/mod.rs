//! From a waveform to what the encoder reads: `Waveform -> fbank [frames, 80] -> features [T, 160]`.
//!
//! The frontend of `SeamlessM4TFeatureExtractor`: Kaldi-style log-mel energies of 25 ms frames every 10 ms
//! ([`Fbank`]), normalised per clip and mel bin and stacked two by two ([`Features`]).

mod fbank;
mod mel;
mod normalise;

pub use fbank::{FRAME_LENGTH, FRAME_SHIFT, Fbank, MEL_BINS};
pub use normalise::{FeatureBatch, Features, LEAST_SAMPLES, STACKED};
