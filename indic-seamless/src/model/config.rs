//! `config.json` of a checkpoint.

use std::path::Path;

use serde::Deserialize;

use super::{
    decoder::DecoderConfig,
    encoder::{AdapterConfig, ConformerConfig, EncoderConfig},
};
use crate::{
    error::{Error, Result},
    features::STACKED,
    nn::{Activation, FeedForwardConfig},
};

/// Far more than any model of this family has: so many that memory would be exhausted before a file is looked at.
const MOST_LAYERS: usize = 1000;
/// The most taps of a convolution, its largest stride, and the largest distance with an embedding of its own.
const MOST_TAPS: usize = 10_000;

/// The sizes of the model. Keys that a file leaves out have the values of SeamlessM4T v2 large, as in the reference.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys of config.json, by their names there")]
pub struct ModelConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub layer_norm_eps: f64,
    pub max_position_embeddings: usize,
    pub scale_embedding: bool,
    pub activation_function: Activation,
    pub decoder_layers: usize,
    pub decoder_ffn_dim: usize,
    pub decoder_attention_heads: usize,
    pub decoder_start_token_id: u32,
    pub max_new_tokens: usize,
    pub pad_token_id: u32,
    pub bos_token_id: u32,
    pub eos_token_id: u32,
    pub feature_projection_input_dim: usize,
    pub speech_encoder_layers: usize,
    pub speech_encoder_attention_heads: usize,
    pub speech_encoder_intermediate_size: usize,
    pub speech_encoder_hidden_act: Activation,
    pub speech_encoder_chunk_size: Option<usize>,
    pub speech_encoder_left_chunk_num: i64,
    pub conv_depthwise_kernel_size: usize,
    pub position_embeddings_type: Option<String>,
    pub left_max_position_embeddings: usize,
    pub right_max_position_embeddings: usize,
    pub add_adapter: bool,
    pub num_adapter_layers: usize,
    pub adaptor_kernel_size: usize,
    pub adaptor_stride: usize,
    pub tie_word_embeddings: bool,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            vocab_size: 256_102,
            hidden_size: 1024,
            layer_norm_eps: 1e-5,
            max_position_embeddings: 4096,
            scale_embedding: true,
            activation_function: Activation::Relu,
            decoder_layers: 24,
            decoder_ffn_dim: 8192,
            decoder_attention_heads: 16,
            decoder_start_token_id: 3,
            max_new_tokens: 256,
            pad_token_id: 0,
            bos_token_id: 2,
            eos_token_id: 3,
            feature_projection_input_dim: 160,
            speech_encoder_layers: 24,
            speech_encoder_attention_heads: 16,
            speech_encoder_intermediate_size: 4096,
            speech_encoder_hidden_act: Activation::Swish,
            speech_encoder_chunk_size: Some(20_000),
            speech_encoder_left_chunk_num: 128,
            conv_depthwise_kernel_size: 31,
            position_embeddings_type: Some("relative_key".to_owned()),
            left_max_position_embeddings: 64,
            right_max_position_embeddings: 8,
            add_adapter: true,
            num_adapter_layers: 1,
            adaptor_kernel_size: 8,
            adaptor_stride: 8,
            tie_word_embeddings: true,
        }
    }
}

impl ModelConfig {
    /// Reads and checks `config.json`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if it is no such JSON, [`Error::InvalidConfig`] for a value that no model can be built with.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        let config = Self::parse(json, path)?;
        match config.faults(path).into_iter().next() {
            Some(error) => Err(error),
            None => Ok(config),
        }
    }

    /// [`from_json`](Self::from_json) without a look at the values.
    pub(crate) fn parse(json: &[u8], path: &Path) -> Result<Self> {
        serde_json::from_slice(json).map_err(Error::invalid_file(path))
    }

    /// The values that no model can be built with.
    pub(crate) fn faults(&self, path: &Path) -> Vec<Error> {
        let mut faults = Vec::new();
        let mut wanted = |ok: bool, key: &str, found: &dyn ToString, wanted: &str| {
            if !ok {
                let (key, found, wanted) = (key.to_owned(), found.to_string(), wanted.to_owned());
                faults.push(Error::InvalidConfig { path: path.into(), key, found, wanted });
            }
        };
        let positive = "a positive number";
        for (key, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("decoder_layers", self.decoder_layers),
            ("decoder_ffn_dim", self.decoder_ffn_dim),
            ("decoder_attention_heads", self.decoder_attention_heads),
            ("speech_encoder_layers", self.speech_encoder_layers),
            ("speech_encoder_attention_heads", self.speech_encoder_attention_heads),
            ("speech_encoder_intermediate_size", self.speech_encoder_intermediate_size),
            ("conv_depthwise_kernel_size", self.conv_depthwise_kernel_size),
            ("adaptor_kernel_size", self.adaptor_kernel_size),
            ("adaptor_stride", self.adaptor_stride),
        ] {
            wanted(value > 0, key, &value, positive);
        }
        for (key, value, most) in [
            ("decoder_layers", self.decoder_layers, MOST_LAYERS),
            ("speech_encoder_layers", self.speech_encoder_layers, MOST_LAYERS),
            ("conv_depthwise_kernel_size", self.conv_depthwise_kernel_size, MOST_TAPS),
            ("adaptor_kernel_size", self.adaptor_kernel_size, MOST_TAPS),
            ("adaptor_stride", self.adaptor_stride, MOST_TAPS),
            ("left_max_position_embeddings", self.left_max_position_embeddings, MOST_TAPS),
            ("right_max_position_embeddings", self.right_max_position_embeddings, MOST_TAPS),
        ] {
            wanted(value <= most, key, &value, &format!("at most {most}"));
        }
        // The shortest recording is one position, with half a stride of zeros on both sides.
        let (kernel, shortest) =
            (self.adaptor_kernel_size, (self.adaptor_stride / 2).saturating_mul(2).saturating_add(1));
        let most = format!("at most {shortest}, by adaptor_stride");
        wanted(kernel <= shortest, "adaptor_kernel_size", &kernel, &most);
        if let Some(chunk) = self.speech_encoder_chunk_size {
            wanted(chunk > 0, "speech_encoder_chunk_size", &chunk, "a positive number or null");
        }
        let positions = self.max_position_embeddings;
        wanted(positions >= 4, "max_position_embeddings", &positions, "at least 4, the prompt and two tokens");
        // Sizes that no file could fill would overflow later.
        let widest = [self.vocab_size, self.decoder_ffn_dim, self.speech_encoder_intermediate_size].into_iter().max();
        let weights = widest.and_then(|rows| rows.checked_mul(self.hidden_size));
        wanted(
            weights.is_some_and(|weights| weights < 1 << 40),
            "hidden_size",
            &self.hidden_size,
            "matrices of less than 2^40 weights",
        );
        let hidden = self.hidden_size;
        wanted(hidden.is_multiple_of(2) && hidden >= 4, "hidden_size", &hidden, "an even number, at least 4");
        for (key, heads) in [
            ("decoder_attention_heads", self.decoder_attention_heads),
            ("speech_encoder_attention_heads", self.speech_encoder_attention_heads),
        ] {
            wanted(hidden.is_multiple_of(heads), key, &heads, &format!("a divisor of hidden_size, {hidden}"));
        }
        let input = self.feature_projection_input_dim;
        wanted(input == STACKED, "feature_projection_input_dim", &input, "160, two frames of 80 mel bins");
        wanted(self.add_adapter, "add_adapter", &self.add_adapter, "true");
        // Otherwise `lm_head.weight` may be another matrix than the embedding.
        wanted(self.tie_word_embeddings, "tie_word_embeddings", &self.tie_word_embeddings, "true");
        let layers = self.num_adapter_layers;
        wanted(layers == 1, "num_adapter_layers", &layers, "1, as in every published checkpoint");
        let positions = self.position_embeddings_type.as_deref().unwrap_or("null");
        wanted(positions == "relative_key", "position_embeddings_type", &positions, "relative_key");
        for (key, id) in [
            ("decoder_start_token_id", self.decoder_start_token_id),
            ("pad_token_id", self.pad_token_id),
            ("eos_token_id", self.eos_token_id),
        ] {
            wanted((id as usize) < self.vocab_size, key, &id, &format!("below vocab_size, {}", self.vocab_size));
        }
        faults
    }

    pub(crate) fn encoder(&self) -> EncoderConfig {
        let feed_forward = |activation| FeedForwardConfig {
            hidden: self.hidden_size,
            intermediate: self.speech_encoder_intermediate_size,
            activation,
        };
        EncoderConfig {
            hidden: self.hidden_size,
            layer_norm_eps: self.layer_norm_eps,
            layers: self.speech_encoder_layers,
            chunk: self.speech_encoder_chunk_size,
            left_chunks: usize::try_from(self.speech_encoder_left_chunk_num).ok(),
            intermediate: feed_forward(Activation::Relu),
            conformer: ConformerConfig {
                hidden: self.hidden_size,
                heads: self.speech_encoder_attention_heads,
                left: self.left_max_position_embeddings,
                right: self.right_max_position_embeddings,
                kernel: self.conv_depthwise_kernel_size,
                feed_forward: feed_forward(self.speech_encoder_hidden_act),
            },
            adapter: AdapterConfig {
                hidden: self.hidden_size,
                heads: self.speech_encoder_attention_heads,
                kernel: self.adaptor_kernel_size,
                stride: self.adaptor_stride,
                feed_forward: feed_forward(Activation::Relu),
            },
        }
    }

    pub(crate) fn decoder(&self) -> DecoderConfig {
        DecoderConfig {
            hidden: self.hidden_size,
            heads: self.decoder_attention_heads,
            intermediate: self.decoder_ffn_dim,
            layers: self.decoder_layers,
            activation: self.activation_function,
            scale_embedding: self.scale_embedding,
            padding: self.pad_token_id,
        }
    }
}
