//! The triangular mel filters, on Kaldi's scale.

use super::fbank::{FFT_LENGTH, MEL_BINS};
use crate::audio::Waveform;

const LOW_HZ: f64 = 20.0;
const HIGH_HZ: f64 = 8_000.0;

/// `mel(f) = 1127 ln(1 + f / 700)`, the scale of HTK and Kaldi.
fn mel(hz: f64) -> f64 {
    1127.0 * (1.0 + hz / 700.0).ln()
}

/// One triangle: the weights of the spectrum bins from `first` on; all other bins weigh nothing.
#[derive(Debug, Clone)]
struct Triangle {
    first: usize,
    weights: Vec<f64>,
}

/// 80 triangles from 20 Hz to 8 kHz, equally spaced and linear in mel, peak 1, no area normalisation.
#[derive(Debug, Clone)]
pub(super) struct MelFilters(Vec<Triangle>);

impl MelFilters {
    pub(super) fn new() -> Self {
        let step = (mel(HIGH_HZ) - mel(LOW_HZ)) / (MEL_BINS + 1) as f64;
        let edge = |i: usize| mel(LOW_HZ) + step * i as f64;
        let bin = |k: usize| mel(k as f64 * f64::from(Waveform::SAMPLE_RATE) / FFT_LENGTH as f64);
        let triangle = |j: usize| {
            let (left, peak, right) = (edge(j), edge(j + 1), edge(j + 2));
            let weight = |k| ((bin(k) - left) / (peak - left)).min((right - bin(k)) / (right - peak)).max(0.0);
            let all: Vec<f64> = (0..=FFT_LENGTH / 2).map(weight).collect();
            let first = all.iter().position(|&w| w > 0.0).unwrap_or(0);
            let weights = all[first..].iter().copied().take_while(|&w| w > 0.0).collect();
            Triangle { first, weights }
        };
        Self((0..MEL_BINS).map(triangle).collect())
    }

    /// The energy under each triangle of a power spectrum of `FFT_LENGTH / 2 + 1` bins.
    pub(super) fn energies<'a>(&'a self, power: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.0.iter().map(|t| t.weights.iter().zip(&power[t.first..]).map(|(w, p)| w * p).sum())
    }
}
