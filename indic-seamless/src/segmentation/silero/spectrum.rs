//! Magnitudes of the short-time spectrum of chunks.

use std::{f32::consts::TAU, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::{CHUNK, CONTEXT};
use crate::kernels::vectorise;

const WINDOW: usize = 256;
const HOP: usize = 128;
/// Samples mirrored after a chunk to fill its last window.
const MIRRORED: usize = 64;
/// Frequencies.
pub(super) const BINS: usize = WINDOW / 2 + 1;
/// Windows in a chunk.
pub(super) const FRAMES: usize = (CONTEXT + CHUNK + MIRRORED - WINDOW) / HOP + 1;

/// A Fourier transform under a Hann window; the network has the same as weights of a convolution.
#[derive(Clone)]
pub(super) struct Spectrum {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    chunk: Vec<f32>,
    frame: Vec<f32>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spectrum").finish_non_exhaustive()
    }
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        Self {
            window: (0..WINDOW).map(|i| 0.5 - 0.5 * (TAU * i as f32 / WINDOW as f32).cos()).collect(),
            chunk: vec![0.0; CONTEXT + CHUNK + MIRRORED],
            frame: fft.make_input_vec(),
            bins: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// The magnitudes of one chunk with the 64 samples before it, multiplied by `gain`: `[4, 129]` into `out`.
    pub(super) fn magnitudes(&mut self, samples: &[f32], gain: f32, out: &mut [f32]) {
        let (taken, mirrored) = self.chunk.split_at_mut(CONTEXT + CHUNK);
        taken.copy_from_slice(samples);
        for (to, &from) in mirrored.iter_mut().zip(samples.iter().rev().skip(1)) {
            *to = from;
        }
        for (frame, out) in out.chunks_exact_mut(BINS).enumerate() {
            let samples = &self.chunk[frame * HOP..frame * HOP + WINDOW];
            for ((to, from), window) in self.frame.iter_mut().zip(samples).zip(&self.window) {
                *to = from * window * gain;
            }
            self.fft
                .process_with_scratch(&mut self.frame, &mut self.bins, &mut self.scratch)
                .expect("buffers made by the plan itself");
            vectorise(
                #[inline(always)]
                || {
                    for (out, bin) in out.iter_mut().zip(&self.bins) {
                        *out = (bin.re * bin.re + bin.im * bin.im).sqrt();
                    }
                },
            );
        }
    }
}
