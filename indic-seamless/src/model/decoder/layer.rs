//! A decoder layer.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{DecoderConfig, DecoderState, Rows, attention::DecoderAttention};
use crate::nn::{Activation, LayerNorm, Linear, LinearConfig, Storage};

/// `fc2(activation(fc1(x)))`
#[derive(Module, Debug)]
pub struct DecoderFeedForward {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    activation: Activation,
}

/// Self-attention, cross-attention and a feed-forward block; each on the normed input and added to it.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    self_attn_layer_norm: LayerNorm,
    self_attn: DecoderAttention,
    cross_attention_layer_norm: LayerNorm,
    pub(super) cross_attention: DecoderAttention,
    ffn_layer_norm: LayerNorm,
    ffn: DecoderFeedForward,
}

impl DecoderLayer {
    pub(super) fn init(config: &DecoderConfig, storage: Storage, device: &Device) -> Self {
        let norm = || LayerNorm::init(config.hidden, LayerNorm::EPSILON, device);
        Self {
            self_attn_layer_norm: norm(),
            self_attn: DecoderAttention::init(config.hidden, storage, device),
            cross_attention_layer_norm: norm(),
            cross_attention: DecoderAttention::init(config.hidden, storage, device),
            ffn_layer_norm: norm(),
            ffn: DecoderFeedForward {
                fc1: LinearConfig::new(config.hidden, config.intermediate).init(storage, device),
                fc2: LinearConfig::new(config.intermediate, config.hidden).init(storage, device),
                activation: config.activation,
            },
        }
    }

    /// `[rows, time, hidden] -> [rows, time, hidden]`; the keys and values of `x` go into layer `number` of `state`.
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        state: &mut DecoderState,
        number: usize,
        own: &Rows,
        encoder: &Rows,
        heads: usize,
    ) -> Tensor<3> {
        let y = self.self_attn_layer_norm.forward(&x);
        let [queries, keys, values] = self.self_attn.queries_keys_values(&y);
        let (keys, values) = state.store(number, keys, values);
        let x = x + self.self_attn.attend(queries, (&keys, &values), own, heads);
        drop((keys, values));
        let y = self.cross_attention_layer_norm.forward(&x);
        let (queries, cross) = (self.cross_attention.queries(&y), state.cross(number));
        let x = x + self.cross_attention.attend(queries, (&cross.keys, &cross.values), encoder, heads);
        let y = self.ffn_layer_norm.forward(&x);
        x + self.ffn.fc2.forward(&self.ffn.fc1.forward_activated(&y, self.ffn.activation))
    }
}
