//! Matrix products with many rows on the left: the encoder's. They are bound by arithmetic.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    activation::finish,
    linear::Float,
    panel::{Panel, ROWS},
};
use crate::{isa::arch, nn::Activation};

/// Outputs of a task: with [`DEPTH`] inputs their weights fill a quarter of a megabyte, which stays in the cache of a
/// core while all rows pass.
const COLUMNS: usize = 64;
/// Inputs that are summed up at a time.
const DEPTH: usize = 1024;

/// `activation(x · wᵀ + bias)` for `x: [rows, input]`, `w: [output, input]`, added to the zeros of `y: [rows, output]`.
pub(super) fn many_rows_linear<W: Float>(
    x: &[f32],
    w: &[W],
    input: usize,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
    y: &mut [f32],
) {
    let (rows, output) = (x.len() / input, w.len() / input);
    // Each task owns the same columns of every row.
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..output.div_ceil(COLUMNS)).map(|_| Vec::with_capacity(rows)).collect();
    for row in y.chunks_mut(output.max(1)) {
        for (task, part) in tasks.iter_mut().zip(row.chunks_mut(COLUMNS)) {
            task.push(part);
        }
    }
    let arch = arch();
    tasks.into_par_iter().zip(w.par_chunks(COLUMNS * input)).enumerate().for_each(|(task, (parts, w))| {
        let bias = bias.map(|bias| &bias[task * COLUMNS..][..w.len() / input]);
        arch.dispatch(Task { x, w, parts, input, bias, activation });
    });
}

/// A few columns of all rows.
struct Task<'a, 'b, W> {
    x: &'a [f32],
    w: &'a [W],
    parts: Vec<&'b mut [f32]>,
    input: usize,
    bias: Option<&'a [f32]>,
    activation: Option<Activation>,
}

impl<W: Float> WithSimd for Task<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, mut parts, input, bias, activation } = self;
        let width = w.len() / input;
        let mut sums = Vec::new();
        for start in (0..input).step_by(DEPTH) {
            let depth = DEPTH.min(input - start);
            let weights = w.chunks_exact(input).map(|row| &row[start..start + depth]);
            let panel = Panel::transposed::<S, _>(weights, width, depth);
            sums.resize(ROWS * panel.stride, 0.0);
            for (group, parts) in parts.chunks_mut(ROWS).enumerate() {
                let left = &x[group * ROWS * input + start..];
                panel.product(simd, left, input, parts.len(), &mut sums);
                for (part, sums) in parts.iter_mut().zip(sums.chunks_exact(panel.stride)) {
                    part.iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
                    if start + depth == input {
                        finish(part, bias, width, activation);
                    }
                }
            }
        }
    }
}
