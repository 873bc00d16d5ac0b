//! Attention kernels: the encoder's softmax with relative positions, and the decoder's attention over cached keys.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::exp;
use crate::nn::attention::{KeyRows, RelativeSoftmax};

/// Rows of scores per task.
const ROWS: usize = 16;

/// Turns `scores: [batch, heads, queries, keys]` into attention weights in place; `relative` is
/// `[batch, heads, queries, distances]`.
pub(crate) fn relative_softmax(
    scores: &mut [f32],
    relative: Option<&[f32]>,
    distances: usize,
    [_, heads, queries, keys]: [usize; 4],
    softmax: &RelativeSoftmax<'_>,
) {
    if keys == 0 {
        return;
    }
    let arch = Arch::new();
    scores.par_chunks_mut(ROWS * keys).enumerate().for_each(|(task, rows)| {
        for (row, scores) in rows.chunks_exact_mut(keys).enumerate() {
            let row = task * ROWS + row;
            let (item, query) = (row / (heads * queries), softmax.queries.start + row % queries);
            let visible = softmax.visible(item, query);
            if visible.is_empty() {
                // Every key masked by the same finite amount: the reference's softmax comes out uniform.
                scores.fill(1.0 / keys as f32);
                continue;
            }
            arch.dispatch(|| {
                if let Some(relative) = relative {
                    let relative = &relative[row * distances..(row + 1) * distances];
                    add_relative(scores, relative, query, softmax.left);
                }
                scores[..visible.start].fill(0.0);
                scores[visible.end..].fill(0.0);
                softmax_in_place(&mut scores[visible], softmax.scale);
            });
        }
    });
}

/// `scores[j] += relative[clamp(j - query, -left, right) + left]`
#[inline(always)]
fn add_relative(scores: &mut [f32], relative: &[f32], query: usize, left: usize) {
    let keys = scores.len();
    let add = |scores: &mut [f32], value: f32| scores.iter_mut().for_each(|s| *s += value);
    let near = query.saturating_sub(left).min(keys);
    let far = (query + relative.len() - left).min(keys);
    add(&mut scores[..near], relative[0]);
    let first = near + left - query;
    scores[near..far].iter_mut().zip(&relative[first..]).for_each(|(s, r)| *s += r);
    add(&mut scores[far..], relative[relative.len() - 1]);
}

/// `softmax(scale · scores)`
#[inline(always)]
fn softmax_in_place(scores: &mut [f32], scale: f32) {
    // Independent lanes, since a chain of `max` or `+` cannot be vectorised.
    const LANES: usize = 32;
    let mut max = [f32::NEG_INFINITY; LANES];
    let mut chunks = scores.chunks_exact_mut(LANES);
    for chunk in chunks.by_ref() {
        chunk.iter().zip(&mut max).for_each(|(&s, max)| *max = if s > *max { s } else { *max });
    }
    let tail = chunks.into_remainder().iter().fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    let max = max.iter().fold(tail, |max, &s| max.max(s)) * scale;
    let mut sum = [0.0f32; LANES];
    let mut chunks = scores.chunks_exact_mut(LANES);
    for chunk in chunks.by_ref() {
        for (s, sum) in chunk.iter_mut().zip(&mut sum) {
            *s = exp(*s * scale - max);
            *sum += *s;
        }
    }
    let mut total = 0.0;
    for s in chunks.into_remainder() {
        *s = exp(*s * scale - max);
        total += *s;
    }
    let inverse = 1.0 / (total + sum.iter().sum::<f32>());
    scores.iter_mut().for_each(|s| *s *= inverse);
}

/// Multi-head attention of `queries: [rows, time, hidden]` over the rows of `keys` and `values` that `index` lists.
pub(crate) fn attend(
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    index: &KeyRows,
    [time, hidden, heads]: [usize; 3],
) -> Vec<f32> {
    let mut y = vec![0.0; queries.len()];
    if y.is_empty() {
        return y;
    }
    let arch = Arch::new();
    let row = |(row, (y, q)): (usize, (&mut [f32], &[f32]))| {
        let rows = &index.rows[row / time];
        let unseen = if index.causal { time - 1 - row % time } else { 0 };
        let rows = &rows[..rows.len() - unseen];
        arch.dispatch(AttendRow { q, keys, values, rows, y, head: hidden / heads });
    };
    // One row is done before another thread has woken up.
    if queries.len() == hidden {
        row((0, (&mut y, queries)));
    } else {
        y.par_chunks_mut(hidden).zip(queries.par_chunks(hidden)).enumerate().for_each(row);
    }
    y
}

struct AttendRow<'a> {
    q: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    rows: &'a [u32],
    y: &'a mut [f32],
    head: usize,
}

impl WithSimd for AttendRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { q, keys, values, rows, y, head } = self;
        let hidden = q.len();
        let mut weights = vec![0.0; rows.len()];
        for (start, (q, y)) in (0..hidden).step_by(head).zip(q.chunks_exact(head).zip(y.chunks_exact_mut(head))) {
            let part = |row: u32| row as usize * hidden + start..row as usize * hidden + start + head;
            let (q_vectors, q_tail) = S::as_simd_f32s(q);
            for (weight, &row) in weights.iter_mut().zip(rows) {
                let (k_vectors, k_tail) = S::as_simd_f32s(&keys[part(row)]);
                let mut sum = simd.splat_f32s(0.0);
                for (q, k) in q_vectors.iter().zip(k_vectors) {
                    sum = simd.mul_add_e_f32s(*q, *k, sum);
                }
                let tail: f32 = q_tail.iter().zip(k_tail).map(|(q, k)| q * k).sum();
                *weight = simd.reduce_sum_f32s(sum) + tail;
            }
            softmax_in_place(&mut weights, 1.0);
            for (&weight, &row) in weights.iter().zip(rows) {
                y.iter_mut().zip(&values[part(row)]).for_each(|(y, v)| *y += weight * v);
            }
        }
    }
}
