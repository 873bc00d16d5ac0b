//! The adapter: an attention layer on a time axis shortened by strided convolutions.

use std::{cell::OnceCell, ops::ControlFlow};

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use super::{
    Inspect, Stage,
    attention::{Attention, AttentionConfig, Context},
};
use crate::nn::{FeedForward, FeedForwardConfig, LayerNorm, Product, Storage, Weight, add_scaled, glu};

/// Sizes of the [`Adapter`].
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterConfig {
    /// Width of the model.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Taps of the convolutions.
    pub kernel: usize,
    /// Stride of the convolutions.
    pub stride: usize,
    /// The feed-forward block.
    pub feed_forward: FeedForwardConfig,
}

/// A convolution over time with stride, `stride / 2` zeros on both sides, and bias. Its weight, `[2 · hidden, hidden, k]`
/// in a checkpoint, is that of a product with windows of the input, `[2 · hidden, hidden · k]`.
#[derive(Module, Debug)]
struct StridedConv {
    weight: Weight,
    bias: Param<Tensor<1>>,
    kernel: usize,
    stride: usize,
}

/// The layers that shorten the time axis.
#[derive(Module, Debug)]
pub struct Adapter {
    layers: Vec<AdapterLayer>,
}

/// Residual and attention branch, each a strided gated convolution of the normed input; then a feed-forward block.
#[derive(Module, Debug)]
pub struct AdapterLayer {
    residual_layer_norm: LayerNorm,
    residual_conv: StridedConv,
    self_attn_layer_norm: LayerNorm,
    self_attn_conv: StridedConv,
    self_attn: Attention,
    ffn_layer_norm: LayerNorm,
    ffn: FeedForward,
}

impl AdapterConfig {
    /// The adapter, of one layer, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> Adapter {
        let hidden = self.hidden;
        let norm = || LayerNorm::init(hidden, LayerNorm::EPSILON, device);
        let conv = || StridedConv {
            weight: Weight::init(2 * hidden, hidden * self.kernel, storage, device),
            bias: burn::module::Initializer::Zeros.init([2 * hidden], device),
            kernel: self.kernel,
            stride: self.stride,
        };
        let layer = AdapterLayer {
            residual_layer_norm: norm(),
            residual_conv: conv(),
            self_attn_layer_norm: norm(),
            self_attn_conv: conv(),
            self_attn: AttentionConfig { hidden, heads: self.heads, distances: None }.init(storage, device),
            ffn_layer_norm: norm(),
            ffn: self.feed_forward.init(storage, device),
        };
        Adapter { layers: vec![layer] }
    }
}

impl Adapter {
    /// `[batch, T, hidden] -> [batch, T', hidden]`, and the valid positions of each item after it.
    pub(super) fn forward(
        &self,
        mut x: Tensor<3>,
        lengths: &[usize],
        inspect: Inspect<'_>,
    ) -> ControlFlow<(), (Tensor<3>, Vec<usize>)> {
        let mut lengths = lengths.to_vec();
        for layer in &self.layers {
            lengths.iter_mut().for_each(|length| *length = layer.residual_conv.length(*length));
            x = layer.forward(&x, &lengths, inspect)?;
        }
        ControlFlow::Continue((x, lengths))
    }
}

impl AdapterLayer {
    fn forward(&self, x: &Tensor<3>, lengths: &[usize], inspect: Inspect<'_>) -> ControlFlow<(), Tensor<3>> {
        let residual = self.residual_conv.forward(self.residual_layer_norm.forward(x));
        inspect(Stage::ResidualConvolution, &residual)?;
        let x = self.self_attn_conv.forward(self.self_attn_layer_norm.forward(x));
        inspect(Stage::AttentionConvolution, &x)?;
        let x = glu(x);
        let [_, time, _] = x.dims();
        let (window, mask) = (|_| 0..time, OnceCell::new());
        let context = Context { lengths, window: &window, valid: None, mask: &mask, memory: None };
        let y = self.self_attn.forward(&x, &context);
        inspect(Stage::AdapterAttention, &y)?;
        let x = add_scaled(glu(residual), y, 1.0);
        let y = self.ffn.forward(&self.ffn_layer_norm.forward(&x));
        inspect(Stage::AdapterFfn, &y)?;
        ControlFlow::Continue(add_scaled(x, y, 1.0))
    }
}

impl StridedConv {
    /// Valid positions after the convolution. The reference counts with a padding of half the kernel, though the
    /// convolution itself is padded by half the stride.
    fn length(&self, length: usize) -> usize {
        (length + 2 * (self.kernel / 2)).saturating_sub(self.kernel) / self.stride + 1
    }

    /// `[batch, T, hidden] -> [batch, T', 2 · hidden]`
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, _, hidden] = x.dims();
        let padding = Tensor::zeros([batch, self.stride / 2, hidden], &x.device());
        let windows: Tensor<4> = Tensor::cat(vec![padding.clone(), x, padding], 1).unfold(1, self.kernel, self.stride);
        let [_, time, ..] = windows.dims();
        let windows = windows.reshape([batch, time, hidden * self.kernel]);
        Product { weight: &self.weight, bias: Some(&self.bias), activation: None }.forward(&windows)
    }
}
