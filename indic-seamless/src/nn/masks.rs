//! Attention in plain Burn operations, for backends without kernels: which keys a query sees, and how far away they are.
//!
//! Both are uploaded once for all layers: of a batch in the encoder, and of a step in the decoder.

use std::{cell::OnceCell, ops::Range};

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::attention::Attended;
use crate::{
    device::upload,
    kernels::{KeyRows, RelativeAttention},
};

/// Stands for "masked" in additive masks: the least finite `f32`, as in the reference, so that a row with every key
/// masked comes out uniform instead of NaN.
const MASKED: f32 = f32::MIN;

/// Query rows whose scores are held at a time: bounds the memory of `[heads, queries, time]`.
const QUERIES: usize = 512;

/// What all layers of the encoder share, made by the first that needs it.
#[derive(Debug)]
pub(crate) struct RelativeMask {
    /// The embedding of each key's distance, for the queries of a tile: `[queries, last + time]`, where `last` is the start of the
    /// last tile. Column `last + j` belongs to the key that lies `j` behind the first query of the tile. `None` without embeddings.
    distances: Option<Tensor<2, Int>>,
    last: usize,
    /// `None` if every query sees every key.
    visible: Option<Visible>,
}

/// The keys that queries see, a range for each.
#[derive(Debug)]
struct Visible {
    /// `[batch, 1, queries, 1]`, or of one query if all see the same.
    first: Tensor<4, Int>,
    /// As `first`.
    end: Tensor<4, Int>,
    /// `[1, 1, 1, time]`
    keys: Tensor<4, Int>,
}

impl RelativeMask {
    /// `embeddings` is the number of distances that have one.
    fn new(attention: &RelativeAttention<'_>, time: usize, embeddings: Option<usize>, device: &Device) -> Self {
        let last = time.saturating_sub(1) / QUERIES * QUERIES;
        let (queries, columns, left) = (time.min(QUERIES), last + time, attention.left);
        let distances = |embeddings: usize| {
            let of_query = |query: usize| {
                let far = embeddings.saturating_sub(1);
                (0..columns).map(move |column| (column + left).saturating_sub(last + query).min(far) as i32)
            };
            upload(TensorData::new::<i32, _>((0..queries).flat_map(of_query).collect(), [queries, columns]), device)
        };
        Self { distances: embeddings.map(distances), last, visible: Visible::new(attention, time, device) }
    }

    /// Scores of distances, `[batch, heads, queries, embeddings]`, of the queries of a tile -> scores of keys,
    /// `[batch, heads, queries, time]`.
    fn per_key(&self, scores: Tensor<4>, tile: &Range<usize>, time: usize) -> Option<Tensor<4>> {
        let [batch, heads, queries, _] = scores.dims();
        let index = self.distances.clone()?.narrow(0, 0, queries).narrow(1, self.last - tile.start, time);
        Some(scores.gather(3, index.unsqueeze::<4>().expand([batch, heads, queries, time])))
    }
}

impl Visible {
    fn new(attention: &RelativeAttention<'_>, time: usize, device: &Device) -> Option<Self> {
        let items = attention.lengths.len();
        let ranges = |queries: usize| {
            (0..items).flat_map(move |item| (0..queries).map(move |query| attention.visible(item, query)))
        };
        if ranges(time).all(|range| range == (0..time)) {
            return None;
        }
        let one = (0..items).all(|item| {
            let first = attention.visible(item, 0);
            (1..time).all(|query| attention.visible(item, query) == first)
        });
        let queries = if one { 1 } else { time };
        let bounds = |bound: fn(Range<usize>) -> usize| {
            let bounds = ranges(queries).map(|range| bound(range) as i32).collect();
            upload(TensorData::new::<i32, _>(bounds, [items, 1, queries, 1]), device)
        };
        let keys = upload(TensorData::new::<i32, _>((0..time as i32).collect(), [1, 1, 1, time]), device);
        Some(Self { first: bounds(|range| range.start), end: bounds(|range| range.end), keys })
    }

    /// What is added to the scores of the queries of a tile, `[batch, 1, queries, time]` or for one query that stands for all.
    fn mask(&self, tile: &Range<usize>) -> Tensor<4> {
        let of_tile = |bound: &Tensor<4, Int>| match bound.dims()[2] {
            1 => bound.clone(),
            _ => bound.clone().narrow(2, tile.start, tile.len()),
        };
        let before = self.keys.clone().lower(of_tile(&self.first));
        let behind = self.keys.clone().greater_equal(of_tile(&self.end));
        before.bool_or(behind).float() * MASKED
    }
}

impl RelativeAttention<'_> {
    /// The attention in plain Burn operations; shapes as of [`forward`](Self::forward).
    pub(super) fn plain(
        &self,
        [queries, keys, values]: [Tensor<3>; 3],
        embedding: Option<Tensor<2>>,
        mask: &OnceCell<RelativeMask>,
    ) -> Tensor<3> {
        let shape @ [batch, time, hidden] = queries.dims();
        let embeddings = embedding.as_ref().map(|embedding| embedding.dims()[0]);
        let mask = mask.get_or_init(|| RelativeMask::new(self, time, embeddings, &queries.device()));
        let head = hidden / self.heads;
        let split = |x: Tensor<3>| x.reshape([batch, time, self.heads, head]).swap_dims(1, 2);
        let (queries, keys, values) = (split(queries), split(keys).swap_dims(2, 3), split(values));
        let embedding = embedding.map(|embedding| embedding.transpose().unsqueeze::<4>());
        let tile = |start: usize| {
            let tile = start..time.min(start + QUERIES);
            let queries = queries.clone().narrow(2, start, tile.len());
            let scores = queries.clone().matmul(keys.clone());
            let relative = embedding.as_ref().map(|embedding| queries.matmul(embedding.clone()));
            let scores = match relative.and_then(|relative| mask.per_key(relative, &tile, time)) {
                Some(relative) => scores + relative,
                None => scores,
            };
            let scores = scores / (head as f64).sqrt();
            let scores = match &mask.visible {
                Some(visible) => scores + visible.mask(&tile),
                None => scores,
            };
            activation::softmax(scores, 3).matmul(values.clone())
        };
        let tiles = (0..time).step_by(QUERIES).map(tile).collect();
        one_tensor(tiles, 2).swap_dims(1, 2).reshape(shape)
    }
}

/// What all layers of a step of the decoder share, made by the first that needs it: where the keys lie that a group of queries
/// attends to. Beams have keys in common, so that all queries are compared with all keys between the first and the last, which
/// copies none of them.
#[derive(Debug)]
pub(crate) struct KeyMask {
    /// Rows of the matrix of keys.
    keys: Range<usize>,
    /// What is added to the scores, `[1, queries, keys]`; `None` if every query sees all of them.
    mask: Option<Tensor<3>>,
}

impl KeyMask {
    /// For `time` queries of each of the index's rows.
    fn new(index: &KeyRows, time: usize, device: &Device) -> Self {
        let rows = || index.rows.iter().flatten().map(|&row| row as usize);
        let keys = rows().min().unwrap_or(0)..rows().max().map_or(0, |last| last + 1);
        let mut mask = vec![MASKED; index.rows.len() * time * keys.len()];
        let queries = index.rows.iter().flat_map(|row| (0..time).map(move |query| (row, query)));
        for ((row, query), mask) in queries.zip(mask.chunks_mut(keys.len().max(1))) {
            let unseen = if index.causal { time - 1 - query } else { 0 };
            row[..row.len() - unseen].iter().for_each(|&row| mask[row as usize - keys.start] = 0.0);
        }
        let shape = [1, index.rows.len() * time, keys.len()];
        let mask = mask.contains(&MASKED).then(|| upload(TensorData::new(mask, shape), device));
        Self { keys, mask }
    }
}

impl Attended<'_> {
    /// The attention of `queries: [rows · time, hidden]` in plain Burn operations.
    pub(super) fn plain(&self, queries: Tensor<2>, heads: usize) -> Tensor<2> {
        let shape @ [_, hidden] = queries.dims();
        let KeyMask { keys, mask } = self.mask.get_or_init(|| KeyMask::new(self.index, self.time, &queries.device()));
        let head = hidden / heads;
        let split = |x: Tensor<2>| {
            let [rows, _] = x.dims();
            x.reshape([rows, heads, head]).swap_dims(0, 1)
        };
        let seen = |x: &Tensor<2>| split(x.clone().narrow(0, keys.start, keys.len()));
        let scores = split(queries).matmul(seen(self.keys).swap_dims(1, 2)) / (head as f64).sqrt();
        let scores = match mask {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        activation::softmax(scores, 2).matmul(seen(self.values)).swap_dims(0, 1).reshape(shape)
    }
}

/// Tensors behind each other along a dimension; a single one as it is.
pub(crate) fn one_tensor<const D: usize>(mut tensors: Vec<Tensor<D>>, dim: usize) -> Tensor<D> {
    match tensors.len() {
        1 => tensors.swap_remove(0),
        _ => Tensor::cat(tensors, dim),
    }
}
