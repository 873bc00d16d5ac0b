//! Activations as bytes.

use rayon::prelude::*;

use super::GROUP;
use crate::kernels::{isa::vectorise, lanes};

/// Elements per task.
const GRAIN: usize = 16 * 1024;

/// Rows of activations, each as bytes times a scale of its own: `x[r, i] ≈ values[r, i] · scales[r]`.
///
/// One quantisation serves all products of the same input.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// `[rows, depth]`, zeros beyond the input's width.
    pub(super) values: Vec<i8>,
    pub(super) scales: Vec<f32>,
    /// The sum of each row's bytes.
    pub(super) sums: Vec<i32>,
    /// The input's width, rounded up to whole groups.
    pub(super) depth: usize,
}

impl Rows {
    /// Quantises `x: [rows, input]`, so that the largest magnitude of each row becomes 127.
    pub(crate) fn quantise(x: &[f32], input: usize) -> Self {
        let depth = input.next_multiple_of(GROUP);
        let mut values = vec![0; x.len() / input.max(1) * depth];
        let row = |(values, x): (&mut [i8], &[f32])| {
            vectorise(
                #[inline(always)]
                || quantise_row(x, values),
            )
        };
        let rows = values.par_chunks_exact_mut(depth.max(1)).zip(x.par_chunks_exact(input.max(1)));
        let (mut scales, mut sums) = (Vec::new(), Vec::new());
        rows.with_min_len(GRAIN.div_ceil(depth.max(1))).map(row).unzip_into_vecs(&mut scales, &mut sums);
        Self { values, scales, sums, depth }
    }

    /// [`quantise`](Self::quantise) by the calling thread, in the place of other rows.
    pub(in crate::kernels) fn refill(&mut self, x: &[f32], input: usize) {
        self.depth = input.next_multiple_of(GROUP);
        let rows = x.len() / input.max(1);
        if self.values.len() != rows * self.depth || input < self.depth {
            self.values.clear();
            self.values.resize(rows * self.depth, 0);
        }
        self.scales.clear();
        self.sums.clear();
        for (values, x) in self.values.chunks_exact_mut(self.depth.max(1)).zip(x.chunks_exact(input.max(1))) {
            let (scale, sum) = vectorise(
                #[inline(always)]
                || quantise_row(x, values),
            );
            self.scales.push(scale);
            self.sums.push(sum);
        }
    }

    /// The bytes of a row, and their scale.
    pub(crate) fn row(&self, row: usize) -> (&[i8], f32) {
        (&self.values[row * self.depth..][..self.depth], self.scales[row])
    }

    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }
}

/// The scale and the sum of the bytes.
#[inline(always)]
fn quantise_row(x: &[f32], values: &mut [i8]) -> (f32, i32) {
    // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let largest = lanes::largest_magnitude(x);
    let inverse = 127.0 / largest;
    // Below 3e-37 the inverse overflows.
    if !inverse.is_finite() || !largest.is_finite() {
        values.fill(0);
        // A row that is no number makes the whole output none, as in floating point.
        return (if largest.is_finite() { 0.0 } else { f32::NAN }, 0);
    }
    let mut sum = 0;
    for (x, value) in x.iter().zip(values) {
        let rounded = (x * inverse + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
        *value = rounded as i8;
        sum += rounded;
    }
    (largest / 127.0, sum)
}
