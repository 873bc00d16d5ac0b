//! Products of quantised rows and packed weights.

use std::{marker::PhantomData, mem::MaybeUninit, ops::Range};

use rayon::prelude::*;

use super::{GROUP, PANEL, Rows, kernel};
use crate::{
    isa::{Isa, vectorise},
    nn::{Activation, cpu::swish},
};

/// Bytes of activations that pass along each panel at a time: they stay in the second-level cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// A packed weight with what follows its product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    /// `[panels, groups, 64, 4]`
    pub(crate) values: &'a [i8],
    /// Per output.
    pub(crate) scales: &'a [f32],
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Option<Activation>,
}

impl Matrix<'_> {
    fn panels(&self) -> usize {
        self.scales.len().div_ceil(PANEL)
    }
}

/// `activation(x · weightᵀ + bias)`, `[rows, output]`, for each of several weights of the same input; in `results`, in the
/// place of what was there.
pub(crate) fn products(rows: &Rows, matrices: &[Matrix<'_>], results: &mut [Vec<f32>]) {
    multiply(Isa::current(), rows, matrices, results);
}

pub(super) fn multiply(isa: Isa, rows: &Rows, matrices: &[Matrix<'_>], results: &mut [Vec<f32>]) {
    let mut outputs = Vec::with_capacity(matrices.len());
    for (matrix, result) in matrices.iter().zip(results.iter_mut()) {
        let (width, groups) = (matrix.scales.len(), rows.depth / GROUP);
        assert_eq!(matrix.values.len(), width.div_ceil(PANEL) * groups * PANEL * GROUP, "size of a packed weight");
        result.clear();
        result.reserve(rows.len() * width);
        outputs.push(Output::new(&mut result.spare_capacity_mut()[..rows.len() * width], width));
    }
    let block = (BLOCK_BYTES / rows.depth.max(1)).max(1).next_multiple_of(kernel::ROWS);
    let blocks = rows.len().div_ceil(block);
    let panels: usize = matrices.iter().map(Matrix::panels).sum();
    (0..blocks * panels).into_par_iter().for_each(|task| {
        let (first, mut panel) = (task / panels * block, task % panels);
        for (matrix, output) in matrices.iter().zip(&outputs) {
            if panel >= matrix.panels() {
                panel -= matrix.panels();
                continue;
            }
            let rows_of_task = first..rows.len().min(first + block);
            vectorise(
                #[inline(always)]
                || multiply_panel(isa, rows, rows_of_task.clone(), matrix, panel, output),
            );
            break;
        }
    });
    drop(outputs);
    for (result, matrix) in results.iter_mut().zip(matrices) {
        // SAFETY: the tasks above wrote every column of every row.
        #[allow(unsafe_code, reason = "zeros first would be one more pass over the largest matrices")]
        unsafe {
            result.set_len(rows.len() * matrix.scales.len());
        }
    }
}

/// Some rows against one panel.
#[inline(always)]
fn multiply_panel(isa: Isa, rows: &Rows, range: Range<usize>, matrix: &Matrix<'_>, panel: usize, output: &Output<'_>) {
    let bytes = rows.depth * PANEL;
    let weights = &matrix.values[panel * bytes..][..bytes];
    let columns = panel * PANEL..matrix.scales.len().min((panel + 1) * PANEL);
    let scales = &matrix.scales[columns.clone()];
    let bias = matrix.bias.map_or(&[0.0; PANEL][..scales.len()], |bias| &bias[columns.clone()]);
    let mut sums = [[0; PANEL]; kernel::ROWS];
    for first in range.clone().step_by(kernel::ROWS) {
        let tile = first..range.end.min(first + kernel::ROWS);
        kernel::tile(isa, rows, tile.clone(), weights, &mut sums);
        for (row, sums) in tile.zip(&sums) {
            let place = output.columns(row, columns.clone());
            let scale = rows.scales[row];
            let values = sums.iter().zip(scales.iter().zip(bias));
            let values = values.map(|(sum, (weight_scale, bias))| *sum as f32 * (scale * weight_scale) + bias);
            match matrix.activation {
                None => write(place, values),
                Some(Activation::Relu) => write(place, values.map(|y| y.max(0.0))),
                Some(Activation::Swish) => write(place, values.map(swish)),
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

/// A matrix that several threads fill, each its own columns.
struct Output<'a> {
    start: *mut MaybeUninit<f32>,
    len: usize,
    width: usize,
    values: PhantomData<&'a mut [f32]>,
}

// SAFETY: `columns` is only called for columns that no other task has.
#[allow(unsafe_code, reason = "columns of a matrix that lies row after row cannot be borrowed apart")]
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    fn new(values: &'a mut [MaybeUninit<f32>], width: usize) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len(), width, values: PhantomData }
    }

    #[allow(clippy::mut_from_ref, reason = "see `Sync`")]
    #[inline(always)]
    fn columns(&self, row: usize, columns: Range<usize>) -> &mut [MaybeUninit<f32>] {
        let start = row * self.width + columns.start;
        assert!(columns.end <= self.width && start + columns.len() <= self.len, "a place in the matrix");
        // SAFETY: the place is inside the matrix, and the tasks of `multiply` never share one.
        #[allow(unsafe_code, reason = "see `Sync`")]
        unsafe {
            std::slice::from_raw_parts_mut(self.start.add(start), columns.len())
        }
    }
}
