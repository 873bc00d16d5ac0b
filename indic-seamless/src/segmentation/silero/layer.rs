//! Products with the weights of a layer.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::kernels::arch;

/// Outputs stored next to each other.
const WIDTH: usize = 32;

/// Weights and bias of a linear layer, or of a convolution, whose inputs are then those of its taps, concatenated.
///
/// Each output is one sum in the order of the inputs, whatever the number of rows, so results do not depend on how many
/// chunks are computed at a time.
#[derive(Debug)]
pub(super) struct Layer {
    /// `[outputs / 32, inputs, 32]`
    panels: Vec<[f32; WIDTH]>,
    bias: Vec<f32>,
    inputs: usize,
}

/// Rows of values, each starting `stride` values after the previous one.
#[derive(Debug, Clone, Copy)]
pub(super) struct StridedRows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

impl<'a> StridedRows<'a> {
    /// The same columns of each row.
    fn columns(&self, row: usize, columns: &Range<usize>) -> &'a [f32] {
        let start = row * self.stride;
        &self.values[start + columns.start..start + columns.end]
    }
}

impl Layer {
    /// From weights `[inputs, outputs]`, of which `outputs` is a multiple of 32.
    pub(super) fn new(weights: &[f32], bias: Vec<f32>) -> Self {
        let outputs = bias.len();
        let panel = |first: usize| {
            weights
                .chunks_exact(outputs)
                .filter_map(move |row| row.get(first..).and_then(|row| row.first_chunk()).copied())
        };
        let panels = (0..outputs).step_by(WIDTH).flat_map(panel).collect();
        Self { panels, inputs: weights.len() / outputs, bias }
    }

    /// The number of values in a row of results.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `out[row] = bias + Σ x[row][columns] · weights[first ..]` with a row of `out` every `stride` values; then, if
    /// `relu`, nothing below zero.
    pub(super) fn forward(
        &self,
        x: StridedRows<'_>,
        columns: Range<usize>,
        first: usize,
        out: &mut [f32],
        stride: usize,
        relu: bool,
    ) {
        arch().dispatch(Forward { layer: self, x, columns, first, out, stride, relu });
    }
}

struct Forward<'a> {
    layer: &'a Layer,
    x: StridedRows<'a>,
    columns: Range<usize>,
    first: usize,
    out: &'a mut [f32],
    stride: usize,
    relu: bool,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many rows at a time as the vector registers have room for their sums.
        match S::F32_LANES {
            16 => self.tiles::<S, 2, 8>(simd),
            8 => self.tiles::<S, 4, 3>(simd),
            4 => self.tiles::<S, 8, 3>(simd),
            _ => self.tiles::<S, WIDTH, 1>(simd),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const VECTORS: usize, const ROWS: usize>(mut self, simd: S) {
        let rows = self.out.len().div_ceil(self.stride);
        for panel in 0..self.layer.outputs() / WIDTH {
            let mut row = 0;
            while row + ROWS <= rows {
                self.tile::<S, VECTORS, ROWS>(simd, panel, row);
                row += ROWS;
            }
            for row in row..rows {
                self.tile::<S, VECTORS, 1>(simd, panel, row);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize, const ROWS: usize>(&mut self, simd: S, panel: usize, row: usize) {
        let Self { layer, x, columns, first, out, stride, relu } = self;
        let start = panel * layer.inputs + *first;
        let weights = &layer.panels[start..start + columns.len()];
        let x: [&[f32]; ROWS] = std::array::from_fn(|r| &x.columns(row + r, columns)[..weights.len()]);
        let (bias, _) = S::as_simd_f32s(&layer.bias[panel * WIDTH..(panel + 1) * WIDTH]);
        let bias: [S::f32s; VECTORS] = std::array::from_fn(|v| bias[v]);
        let mut sums = [bias; ROWS];
        for (i, weights) in weights.iter().enumerate() {
            let (weights, _) = S::as_simd_f32s(weights);
            for (sums, x) in sums.iter_mut().zip(&x) {
                let value = simd.splat_f32s(x[i]);
                for v in 0..VECTORS {
                    sums[v] = simd.mul_add_e_f32s(weights[v], value, sums[v]);
                }
            }
        }
        let floor = simd.splat_f32s(if *relu { 0.0 } else { f32::NEG_INFINITY });
        for (r, sums) in sums.iter().enumerate() {
            let at = (row + r) * *stride + panel * WIDTH;
            let (out, _) = S::as_mut_simd_f32s(&mut out[at..at + WIDTH]);
            for (out, &sum) in out.iter_mut().zip(sums) {
                *out = simd.max_f32s(sum, floor);
            }
        }
    }
}
