//! The decoder's attention, to keys and values in caches.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    attention::exponentials,
    isa::{arch, prefetch},
    lanes,
    matmul::Float,
};

/// Which rows of a matrix of keys each row of queries attends to.
///
/// A matrix of keys holds the positions of many hypotheses or clips, in any order; `rows[r]` lists those of query row `r`
/// in the order of time. Beams are reordered by reordering these lists: the keys stay where they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRows {
    /// Per row of queries, the rows of the key matrix.
    pub(crate) rows: Vec<Vec<u32>>,
    /// Whether query `i` of `t` sees all but the last `t - 1 - i` of them; else all.
    pub(crate) causal: bool,
}

/// What some of the queries attend to: keys and values in `f32` or `bf16`.
pub(crate) struct Attended<'a, E> {
    /// `[n, hidden]`
    pub(crate) keys: &'a [E],
    /// `[n, hidden]`
    pub(crate) values: &'a [E],
    /// Which of the keys.
    pub(crate) index: &'a KeyRows,
    /// Queries for each of the index's rows.
    pub(crate) time: usize,
}

impl<E> Attended<'_, E> {
    /// The keys that a query sees.
    fn rows(&self, query: usize) -> &[u32] {
        let rows = &self.index.rows[query / self.time];
        let unseen = if self.index.causal { self.time - 1 - query % self.time } else { 0 };
        &rows[..rows.len() - unseen]
    }
}

/// Multi-head attention of `queries: [n, hidden]`, of which each group attends to keys of its own, one group behind the other.
pub(crate) fn attend<E: Float>(queries: &[f32], groups: &[Attended<'_, E>], hidden: usize, heads: usize) -> Vec<f32> {
    let mut y = vec![0.0; queries.len()];
    if y.is_empty() {
        return y;
    }
    let of_group = |group: &'_ Attended<'_, E>| group.index.rows.len() * group.time;
    let places: Vec<(&Attended<'_, E>, usize)> =
        groups.iter().flat_map(|group| (0..of_group(group)).map(move |query| (group, query))).collect();
    // Tasks of some heads each, even of a single row: a thread that has nothing to do for as long falls asleep, and is
    // missing when the next product begins.
    let tasks_per_row = [4, 2, 1].into_iter().find(|&tasks| heads.is_multiple_of(tasks)).unwrap_or(1);
    let columns = hidden / tasks_per_row;
    let arch = arch();
    let mut tasks: Vec<_> = y.chunks_mut(columns).zip(queries.chunks(columns)).enumerate().collect();
    // The same heads of all rows follow each other: beams share most of their keys and values, which stay near the core.
    tasks.sort_by_key(|(task, _)| task % tasks_per_row);
    tasks.into_par_iter().for_each(|(task, (y, q))| {
        let (group, query) = places[task / tasks_per_row];
        let (keys, values, rows) = (group.keys, group.values, group.rows(query));
        let first = task % tasks_per_row * columns;
        arch.dispatch(AttendHeads { q, keys, values, rows, y, head: hidden / heads, hidden, first });
    });
    y
}

/// Some heads of one row of queries.
struct AttendHeads<'a, E> {
    q: &'a [f32],
    keys: &'a [E],
    values: &'a [E],
    rows: &'a [u32],
    y: &'a mut [f32],
    head: usize,
    /// Width of a row of keys or values.
    hidden: usize,
    /// Where in it the heads begin.
    first: usize,
}

/// So many rows ahead, keys and values are asked for: each is a row of the caches, far from the one before.
const AHEAD: usize = 8;

/// So many vectors of sums stay in registers while the rows go by.
const SUMS: usize = 4;

impl<E: Float> WithSimd for AttendHeads<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { q, keys, values, rows, y, head, hidden, first } = self;
        let (mut weights, mut buffer) = (vec![0.0; rows.len()], Vec::with_capacity(head));
        for (start, (q, y)) in (first..).step_by(head).zip(q.chunks_exact(head).zip(y.chunks_exact_mut(head))) {
            let part = |row: u32, columns: Range<usize>| {
                let start = row as usize * hidden + start;
                start + columns.start..start + columns.end
            };
            let ahead = |of: &[E], number: usize, columns: &Range<usize>| {
                if let Some(&row) = rows.get(number + AHEAD) {
                    prefetch(&of[part(row, columns.clone())]);
                }
            };
            for (number, (weight, &row)) in weights.iter_mut().zip(rows).enumerate() {
                ahead(keys, number, &(0..head));
                *weight = lanes::dot(simd, q, E::widen(&keys[part(row, 0..head)], &mut buffer));
            }
            let inverse = 1.0 / exponentials(&mut weights, 1.0 / (head as f32).sqrt());
            for (block, y) in y.chunks_mut(SUMS * S::F32_LANES).enumerate() {
                let from = block * SUMS * S::F32_LANES;
                let columns = from..from + y.len();
                let mut sums = [simd.splat_f32s(0.0); SUMS];
                let (vectors, tail) = S::as_mut_simd_f32s(y);
                for (number, (&weight, &row)) in weights.iter().zip(rows).enumerate() {
                    ahead(values, number, &columns);
                    let (v, v_tail) = S::as_simd_f32s(E::widen(&values[part(row, columns.clone())], &mut buffer));
                    let wide = simd.splat_f32s(weight);
                    for (sum, v) in sums.iter_mut().zip(v) {
                        *sum = simd.mul_add_e_f32s(wide, *v, *sum);
                    }
                    tail.iter_mut().zip(v_tail).for_each(|(y, v)| *y += weight * v);
                }
                let inverse_vector = simd.splat_f32s(inverse);
                vectors.iter_mut().zip(sums).for_each(|(y, sum)| *y = simd.mul_f32s(sum, inverse_vector));
                tail.iter_mut().for_each(|y| *y *= inverse);
            }
        }
    }
}
