//! Bias, activation and gate, each in one pass.

use pulp::Arch;
use rayon::prelude::*;

use crate::nn::Activation;

/// Elements per task: enough to be worth handing to another thread.
const GRAIN: usize = 16 * 1024;

/// `e^x` to about one unit in the last place, in operations that vectorise. The range reduction and polynomial are those
/// of Cephes' `expf`; the result is 0 below -87.3 and infinite above 88.7.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.33, 88.72);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2^n in two factors, since n may be 128 or -126 where one would overflow.
    let n = rounded.to_bits() as i32 - ROUND.to_bits() as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    let y = p * power(half) * power(n - half);
    if x < -87.33 { 0.0 } else { y }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Adds `bias` to each row of width `width`, then applies `activation`.
pub(crate) fn bias_activation(y: &mut [f32], bias: Option<&[f32]>, width: usize, activation: Option<Activation>) {
    if bias.is_none() && activation.is_none() || width == 0 {
        return;
    }
    let arch = Arch::new();
    let rows = GRAIN.div_ceil(width);
    y.par_chunks_mut(rows * width).for_each(|rows| {
        arch.dispatch(
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
            Some(Activation::Relu) => row.iter_mut().for_each(|y| *y = y.max(0.0)),
            Some(Activation::Swish) => row.iter_mut().for_each(|y| *y *= sigmoid(*y)),
            None => {}
        }
    }
}

/// `a · sigmoid(b)` for each row `[a, b]` of width `width`.
pub(crate) fn glu(x: &[f32], width: usize) -> Vec<f32> {
    let half = width / 2;
    let mut y = vec![0.0; x.len() / 2];
    if half == 0 {
        return y;
    }
    let arch = Arch::new();
    let rows = GRAIN.div_ceil(width);
    y.par_chunks_mut(rows * half).zip(x.par_chunks(rows * width)).for_each(|(y, x)| {
        arch.dispatch(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(half).zip(x.chunks_exact(width)) {
                    let (a, b) = x.split_at(half);
                    y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a * sigmoid(*b));
                }
            },
        );
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -90_000..=88_000 {
            let x = i as f32 / 1000.0;
            let (fast, exact) = (exp(x), x.exp());
            assert!((fast - exact).abs() <= exact * 3e-7 + 2.0 * f32::MIN_POSITIVE, "e^{x}: {fast} and {exact}");
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
    }
}
