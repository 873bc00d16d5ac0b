//! [`Waveform`]: a whole recording as samples.

use std::{fmt, time::Duration};

use super::{
    error::IN_MEMORY,
    piece::Piece,
    resample::{self, resample},
};
use crate::{
    damage::Damage,
    error::{Error, Result},
};

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
    samples: Vec<f32>,
    /// Positions in the samples, and the time in seconds at which those from there on start. The first is at 0.
    starts: Vec<(usize, f64)>,
    damage: Vec<Damage>,
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
        Ok(Self::of(samples))
    }

    /// Samples without a gap.
    pub(super) fn of(samples: Vec<f32>) -> Self {
        Self { samples, starts: vec![(0, 0.0)], damage: Vec::new() }
    }

    /// No sample yet.
    pub(super) fn empty() -> Self {
        Self { samples: Vec::new(), starts: Vec::new(), damage: Vec::new() }
    }

    /// Appends a piece.
    pub(super) fn push(&mut self, piece: Piece) {
        let at = self.samples.len();
        let time = self.starts.last().map(|&(from, start)| start + seconds(at - from));
        // Rounding apart, time goes on.
        if !piece.is_empty() && time.is_none_or(|time| piece.start - time > 1e-6) {
            self.starts.push((at, piece.start));
        }
        self.samples.extend_from_slice(&piece);
        self.damage.extend(piece.damage);
    }

    /// The samples in pieces of up to a second, each with the time at which it starts; the first has all damage.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let ends = self.starts.iter().skip(1).map(|&(at, _)| at).chain([self.samples.len()]);
        let runs = self.starts.iter().zip(ends).flat_map(|(&(at, start), end)| {
            let run = self.samples.get(at..end).unwrap_or_default();
            let second = Self::SAMPLE_RATE as usize;
            run.chunks(second).enumerate().map(move |(i, piece)| (start + seconds(i * second), piece.to_vec()))
        });
        let mut damage = Some(self.damage.clone());
        runs.map(move |(start, samples)| Piece { start, samples, damage: damage.take().unwrap_or_default() })
    }

    /// Where the recording is damaged. The samples there are missing or silent.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// When the first sample is heard, in seconds on the clock of the recording; later than 0 where the audio of a film
    /// starts after its pictures.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.starts.first().map_or(0.0, |&(_, start)| start)
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
