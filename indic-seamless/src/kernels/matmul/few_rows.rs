//! Matrix products with few rows on the left: the decoder's steps. They are bound by reading the weight once.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Float;
use crate::kernels::isa::{arch, prefetch};

/// Up to this many rows the kernel here is faster than a packed matrix product, whose packing reads and writes the weight
/// once more.
pub(super) const FEW_ROWS: usize = 32;

/// Rows that one pass over a column of the weight serves: their accumulators fill the vector registers.
const TILE: usize = 8;
/// Vectors of a column that are multiplied while those of the next columns are on their way: the hardware stops looking
/// ahead at the end of a page.
const STRETCH: usize = 8;
/// Bytes of weight per task: long enough to stream, short enough to stay in the cache for the next rows.
const TASK_BYTES: usize = 128 * 1024;

/// `x · wᵀ` for `x: [rows, input]`, `w: [output, input]`: `[rows, output]` in `y`.
pub(in crate::kernels) fn few_rows_linear<W: Float>(x: &[f32], w: &[W], input: usize, y: &mut [f32]) {
    let (rows, output) = (x.len() / input, w.len() / input);
    let columns = (TASK_BYTES / (size_of::<W>() * input)).max(4);
    // Each task owns the same columns of every row.
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..output.div_ceil(columns)).map(|_| Vec::with_capacity(rows)).collect();
    for row in y.chunks_mut(output) {
        for (task, part) in tasks.iter_mut().zip(row.chunks_mut(columns)) {
            task.push(part);
        }
    }
    let arch = arch();
    tasks.into_par_iter().zip(w.par_chunks(columns * input)).for_each(|(mut task, w)| {
        for (parts, x) in task.chunks_mut(TILE).zip(x.chunks(TILE * input)) {
            match parts.len() {
                1 => arch.dispatch(Tile::<_, 1> { x, w, parts, input }),
                2 => arch.dispatch(Tile::<_, 2> { x, w, parts, input }),
                3 => arch.dispatch(Tile::<_, 3> { x, w, parts, input }),
                4 => arch.dispatch(Tile::<_, 4> { x, w, parts, input }),
                5 => arch.dispatch(Tile::<_, 5> { x, w, parts, input }),
                6 => arch.dispatch(Tile::<_, 6> { x, w, parts, input }),
                7 => arch.dispatch(Tile::<_, 7> { x, w, parts, input }),
                _ => arch.dispatch(Tile::<_, TILE> { x, w, parts, input }),
            }
        }
    });
}

/// `R` rows against a few columns of the weight.
struct Tile<'a, 'b, W, const R: usize> {
    x: &'a [f32],
    w: &'a [W],
    parts: &'a mut [&'b mut [f32]],
    input: usize,
}

impl<W: Float, const R: usize> WithSimd for Tile<'_, '_, W, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, parts, input } = self;
        let rows: [(&[S::f32s], &[f32]); R] = std::array::from_fn(|r| S::as_simd_f32s(&x[r * input..(r + 1) * input]));
        let mut column = 0;
        let mut buffer = Vec::new();
        // Two columns at a time keep twice as many independent sums in flight.
        let mut pairs = w.chunks_exact(2 * input);
        for pair in pairs.by_ref() {
            let (a, b) = W::widen(pair, &mut buffer).split_at(input);
            let ((a, a_tail), (b, b_tail)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
            let mut sums = [[simd.splat_f32s(0.0); 2]; R];
            for (number, (a, b)) in a.chunks(STRETCH).zip(b.chunks(STRETCH)).enumerate() {
                let first = number * STRETCH;
                prefetch_pair(w, (column + 2) * input + first * S::F32_LANES, input, STRETCH * S::F32_LANES);
                let rows = rows.map(|(row, _)| &row[first..first + a.len()]);
                for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
                    for r in 0..R {
                        sums[r][0] = simd.mul_add_e_f32s(rows[r][i], a, sums[r][0]);
                        sums[r][1] = simd.mul_add_e_f32s(rows[r][i], b, sums[r][1]);
                    }
                }
            }
            for r in 0..R {
                parts[r][column] = simd.reduce_sum_f32s(sums[r][0]) + dot(rows[r].1, a_tail);
                parts[r][column + 1] = simd.reduce_sum_f32s(sums[r][1]) + dot(rows[r].1, b_tail);
            }
            column += 2;
        }
        for last in pairs.remainder().chunks_exact(input) {
            let (a, a_tail) = S::as_simd_f32s(W::widen(last, &mut buffer));
            for r in 0..R {
                let mut sum = simd.splat_f32s(0.0);
                for (&x, &a) in rows[r].0.iter().zip(a) {
                    sum = simd.mul_add_e_f32s(x, a, sum);
                }
                parts[r][column] = simd.reduce_sum_f32s(sum) + dot(rows[r].1, a_tail);
            }
        }
    }
}

/// Asks for `length` values from `start` on, and for those a row later.
#[inline(always)]
fn prefetch_pair<W>(w: &[W], start: usize, input: usize, length: usize) {
    for start in [start, start + input] {
        prefetch(w.get(start..start + length).unwrap_or_default());
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
