//! Multi-head attention of the decoder.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::Rows;
use crate::nn::{Linear, LinearConfig, attend};

/// Attention with keys and values that are cached. Queries are scaled by `1 / sqrt(head)` after their projection.
#[derive(Module, Debug)]
pub struct DecoderAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
}

impl DecoderAttention {
    pub(super) fn init(hidden: usize, device: &Device) -> Self {
        let linear = || LinearConfig::new(hidden, hidden).init(device);
        Self { q_proj: linear(), k_proj: linear(), v_proj: linear(), out_proj: linear() }
    }

    /// Keys and values of `x: [batch, time, hidden]`, in the same shape.
    pub(super) fn keys_values(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        (self.k_proj.forward(x.clone()), self.v_proj.forward(x))
    }

    /// Attention of `x: [rows, time, hidden]` to the rows of `keys` and `values` that `index` lists.
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        (keys, values): (&Tensor<2>, &Tensor<2>),
        index: &Rows,
        heads: usize,
    ) -> Tensor<3> {
        let [_, _, hidden] = x.dims();
        let queries = self.q_proj.forward(x) * ((hidden / heads) as f64).powf(-0.5);
        self.out_proj.forward(attend(queries, keys, values, index, heads))
    }
}
