//! Layer normalisation and scaled sums, each in one parallel pass.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    activation::{Activation, GRAIN, finish},
    isa::{arch, vectorise},
    lanes,
    output::in_pieces,
};

/// `activation(gamma · (x - mean) / sqrt(variance + epsilon) + beta)` for each row `x`, as wide as `gamma`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) gamma: &'a [f32],
    pub(crate) beta: &'a [f32],
    pub(crate) epsilon: f32,
    pub(crate) activation: Option<Activation>,
}

impl Norm<'_> {
    /// The rows of `x`.
    pub(crate) fn of(&self, x: &[f32]) -> Vec<f32> {
        let width = self.gamma.len().max(1);
        let size = GRAIN.div_ceil(width) * width;
        in_pieces(x.len(), size, |piece, y| self.here(&x[piece * size..], y))
    }

    /// The rows of `x`, as many as `y` has, by the calling thread.
    pub(super) fn here(&self, x: &[f32], y: &mut [f32]) {
        arch().dispatch(NormRows { norm: *self, x, y });
    }
}

/// Some rows of a norm.
struct NormRows<'a> {
    norm: Norm<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for NormRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { norm: Norm { gamma, beta, epsilon, activation }, x, y } = self;
        let width = gamma.len().max(1);
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let mean = lanes::sum_of(simd, x, |sum, x| simd.add_f32s(sum, x), |x| x) / width as f32;
            let means = simd.splat_f32s(mean);
            let add_square = |sum, x| {
                let difference = simd.sub_f32s(x, means);
                simd.mul_add_e_f32s(difference, difference, sum)
            };
            let variance = lanes::sum_of(simd, x, add_square, |x| (x - mean) * (x - mean)) / width as f32;
            let factor = 1.0 / (variance + epsilon).sqrt();
            for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                *y = (x - mean) * factor * gamma + beta;
            }
            finish(y, None, width, activation);
        }
    }
}

/// `x += scale · y`
pub(crate) fn add_scaled(x: &mut [f32], y: &[f32], scale: f32) {
    x.par_chunks_mut(GRAIN).zip(y.par_chunks(GRAIN)).for_each(|(x, y)| add_here(x, y, scale));
}

/// [`add_scaled`] by the calling thread.
pub(super) fn add_here(x: &mut [f32], y: &[f32], scale: f32) {
    vectorise(
        #[inline(always)]
        || x.iter_mut().zip(y).for_each(|(x, y)| *x += scale * y),
    );
}
