//! A conformer layer with quantised weights, in five passes over blocks of rows. Between the products of a pass nothing leaves a
//! core's cache: layer by layer, each of them would write megabytes that the next reads back from memory.

use std::cell::RefCell;

use rayon::prelude::*;

use super::{
    activation::glu_here,
    attention::{RelativeAttention, relative_attention},
    depthwise::causal_depthwise,
    int8::{Matrix, ROWS as TILE, Rows, multiply_here},
    isa::Kernels,
    norm::{Norm, add_here},
};

/// What the widest product may leave for a block of rows. Larger blocks no longer stay near the core; with smaller ones the weights
/// come too often from beyond it.
const WIDE_BYTES: usize = 2 * 1024 * 1024;
/// With fewer rows for each thread, reading the weights takes longer than the products: every block reads all of them.
const FEWEST_ROWS: usize = 24;
/// A feed-forward block: `second(first(norm(x)))`.
#[derive(Debug)]
pub(crate) struct FeedForward<'a> {
    pub(crate) norm: Norm<'a>,
    pub(crate) first: Matrix<'a>,
    pub(crate) second: Matrix<'a>,
}

/// The weights of a layer. Each part is added to its input, the feed-forward blocks by half.
#[derive(Debug)]
pub(crate) struct ConformerLayer<'a> {
    pub(crate) first: FeedForward<'a>,
    pub(crate) attention_norm: Norm<'a>,
    /// Queries, keys and values.
    pub(crate) projections: [Matrix<'a>; 3],
    /// `[distances, head]`
    pub(crate) embedding: Option<&'a [f32]>,
    pub(crate) attention_out: Matrix<'a>,
    pub(crate) convolution_norm: Norm<'a>,
    /// Values and gates, `[2 · hidden, hidden]`.
    pub(crate) gated: Matrix<'a>,
    /// `[hidden, 1, k]`
    pub(crate) depthwise: &'a [f32],
    pub(crate) depthwise_norm: Norm<'a>,
    pub(crate) convolution_out: Matrix<'a>,
    pub(crate) second: FeedForward<'a>,
    pub(crate) last_norm: Norm<'a>,
}

/// What passes leave for the next ones, `[rows, hidden]` each; kept from layer to layer.
#[derive(Debug, Default)]
pub(crate) struct Memory([Vec<f32>; 4]);

/// A thread's memory for its blocks.
#[derive(Default)]
struct Scratch {
    /// The input of the next product.
    rows: Rows,
    normed: Vec<f32>,
    /// Between the products of a feed-forward block, or before a gate.
    wide: Vec<f32>,
    /// What joins the input.
    narrow: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl ConformerLayer<'_> {
    /// Whether blocks of rows pay for so many rows in all.
    pub(crate) fn pays(rows: usize) -> bool {
        rows >= rayon::current_num_threads() * FEWEST_ROWS
    }

    /// The layer's output for `x: [batch, time, hidden]`, in its place.
    pub(crate) fn forward(
        &self,
        x: &mut [f32],
        shape @ [_, time, hidden]: [usize; 3],
        attention: &RelativeAttention<'_>,
        Memory(memory): &mut Memory,
    ) {
        let kernels = Kernels::current();
        let size = self.block(x.len() / hidden) * hidden;
        for buffer in memory.iter_mut() {
            buffer.resize(x.len(), 0.0);
        }
        let [queries, keys, values, mixed] = memory;

        let projected = queries.par_chunks_mut(size).zip(keys.par_chunks_mut(size)).zip(values.par_chunks_mut(size));
        x.par_chunks_mut(size).zip(projected).for_each(|(x, ((queries, keys), values))| {
            with_scratch(|scratch| {
                self.first.add_half(kernels, x, scratch);
                scratch.quantise_normed(x, &self.attention_norm);
                for (matrix, y) in self.projections.iter().zip([queries, keys, values]) {
                    multiply_here(kernels, &scratch.rows, matrix, y);
                }
            });
        });

        relative_attention([queries, keys, values], self.embedding, shape, attention, mixed);

        // Queries are done with.
        let gated = queries;
        let blocks = x.par_chunks_mut(size).zip(mixed.par_chunks(size)).zip(gated.par_chunks_mut(size));
        blocks.enumerate().for_each(|(number, ((x, mixed), gated))| {
            with_scratch(|scratch| {
                scratch.rows.refill(mixed, hidden);
                scratch.add_product(kernels, &self.attention_out, x, 1.0);
                scratch.norm(x, &self.convolution_norm);
                let first = number * size / hidden;
                for (row, normed) in (first..).zip(scratch.normed.chunks_exact_mut(hidden)) {
                    // Padding must not leak into valid positions.
                    if row % time >= attention.lengths[row / time] {
                        normed.fill(0.0);
                    }
                }
                scratch.rows.refill(&scratch.normed, hidden);
                let Scratch { rows, wide, .. } = scratch;
                wide.resize(rows.len() * 2 * hidden, 0.0);
                multiply_here(kernels, rows, &self.gated, wide);
                glu_here(wide, 2 * hidden, gated);
            });
        });

        let convolved = keys;
        causal_depthwise(gated, self.depthwise, time, hidden, convolved);

        x.par_chunks_mut(size).zip(convolved.par_chunks(size)).for_each(|(x, convolved)| {
            with_scratch(|scratch| {
                scratch.quantise_normed(convolved, &self.depthwise_norm);
                scratch.add_product(kernels, &self.convolution_out, x, 1.0);
                self.second.add_half(kernels, x, scratch);
                scratch.norm(x, &self.last_norm);
                x.copy_from_slice(&scratch.normed);
            });
        });
    }

    /// Rows of a block, so that there are as many blocks for one thread as for another.
    fn block(&self, rows: usize) -> usize {
        let threads = rayon::current_num_threads();
        let widths = [&self.first.first, &self.second.first, &self.gated].map(|matrix| matrix.scales.len());
        let widest = widths.into_iter().max().unwrap_or(1);
        let most = (WIDE_BYTES / (size_of::<f32>() * widest)).max(TILE);
        let rounds = rows.div_ceil(threads).div_ceil(most);
        rows.div_ceil(threads * rounds.max(1)).next_multiple_of(TILE)
    }
}

impl FeedForward<'_> {
    fn add_half(&self, kernels: Kernels, x: &mut [f32], scratch: &mut Scratch) {
        scratch.quantise_normed(x, &self.norm);
        let Scratch { rows, wide, .. } = scratch;
        let width = self.first.scales.len();
        wide.resize(rows.len() * width, 0.0);
        multiply_here(kernels, rows, &self.first, wide);
        rows.refill(wide, width);
        scratch.add_product(kernels, &self.second, x, 0.5);
    }
}

impl Scratch {
    fn norm(&mut self, x: &[f32], norm: &Norm<'_>) {
        self.normed.resize(x.len(), 0.0);
        norm.here(x, &mut self.normed);
    }

    fn quantise_normed(&mut self, x: &[f32], norm: &Norm<'_>) {
        self.norm(x, norm);
        self.rows.refill(&self.normed, norm.gamma.len());
    }

    /// Adds a product of the quantised rows to `x`.
    fn add_product(&mut self, kernels: Kernels, matrix: &Matrix<'_>, x: &mut [f32], scale: f32) {
        self.narrow.resize(x.len(), 0.0);
        multiply_here(kernels, &self.rows, matrix, &mut self.narrow);
        add_here(x, &self.narrow, scale);
    }
}

/// Nothing in `work` waits for other threads, so that the memory is never asked for twice.
fn with_scratch(work: impl FnOnce(&mut Scratch)) {
    SCRATCH.with_borrow_mut(work);
}
