//! Attention: by the kernels where tensors live on Flex, else in plain Burn operations.

use std::cell::OnceCell;

use burn::tensor::{DType, Tensor};
use half::bf16;

use super::{
    flex::{FlexView, Stored},
    masks::{KeyMask, RelativeMask, one_tensor},
};
use crate::kernels::{self, Float, KeyRows, RelativeAttention};

impl RelativeAttention<'_> {
    /// Queries, keys and values `[batch, time, hidden]` and distances `[left + right + 1, head]` ->
    /// `[batch, time, hidden]`. `mask` is that of all layers.
    pub(crate) fn forward(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        embedding: Option<Tensor<2>>,
        mask: &OnceCell<RelativeMask>,
    ) -> Tensor<3> {
        let shape = queries.dims();
        if let (Some(q), Some(k), Some(v)) = (FlexView::view(&queries), FlexView::view(&keys), FlexView::view(&values))
        {
            let embedding = embedding.as_ref().and_then(FlexView::view);
            let embedding = embedding.as_ref().map(FlexView::as_slice);
            let mut y = vec![0.0; q.as_slice().len()];
            kernels::relative_attention([q.as_slice(), k.as_slice(), v.as_slice()], embedding, shape, self, &mut y);
            return FlexView::tensor(y, shape, &queries);
        }
        self.plain([queries, keys, values], embedding, mask)
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
    /// That of all layers, where there is no kernel.
    pub(crate) mask: &'a OnceCell<KeyMask>,
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
    let queries = queries.clone().reshape([shape[0] * shape[1], hidden]);
    let mut first = 0;
    let of_group = |group: &Attended<'_>| {
        let rows = group.index.rows.len() * group.time;
        first += rows;
        group.plain(queries.clone().narrow(0, first - rows, rows), heads)
    };
    one_tensor(groups.iter().map(of_group).collect(), 0).reshape(shape)
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
