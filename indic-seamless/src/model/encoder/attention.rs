//! Self-attention with embedded relative distances.

use std::cell::{OnceCell, RefCell};

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};

use crate::{
    kernels::Memory,
    nn::{Linear, LinearConfig, RelativeAttention, RelativeMask, Storage},
};

/// What the layers need to know of the batch beside the hidden states.
pub(super) struct Context<'a> {
    /// Valid positions per item.
    pub(super) lengths: &'a [usize],
    /// The keys that a query may see, whatever the item's length.
    pub(super) window: &'a (dyn Fn(usize) -> std::ops::Range<usize> + Sync),
    /// Ones at valid positions, zeros at padding, `[batch, T, 1]`; `None` when there is no padding.
    pub(super) valid: Option<Tensor<3>>,
    /// What all layers' attention needs on backends without kernels.
    pub(super) mask: &'a OnceCell<RelativeMask>,
    /// Memory for layers that one kernel computes; `None` where somebody looks at what is inside of a layer.
    pub(super) memory: Option<&'a RefCell<Memory>>,
}

impl Context<'_> {
    /// `x` with zeros at padded positions.
    pub(super) fn zero_padding(&self, x: Tensor<3>) -> Tensor<3> {
        match &self.valid {
            Some(valid) => x * valid.clone(),
            None => x,
        }
    }
}

/// Sizes of an [`Attention`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Width of input and output.
    pub hidden: usize,
    /// Number of heads.
    pub heads: usize,
    /// How far to the left and to the right relative distances are told apart; `None` for no relative term.
    pub distances: Option<(usize, usize)>,
}

/// Multi-head self-attention. The score of key `j` for query `i` is `(q_i · k_j + q_i · E[clamp(j - i)]) / sqrt(head)`
/// with one embedding `E` of distances for all heads.
///
/// `q · Eᵀ` is computed over the distinct distances and read off per key; the reference builds `[T, T, head]` instead.
#[derive(Module, Debug)]
pub struct Attention {
    pub(super) linear_q: Linear,
    pub(super) linear_k: Linear,
    pub(super) linear_v: Linear,
    pub(super) linear_out: Linear,
    distance_embedding: Option<DistanceEmbedding>,
    heads: usize,
    left: usize,
}

/// One vector per distance, `[left + right + 1, head]`.
#[derive(Module, Debug)]
pub struct DistanceEmbedding {
    weight: Param<Tensor<2>>,
}

impl AttentionConfig {
    /// The layer, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> Attention {
        let linear = || LinearConfig::new(self.hidden, self.hidden).init(storage, device);
        let embedding = |(left, right): (usize, usize)| DistanceEmbedding {
            weight: Initializer::Normal { mean: 0.0, std: 0.02 }
                .init([left + right + 1, self.hidden / self.heads], device),
        };
        Attention {
            linear_q: linear(),
            linear_k: linear(),
            linear_v: linear(),
            linear_out: linear(),
            distance_embedding: self.distances.map(embedding),
            heads: self.heads,
            left: self.distances.map_or(0, |(left, _)| left),
        }
    }
}

impl Attention {
    /// `[batch, T, hidden] -> [batch, T, hidden]`
    pub(super) fn forward(&self, x: &Tensor<3>, context: &Context<'_>) -> Tensor<3> {
        let [queries, keys, values] = Linear::forward_all([&self.linear_q, &self.linear_k, &self.linear_v], x);
        let attention = self.between_projections(context);
        self.linear_out.forward(&attention.forward(queries, keys, values, self.embedding(), context.mask))
    }

    pub(super) fn between_projections<'a>(&self, context: &Context<'a>) -> RelativeAttention<'a> {
        RelativeAttention {
            heads: self.heads,
            left: self.left,
            lengths: context.lengths,
            window: context.window,
            bf16: self.linear_q.is_below_f32(),
        }
    }

    /// The vectors of the distances, `[left + right + 1, head]`.
    pub(super) fn embedding(&self) -> Option<Tensor<2>> {
        self.distance_embedding.as_ref().map(|embedding| embedding.weight.val())
    }
}
