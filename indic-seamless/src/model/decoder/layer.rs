//! A decoder layer.

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation},
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
        let x = self.attend_own(x, state, number, own, heads);
        let y = self.cross_attention_layer_norm.forward(&x);
        let (queries, cross) = (self.cross_attention.queries(&y), state.cross(number));
        let x = x + self.cross_attention.attend(queries, (&cross.keys, &cross.values), encoder, heads);
        let y = self.ffn_layer_norm.forward(&x);
        x + self.ffn.fc2.forward(&self.ffn.fc1.forward_activated(&y, self.ffn.activation))
    }

    /// The first third of [`forward`](Self::forward).
    fn attend_own(&self, x: Tensor<3>, state: &mut DecoderState, number: usize, own: &Rows, heads: usize) -> Tensor<3> {
        let y = self.self_attn_layer_norm.forward(&x);
        let [queries, keys, values] = self.self_attn.queries_keys_values(&y);
        let (keys, values) = state.store(number, keys, values);
        x + self.self_attn.attend(queries, (&keys, &values), own, heads)
    }

    /// The weights of the cross-attention of the only hypothesis, for `x: [1, time, hidden]`: `[heads, time, T']`.
    pub(super) fn cross_weights(
        &self,
        x: Tensor<3>,
        state: &mut DecoderState,
        number: usize,
        own: &Rows,
        heads: usize,
    ) -> Tensor<3> {
        let x = self.attend_own(x, state, number, own, heads);
        let queries = self.cross_attention.queries(&self.cross_attention_layer_norm.forward(&x));
        let [_, time, hidden] = queries.dims();
        let keys = state.cross(number).keys.clone();
        let positions = state.encoder_rows().rows[0].len();
        let head = hidden / heads;
        let split = |x: Tensor<2>, rows: usize| x.reshape([rows, heads, head]).swap_dims(0, 1);
        let queries = split(queries.squeeze_dim(0), time);
        let keys = split(keys.narrow(0, 0, positions), positions).swap_dims(1, 2);
        activation::softmax(queries.matmul(keys) / (head as f64).sqrt(), 2)
    }
}
