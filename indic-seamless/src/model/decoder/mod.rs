//! The text decoder.

mod attention;
mod cache;
mod layer;
mod positions;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};

pub use attention::DecoderAttention;
pub use cache::DecoderState;
pub use layer::{DecoderFeedForward, DecoderLayer};

use self::cache::CrossKeys;
use super::Encoded;
use crate::nn::{Activation, KeyRows, LayerNorm, Storage, Weight};

/// Sizes of the [`TextDecoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Width of the model.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward blocks.
    pub intermediate: usize,
    /// Number of layers.
    pub layers: usize,
    /// The function in the feed-forward blocks.
    pub activation: Activation,
    /// Whether embeddings are multiplied by `sqrt(hidden)`.
    pub scale_embedding: bool,
    /// The padding token, which has no position.
    pub padding: u32,
}

/// Tokens -> hidden states, with self-attention to the tokens before and cross-attention to the encoder's output.
#[derive(Module, Debug)]
pub struct TextDecoder {
    layers: Vec<DecoderLayer>,
    layer_norm: LayerNorm,
    hidden: usize,
    heads: usize,
    scale: f64,
    #[module(skip)]
    padding: u32,
}

impl DecoderConfig {
    /// The decoder, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> TextDecoder {
        TextDecoder {
            layers: (0..self.layers).map(|_| DecoderLayer::init(self, storage, device)).collect(),
            layer_norm: LayerNorm::init(self.hidden, LayerNorm::EPSILON, device),
            hidden: self.hidden,
            heads: self.heads,
            scale: if self.scale_embedding { (self.hidden as f64).sqrt() } else { 1.0 },
            padding: self.padding,
        }
    }
}

impl TextDecoder {
    /// Computes the keys and values of the cross-attention, once per clip, and makes room for `capacity` tokens of up to
    /// `hypotheses` hypotheses. The state starts with one empty hypothesis per item.
    pub fn start(&self, encoded: &Encoded, hypotheses: usize, capacity: usize) -> DecoderState {
        let [items, time, hidden] = encoded.hidden.dims();
        let cross = |layer: &DecoderLayer| {
            let [keys, values] = layer.cross_attention.keys_values(&encoded.hidden);
            CrossKeys { keys: keys.reshape([items * time, hidden]), values: values.reshape([items * time, hidden]) }
        };
        let cross = self.layers.iter().map(cross).collect();
        DecoderState::new(cross, time, &encoded.lengths, hypotheses, capacity)
    }

    /// Feeds `time` new tokens to each hypothesis of `state`: `tokens` is `[hypotheses, time]`, row after row; the result
    /// `[hypotheses, time, hidden]`, normalised. `embedding` is `[vocabulary, hidden]`.
    pub fn forward(
        &self,
        embedding: &Weight,
        state: &mut DecoderState,
        tokens: &[u32],
        inspect: &mut dyn FnMut(usize, &Tensor<3>),
    ) -> Tensor<3> {
        let mut x = self.embed(embedding, state, tokens);
        inspect(0, &x);
        let own = state.own_rows();
        let encoder = state.encoder_rows();
        let last = self.layers.len();
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, state, number, &own, &encoder, self.heads);
            if number + 1 < last {
                inspect(number + 1, &x);
            }
        }
        let x = self.layer_norm.forward(&x);
        inspect(last, &x);
        x
    }
}

impl TextDecoder {
    /// Counts the tokens in and returns their embeddings with positions, `[hypotheses, time, hidden]`.
    fn embed(&self, embedding: &Weight, state: &mut DecoderState, tokens: &[u32]) -> Tensor<3> {
        let rows = state.hypotheses();
        let time = tokens.len() / rows.max(1);
        let device = embedding.device();
        let positions = positions::encode(tokens, time, state.len(), self.padding, self.hidden);
        let positions = Tensor::<2>::from_data(TensorData::new(positions, [rows * time, self.hidden]), &device);
        state.append(time);
        (embedding.rows(tokens) * self.scale + positions).reshape([rows, time, self.hidden])
    }

    /// The weights of the last layer's cross-attention for the tokens of the only hypothesis of `state`:
    /// `[heads, time, T']`.
    pub(super) fn cross_attention(&self, embedding: &Weight, state: &mut DecoderState, tokens: &[u32]) -> Tensor<3> {
        let mut x = self.embed(embedding, state, tokens);
        let (own, encoder) = (state.own_rows(), state.encoder_rows());
        let last = self.layers.len().saturating_sub(1);
        for (number, layer) in self.layers.iter().enumerate().take(last) {
            x = layer.forward(x, state, number, &own, &encoder, self.heads);
        }
        self.layers[last].cross_weights(x, state, last, &own, self.heads)
    }
}

/// The rows of the caches that the hypotheses attend to, their own and the encoder's.
type Rows = KeyRows;
