//! Multi-head attention of the decoder.

use burn::{
    module::Module,
    tensor::{DType, Device, Tensor},
};

use crate::nn::{Attended, Linear, LinearConfig, Storage, attend};

/// Attention with keys and values that are cached.
#[derive(Module, Debug)]
pub struct DecoderAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
}

impl DecoderAttention {
    pub(super) fn init(hidden: usize, storage: Storage, device: &Device) -> Self {
        let linear = || LinearConfig::new(hidden, hidden).init(storage, device);
        Self { q_proj: linear(), k_proj: linear(), v_proj: linear(), out_proj: linear() }
    }

    /// The type of keys and values of `x` in caches.
    pub(super) fn cache_type(&self, x: &Tensor<3>) -> DType {
        self.k_proj.cache_type(x)
    }

    /// Keys and values of `x: [batch, time, hidden]`, in the same shape.
    pub(super) fn keys_values(&self, x: &Tensor<3>) -> [Tensor<3>; 2] {
        Linear::forward_all([&self.k_proj, &self.v_proj], x)
    }

    /// Queries, keys and values of `x`.
    pub(super) fn queries_keys_values(&self, x: &Tensor<3>) -> [Tensor<3>; 3] {
        Linear::forward_all([&self.q_proj, &self.k_proj, &self.v_proj], x)
    }

    /// Queries of `x`.
    pub(super) fn queries(&self, x: &Tensor<3>) -> Tensor<3> {
        self.q_proj.forward(x)
    }

    /// Attention of `queries` to the keys and values of their groups, one behind the other.
    pub(super) fn attend(&self, queries: &Tensor<3>, groups: &[Attended<'_>], heads: usize) -> Tensor<3> {
        self.out_proj.forward(&attend(queries, groups, heads))
    }
}
