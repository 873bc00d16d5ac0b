//! A conformer layer.

use std::ops::ControlFlow;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{
    Inspect, Stage,
    attention::{Attention, AttentionConfig, Context},
    convolution::Convolution,
    whole_layer::WholeLayer,
};
use crate::nn::{FeedForward, FeedForwardConfig, LayerNorm, Storage, add_scaled};

/// Sizes of a [`ConformerLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct ConformerConfig {
    /// Width of the model.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Distances to the left that attention tells apart.
    pub left: usize,
    /// Distances to the right that attention tells apart.
    pub right: usize,
    /// Taps of the depthwise convolution.
    pub kernel: usize,
    /// Both feed-forward blocks.
    pub feed_forward: FeedForwardConfig,
}

/// Half a feed-forward block, self-attention, convolution, half a feed-forward block; each on the normed input and added
/// to it.
#[derive(Module, Debug)]
pub struct ConformerLayer {
    pub(super) ffn1_layer_norm: LayerNorm,
    pub(super) ffn1: FeedForward,
    pub(super) self_attn_layer_norm: LayerNorm,
    pub(super) self_attn: Attention,
    pub(super) conv_module: Convolution,
    pub(super) ffn2_layer_norm: LayerNorm,
    pub(super) ffn2: FeedForward,
    pub(super) final_layer_norm: LayerNorm,
}

impl ConformerConfig {
    /// The layer, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> ConformerLayer {
        let norm = || LayerNorm::init(self.hidden, LayerNorm::EPSILON, device);
        let distances = Some((self.left, self.right));
        ConformerLayer {
            ffn1_layer_norm: norm(),
            ffn1: self.feed_forward.init(storage, device),
            self_attn_layer_norm: norm(),
            self_attn: AttentionConfig { hidden: self.hidden, heads: self.heads, distances }.init(storage, device),
            conv_module: Convolution::init(self, storage, device),
            ffn2_layer_norm: norm(),
            ffn2: self.feed_forward.init(storage, device),
            final_layer_norm: norm(),
        }
    }
}

impl ConformerLayer {
    /// `[batch, T, hidden] -> [batch, T, hidden]`
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        context: &Context<'_>,
        layer: usize,
        inspect: Inspect<'_>,
    ) -> ControlFlow<(), Tensor<3>> {
        if let Some(whole) = WholeLayer::of(self, &x, context) {
            return ControlFlow::Continue(whole.forward(x));
        }
        let y = self.ffn1.forward(&self.ffn1_layer_norm.forward(&x));
        inspect(Stage::Ffn1(layer), &y)?;
        let x = add_scaled(x, y, 0.5);
        let y = self.self_attn.forward(&self.self_attn_layer_norm.forward(&x), context);
        inspect(Stage::SelfAttention(layer), &y)?;
        let x = add_scaled(x, y, 1.0);
        let y = self.conv_module.forward(&x, context, layer, inspect)?;
        inspect(Stage::Convolution(layer), &y)?;
        let x = add_scaled(x, y, 1.0);
        let y = self.ffn2.forward(&self.ffn2_layer_norm.forward(&x));
        inspect(Stage::Ffn2(layer), &y)?;
        ControlFlow::Continue(self.final_layer_norm.forward(&add_scaled(x, y, 0.5)))
    }
}
