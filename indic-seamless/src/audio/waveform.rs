//! [`Waveform`]: a whole recording as samples.

use std::{fmt, time::Duration};

use super::{
    error::IN_MEMORY,
    resample::{self, resample},
};
use crate::error::{Error, Result};

/// Mono samples at 16 kHz, at least one, all of them finite; full scale is -1 to 1.
///
/// ```
/// use indic_seamless::audio::Waveform;
///
/// let tone: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.05).sin()).collect();
/// let tone = Waveform::from_samples(tone, 48_000)?;
/// assert_eq!(tone.len(), 16_000);
/// assert_eq!(tone.duration().as_secs(), 1);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Waveform {
    pub(super) samples: Vec<f32>,
}

impl Waveform {
    /// The rate of every waveform, in Hz.
    pub const SAMPLE_RATE: u32 = 16_000;

    /// Converts mono samples at `sample_rate` Hz to 16 kHz. Samples at 16 kHz stay unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::NoAudio`] without a sample, [`Error::InvalidSample`] at NaN or an infinity, [`Error::InvalidOption`]
    /// for a rate outside 1 kHz to 768 kHz.
    pub fn from_samples(samples: Vec<f32>, sample_rate: u32) -> Result<Self> {
        resample::check_rate(sample_rate)?;
        if samples.is_empty() {
            return Err(Error::NoAudio { source_name: IN_MEMORY.to_owned(), reason: "no sample".to_owned() });
        }
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, sample)| !sample.is_finite()) {
            return Err(Error::InvalidSample { source_name: IN_MEMORY.to_owned(), index, value });
        }
        let samples = match sample_rate {
            Self::SAMPLE_RATE => samples,
            rate => resample(&samples, rate, Self::SAMPLE_RATE)?,
        };
        Ok(Self { samples })
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, owned.
    #[must_use]
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// The number of samples, never 0.
    #[expect(clippy::len_without_is_empty, reason = "no waveform is empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The length in time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(seconds(self.samples.len()))
    }
}

/// The length of samples at 16 kHz, in seconds.
pub(crate) fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(Waveform::SAMPLE_RATE)
}

impl fmt::Debug for Waveform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waveform({} samples, {:?})", self.len(), self.duration())
    }
}
