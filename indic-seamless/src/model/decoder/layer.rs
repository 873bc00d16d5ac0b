//! A decoder layer.

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation},
};

use super::{DecoderConfig, attention::DecoderAttention, together::Part};
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
        let attention = || DecoderAttention::init(config.hidden, storage.without_nibbles(), device);
        Self {
            self_attn_layer_norm: norm(),
            self_attn: attention(),
            cross_attention_layer_norm: norm(),
            cross_attention: attention(),
            ffn_layer_norm: norm(),
            ffn: DecoderFeedForward {
                fc1: LinearConfig::new(config.hidden, config.intermediate).init(storage, device),
                fc2: LinearConfig::new(config.intermediate, config.hidden).init(storage, device),
                activation: config.activation,
            },
        }
    }

    /// `x`, in its shape, through layer `number`. It has the tokens of all `parts`, one part behind the other; their keys and
    /// values go into the states of the parts.
    pub(super) fn forward(&self, x: Tensor<3>, parts: &mut [Part<'_>], number: usize, heads: usize) -> Tensor<3> {
        let x = self.attend_own(x, parts, number, heads);
        let y = self.cross_attention_layer_norm.forward(&x);
        let groups: Vec<_> = parts.iter().map(|part| part.encoder_keys(number)).collect();
        let x = x + self.cross_attention.attend(&self.cross_attention.queries(&y), &groups, heads);
        let y = self.ffn_layer_norm.forward(&x);
        x + self.ffn.fc2.forward(&self.ffn.fc1.forward_activated(&y, self.ffn.activation))
    }

    /// The first third of [`forward`](Self::forward).
    fn attend_own(&self, x: Tensor<3>, parts: &mut [Part<'_>], number: usize, heads: usize) -> Tensor<3> {
        let y = self.self_attn_layer_norm.forward(&x);
        let [queries, keys, values] = self.self_attn.queries_keys_values(&y);
        Part::store_all(parts, number, &keys, &values);
        drop((keys, values));
        let groups: Vec<_> = parts.iter().map(|part| part.own_keys(number)).collect();
        x + self.self_attn.attend(&queries, &groups, heads)
    }

    /// The weights of the cross-attention of the only hypothesis, for `x: [1, time, hidden]`: `[heads, time, T']`.
    pub(super) fn cross_weights(&self, x: Tensor<3>, part: &mut Part<'_>, number: usize, heads: usize) -> Tensor<3> {
        let x = self.attend_own(x, std::slice::from_mut(part), number, heads);
        let queries = self.cross_attention.queries(&self.cross_attention_layer_norm.forward(&x));
        let [_, time, hidden] = queries.dims();
        let encoder = part.encoder_keys(number);
        let (keys, positions) = (encoder.keys.clone().cast(queries.dtype()), encoder.index.rows[0].len());
        let head = hidden / heads;
        let split = |x: Tensor<2>, rows: usize| x.reshape([rows, heads, head]).swap_dims(0, 1);
        let queries = split(queries.squeeze_dim(0), time);
        let keys = split(keys.narrow(0, 0, positions), positions).swap_dims(1, 2);
        activation::softmax(queries.matmul(keys) / (head as f64).sqrt(), 2)
    }
}
