//! The parts of attention that plain tensor operations do slowly on a CPU.

use std::ops::Range;

use burn::tensor::{DType, Int, Tensor, TensorData, activation};
use half::bf16;

use super::flex::{FlexView, Stored};
use crate::kernels::{self, Float, KeyRows, RelativeAttention};

/// Stands for "masked" in additive masks: the least finite `f32`, as in the reference, so that a row with every key
/// masked comes out uniform instead of NaN.
const MASKED: f32 = f32::MIN;

/// Query rows whose scores are held at a time where there is no kernel: bounds the memory of `[heads, queries, time]`.
const QUERIES: usize = 512;

impl RelativeAttention<'_> {
    /// Queries, keys and values `[batch, time, hidden]` and distances `[left + right + 1, head]` ->
    /// `[batch, time, hidden]`.
    pub(crate) fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        embedding: Option<Tensor<2>>,
    ) -> Tensor<3> {
        let shape @ [batch, time, hidden] = queries.dims();
        if let (Some(q), Some(k), Some(v)) = (FlexView::view(&queries), FlexView::view(&keys), FlexView::view(&values))
        {
            let embedding = embedding.as_ref().and_then(FlexView::view);
            let embedding = embedding.as_ref().map(FlexView::as_slice);
            let y = kernels::relative_attention([q.as_slice(), k.as_slice(), v.as_slice()], embedding, shape, self);
            return FlexView::tensor(y, shape, &queries);
        }
        let head = hidden / self.heads;
        let split = |x: Tensor<3>| x.reshape([batch, time, self.heads, head]).swap_dims(1, 2);
        let (queries, keys, values) = (split(queries), split(keys).swap_dims(2, 3), split(values));
        let embedding = embedding.map(|embedding| embedding.transpose().unsqueeze::<4>());
        let tile = |start: usize| {
            let rows = start..time.min(start + QUERIES);
            let queries = queries.clone().narrow(2, start, rows.len());
            let mut scores = queries.clone().matmul(keys.clone());
            if let Some(embedding) = &embedding {
                scores = scores + self.per_key(queries.matmul(embedding.clone()), rows.clone(), time);
            }
            let mask = self.mask(rows, time, &scores);
            activation::softmax(scores / (head as f64).sqrt() + mask, 3).matmul(values.clone())
        };
        let tiles = (0..time).step_by(QUERIES).map(tile).collect();
        Tensor::cat(tiles, 2).swap_dims(1, 2).reshape(shape)
    }

    /// Scores of distances `[batch, heads, queries, distances]` -> scores of keys `[batch, heads, queries, keys]`.
    fn per_key(&self, relative: Tensor<4>, rows: Range<usize>, keys: usize) -> Tensor<4> {
        let [batch, heads, queries, distances] = relative.dims();
        let distance = |i: usize, j: usize| (j + self.left).saturating_sub(i).min(distances - 1) as i32;
        let index = rows.flat_map(|i| (0..keys).map(move |j| distance(i, j))).collect();
        let index = Tensor::<2, Int>::from_data(TensorData::new::<i32, _>(index, [queries, keys]), &relative.device());
        relative.gather(3, index.unsqueeze::<4>().expand([batch, heads, queries, keys]))
    }

    /// What is added to the scores, `[batch, 1, queries, keys]`.
    fn mask(&self, rows: Range<usize>, keys: usize, scores: &Tensor<4>) -> Tensor<4> {
        let shape = [self.lengths.len(), 1, rows.len(), keys];
        let row = |item: usize, query: usize| {
            let visible = self.visible(item, query);
            (0..keys).map(move |key| if visible.contains(&key) { 0.0 } else { MASKED })
        };
        let items = 0..self.lengths.len();
        let mask = items.flat_map(|item| rows.clone().flat_map(move |query| row(item, query))).collect();
        Tensor::from_data(TensorData::new::<f32, _>(mask, shape), &scores.device())
    }
}

/// Keys and values that some rows of queries attend to.
pub(crate) struct Attended<'a> {
    /// `[n, hidden]`
    pub(crate) keys: &'a Tensor<2>,
    /// `[n, hidden]`
    pub(crate) values: &'a Tensor<2>,
    /// Which of the keys each row of queries sees.
    pub(crate) index: &'a KeyRows,
    /// Queries for each of the index's rows.
    pub(crate) time: usize,
}

/// Multi-head attention of `queries: [.., .., hidden]`, scores divided by `sqrt(head)`, in the same shape. Each of `groups` has
/// `index.rows · time` queries, one group behind the other.
pub(crate) fn attend(queries: &Tensor<3>, groups: &[Attended<'_>], heads: usize) -> Tensor<3> {
    let shape @ [.., hidden] = queries.dims();
    let of_half = groups.first().is_some_and(|group| group.keys.dtype() == DType::BF16);
    let y = if of_half { on_flex::<bf16>(queries, groups, heads) } else { on_flex::<f32>(queries, groups, heads) };
    if let Some(y) = y {
        return FlexView::tensor(y, shape, queries);
    }
    let queries = queries.clone().reshape([1, shape[0] * shape[1], hidden]);
    let mut first = 0;
    let of_group = |group: &Attended<'_>| {
        let (rows, time) = (group.index.rows.len(), group.time);
        let queries = queries.clone().narrow(1, first, rows * time).reshape([rows, time, hidden]);
        first += rows * time;
        group.plain(queries, heads).reshape([1, rows * time, hidden])
    };
    Tensor::cat(groups.iter().map(of_group).collect(), 1).reshape(shape)
}

/// [`attend`] by the kernel, where the tensors live on Flex.
fn on_flex<E: Stored + Float>(queries: &Tensor<3>, groups: &[Attended<'_>], heads: usize) -> Option<Vec<f32>> {
    let q = FlexView::<f32>::view(queries)?;
    let view = |group: &Attended<'_>| Some((FlexView::<E>::view(group.keys)?, FlexView::<E>::view(group.values)?));
    let views = groups.iter().map(view).collect::<Option<Vec<_>>>()?;
    let groups = groups.iter().zip(&views).map(|(&Attended { index, time, .. }, (keys, values))| kernels::Attended {
        keys: keys.as_slice(),
        values: values.as_slice(),
        index,
        time,
    });
    let groups: Vec<_> = groups.collect();
    Some(kernels::attend(q.as_slice(), &groups, queries.dims()[2], heads))
}

impl Attended<'_> {
    /// The attention of `queries: [rows, time, hidden]` in plain Burn operations.
    fn plain(&self, queries: Tensor<3>, heads: usize) -> Tensor<3> {
        let [rows, time, hidden] = queries.dims();
        let (index, device) = (self.index, queries.device());
        let longest = index.rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = index.rows.iter().flat_map(|row| (0..longest).map(|i| row.get(i).map_or(0, |&r| r as i32)));
        let gather = Tensor::<1, Int>::from_data(TensorData::new(padded.collect(), [rows * longest]), &device);
        let head = hidden / heads;
        let split =
            |x: &Tensor<2>| x.clone().select(0, gather.clone()).reshape([rows, longest, heads, head]).swap_dims(1, 2);
        let mask = |row: &Vec<u32>, i: usize| {
            let visible = row.len() - if index.causal { time - 1 - i } else { 0 };
            (0..longest).map(move |key| if key < visible { 0.0 } else { MASKED })
        };
        let mask: Vec<f32> = index.rows.iter().flat_map(|row| (0..time).flat_map(move |i| mask(row, i))).collect();
        let mask = Tensor::<4>::from_data(TensorData::new(mask, [rows, 1, time, longest]), &device);
        let queries = queries.reshape([rows, time, heads, head]).swap_dims(1, 2);
        let scores = queries.matmul(split(self.keys).swap_dims(2, 3)) / (head as f64).sqrt();
        let weights = activation::softmax(scores + mask, 3);
        weights.matmul(split(self.values)).swap_dims(1, 2).reshape([rows, time, hidden])
    }
}
