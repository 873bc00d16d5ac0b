//! The small files of a checkpoint, and its weight files as they are.

use std::sync::LazyLock;

use burn::tensor::Device;
use indic_seamless::{
    GenerationConfig, Language, Precision, Segmentation, TranscribeOptions, Transcriber, Waveform,
    checkpoint::check::CheckOptions,
};

use crate::{
    input::Input,
    tiny::{CONFIG, Files, GENERATION, INDEX, TINY, WEIGHTS, listed, open},
};

/// The tiny model.
static MODEL: LazyLock<Transcriber> = LazyLock::new(|| {
    let checkpoint = open(&TINY).expect("a checkpoint");
    Transcriber::builder().threads(1).build_checkpoint(checkpoint, &mut |_, _| {}).expect("a model")
});

/// A twenty-fifth of a second of noise: hardly more than the shortest recording.
static NOISE: LazyLock<Waveform> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(2);
    let samples = (0..640).map(|_| random.f32() - 0.5).collect();
    Waveform::from_samples(samples, 16_000).expect("samples")
});

/// Opens, checks and loads a checkpoint; whether it could be loaded.
pub(crate) fn load(files: &Files, precision: Precision) -> bool {
    let report = CheckOptions::new().precision(precision).files("fuzz", listed(files), &mut |_, _| {});
    drop(report.to_string());
    let loaded = open(files).and_then(|checkpoint| checkpoint.load(precision, &Device::flex(), &mut |_, _| {}));
    let error = loaded.as_ref().err();
    // Loading does not read the bytes of quantised weights, so it does not find -128 among them.
    let is_right = report.problems.iter().all(|problem| problem.found.starts_with("-128 "));
    assert_eq!(error.is_none(), is_right, "loading it ends with {error:?}, but the check says\n{report}");
    loaded.is_ok()
}

fn with(name: &'static str, data: &[u8]) -> Files {
    let mut files = TINY.clone();
    files.insert(name, data.to_vec());
    files
}

/// Transcribes with a checkpoint that could be loaded.
pub(crate) fn run(files: &Files, precision: Precision) {
    let checkpoint = open(files).expect("it was opened before");
    let builder = Transcriber::builder().threads(1).precision(precision);
    let transcriber = builder.build_checkpoint(checkpoint, &mut |_, _| {}).expect("it was loaded before");
    let options = TranscribeOptions { segmentation: Segmentation::None, ..TranscribeOptions::default() };
    // Numbers that are none show in the scores, which is an error.
    drop(transcriber.transcribe_with(&NOISE, Language::HINDI, options));
}

/// `config.json`.
pub(crate) fn config(data: &[u8]) {
    let files = with(CONFIG, data);
    if load(&files, Precision::F32) {
        run(&files, Precision::F32);
    }
}

/// `generation_config.json`, and a search with it.
pub(crate) fn generation(data: &[u8]) {
    if let Ok(checkpoint) = open(&with(GENERATION, data)) {
        search(checkpoint.generation().clone());
    }
}

/// A search of the tiny model. Options that it refuses are of no interest.
fn search(generation: GenerationConfig) {
    // Many are slow, and nothing else.
    if generation.num_beams > 20 || generation.num_return_sequences > 20 {
        return;
    }
    let options = TranscribeOptions {
        generation: Some(generation),
        segmentation: Segmentation::None,
        ..TranscribeOptions::default()
    };
    if let Ok(transcript) = MODEL.transcribe_with(&NOISE, Language::HINDI, options) {
        assert_eq!(transcript.segments.len(), 1);
    }
}

/// `model.safetensors`.
pub(crate) fn safetensors(data: &[u8]) {
    load(&with(WEIGHTS, data), Precision::F32);
}

/// `model.safetensors.index.json`, and two shards.
pub(crate) fn shards(data: &[u8]) {
    let mut files = TINY.clone();
    files.remove(WEIGHTS);
    let mut input = Input(data);
    let length = input.short();
    files.insert(INDEX, input.take(length.into()).to_vec());
    for (name, shard) in ["a.safetensors", "b.safetensors"].into_iter().zip(input.stretches()) {
        files.insert(name, shard.to_vec());
    }
    load(&files, Precision::F32);
}
