//! Bias, activation and gate, each in one pass over memory.

use rayon::prelude::*;

use super::{
    isa::vectorise,
    math::{exp, relu, swish},
    output::in_pieces,
};

/// The activation functions that checkpoints name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x · sigmoid(x)`, also called SiLU
    #[serde(alias = "silu")]
    Swish,
}

/// Elements per task: enough to be worth handing to another thread.
pub(super) const GRAIN: usize = 16 * 1024;

/// Adds `bias` to each row of width `width`, then applies `activation`.
pub(super) fn bias_activation(y: &mut [f32], bias: Option<&[f32]>, width: usize, activation: Option<Activation>) {
    if bias.is_none() && activation.is_none() || width == 0 {
        return;
    }
    let rows = GRAIN.div_ceil(width);
    y.par_chunks_mut(rows * width).for_each(|rows| {
        vectorise(
            #[inline(always)]
            || finish(rows, bias, width, activation),
        );
    });
}

/// Bias and activation of whole rows, in the caller's vector instructions.
#[inline(always)]
pub(super) fn finish(rows: &mut [f32], bias: Option<&[f32]>, width: usize, activation: Option<Activation>) {
    for row in rows.chunks_exact_mut(width) {
        if let Some(bias) = bias {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
        match activation {
            Some(Activation::Relu) => row.iter_mut().for_each(|y| *y = relu(*y)),
            Some(Activation::Swish) => row.iter_mut().for_each(|y| *y = swish(*y)),
            None => {}
        }
    }
}

/// `a · sigmoid(b)` for each row `[a, b]` of width `width`.
pub(crate) fn glu(x: &[f32], width: usize) -> Vec<f32> {
    let half = width / 2;
    if half == 0 {
        return Vec::new();
    }
    let rows = GRAIN.div_ceil(width);
    in_pieces(x.len() / 2, rows * half, |piece, y| glu_here(&x[piece * rows * width..], width, y))
}

/// [`glu`] of as many rows as `y` has, by the calling thread.
pub(super) fn glu_here(x: &[f32], width: usize, y: &mut [f32]) {
    vectorise(
        #[inline(always)]
        || {
            for (y, x) in y.chunks_exact_mut(width / 2).zip(x.chunks_exact(width)) {
                let (a, b) = x.split_at(width / 2);
                y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a / (1.0 + exp(-b)));
            }
        },
    );
}
