//! The network of Silero VAD v6 at 16 kHz.
//!
//! A chunk of 512 samples, with the 64 before it, gives one probability: the magnitudes of four spectra, four
//! convolutions, an LSTM cell and a linear head. Only the cell has a state; all before it is computed for many chunks
//! at a time. A second state of the cell starts afresh in long pauses.
//!
//! | | |
//! |---|---|
//! | samples | `[64 + 512]` |
//! | magnitudes | `[4, 129]` |
//! | convolutions | `[4, 128]`, `[2, 64]`, `[64]`, `[128]` |
//! | gates of the LSTM | `[512]` |

mod fresh;
mod layer;
mod lstm;
mod spectrum;
mod weights;

use std::ops::Range;

use self::{
    fresh::FreshState,
    layer::{Layer, StridedRows},
    lstm::{GATES, LstmState},
    spectrum::{BINS, FRAMES, Spectrum},
    weights::SileroWeights,
};

/// Samples per probability: 32 ms.
pub(super) const CHUNK: usize = 512;
/// Samples before a chunk that the network reads with it.
pub(super) const CONTEXT: usize = 64;
/// Chunks computed at a time: a multiple of the rows that the kernels take, and small enough for the cache.
pub(super) const BLOCK: usize = 24;

const TAPS: usize = 3;

/// The network and its states.
#[derive(Debug, Clone)]
pub(super) struct Silero {
    weights: &'static SileroWeights,
    spectrum: Spectrum,
    state: LstmState,
    fresh: FreshState,
    /// Intermediate values of up to [`BLOCK`] chunks.
    buffers: [Vec<f32>; 6],
}

impl Silero {
    pub(super) fn new() -> Self {
        let weights = SileroWeights::get();
        let widths = [
            FRAMES * BINS,
            FRAMES * weights.conv1.outputs(),
            FRAMES / 2 * weights.conv2.outputs(),
            weights.conv3.outputs(),
            weights.conv4.outputs(),
            weights.input.outputs(),
        ];
        Self {
            weights,
            spectrum: Spectrum::new(),
            state: LstmState::default(),
            fresh: FreshState::default(),
            buffers: widths.map(|width| vec![0.0; BLOCK * width]),
        }
    }

    /// Returns to the start of a recording.
    pub(super) fn reset(&mut self) {
        (self.state, self.fresh) = (LstmState::default(), FreshState::default());
    }

    /// Appends the probability of each chunk. `samples` are the 64 before the first chunk and then the chunks, at most 24;
    /// chunk `i` is multiplied by `gains[i]`.
    pub(super) fn run(&mut self, samples: &[f32], gains: &[f32], probabilities: &mut Vec<f32>) {
        let Self { weights, spectrum, state, fresh, buffers } = self;
        let mut buffers = buffers.each_mut().map(Vec::as_mut_slice);
        for buffer in &mut buffers {
            let width = buffer.len() / BLOCK;
            *buffer = &mut std::mem::take(buffer)[..gains.len() * width];
        }
        let [magnitudes, one, two, three, four, gates] = buffers;
        for ((chunk, &gain), out) in gains.iter().enumerate().zip(magnitudes.chunks_exact_mut(FRAMES * BINS)) {
            spectrum.magnitudes(&samples[chunk * CHUNK..(chunk + 1) * CHUNK + CONTEXT], gain, out);
        }
        convolve(&weights.conv1, magnitudes, BINS, 1, one);
        convolve(&weights.conv2, one, weights.conv1.outputs(), 2, two);
        // From here on a chunk is one row: the other taps of the convolutions see only padding.
        linear(&weights.conv3, two, three, true);
        linear(&weights.conv4, three, four, true);
        linear(&weights.input, four, gates, false);
        for gates in gates.as_chunks_mut::<GATES>().0 {
            let mut again = *gates;
            weights.lstm.run(state, gates, probabilities);
            if let Some(probability) = probabilities.last_mut() {
                *probability = fresh.probability(&weights.lstm, &mut again, *probability);
            }
        }
    }
}

/// A convolution with three taps over the four times of each chunk, with a row of zeros on either side, and negative
/// results set to 0: `[chunks, 4, inputs]` to `[chunks, 4 / step, outputs]`.
fn convolve(layer: &Layer, x: &[f32], inputs: usize, step: usize, out: &mut [f32]) {
    let (times, outputs) = (FRAMES / step, layer.outputs());
    let x = StridedRows { values: x, stride: FRAMES * inputs };
    for time in 0..times {
        // Taps that see the zeros are skipped.
        let taken: Range<usize> = (time * step).saturating_sub(1)..(time * step + TAPS - 1).min(FRAMES);
        let first = (taken.start + 1 - time * step) * inputs;
        let columns = taken.start * inputs..taken.end * inputs;
        layer.forward(x, columns, first, &mut out[time * outputs..], times * outputs, true);
    }
}

/// `[chunks, inputs]` to `[chunks, outputs]`.
fn linear(layer: &Layer, x: &[f32], out: &mut [f32], relu: bool) {
    let outputs = layer.outputs();
    let stride = x.len() / (out.len() / outputs);
    layer.forward(StridedRows { values: x, stride }, 0..stride, 0, out, outputs, relu);
}
