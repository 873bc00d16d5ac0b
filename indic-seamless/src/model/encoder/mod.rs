//! The speech encoder: projection, conformer layers, adapter.

mod adapter;
mod attention;
mod conformer;
mod convolution;
mod projection;
mod whole_layer;

use std::{
    cell::{OnceCell, RefCell},
    ops::ControlFlow,
};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};

pub use adapter::{Adapter, AdapterConfig, AdapterLayer};
pub use attention::{Attention, AttentionConfig, DistanceEmbedding};
pub use conformer::{ConformerConfig, ConformerLayer};
pub use convolution::Convolution;
pub use projection::FeatureProjection;

use self::attention::Context;
use super::Encoded;
use crate::{
    device::upload,
    kernels::Memory,
    nn::{FeedForward, FeedForwardConfig, LayerNorm, RelativeMask, Storage, add_scaled},
};

/// A place in the encoder whose output can be looked at, in the order of computation. Numbers count layers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Normalised and projected features, `[batch, T, hidden]`.
    FeatureProjection,
    /// First feed-forward block of a conformer layer.
    Ffn1(usize),
    /// Self-attention of a conformer layer.
    SelfAttention(usize),
    /// Depthwise convolution of a conformer layer.
    Depthwise(usize),
    /// Convolution module of a conformer layer.
    Convolution(usize),
    /// Second feed-forward block of a conformer layer.
    Ffn2(usize),
    /// Output of a conformer layer.
    Conformer(usize),
    /// The norm after the last conformer layer.
    LayerNorm,
    /// The feed-forward block between conformer and adapter.
    IntermediateFfn,
    /// The adapter's convolution of the residual, before its gate, `[batch, T', 2 · hidden]`.
    ResidualConvolution,
    /// The adapter's convolution before its attention, before its gate.
    AttentionConvolution,
    /// The adapter's self-attention, `[batch, T', hidden]`.
    AdapterAttention,
    /// The adapter's feed-forward block.
    AdapterFfn,
    /// Output of the adapter.
    Adapter,
    /// Output of the encoder.
    Output,
}

/// Shows an output to whoever wants to look; who has seen enough breaks the computation off.
pub type Inspect<'a> = &'a mut dyn FnMut(Stage, &Tensor<3>) -> ControlFlow<()>;

/// Sizes of the [`SpeechEncoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// Width of the model.
    pub hidden: usize,
    /// The epsilon of the two norms that read it from the configuration.
    pub layer_norm_eps: f64,
    /// Number of conformer layers.
    pub layers: usize,
    /// Positions per attention chunk; `None` for no limit.
    pub chunk: Option<usize>,
    /// Chunks to the left that a chunk sees; `None` for all.
    pub left_chunks: Option<usize>,
    /// One conformer layer.
    pub conformer: ConformerConfig,
    /// The feed-forward block between conformer and adapter.
    pub intermediate: FeedForwardConfig,
    /// The adapter.
    pub adapter: AdapterConfig,
}

/// `[batch, T, 160]` features -> `[batch, T', hidden]`, `T' = floor(T / 8) + 1` with the published stride of 8.
#[derive(Module, Debug)]
pub struct SpeechEncoder {
    feature_projection: FeatureProjection,
    encoder: Conformer,
    intermediate_ffn: FeedForward,
    adapter: Adapter,
    inner_layer_norm: LayerNorm,
}

#[derive(Module, Debug)]
struct Conformer {
    layers: Vec<ConformerLayer>,
    layer_norm: LayerNorm,
    chunk: Option<usize>,
    left_chunks: Option<usize>,
}

impl EncoderConfig {
    /// The encoder, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> SpeechEncoder {
        SpeechEncoder {
            feature_projection: FeatureProjection::init(self.hidden, self.layer_norm_eps, device),
            encoder: Conformer {
                layers: (0..self.layers).map(|_| self.conformer.init(storage, device)).collect(),
                layer_norm: LayerNorm::init(self.hidden, self.layer_norm_eps, device),
                chunk: self.chunk,
                left_chunks: self.left_chunks,
            },
            intermediate_ffn: self.intermediate.init(storage, device),
            adapter: self.adapter.init(storage, device),
            inner_layer_norm: LayerNorm::init(self.hidden, LayerNorm::EPSILON, device),
        }
    }
}

impl SpeechEncoder {
    /// Encodes `features: [batch, T, 160]` whose items have `lengths` valid rows.
    ///
    /// Rows beyond an item's length are computed as the reference computes them: no key beyond it is seen, but the rows
    /// themselves live on and reach the adapter's last window.
    pub fn forward(&self, features: &Tensor<3>, lengths: &[usize], inspect: Inspect<'_>) -> ControlFlow<(), Encoded> {
        self.run(features, lengths, Shown::Everything, inspect)
    }

    /// [`forward`](Self::forward), showing what `shown` says.
    pub(crate) fn run(
        &self,
        features: &Tensor<3>,
        lengths: &[usize],
        shown: Shown,
        inspect: Inspect<'_>,
    ) -> ControlFlow<(), Encoded> {
        let mut encoding = self.start(features, lengths, shown, inspect)?;
        loop {
            match encoding.advance(inspect)? {
                Advanced::Layer(next) => encoding = next,
                Advanced::Done(encoded) => return ControlFlow::Continue(encoded),
            }
        }
    }

    /// [`run`](Self::run) to be taken layer by layer.
    pub(crate) fn start(
        &self,
        features: &Tensor<3>,
        lengths: &[usize],
        shown: Shown,
        inspect: Inspect<'_>,
    ) -> ControlFlow<(), Encoding<'_>> {
        let [_, time, _] = features.dims();
        let valid = valid(lengths, time, &features.device());
        let x = self.feature_projection.forward(features);
        inspect(Stage::FeatureProjection, &x)?;
        let (mask, memory) = (OnceCell::new(), (shown == Shown::Layers).then(RefCell::default));
        let context = Context { lengths, window: &|_| 0..time, valid: valid.clone(), mask: &mask, memory: None };
        let x = context.zero_padding(x);
        ControlFlow::Continue(Encoding { encoder: self, x, lengths: lengths.to_vec(), valid, mask, memory, layers: 0 })
    }
}

/// A batch on its way through the encoder.
#[derive(Debug)]
pub(crate) struct Encoding<'a> {
    encoder: &'a SpeechEncoder,
    /// `[batch, T, hidden]`
    x: Tensor<3>,
    lengths: Vec<usize>,
    /// See [`valid`].
    valid: Option<Tensor<3>>,
    mask: OnceCell<RelativeMask>,
    /// See [`Context::memory`].
    memory: Option<RefCell<Memory>>,
    /// The conformer layers that it has passed.
    layers: usize,
}

/// Which stages are shown to who inspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All.
    Everything,
    /// Not always those inside of a conformer layer, which is faster.
    Layers,
}

/// What a step through the encoder led to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "made once a layer, and taken apart at once")]
pub(crate) enum Advanced<'a> {
    /// One more conformer layer.
    Layer(Encoding<'a>),
    /// The end.
    Done(Encoded),
}

impl<'a> Encoding<'a> {
    /// Passes the next conformer layer, or all that comes behind them.
    pub(crate) fn advance(self, inspect: Inspect<'_>) -> ControlFlow<(), Advanced<'a>> {
        let Self { encoder, x, lengths, valid, mask, memory, layers } = self;
        let SpeechEncoder { encoder: conformer, intermediate_ffn, adapter, inner_layer_norm, .. } = encoder;
        if let Some(layer) = conformer.layers.get(layers) {
            let window = conformer.window(x.dims()[1]);
            let valid_here = valid.clone();
            let context =
                Context { lengths: &lengths, window: &window, valid: valid_here, mask: &mask, memory: memory.as_ref() };
            let x = layer.forward(x, &context, layers, inspect)?;
            inspect(Stage::Conformer(layers), &x)?;
            let next = Self { encoder, x, lengths, valid, mask, memory, layers: layers + 1 };
            return ControlFlow::Continue(Advanced::Layer(next));
        }
        drop(memory);
        let x = conformer.layer_norm.forward(&x);
        inspect(Stage::LayerNorm, &x)?;
        let y = intermediate_ffn.forward(&x);
        inspect(Stage::IntermediateFfn, &y)?;
        let (x, lengths) = adapter.forward(add_scaled(x, y, 0.5), &lengths, inspect)?;
        inspect(Stage::Adapter, &x)?;
        let hidden = inner_layer_norm.forward(&x);
        inspect(Stage::Output, &hidden)?;
        ControlFlow::Continue(Advanced::Done(Encoded { hidden, lengths }))
    }
}

impl Conformer {
    /// The keys that a query may see by the chunks' rule, which applies only to clips longer than a chunk.
    fn window(&self, time: usize) -> impl Fn(usize) -> std::ops::Range<usize> + Sync + use<> {
        let chunk = self.chunk.filter(|&chunk| time > chunk);
        let left_chunks = self.left_chunks;
        move |query| match chunk {
            None => 0..time,
            Some(size) => {
                let chunk = query / size;
                let first = left_chunks.map_or(0, |left| chunk.saturating_sub(left));
                first * size..time.min((chunk + 1) * size)
            }
        }
    }
}

/// Ones at valid rows, zeros at padding, `[batch, T, 1]`; `None` when every row is valid.
fn valid(lengths: &[usize], time: usize, device: &Device) -> Option<Tensor<3>> {
    if lengths.iter().all(|&length| length >= time) {
        return None;
    }
    let mask = lengths.iter().flat_map(|&length| (0..time).map(move |t| if t < length { 1.0f32 } else { 0.0 }));
    Some(upload(TensorData::new::<f32, _>(mask.collect(), [lengths.len(), time, 1]), device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend::Backend, model::config::ModelConfig};

    /// The stages that are shown, and the output.
    fn encode(encoder: &SpeechEncoder, features: &Tensor<3>, shown: Shown) -> (Vec<Stage>, Vec<f32>) {
        let mut stages = Vec::new();
        let inspect: Inspect<'_> = &mut |stage, _| {
            stages.push(stage);
            ControlFlow::Continue(())
        };
        let lengths = [features.dims()[1], features.dims()[1] - 9];
        let encoded = encoder.run(features, &lengths, shown, inspect);
        let ControlFlow::Continue(encoded) = encoded else { unreachable!("nobody broke it off") };
        (stages, encoded.hidden.into_data().try_into_vec().expect("f32"))
    }

    /// Padding, several blocks for each thread, and a last one that is shorter.
    #[test]
    fn quantised_layers_are_computed_whole_unless_somebody_looks_into_them() {
        let config = ModelConfig {
            hidden_size: 64,
            speech_encoder_layers: 2,
            speech_encoder_attention_heads: 2,
            // Wide, so that a block has few rows.
            speech_encoder_intermediate_size: 8192,
            decoder_layers: 1,
            decoder_ffn_dim: 64,
            decoder_attention_heads: 2,
            vocab_size: 70,
            ..ModelConfig::default()
        };
        let device = Backend::Flex.device().expect("device");
        let noise: Vec<f32> =
            (0..2 * 211 * 160u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5).collect();
        let features = upload(TensorData::new(noise, [2, 211, 160]), &device);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        pool.install(|| {
            for (storage, is_whole) in [(Storage::Int8, true), (Storage::Float, false)] {
                let encoder = config.encoder().init(storage, &device);
                let (stages, whole) = encode(&encoder, &features, Shown::Layers);
                assert_eq!(stages.contains(&Stage::Ffn1(1)), !is_whole, "{storage:?}");
                assert!(stages.contains(&Stage::Conformer(1)) && stages.contains(&Stage::Output));
                let (stages, parts) = encode(&encoder, &features, Shown::Everything);
                assert!(stages.contains(&Stage::Ffn1(1)));
                assert_eq!(whole, parts, "{storage:?}");
            }
        });
    }
}
