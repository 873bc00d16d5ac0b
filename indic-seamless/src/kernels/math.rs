//! Scalar functions in operations that the compiler vectorises.

/// `e^x` to about one unit in the last place, in operations that vectorise. `x` is clamped to ±87.3, beyond which `2^n` is
/// not a normal number. Range reduction and polynomial are those of Cephes' [`expf`], in fused multiply-adds (a library call on
/// x86 before AVX2).
///
/// [`expf`]: https://github.com/jeremybarnes/cephes/blob/master/single/expf.c
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

/// `2^x` with a relative error below 3e-6, in two thirds of the time of [`exp`]: for what is rounded to bytes or bf16. `x` is clamped
/// to ±126; NaN as arithmetic makes it stays NaN. The polynomial has the smallest largest relative error of its degree between -1/2 and 1/2 (Remez).
#[inline(always)]
pub(crate) fn exp2_coarse(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-126.0, 126.0);
    let rounded = x + ROUND;
    let r = x - (rounded - ROUND);
    let p = 9.570_102e-3f32;
    let p = p.mul_add(r, 5.591_786e-2);
    let p = p.mul_add(r, 0.240_247_45);
    let p = p.mul_add(r, 0.693_121_8);
    let p = p.mul_add(r, 0.999_999_3);
    // The integer stands in the low bits; the others are shifted out.
    f32::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// `x · sigmoid(x)` with the error of [`exp2_coarse`].
#[inline(always)]
pub(crate) fn swish_coarse(x: f32) -> f32 {
    x / (1.0 + exp2_coarse(x * -std::f32::consts::LOG2_E))
}

/// `x · sigmoid(x)`
#[inline(always)]
pub(crate) fn swish(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `max(x, 0)`, but NaN stays NaN: `f32::max` would return 0 and hide damaged weights.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
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

    #[test]
    fn coarse_powers_err_by_millionths() {
        for i in -126_000..=126_000 {
            let x = i as f32 / 1000.0;
            let (fast, exact) = (exp2_coarse(x), x.exp2());
            assert!((fast - exact).abs() <= exact * 3e-6, "2^{x}: {fast} and {exact}");
        }
        assert!(exp2_coarse(f32::NEG_INFINITY) < 1.3e-38 && exp2_coarse(f32::INFINITY) > 8e37);
        assert!(exp2_coarse(f32::NAN).is_nan() && swish_coarse(f32::NAN).is_nan());
        for x in [-200.0, -20.0, -1.0, 0.0, 0.5, 3.0, 200.0] {
            assert!((swish_coarse(x) - swish(x)).abs() <= 1e-5 * x.abs(), "{x}");
        }
    }
}
