//! The parts of attention that plain tensor operations do slowly on a CPU.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::cpu::{self, Cpu};

/// Stands for "masked" in additive masks: the least finite `f32`, as in the reference, so that a row with every key
/// masked comes out uniform instead of NaN.
const MASKED: f32 = f32::MIN;

/// The softmax of the encoder's self-attention: relative term, scale, mask and softmax over the keys.
///
/// Query `i` sees key `j` if `j` is in the window of the query's chunk and below the item's length.
pub(crate) struct RelativeSoftmax<'a> {
    /// Multiplies the sum of content and relative score: `1 / sqrt(head)`.
    pub(crate) scale: f32,
    /// The distances `key - query` that have their own embedding: `-left ..= right`; farther ones share the last.
    pub(crate) left: usize,
    /// The positions of the queries among the keys.
    pub(crate) queries: std::ops::Range<usize>,
    /// Valid keys per item.
    pub(crate) lengths: &'a [usize],
    /// The keys that a query position may see, whatever the item's length.
    pub(crate) window: &'a (dyn Fn(usize) -> std::ops::Range<usize> + Sync),
}

impl RelativeSoftmax<'_> {
    /// The keys that `query` of `item` sees.
    pub(crate) fn visible(&self, item: usize, query: usize) -> std::ops::Range<usize> {
        let window = (self.window)(query);
        window.start..window.end.min(self.lengths[item])
    }

    /// `scores: [batch, heads, queries, keys]` and `relative: [batch, heads, queries, distances]` -> weights like `scores`.
    pub(crate) fn forward(&self, scores: Tensor<4>, relative: Option<Tensor<4>>) -> Tensor<4> {
        let shape @ [batch, _, queries, keys] = scores.dims();
        if Cpu::is(&scores) {
            let distances = relative.as_ref().map_or(0, |r| r.dims()[3]);
            let relative = relative.as_ref().and_then(Cpu::view);
            let relative = relative.as_ref().map(Cpu::as_slice);
            return Cpu::map_in_place(scores, |scores| {
                cpu::relative_softmax(scores, relative, distances, shape, self);
            });
        }
        let device = scores.device();
        let scores = match relative {
            Some(relative) => {
                let [.., distances] = relative.dims();
                let distance = |i: usize, j: usize| (j + self.left).saturating_sub(i).min(distances - 1) as i32;
                let index: Vec<i32> =
                    self.queries.clone().flat_map(|i| (0..keys).map(move |j| distance(i, j))).collect();
                let index = Tensor::<2, Int>::from_data(TensorData::new(index, [queries, keys]), &device);
                scores + relative.gather(3, index.unsqueeze::<4>().expand(shape))
            }
            None => scores,
        };
        let mask = |item: usize, query: usize| {
            let visible = self.visible(item, query);
            (0..keys).map(move |key| if visible.contains(&key) { 0.0 } else { MASKED })
        };
        let mask: Vec<f32> =
            (0..batch).flat_map(|item| self.queries.clone().flat_map(move |query| mask(item, query))).collect();
        let mask = Tensor::<4>::from_data(TensorData::new(mask, [batch, 1, queries, keys]), &device);
        activation::softmax(scores * self.scale + mask, 3)
    }
}

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

/// Multi-head attention of `queries: [rows, time, hidden]` (scaled already) over the rows of `keys` and `values`
/// `[n, hidden]` that `index` lists: `[rows, time, hidden]`.
pub(crate) fn attend(
    queries: Tensor<3>,
    keys: &Tensor<2>,
    values: &Tensor<2>,
    index: &KeyRows,
    heads: usize,
) -> Tensor<3> {
    let [rows, time, hidden] = queries.dims();
    if let (Some(q), Some(k), Some(v)) = (Cpu::view(&queries), Cpu::view(keys), Cpu::view(values)) {
        let y = cpu::attend(q.as_slice(), k.as_slice(), v.as_slice(), index, [time, hidden, heads]);
        return Cpu::tensor(y, [rows, time, hidden], &queries);
    }
    let device = queries.device();
    let longest = index.rows.iter().map(Vec::len).max().unwrap_or(0);
    let padded = index.rows.iter().flat_map(|row| (0..longest).map(|i| row.get(i).map_or(0, |&r| r as i32)));
    let gather = Tensor::<1, Int>::from_data(TensorData::new(padded.collect(), [rows * longest]), &device);
    let head = hidden / heads;
    let split = |x: Tensor<2>| x.select(0, gather.clone()).reshape([rows, longest, heads, head]).swap_dims(1, 2);
    let mask = |row: &Vec<u32>, i: usize| {
        let visible = row.len() - if index.causal { time - 1 - i } else { 0 };
        (0..longest).map(move |key| if key < visible { 0.0 } else { MASKED })
    };
    let mask: Vec<f32> = index.rows.iter().flat_map(|row| (0..time).flat_map(move |i| mask(row, i))).collect();
    let mask = Tensor::<4>::from_data(TensorData::new(mask, [rows, 1, time, longest]), &device);
    let queries = queries.reshape([rows, time, heads, head]).swap_dims(1, 2);
    let weights = activation::softmax(queries.matmul(split(keys.clone()).swap_dims(2, 3)) + mask, 3);
    weights.matmul(split(values.clone())).swap_dims(1, 2).reshape([rows, time, hidden])
}
