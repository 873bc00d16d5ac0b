//! Sums and maxima of slices in independent lanes, since a chain of `+` or `max` cannot be vectorised. To be called inside
//! a dispatch, whose instructions they take.

use pulp::Simd;

const LANES: usize = 32;
/// So many vectors of sums do not wait for each other.
const SUMS: usize = 4;

#[inline(always)]
fn reduce<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; SUMS]) -> f32 {
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// The sum of all lanes, by halves.
#[inline(always)]
fn total(mut sums: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = sums.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        half /= 2;
    }
    sums[0]
}

/// `Σ f(x)`
#[inline(always)]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        chunk.iter().zip(&mut sums).for_each(|(&x, sum)| *sum += f(x));
    }
    tail.iter().map(|&x| f(x)).sum::<f32>() + total(sums)
}

/// The sum that `add` makes of vectors of `values`, and `f` of each value that is left behind the last vector.
#[inline(always)]
pub(crate) fn sum_of<S: Simd>(
    simd: S,
    values: &[f32],
    add: impl Fn(S::f32s, S::f32s) -> S::f32s,
    f: impl Fn(f32) -> f32,
) -> f32 {
    let (vectors, tail) = S::as_simd_f32s(values);
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    let (fours, rest) = vectors.as_chunks::<SUMS>();
    for four in fours {
        for (sum, x) in sums.iter_mut().zip(four) {
            *sum = add(*sum, *x);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum = add(*sum, *x);
    }
    reduce(simd, sums) + tail.iter().map(|&x| f(x)).sum::<f32>()
}

/// `Σ x · y` for slices of one length.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, xs: &[f32], ys: &[f32]) -> f32 {
    let ((xs, x_tail), (ys, y_tail)) = (S::as_simd_f32s(xs), S::as_simd_f32s(ys));
    let mut sums = [simd.splat_f32s(0.0); SUMS];
    let ((x_fours, x_rest), (y_fours, y_rest)) = (xs.as_chunks::<SUMS>(), ys.as_chunks::<SUMS>());
    for (xs, ys) in x_fours.iter().zip(y_fours) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum = simd.mul_add_e_f32s(*x, *y, *sum);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_rest).zip(y_rest) {
        *sum = simd.mul_add_e_f32s(*x, *y, *sum);
    }
    reduce(simd, sums) + x_tail.iter().zip(y_tail).map(|(x, y)| x * y).sum::<f32>()
}

/// Puts `f(x)` in the place of each `x`; returns the sum.
#[inline(always)]
pub(crate) fn replace(values: &mut [f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, tail) = values.as_chunks_mut::<LANES>();
    for chunk in chunks {
        chunk.iter_mut().zip(&mut sums).for_each(|(x, sum)| {
            *x = f(*x);
            *sum += *x;
        });
    }
    tail.iter_mut().for_each(|x| *x = f(*x));
    tail.iter().sum::<f32>() + total(sums)
}

/// The largest `f(x)`; minus infinity for no values.
#[inline(always)]
pub(crate) fn max(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut max = [f32::NEG_INFINITY; LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        chunk.iter().zip(&mut max).for_each(|(&x, max)| {
            let x = f(x);
            *max = if x > *max { x } else { *max };
        });
    }
    let tail = tail.iter().map(|&x| f(x)).fold(f32::NEG_INFINITY, f32::max);
    max.into_iter().fold(tail, f32::max)
}

/// The largest magnitude; NaN counts as larger than any, where [`max`] passes over it. Zero for no values.
#[inline(always)]
pub(crate) fn largest_magnitude(values: &[f32]) -> f32 {
    // Without their signs, numbers and their bits are in the same order, and NaN comes last.
    let bits = |x: &f32| x.abs().to_bits() as i32;
    let mut largest = [0i32; LANES];
    let (chunks, tail) = values.as_chunks::<LANES>();
    for chunk in chunks {
        chunk.iter().zip(&mut largest).for_each(|(x, largest)| *largest = bits(x).max(*largest));
    }
    let largest = tail.iter().map(bits).chain(largest).max();
    f32::from_bits(largest.unwrap_or_default() as u32)
}
