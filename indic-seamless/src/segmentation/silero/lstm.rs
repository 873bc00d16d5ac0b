//! The recurrent half of the network.

use pulp::{Simd, WithSimd};

use crate::kernels::{arch, exp};

/// Size of the state.
pub(super) const HIDDEN: usize = 128;
/// Input, forget, cell and output gate, in this order, as in `PyTorch`.
pub(super) const GATES: usize = 4 * HIDDEN;
/// Gates summed at a time: enough independent sums to hide how long one addition takes.
const WIDTH: usize = 64;

/// The recurrent state after the previous chunks.
#[derive(Debug, Clone)]
pub(super) struct LstmState {
    hidden: [f32; HIDDEN],
    cell: [f32; HIDDEN],
}

impl Default for LstmState {
    fn default() -> Self {
        Self { hidden: [0.0; HIDDEN], cell: [0.0; HIDDEN] }
    }
}

/// An LSTM cell, without its input half, and the linear layer behind it.
#[derive(Debug)]
pub(super) struct Lstm {
    /// `[512 / 64, 128, 64]`
    panels: Vec<[f32; WIDTH]>,
    head: Vec<f32>,
    head_bias: f32,
}

impl Lstm {
    /// From the recurrent weights `[128, 512]` and those of the last layer, `[128]`.
    pub(super) fn new(recurrent: &[f32], head: Vec<f32>, head_bias: f32) -> Self {
        let panel = |first: usize| {
            recurrent
                .chunks_exact(GATES)
                .filter_map(move |row| row.get(first..).and_then(|row| row.first_chunk()).copied())
        };
        Self { panels: (0..GATES).step_by(WIDTH).flat_map(panel).collect(), head, head_bias }
    }

    /// One step per 512 `gates`, which hold what the inputs contribute; appends a probability for each.
    pub(super) fn run(&self, state: &mut LstmState, gates: &mut [f32], probabilities: &mut Vec<f32>) {
        arch().dispatch(Run { lstm: self, state, gates, probabilities });
    }
}

struct Run<'a> {
    lstm: &'a Lstm,
    state: &'a mut LstmState,
    gates: &'a mut [f32],
    probabilities: &'a mut Vec<f32>,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lstm, state, gates, probabilities } = self;
        for gates in gates.as_chunks_mut::<GATES>().0 {
            match S::F32_LANES {
                16 => add_recurrent::<S, 4>(simd, lstm, &state.hidden, gates),
                8 => add_recurrent::<S, 8>(simd, lstm, &state.hidden, gates),
                4 => add_recurrent::<S, 16>(simd, lstm, &state.hidden, gates),
                _ => add_recurrent::<S, WIDTH>(simd, lstm, &state.hidden, gates),
            }
            step(state, gates);
            let logit: f32 = state.hidden.iter().zip(&lstm.head).map(|(&h, &w)| h.max(0.0) * w).sum();
            probabilities.push(sigmoid(logit + lstm.head_bias));
        }
    }
}

#[inline(always)]
fn add_recurrent<S: Simd, const VECTORS: usize>(
    simd: S,
    lstm: &Lstm,
    hidden: &[f32; HIDDEN],
    gates: &mut [f32; GATES],
) {
    for (panel, gates) in lstm.panels.chunks_exact(HIDDEN).zip(gates.as_chunks_mut::<WIDTH>().0) {
        let (gates, _) = S::as_mut_simd_f32s(gates);
        let mut sums: [S::f32s; VECTORS] = std::array::from_fn(|v| gates[v]);
        for (weights, &value) in panel.iter().zip(hidden) {
            let ((weights, _), value) = (S::as_simd_f32s(weights), simd.splat_f32s(value));
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(weight, value, *sum);
            }
        }
        gates.copy_from_slice(&sums);
    }
}

#[inline(always)]
fn step(state: &mut LstmState, gates: &[f32; GATES]) {
    let (gates, _) = gates.as_chunks::<HIDDEN>();
    let [input, forget, update, output] = gates else { return };
    for i in 0..HIDDEN {
        let cell = sigmoid(forget[i]) * state.cell[i] + sigmoid(input[i]) * tanh(update[i]);
        state.cell[i] = cell;
        state.hidden[i] = sigmoid(output[i]) * tanh(cell);
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}
