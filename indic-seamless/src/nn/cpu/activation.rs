//! Bias, activation and gate, each in one pass.

use rayon::prelude::*;

use crate::{isa::vectorise, nn::Activation, quantization::in_pieces};

/// Elements per task: enough to be worth handing to another thread.
pub(super) const GRAIN: usize = 16 * 1024;

/// `e^x` to about one unit in the last place, in operations that vectorise, for `x` clamped to ±87.3, beyond which `2^n`
/// leaves the normal numbers. The range reduction and polynomial are those of Cephes' `expf`, in fused multiply-adds, which
/// only x86 before AVX2 computes by a call.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LARGEST: f32 = 87.3;
    let x = x.clamp(-LARGEST, LARGEST);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let p = p.mul_add(r * r, r) + 1.0;
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits() - 127);
    p * f32::from_bits(exponent << 23)
}

/// `x · sigmoid(x)`
#[inline(always)]
pub(crate) fn swish(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `max(x, 0)`, but NaN stays NaN: `f32::max` would make it 0, and damaged weights would pass for sound ones.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

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
    in_pieces(x.len() / 2, rows * half, |piece, y| {
        let x = &x[piece * rows * width..];
        vectorise(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(half).zip(x.chunks_exact(width)) {
                    let (a, b) = x.split_at(half);
                    y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a / (1.0 + exp(-b)));
                }
            },
        );
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -90_000..=90_000 {
            let x = i as f32 / 1000.0;
            let (fast, exact) = (exp(x), x.clamp(-87.3, 87.3).exp());
            assert!((fast - exact).abs() <= exact * 3e-7, "e^{x}: {fast} and {exact}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38);
        assert_eq!(exp(0.0), 1.0);
    }
}
