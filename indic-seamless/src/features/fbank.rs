//! Log-mel filterbank energies, frame by frame.

use std::{f64::consts::TAU, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::mel::MelFilters;

/// Samples in a frame: 25 ms at 16 kHz.
pub const FRAME_LENGTH: usize = 400;
/// Samples between the starts of two frames: 10 ms at 16 kHz.
pub const FRAME_SHIFT: usize = 160;
/// Mel bins per frame.
pub const MEL_BINS: usize = 80;
pub(super) const FFT_LENGTH: usize = 512;

const PRE_EMPHASIS: f64 = 0.97;
/// Samples are scaled to the range of 16-bit integers, as Kaldi has them.
const INT16_SCALE: f32 = 32_768.0;
/// `f32::EPSILON`, by its value in the reference: the least energy before the logarithm.
const ENERGY_FLOOR: f64 = 1.192_092_955_078_125e-7;

/// Computes log-mel energies from a stream of samples.
///
/// Frames are 400 samples long and start every 160; trailing samples that fill no frame are dropped. Each frame is
/// centred, pre-emphasised and weighted by Povey's window `(0.5 - 0.5 cos(2πi/399))^0.85`; the logarithm of its energy
/// under 80 mel triangles is one row. All of it in double precision, as in the reference.
///
/// Samples may be pushed in pieces of any size: the rows are the same as for one piece.
///
/// ```
/// use indic_seamless::features::{Fbank, MEL_BINS};
///
/// let mut rows = Vec::new();
/// let mut fbank = Fbank::new();
/// fbank.push(&[0.0; 300], &mut rows);
/// fbank.push(&[0.0; 300], &mut rows);
/// assert_eq!(rows.len(), 2 * MEL_BINS); // 1 + (600 - 400) / 160 frames
/// ```
#[derive(Clone)]
pub struct Fbank {
    window: Vec<f64>,
    mel: MelFilters,
    fft: Arc<dyn RealToComplex<f64>>,
    /// Samples of the frame that is not full yet.
    pending: Vec<f32>,
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    power: Vec<f64>,
    scratch: Vec<Complex<f64>>,
}

impl fmt::Debug for Fbank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fbank").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl Default for Fbank {
    fn default() -> Self {
        Self::new()
    }
}

impl Fbank {
    /// Prepares window, filters and transform.
    pub fn new() -> Self {
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(FFT_LENGTH);
        let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / (FRAME_LENGTH - 1) as f64).cos();
        Self {
            window: (0..FRAME_LENGTH).map(|i| hann(i).powf(0.85)).collect(),
            mel: MelFilters::new(),
            pending: Vec::with_capacity(FRAME_LENGTH),
            frame: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            power: vec![0.0; FFT_LENGTH / 2 + 1],
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// How many frames `samples` samples make.
    pub fn frames(samples: usize) -> usize {
        if samples < FRAME_LENGTH { 0 } else { 1 + (samples - FRAME_LENGTH) / FRAME_SHIFT }
    }

    /// The rows of a whole clip at 16 kHz, `[frames, 80]` row after row.
    pub fn extract(samples: &[f32]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(Self::frames(samples.len()) * MEL_BINS);
        Self::new().push(samples, &mut rows);
        rows
    }

    /// Takes the next samples at 16 kHz and appends the 80 values of each frame that they complete to `rows`.
    pub fn push(&mut self, mut samples: &[f32], rows: &mut Vec<f32>) {
        while !samples.is_empty() {
            let (head, rest) = samples.split_at(samples.len().min(FRAME_LENGTH - self.pending.len()));
            self.pending.extend_from_slice(head);
            samples = rest;
            if self.pending.len() == FRAME_LENGTH {
                self.row(rows);
                self.pending.drain(..FRAME_SHIFT);
            }
        }
    }

    fn row(&mut self, rows: &mut Vec<f32>) {
        let (frame, padding) = self.frame.split_at_mut(FRAME_LENGTH);
        for (x, &s) in frame.iter_mut().zip(&self.pending) {
            *x = f64::from(s * INT16_SCALE);
        }
        let mean = frame.iter().sum::<f64>() / FRAME_LENGTH as f64;
        let mut previous = frame[0] - mean;
        for (x, window) in frame.iter_mut().zip(&self.window) {
            let centred = *x - mean;
            *x = (centred - PRE_EMPHASIS * previous) * window;
            previous = centred;
        }
        padding.fill(0.0);
        self.fft
            .process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch)
            .expect("buffers made by the plan itself");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            // The reference keeps the spectrum in single precision.
            let (re, im) = (f64::from(bin.re as f32), f64::from(bin.im as f32));
            *power = re * re + im * im;
        }
        rows.extend(self.mel.energies(&self.power).map(|energy| energy.max(ENERGY_FLOOR).ln() as f32));
    }
}
