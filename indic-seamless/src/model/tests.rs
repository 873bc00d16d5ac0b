//! What a backend without kernels uploads: nothing grows with the number of layers.

use super::{config::ModelConfig, *};
use crate::{
    backend::Backend,
    device::tests::uploads,
    features::{FeatureBatch, Features},
};

fn device() -> Device {
    // What is uploaded is the same on all; software Vulkan is slow.
    let backend = if cfg!(feature = "ndarray") { Backend::NdArray } else { Backend::Wgpu };
    backend.device().expect("device")
}

fn model(layers: usize, storage: Storage) -> SpeechToText {
    let config = ModelConfig {
        vocab_size: 70,
        hidden_size: 32,
        decoder_layers: layers,
        decoder_ffn_dim: 64,
        decoder_attention_heads: 2,
        speech_encoder_layers: layers,
        speech_encoder_attention_heads: 2,
        speech_encoder_intermediate_size: 64,
        conv_depthwise_kernel_size: 3,
        ..ModelConfig::default()
    };
    config.init(storage, &device())
}

/// Features of noise of so many samples each.
fn features(samples: &[usize]) -> FeatureBatch {
    let clip = |&samples: &usize| {
        let noise: Vec<f32> =
            (0..samples as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0).collect();
        Features::extract(&noise).expect("features")
    };
    FeatureBatch::new(&samples.iter().map(clip).collect::<Vec<_>>(), 0.0)
}

/// What `work` returns, and how often it uploads something.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = uploads();
    let done = work();
    (done, uploads() - before)
}

/// Uploads of the encoder for a clip without padding and for a batch with padding.
fn of_encoder(model: &SpeechToText) -> [usize; 2] {
    [features(&[16_240]), features(&[16_240, 8_000])].map(|features| counted(|| model.encode(&features)).1)
}

/// Uploads of a prompt of two tokens, a greedy step, and a step of three beams.
fn of_decoder(model: &SpeechToText) -> [usize; 3] {
    let encoded = model.encode(&features(&[16_240]));
    let [mut greedy, mut beams] = [1, 3].map(|hypotheses| model.start(&encoded, hypotheses, 8));
    let feed = |state: &mut DecoderState, parents: &[usize], tokens: &[u32]| {
        state.reorder(parents);
        counted(|| model.logits(&model.decode(state, tokens)).into_data()).1
    };
    feed(&mut beams, &[0], &[3, 5]);
    [feed(&mut greedy, &[0], &[3, 5]), feed(&mut greedy, &[0], &[7]), feed(&mut beams, &[0, 0, 0], &[7, 8, 9])]
}

#[test]
fn the_encoder_uploads_its_masks_once_a_batch() {
    let [one, three] = [1, 3].map(|layers| of_encoder(&model(layers, Storage::Float)));
    // Features and distances; of padding, which rows are valid, and the keys of conformer and adapter with their bounds.
    assert_eq!(one, [2, 2 + 1 + 2 * 3]);
    assert_eq!(three, one);
}

#[test]
fn a_step_uploads_tokens_positions_and_at_most_one_mask() {
    for storage in [Storage::Float, Storage::Int8, Storage::Int4] {
        let [one, three] = [1, 3].map(|layers| of_decoder(&model(layers, storage)));
        assert_eq!(one, [3, 2, 3], "{storage:?}");
        assert_eq!(three, one, "{storage:?}");
    }
}
