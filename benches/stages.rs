//! The stages of a transcription, at the size of the real model with random weights.
//!
//! Run with `cargo bench`, or one stage with `cargo bench -- "decoder step"`. The encoder needs 3 GB, the decoder 4 GB.

use std::{hint::black_box, path::Path};

use burn::tensor::{Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use indic_seamless::{
    Backend, Transcriber, Waveform,
    features::{Fbank, FeatureBatch, Features},
    model::{Encoded, config::ModelConfig},
    nn::Storage,
    segmentation::{SegmentationOptions, Segmenter},
};

/// Ten seconds of noise.
fn recording() -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(next).take(160_000).collect()
}

fn features(c: &mut Criterion) {
    let samples = recording();
    c.bench_function("fbank, 10 s", |b| b.iter(|| Fbank::extract(black_box(&samples))));
}

fn segmentation(c: &mut Criterion) {
    let minute = recording().repeat(6);
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    let mut segments = Vec::new();
    c.bench_function("search for speech, 60 s", |b| {
        b.iter(|| {
            segmenter.push(black_box(&minute), &mut segments);
            segmenter.finish(&mut segments);
        });
    });
}

const STORAGES: [(&str, Storage); 2] = [("f32", Storage::Float), ("int8", Storage::Int8)];

fn encoder(c: &mut Criterion) {
    let device = Backend::Flex.device().expect("flex");
    let features = FeatureBatch::new(&[Features::extract(&recording()).expect("features")], 0.0);
    let mut group = c.benchmark_group("encoder, 10 s");
    group.sample_size(10);
    for ((name, storage), layers) in STORAGES.into_iter().flat_map(|storage| [1, 24].map(|layers| (storage, layers))) {
        group.bench_function(BenchmarkId::new(name, layers), |b| {
            let config = ModelConfig { speech_encoder_layers: layers, decoder_layers: 1, ..ModelConfig::default() };
            let model = config.init(storage, &device);
            // The output is computed once before, since random weights are made at their first use.
            model.encode(&features);
            b.iter(|| model.encode(black_box(&features)).hidden.into_data());
        });
    }
    group.finish();
}

fn decoder(c: &mut Criterion) {
    let device = Backend::Flex.device().expect("flex");
    let mut group = c.benchmark_group("decoder step");
    group.sample_size(10);
    for ((name, storage), rows) in STORAGES.into_iter().flat_map(|storage| [1usize, 5].map(|rows| (storage, rows))) {
        group.bench_function(BenchmarkId::new(name, rows), |b| {
            let model = ModelConfig { speech_encoder_layers: 1, ..ModelConfig::default() }.init(storage, &device);
            let hidden = Tensor::random([1, 63, 1024], Distribution::Normal(0.0, 1.0), &device);
            let encoded = Encoded { hidden, lengths: vec![63] };
            let mut state = model.start(&encoded, rows, 4096);
            model.decode(&mut state, &[3, 256_033]);
            state.reorder(&vec![0; rows]);
            let tokens = vec![7; rows];
            let mut logits = Vec::new();
            b.iter(|| {
                let hidden = model.decode(&mut state, black_box(&tokens));
                model.logits_into(&hidden, &mut logits).expect("logits");
            });
        });
    }
    group.finish();
}

fn end_to_end(c: &mut Criterion) {
    let transcriber = Transcriber::demo().expect("model");
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/audio/hindi-1.wav");
    let audio = Waveform::open(clip).expect("clip");
    let tamil = "tam".parse().expect("language");
    c.bench_function("end to end, demo model", |b| b.iter(|| transcriber.transcribe(black_box(&audio), tamil)));
}

criterion_group!(benches, features, segmentation, encoder, decoder, end_to_end);
criterion_main!(benches);
