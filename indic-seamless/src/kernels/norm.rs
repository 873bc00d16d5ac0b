//! Layer normalisation and scaled sums, each in one parallel pass.

use rayon::prelude::*;

use super::{
    activation::{Activation, GRAIN, finish},
    isa::vectorise,
    lanes,
    output::in_pieces,
};

/// `activation(gamma · (x - mean) / sqrt(variance + epsilon) + beta)` for each row of `x`, as wide as `gamma`.
pub(crate) fn layer_norm(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    activation: Option<Activation>,
) -> Vec<f32> {
    let width = gamma.len().max(1);
    let size = GRAIN.div_ceil(width) * width;
    in_pieces(x.len(), size, |piece, y| {
        let x = &x[piece * size..];
        vectorise(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    let mean = lanes::sum(x, |x| x) / width as f32;
                    let variance = lanes::sum(x, |x| (x - mean) * (x - mean)) / width as f32;
                    let factor = 1.0 / (variance + epsilon).sqrt();
                    for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                        *y = (x - mean) * factor * gamma + beta;
                    }
                    finish(y, None, width, activation);
                }
            },
        );
    })
}

/// `x += scale · y`
pub(crate) fn add_scaled(x: &mut [f32], y: &[f32], scale: f32) {
    x.par_chunks_mut(GRAIN).zip(y.par_chunks(GRAIN)).for_each(|(x, y)| {
        vectorise(
            #[inline(always)]
            || x.iter_mut().zip(y).for_each(|(x, y)| *x += scale * y),
        );
    });
}
