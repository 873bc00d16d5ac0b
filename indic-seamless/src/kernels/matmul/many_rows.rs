//! Matrix products with many rows on the left: the encoder's. They are bound by arithmetic.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    Float,
    pairs::Pair,
    panel::{Element, Panel, ROWS},
};
use crate::kernels::{
    activation::{Activation, GRAIN, finish},
    isa::{Kernels, arch, prefetch, vectorise},
    output::in_columns,
};

/// Outputs of a block, a multiple of every tile's: with [`DEPTH`] inputs their weights fill at most a quarter of a megabyte, which
/// stays in the cache of a core while all rows pass.
const COLUMNS: usize = 64;
/// Inputs that are summed up at a time.
const DEPTH: usize = 1024;

/// `activation(x · wᵀ + bias)` for `x: [rows, input]`, `w: [output, input]`: `[rows, output]`.
pub(in crate::kernels) fn many_rows_linear<W: Float>(
    x: &[f32],
    w: &[W],
    input: usize,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
) -> Vec<f32> {
    if W::IS_BF16 && Kernels::current().bf16_pairs().is_some() {
        multiply::<W, Pair>(x, w, input, bias, activation)
    } else {
        multiply::<W, f32>(x, w, input, bias, activation)
    }
}

/// The same, with products of numbers of type `E`.
fn multiply<W: Float, E: Element>(
    x: &[f32],
    w: &[W],
    input: usize,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
) -> Vec<f32> {
    let (rows, output) = (x.len() / input, w.len() / input);
    let arch = arch();
    let mut as_elements = Vec::new();
    let x = E::as_is(x).unwrap_or_else(|| {
        let depth = input.div_ceil(E::NUMBERS);
        as_elements.resize(rows * depth, E::default());
        let pairs = as_elements.par_chunks_exact_mut(depth).zip(x.par_chunks_exact(input));
        pairs.with_min_len(GRAIN.div_ceil(input)).for_each(|(to, row)| {
            vectorise(
                #[inline(always)]
                || E::pack_row(row, to),
            );
        });
        &as_elements
    });
    in_columns([rows, output], COLUMNS, |number, y, memory: &mut Vec<E>| {
        let columns = number * COLUMNS..output.min((number + 1) * COLUMNS);
        let next = &w[columns.end * input..output.min(columns.end + COLUMNS) * input];
        let (w, bias) = (&w[columns.start * input..columns.end * input], bias.map(|bias| &bias[columns]));
        arch.dispatch(Block { x, w, next, rows, input, bias, activation, y, memory });
    })
}

/// A few columns of all rows.
struct Block<'a, W, E> {
    /// `[rows, input]`, each row as whole elements.
    x: &'a [E],
    w: &'a [W],
    /// The weights of the block after this one.
    next: &'a [W],
    rows: usize,
    input: usize,
    bias: Option<&'a [f32]>,
    activation: Option<Activation>,
    /// Becomes `[rows, COLUMNS]`, and some rows more that fill the last tile.
    y: &'a mut Vec<f32>,
    /// For the panel.
    memory: &'a mut Vec<E>,
}

impl<W: Float, E: Element> WithSimd for Block<'_, W, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, next, rows, input, bias, activation, y, memory } = self;
        let width = input.div_ceil(E::NUMBERS);
        let mut sums = [0.0; ROWS * COLUMNS];
        y.resize(rows.next_multiple_of(ROWS) * COLUMNS, 0.0);
        for start in (0..input).step_by(DEPTH) {
            let depth = DEPTH.min(input - start);
            let weights = w.chunks_exact(input).map(|row| &row[start..start + depth]);
            let panel = Panel::<E>::transposed::<S, _>(weights, COLUMNS, depth, std::mem::take(memory));
            for (tile, y) in y.chunks_exact_mut(ROWS * COLUMNS).enumerate() {
                // What is transposed next comes from memory while the rows pass along this panel.
                let (rows_of, from) = if start + depth < input { (w, start + depth) } else { (next, 0) };
                if let Some(row) = rows_of.chunks_exact(input).nth(tile) {
                    prefetch(&row[from..input.min(from + DEPTH)]);
                }
                let left = &x[tile * ROWS * width + start / E::NUMBERS..];
                let rows = ROWS.min(rows - tile * ROWS);
                if start == 0 {
                    panel.product(simd, left, width, rows, y);
                } else {
                    panel.product(simd, left, width, rows, &mut sums);
                    y.iter_mut().zip(&sums).for_each(|(y, sum)| *y += sum);
                }
                if start + depth == input {
                    for y in y.chunks_exact_mut(COLUMNS) {
                        let width = w.len() / input;
                        finish(&mut y[..width], bias, width, activation);
                    }
                }
            }
            *memory = panel.into_memory();
        }
    }
}
