//! The encoder's attention: softmax with relative positions.

use std::{marker::PhantomData, ops::Range};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    isa::{Kernels, arch},
    lanes,
    math::{exp, exp2_coarse},
    matmul::{Element, Pair, Panel, ROWS, prefetch_ahead},
    output::Columns,
};

/// The encoder's self-attention between its projections.
///
/// The score of key `j` for query `i` is `(q_i · k_j + q_i · E[clamp(j - i, -left, right)]) / sqrt(head)`. Query `i` sees
/// key `j` if `j` is in the window of the query's chunk and below the item's length.
pub(crate) struct RelativeAttention<'a> {
    /// Number of heads.
    pub(crate) heads: usize,
    /// How far to the left distances `key - query` have their own embedding; farther ones share the last.
    pub(crate) left: usize,
    /// Valid keys per item.
    pub(crate) lengths: &'a [usize],
    /// The keys that a query position may see, whatever the item's length.
    pub(crate) window: &'a (dyn Fn(usize) -> Range<usize> + Sync),
    /// Whether numbers may be rounded to bf16, which some processors multiply faster: where weights are bytes or bf16, nothing that
    /// counts is lost by it.
    pub(crate) bf16: bool,
}

impl RelativeAttention<'_> {
    /// The keys that `query` of `item` sees.
    pub(crate) fn visible(&self, item: usize, query: usize) -> Range<usize> {
        let window = (self.window)(query);
        window.start..window.end.min(self.lengths[item])
    }
}

/// Self-attention of `[queries, keys, values]`, each `[batch, time, hidden]`, into `y` of the same shape. A task is a head, or a part
/// of its queries where there are many threads: scores, relative term, softmax and values of a few queries at a time, so that scores
/// never leave the cache.
pub(crate) fn relative_attention(
    [queries, keys, values]: [&[f32]; 3],
    embedding: Option<&[f32]>,
    [batch, time, hidden]: [usize; 3],
    attention: &RelativeAttention<'_>,
    y: &mut [f32],
) {
    if attention.bf16 && Kernels::current().bf16_pairs().is_some() {
        attend_heads::<Pair>([queries, keys, values], embedding, [batch, time, hidden], attention, y);
    } else {
        attend_heads::<f32>([queries, keys, values], embedding, [batch, time, hidden], attention, y);
    }
}

/// The same, with products of numbers of type `E`.
pub(super) fn attend_heads<E: Element>(
    [queries, keys, values]: [&[f32]; 3],
    embedding: Option<&[f32]>,
    [batch, time, hidden]: [usize; 3],
    attention: &RelativeAttention<'_>,
    y: &mut [f32],
) {
    let (heads, head) = (attention.heads, hidden / attention.heads);
    assert_eq!(heads * head, hidden, "heads of one width");
    // Each task prepares the keys and values of its head, which pays for many queries only.
    let parts = TASKS_PER_THREAD * rayon::current_num_threads() / (batch * heads).max(1);
    let size = time.div_ceil(parts.max(1)).next_multiple_of(ROWS).max(FEWEST_QUERIES);
    let parts = time.div_ceil(size);
    let arch = arch();
    let output = Columns::over(y, hidden);
    (0..batch * heads * parts).into_par_iter().for_each(|task| {
        let (task, part) = (task / parts, task % parts);
        let (item, number) = (task / heads, task % heads);
        arch.dispatch(AttendHead {
            of_item: [queries, keys, values].map(|x| &x[item * time * hidden..(item + 1) * time * hidden]),
            embedding,
            hidden,
            columns: number * head..(number + 1) * head,
            queries: part * size..time.min((part + 1) * size),
            item,
            attention,
            output: &output,
            element: PhantomData::<E>,
        });
    });
    debug_assert!(output.is_taken(), "the tasks have every column of every query");
}

/// Tasks for each thread, so that none waits long for the last one.
const TASKS_PER_THREAD: usize = 3;
/// Queries of a task at least, a multiple of [`ROWS`].
const FEWEST_QUERIES: usize = 96;

/// Takes the mean of the rows off each. As keys they then differ by what they differ in, and lose less when they are rounded;
/// the scores of a query all change by the same amount, which a softmax does not see.
#[inline(always)]
fn centre(rows: &mut [f32], width: usize) {
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
    }
    let inverse = width as f32 / rows.len().max(1) as f32;
    for row in rows.chunks_exact_mut(width) {
        row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean * inverse);
    }
}

/// Some queries of one head of one item.
struct AttendHead<'a, E> {
    /// Queries, keys and values of the item, `[time, hidden]`.
    of_item: [&'a [f32]; 3],
    /// `[distances, head]`
    embedding: Option<&'a [f32]>,
    hidden: usize,
    /// Those of the head.
    columns: Range<usize>,
    queries: Range<usize>,
    item: usize,
    attention: &'a RelativeAttention<'a>,
    /// `[batch · time, hidden]`
    output: &'a Columns<'a>,
    element: PhantomData<E>,
}

impl<E: Element> WithSimd for AttendHead<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of_item, embedding, hidden, columns, queries: range, item, attention, output, .. } = self;
        let (head, time) = (columns.len(), of_item[0].len() / hidden);
        let [queries, keys, values] = of_item.map(|x| &x[columns.start..]);
        let mut of_head = Vec::new();
        pack_rows::<f32>(keys, hidden, time, head, &mut of_head);
        if E::NUMBERS > 1 {
            centre(&mut of_head, head);
        }
        let keys = Panel::<E>::transposed::<S, _>(of_head.chunks_exact(head), time, head, Vec::new());
        let values = Panel::<E>::new::<S>(values, hidden, time, head);
        let distances = |embedding: &[f32]| {
            Panel::<E>::transposed::<S, _>(embedding.chunks_exact(head), embedding.len() / head, head, Vec::new())
        };
        let embedding = embedding.map(distances);
        let (mut as_elements, mut weights) = (Vec::new(), Vec::new());
        let queries = &queries[range.start * hidden..];
        let (queries, width) = left_matrix(queries, hidden, range.len(), head, &mut as_elements);
        let scale = 1.0 / (head as f32).sqrt();
        let mut scores = vec![0.0; ROWS * keys.stride];
        let mut relative = vec![0.0; ROWS * embedding.as_ref().map_or(0, |panel| panel.stride)];
        let mut out = vec![0.0; ROWS * values.stride];
        for first in range.clone().step_by(ROWS) {
            let rows = ROWS.min(range.end - first);
            let queries = &queries[(first - range.start) * width..];
            keys.product(simd, queries, width, rows, &mut scores);
            if let Some(embedding) = &embedding {
                embedding.product(simd, queries, width, rows, &mut relative);
            }
            let mut sums = [1.0; ROWS];
            for (row, sum) in sums.iter_mut().enumerate().take(rows) {
                let scores = &mut scores[row * keys.stride..][..time];
                let visible = attention.visible(item, first + row);
                if visible.is_empty() {
                    // Every key masked by the same finite amount: the reference's softmax comes out uniform.
                    scores.fill(1.0 / time as f32);
                    continue;
                }
                if let Some(embedding) = &embedding {
                    let relative = &relative[row * embedding.stride..][..embedding.width];
                    add_relative(scores, relative, first + row, attention.left);
                }
                scores[..visible.start].fill(0.0);
                scores[visible.end..].fill(0.0);
                *sum = if E::NUMBERS > 1 {
                    coarse_exponentials(&mut scores[visible], scale)
                } else {
                    exponentials(&mut scores[visible], scale)
                };
            }
            let (weights, stride) = left_matrix(&scores, keys.stride, rows, keys.stride, &mut weights);
            values.product(simd, weights, stride, rows, &mut out);
            for (row, (sum, values)) in sums[..rows].iter().zip(out.chunks_exact(values.stride)).enumerate() {
                // SAFETY: no other task has these columns of these queries.
                #[allow(unsafe_code, reason = "see `Columns`")]
                let place = unsafe { output.part(item * time + first + row, columns.clone()) };
                let inverse = 1.0 / sum;
                place.iter_mut().zip(values).for_each(|(place, value)| {
                    place.write(value * inverse);
                });
            }
        }
    }
}

/// The first `width` numbers of `count` rows that begin `stride` apart, as the left matrix of a product, and the stride of its rows:
/// as they are, or as elements in `buffer`.
#[inline(always)]
fn left_matrix<'a, E: Element>(
    rows: &'a [f32],
    stride: usize,
    count: usize,
    width: usize,
    buffer: &'a mut Vec<E>,
) -> (&'a [E], usize) {
    if let Some(rows) = E::as_is(rows) {
        return (rows, stride);
    }
    pack_rows(rows, stride, count, width, buffer);
    (buffer, width.div_ceil(E::NUMBERS))
}

/// The first `width` numbers of `count` rows that begin `stride` apart, as elements, one row behind the other.
#[inline(always)]
fn pack_rows<E: Element>(rows: &[f32], stride: usize, count: usize, width: usize, buffer: &mut Vec<E>) {
    let depth = width.div_ceil(E::NUMBERS);
    buffer.resize(count * depth, E::default());
    for (number, (to, row)) in buffer.chunks_exact_mut(depth.max(1)).zip(rows.chunks(stride.max(1))).enumerate() {
        if stride > width {
            prefetch_ahead(rows, number, stride, width);
        }
        E::pack_row(&row[..width], to);
    }
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

/// `exp(scale · (scores - their maximum))` in the place of the scores; returns the sum, by which a softmax divides.
#[inline(always)]
pub(super) fn exponentials(scores: &mut [f32], scale: f32) -> f32 {
    let max = lanes::max(scores, |s| s) * scale;
    lanes::replace(scores, |s| exp(s * scale - max))
}

/// [`exponentials`] for what is rounded to bf16.
#[inline(always)]
fn coarse_exponentials(scores: &mut [f32], scale: f32) -> f32 {
    let scale = scale * std::f32::consts::LOG2_E;
    let max = lanes::max(scores, |s| s) * scale;
    lanes::replace(scores, |s| exp2_coarse(s.mul_add(scale, -max)))
}
