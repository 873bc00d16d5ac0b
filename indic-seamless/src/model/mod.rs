//! SeamlessM4T v2 for speech to text, as Burn modules.
//!
//! A [`SpeechEncoder`] (conformer layers and a strided adapter) reads stacked log-mel features; a [`TextDecoder`] writes
//! text tokens. Their fields carry the names of the Hugging Face checkpoint, so that the path of a parameter is its key
//! there. One tree serves every precision and backend.

pub mod config;
pub mod decoder;
pub mod encoder;
mod head;
#[cfg(all(test, any(feature = "ndarray", feature = "wgpu")))]
mod tests;

use std::ops::ControlFlow;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};

pub(crate) use self::encoder::{Advanced, Encoding};
pub use self::head::PartialHead;
use self::{
    config::ModelConfig,
    decoder::{DecoderState, Feed, TextDecoder},
    encoder::{Inspect, Shown, SpeechEncoder},
};
use crate::{
    device::upload,
    error::Result,
    features::{FeatureBatch, STACKED},
    nn::{Product, Storage, Weight},
};

/// The output of the encoder for a batch of clips.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// `[batch, T', hidden]`
    pub hidden: Tensor<3>,
    /// Valid positions per item; the decoder does not look at those beyond.
    pub lengths: Vec<usize>,
}

/// The embedding of tokens, which is the output projection too.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocabulary, hidden]`
    weight: Weight,
}

/// The whole model: `SeamlessM4Tv2ForSpeechToText`.
#[derive(Module, Debug)]
pub struct SpeechToText {
    shared: Embedding,
    speech_encoder: SpeechEncoder,
    text_decoder: TextDecoder,
}

impl ModelConfig {
    /// The model, with random weights that are made only if nothing is loaded before their first use.
    pub fn init(&self, storage: Storage, device: &Device) -> SpeechToText {
        let bytes = storage.without_nibbles();
        SpeechToText {
            shared: Embedding { weight: Weight::init(self.vocab_size, self.hidden_size, bytes, device) },
            speech_encoder: self.encoder().init(bytes, device),
            text_decoder: self.decoder().init(storage, device),
        }
    }
}

impl Encoded {
    /// Clips that were encoded one by one as a batch: shorter ones get zeros behind them, at which no decoder looks.
    ///
    /// Encoding clips together would change them: the last position of a padded clip reads rows of the padding.
    ///
    /// ```
    /// use indic_seamless::{
    ///     Transcriber, Waveform,
    ///     features::{FeatureBatch, Features},
    ///     model::Encoded,
    /// };
    ///
    /// let transcriber = Transcriber::demo()?;
    /// let encode = |clip: &str| {
    ///     let clip = Waveform::open(format!("examples/audio/{clip}"))?;
    ///     let features = FeatureBatch::new(&[Features::extract(clip.samples())?], 0.0);
    ///     Ok::<Encoded, indic_seamless::Error>(transcriber.model().encode(&features))
    /// };
    /// let batch = Encoded::batch(vec![encode("hindi-1.wav")?, encode("telugu-1.wav")?]);
    /// assert_eq!(batch.hidden.dims()[0], 2);
    /// assert!(batch.lengths[0] < batch.lengths[1]);
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Without a clip.
    pub fn batch(clips: Vec<Self>) -> Self {
        let longest = clips.iter().map(|clip| clip.hidden.dims()[1]).max().unwrap_or(0);
        let lengths = clips.iter().flat_map(|clip| clip.lengths.iter().copied()).collect();
        let padded = |clip: Self| {
            let [items, time, hidden] = clip.hidden.dims();
            if time == longest {
                return clip.hidden;
            }
            let padding = Tensor::zeros([items, longest - time, hidden], &clip.hidden.device());
            Tensor::cat(vec![clip.hidden, padding], 1)
        };
        Self { hidden: Tensor::cat(clips.into_iter().map(padded).collect(), 0), lengths }
    }
}

impl SpeechToText {
    /// Runs the encoder over a batch of features.
    pub fn encode(&self, features: &FeatureBatch) -> Encoded {
        let inspect: Inspect<'_> = &mut |_, _| ControlFlow::Continue(());
        match self.speech_encoder.run(&self.input(features), features.lengths(), Shown::Layers, inspect) {
            ControlFlow::Continue(encoded) => encoded,
            ControlFlow::Break(()) => unreachable!("nobody broke it off"),
        }
    }

    /// [`encode`](Self::encode), showing the output of every stage to `inspect`, which may break the computation off.
    pub fn encode_inspected(&self, features: &FeatureBatch, inspect: Inspect<'_>) -> ControlFlow<(), Encoded> {
        self.speech_encoder.forward(&self.input(features), features.lengths(), inspect)
    }

    /// [`encode`](Self::encode) to be taken layer by layer. What is inside of a layer may not be shown.
    pub(crate) fn start_encoding(
        &self,
        features: &FeatureBatch,
        inspect: Inspect<'_>,
    ) -> ControlFlow<(), Encoding<'_>> {
        self.speech_encoder.start(&self.input(features), features.lengths(), Shown::Layers, inspect)
    }

    fn input(&self, features: &FeatureBatch) -> Tensor<3> {
        let shape = [features.lengths().len(), features.time(), STACKED];
        upload(TensorData::new(features.rows().to_vec(), shape), &self.device())
    }

    /// Prepares decoding: the keys and values of the cross-attention, and room for `capacity` tokens of up to
    /// `hypotheses` hypotheses at a time.
    pub fn start(&self, encoded: &Encoded, hypotheses: usize, capacity: usize) -> DecoderState {
        self.text_decoder.start(encoded, hypotheses, capacity)
    }

    /// Bytes of a row of the decoder's caches: of a position of the encoder's output, or of a hypothesis.
    pub(crate) fn cache_row_bytes(&self) -> usize {
        self.text_decoder.cache_row_bytes(&self.device())
    }

    /// Feeds `time` new tokens to each hypothesis of `state` (`tokens` is `[hypotheses, time]`, row after row) and returns
    /// the decoder's output for them, `[hypotheses, time, hidden]`.
    pub fn decode(&self, state: &mut DecoderState, tokens: &[u32]) -> Tensor<3> {
        self.decode_inspected(state, tokens, &mut |_, _| {})
    }

    /// [`decode`](Self::decode) for several decodings at once, which read the weights once for all: the outputs for all new
    /// tokens, one decoding behind the other, `[1, tokens, hidden]`; of a single decoding `[hypotheses, time, hidden]`. They do
    /// not depend on which decodings are fed together, but for rounding.
    pub fn decode_together(&self, feeds: &mut [Feed<'_>]) -> Tensor<3> {
        self.text_decoder.forward(&self.shared.weight, feeds, &mut |_, _| {})
    }

    /// [`decode`](Self::decode), showing `inspect` the hidden states: number 0 is the embedding, number `i` the output of
    /// layer `i`, the last one normalised.
    pub fn decode_inspected(
        &self,
        state: &mut DecoderState,
        tokens: &[u32],
        inspect: &mut dyn FnMut(usize, &Tensor<3>),
    ) -> Tensor<3> {
        self.text_decoder.forward(&self.shared.weight, &mut [Feed { state, tokens }], inspect)
    }

    /// How the last layer's cross-attention looks at the encoder's output while the decoder reads `tokens` of one hypothesis:
    /// `[heads, tokens, T']`. Row `i` belongs to the step that predicts token `i + 1`.
    ///
    /// ```
    /// use indic_seamless::{
    ///     Transcriber, Waveform,
    ///     features::{FeatureBatch, Features},
    /// };
    ///
    /// let transcriber = Transcriber::demo()?;
    /// let clip = Waveform::open("examples/audio/hindi-1.wav")?;
    /// let encoded = transcriber.model().encode(&FeatureBatch::new(&[Features::extract(clip.samples())?], 0.0));
    /// let looks = transcriber.model().cross_attention(&encoded, &[3, 803]);
    /// assert_eq!(looks.dims()[1..], [2, encoded.lengths[0]]);
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn cross_attention(&self, encoded: &Encoded, tokens: &[u32]) -> Tensor<3> {
        let mut state = self.start(encoded, 1, tokens.len());
        self.text_decoder.cross_attention(&self.shared.weight, Feed { state: &mut state, tokens })
    }

    /// The scores of all tokens: `[rows, time, hidden] -> [rows, time, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor<3>) -> Tensor<3> {
        self.output_projection().forward(hidden)
    }

    /// [`logits`](Self::logits) in a vector that is used again from step to step.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) if a GPU could not compute them, or something before them.
    pub fn logits_into(&self, hidden: &Tensor<3>, logits: &mut Vec<f32>) -> Result<()> {
        self.output_projection().forward_into(hidden, logits)
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.shared.weight.device()
    }

    /// The number of tokens: the rows of the embedding.
    pub fn vocabulary(&self) -> usize {
        self.shared.weight.dims()[0]
    }

    fn output_projection(&self) -> Product<'_> {
        Product { weight: &self.shared.weight, bias: None, activation: None }
    }
}
