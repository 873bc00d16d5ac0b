//! The text decoder.

mod attention;
mod cache;
mod layer;
mod positions;
mod together;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};

pub use attention::DecoderAttention;
pub use cache::DecoderState;
pub(crate) use cache::room;
pub use layer::{DecoderFeedForward, DecoderLayer};
pub use together::Feed;

use self::{cache::CrossKeys, together::Part};
use super::Encoded;
use crate::{
    device::upload,
    nn::{Activation, KeyRows, LayerNorm, Storage, Weight},
};

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
    /// The padding token, which has no position. The positions of other tokens begin behind its number.
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
            let dtype = layer.cross_attention.cache_type(&encoded.hidden);
            let rows = |x: Tensor<3>| x.cast(dtype).reshape([items * time, hidden]);
            let [keys, values] = layer.cross_attention.keys_values(&encoded.hidden).map(rows);
            CrossKeys { keys, values }
        };
        let cross = self.layers.iter().map(cross).collect();
        DecoderState::new(cross, time, &encoded.lengths, hypotheses, capacity)
    }

    /// Bytes of a row of the caches of decoding on `device`: of a position of the encoder's output, or of a hypothesis.
    pub(super) fn cache_row_bytes(&self, device: &Device) -> usize {
        let Some(layer) = self.layers.first() else { return 0 };
        let dtype = layer.cross_attention.cache_type(&Tensor::zeros([1, 1, 1], device));
        cache::row_bytes(self.layers.len(), self.hidden, dtype)
    }

    /// Feeds new tokens to the hypotheses of each of `feeds`; the result has the outputs for them, normalised, in the order of
    /// the tokens: `[hypotheses, time, hidden]` of a single feed, else `[1, tokens, hidden]`. `embedding` is
    /// `[vocabulary, hidden]`.
    pub fn forward(
        &self,
        embedding: &Weight,
        feeds: &mut [Feed<'_>],
        inspect: &mut dyn FnMut(usize, &Tensor<3>),
    ) -> Tensor<3> {
        let (mut x, mut parts) = self.embed(embedding, feeds);
        inspect(0, &x);
        let last = self.layers.len();
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x, &mut parts, number, self.heads);
            if number + 1 < last {
                inspect(number + 1, &x);
            }
        }
        let x = self.layer_norm.forward(&x);
        inspect(last, &x);
        x
    }

    /// Counts the tokens in and returns their embeddings with positions.
    fn embed<'a>(&self, embedding: &Weight, feeds: &'a mut [Feed<'_>]) -> (Tensor<3>, Vec<Part<'a>>) {
        let device = embedding.device();
        let (mut tokens, mut positions) = (Vec::new(), Vec::new());
        let mut parts = Vec::with_capacity(feeds.len());
        for Feed { state, tokens: new } in feeds {
            let time = new.len() / state.hypotheses().max(1);
            positions.extend(positions::encode(new, time, state.len(), self.padding, self.hidden));
            tokens.extend_from_slice(new);
            parts.push(Part::new(state, time));
        }
        let shape = match parts.as_slice() {
            [only] => [only.hypotheses(), only.time(), self.hidden],
            _ => [1, tokens.len(), self.hidden],
        };
        let positions: Tensor<2> = upload(TensorData::new(positions, [tokens.len(), self.hidden]), &device);
        ((embedding.rows(&tokens) * self.scale + positions).reshape(shape), parts)
    }

    /// The weights of the last layer's cross-attention for the tokens of a single hypothesis: `[heads, time, T']`.
    pub(super) fn cross_attention(&self, embedding: &Weight, feed: Feed<'_>) -> Tensor<3> {
        let mut feeds = [feed];
        let (mut x, mut parts) = self.embed(embedding, &mut feeds);
        let last = self.layers.len().saturating_sub(1);
        for (number, layer) in self.layers.iter().enumerate().take(last) {
            x = layer.forward(x, &mut parts, number, self.heads);
        }
        self.layers[last].cross_weights(x, &mut parts[0], last, self.heads)
    }
}

/// The rows of the caches that the hypotheses attend to, their own and the encoder's.
type Rows = KeyRows;
