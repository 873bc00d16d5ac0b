//! Products of quantised rows and packed weights.

use std::{mem::MaybeUninit, ops::Range};

use rayon::prelude::*;

use super::{PANEL, Rows, nibble_shape, nibbles, tile};
use crate::kernels::{
    activation::Activation,
    isa::{Kernels, prefetch, vectorise},
    math::{relu, swish_coarse},
    output::Columns,
};

/// Bytes of activations that pass along each panel at a time: they stay in the second-level cache.
pub(in crate::kernels) const BLOCK_BYTES: usize = 256 * 1024;

/// With so many tiles of rows, the next panel is asked for while they pass along one, a part at each tile.
const MANY_TILES: usize = 4;

/// A packed weight with what follows its product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: Values<'a>,
    /// Per output.
    pub(crate) scales: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Option<Activation>,
}

/// The numbers of a packed weight.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    /// `[panels, groups, 64, 4]`
    Bytes(&'a [i8]),
    /// `[panels, blocks, 17, 16]`
    Nibbles(&'a [u8]),
}

impl Values<'_> {
    fn len(self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Nibbles(values) => values.len(),
        }
    }

    fn panel(self, panel: usize, len: usize) -> Self {
        match self {
            Self::Bytes(values) => Self::Bytes(&values[panel * len..][..len]),
            Self::Nibbles(values) => Self::Nibbles(&values[panel * len..][..len]),
        }
    }

    /// Asks for one of `parts` parts.
    #[inline(always)]
    fn prefetch(self, part: usize, parts: usize) {
        let size = self.len().div_ceil(parts);
        let range = (part * size).min(self.len())..((part + 1) * size).min(self.len());
        match self {
            Self::Bytes(values) => prefetch(&values[range]),
            Self::Nibbles(values) => prefetch(&values[range]),
        }
    }

    /// The size of a panel for inputs of `depth` columns.
    fn panel_len(self, depth: usize) -> usize {
        match self {
            Self::Bytes(_) => depth * PANEL,
            Self::Nibbles(_) => nibble_shape(PANEL, depth).iter().product(),
        }
    }
}

impl Matrix<'_> {
    /// # Panics
    ///
    /// If the weight has not the size for inputs of `depth` columns.
    fn check(&self, depth: usize) {
        assert_eq!(self.values.len(), self.panels() * self.values.panel_len(depth), "size of a packed weight");
    }

    fn panels(&self) -> usize {
        self.scales.len().div_ceil(PANEL)
    }
}

/// `activation(x · weightᵀ + bias)`, `[rows, output]`, for each of several weights of the same input; in `results`, in the
/// place of what was there.
pub(crate) fn products(rows: &Rows, matrices: &[Matrix<'_>], results: &mut [Vec<f32>]) {
    multiply(Kernels::current(), rows, matrices, results);
}

/// [`products`] with the kernels of an instruction set.
pub(in crate::kernels) fn multiply(kernels: Kernels, rows: &Rows, matrices: &[Matrix<'_>], results: &mut [Vec<f32>]) {
    let mut outputs = Vec::with_capacity(matrices.len());
    for (matrix, result) in matrices.iter().zip(results.iter_mut()) {
        let width = matrix.scales.len();
        matrix.check(rows.depth);
        result.clear();
        result.reserve(rows.len() * width);
        outputs.push(Columns::new(&mut result.spare_capacity_mut()[..rows.len() * width], width));
    }
    let block = (BLOCK_BYTES / rows.depth.max(1)).max(1).next_multiple_of(tile::ROWS);
    let blocks = rows.len().div_ceil(block);
    let panels: usize = matrices.iter().map(Matrix::panels).sum();
    (0..blocks * panels).into_par_iter().for_each(|task| {
        let (first, mut panel) = (task / panels * block, task % panels);
        for (matrix, output) in matrices.iter().zip(&outputs) {
            if panel >= matrix.panels() {
                panel -= matrix.panels();
                continue;
            }
            multiply_panel(kernels, rows, first..rows.len().min(first + block), matrix, panel, output);
            break;
        }
    });
    debug_assert!(outputs.iter().all(Columns::is_taken), "the tasks have every column");
    drop(outputs);
    for (result, matrix) in results.iter_mut().zip(matrices) {
        // SAFETY: the tasks above wrote every column of every row.
        #[allow(unsafe_code, reason = "zeros first would be one more pass over the largest matrices")]
        unsafe {
            result.set_len(rows.len() * matrix.scales.len());
        }
    }
}

/// A product by the calling thread alone: `[rows, output]` in `y`, whatever was there.
pub(in crate::kernels) fn multiply_here(kernels: Kernels, rows: &Rows, matrix: &Matrix<'_>, y: &mut [f32]) {
    matrix.check(rows.depth);
    assert_eq!(y.len(), rows.len() * matrix.scales.len(), "size of the result");
    let output = Columns::over(y, matrix.scales.len());
    for panel in 0..matrix.panels() {
        multiply_panel(kernels, rows, 0..rows.len(), matrix, panel, &output);
    }
    debug_assert!(output.is_taken(), "the panels have every column");
}

/// Some rows against one panel. Not inlined: it is compiled for each activation and instruction set.
#[inline(never)]
fn multiply_panel(
    kernels: Kernels,
    rows: &Rows,
    range: Range<usize>,
    matrix: &Matrix<'_>,
    panel: usize,
    output: &Columns<'_>,
) {
    vectorise(
        #[inline(always)]
        || {
            let range = range.clone();
            match matrix.activation {
                None => panel_with(kernels, rows, range, matrix, panel, output, |y| y),
                Some(Activation::Relu) => panel_with(kernels, rows, range, matrix, panel, output, relu),
                Some(Activation::Swish) => panel_with(kernels, rows, range, matrix, panel, output, swish_coarse),
            }
        },
    );
}

#[inline(always)]
fn panel_with(
    kernels: Kernels,
    rows: &Rows,
    range: Range<usize>,
    matrix: &Matrix<'_>,
    panel: usize,
    output: &Columns<'_>,
    activation: impl Fn(f32) -> f32,
) {
    let panel_len = matrix.values.panel_len(rows.depth);
    let weights = matrix.values.panel(panel, panel_len);
    let columns = panel * PANEL..matrix.scales.len().min((panel + 1) * PANEL);
    // The last panel may have fewer columns.
    let (mut scales, mut bias) = ([0.0; PANEL], [0.0; PANEL]);
    scales[..columns.len()].copy_from_slice(&matrix.scales[columns.clone()]);
    if let Some(values) = matrix.bias {
        bias[..columns.len()].copy_from_slice(&values[columns.clone()]);
    }
    let mut sums = [[0; PANEL]; tile::ROWS];
    let tiles = range.len().div_ceil(tile::ROWS);
    let next = (tiles >= MANY_TILES && panel + 1 < matrix.panels()).then(|| matrix.values.panel(panel + 1, panel_len));
    for (number, first) in range.clone().step_by(tile::ROWS).enumerate() {
        if let Some(next) = next {
            next.prefetch(number, tiles);
        }
        let block = first..range.end.min(first + tile::ROWS);
        match weights {
            Values::Bytes(panel) => tile::tile(kernels, rows, block.clone(), 0..rows.depth, panel, &mut sums),
            Values::Nibbles(panel) => nibbles::tile(kernels, rows, block.clone(), panel, &mut sums),
        }
        for (row, sums) in block.zip(&sums) {
            let scale = rows.scales[row];
            // SAFETY: no other task has this panel of these rows.
            #[allow(unsafe_code, reason = "see `Columns`")]
            let place = unsafe { output.part(row, columns.clone()) };
            let values = sums.iter().zip(scales.iter().zip(&bias));
            let values = values.map(|(sum, (weight, bias))| activation(*sum as f32 * (scale * weight) + bias));
            match place.first_chunk_mut::<PANEL>() {
                // Of a known length, hence unrolled.
                Some(place) => write(place, values),
                None => write(place, values),
            }
        }
    }
}

#[inline(always)]
fn write(place: &mut [MaybeUninit<f32>], values: impl Iterator<Item = f32>) {
    for (place, value) in place.iter_mut().zip(values) {
        place.write(value);
    }
}
