//! Narrower weights against `f32`. `INDIC_SEAMLESS_ISA` has these tests run on lower instruction sets too.

#[path = "common/backends.rs"]
mod backends;
mod common;

use std::path::Path;

use common::values;
use indic_seamless::{
    Backend, Error, Isa, Precision, Transcriber, Waveform,
    checkpoint::Checkpoint,
    features::{FeatureBatch, Features},
    model::SpeechToText,
};

fn load(checkpoint: &Checkpoint, precision: Precision, backend: Backend) -> SpeechToText {
    checkpoint.load(precision, &backend.device().expect("device"), &mut |_, _| {}).expect("model")
}

/// The logits after each token of a sequence, the start token excepted, `[tokens - 1, vocabulary]`.
fn teacher_forced(model: &SpeechToText, features: &FeatureBatch, tokens: &[u32]) -> Vec<f32> {
    let encoded = model.encode(features);
    let mut state = model.start(&encoded, 1, tokens.len());
    let hidden = model.decode(&mut state, tokens);
    let [_, time, _] = hidden.dims();
    values(model.logits(&hidden.narrow(1, 1, time - 1)))
}

fn best(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).expect("logits")
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |max, x| max.max(x.abs()))
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

/// The features and the reference's tokens of every clip of every golden.
fn with_clips(mut f: impl FnMut(&Checkpoint, &[(FeatureBatch, Vec<u32>)])) {
    for golden in common::all() {
        let checkpoint = Checkpoint::open(golden.model()).expect("checkpoint");
        let mut clips = Vec::new();
        for (clip, info) in golden.entries("clips") {
            let features =
                Features::extract(Waveform::open(golden.audio(clip).expect("manifest")).expect("clip").samples());
            let features = FeatureBatch::new(&[features.expect("features")], checkpoint.padding_value());
            for (variant, wanted) in info["generate"].as_object().expect("generate") {
                if variant.ends_with("/greedy") {
                    let ids: Vec<Vec<u32>> = serde_json::from_value(wanted["ids"].clone()).expect("ids");
                    clips.push((features.clone(), ids[0].clone()));
                }
            }
        }
        f(&checkpoint, &clips);
    }
}

#[test]
fn int8_agrees_with_f32_on_the_best_token() {
    let (mut agreed, mut all) = (0, 0);
    with_clips(|checkpoint, clips| {
        let [f32, int8] = [Precision::F32, Precision::Int8].map(|precision| load(checkpoint, precision, Backend::Flex));
        let vocabulary = checkpoint.config().vocab_size;
        for (features, tokens) in clips {
            let [f32, int8] = [&f32, &int8].map(|model| teacher_forced(model, features, tokens));
            for (f32, int8) in f32.chunks(vocabulary).zip(int8.chunks(vocabulary)) {
                agreed += usize::from(best(f32) == best(int8));
                all += 1;
            }
        }
    });
    println!("{}: {agreed} of {all}", Isa::checked().expect("instruction set"));
    assert!(all > 300, "{all} tokens are too few to say");
    assert!(agreed * 100 >= all * 99, "{agreed} of {all}");
}

#[test]
fn bf16_differs_by_its_rounding() {
    with_clips(|checkpoint, clips| {
        let [f32, bf16] = [Precision::F32, Precision::Bf16].map(|precision| load(checkpoint, precision, Backend::Flex));
        let stored_so = checkpoint.precision() == Precision::Bf16;
        for (features, tokens) in clips {
            let [f32, bf16] = [&f32, &bf16].map(|model| teacher_forced(model, features, tokens));
            // Half of the last of 8 bits in each weight, much of which cancels out.
            let allowed = if stored_so { 1e-5 } else { 0.01 };
            assert!(difference(&f32, &bf16) <= allowed * largest(&f32), "{}", difference(&f32, &bf16));
            assert_eq!(stored_so, difference(&f32, &bf16) < 1e-4 * largest(&f32), "weights are rounded or not");
        }
    });
}

/// Other backends compute with the same bytes, but do not round inputs: as with these weights in `f32`.
#[test]
fn int8_on_other_backends() {
    for backend in backends::others() {
        for golden in ["tiny", "tiny-bf16-sharded"] {
            let (_parent, checkpoint) = quantised(golden);
            let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
            let clip = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
            let features = FeatureBatch::new(&[Features::extract(clip.samples()).expect("features")], 0.0);
            let logits = |checkpoint: &Checkpoint, precision, backend| {
                teacher_forced(&load(checkpoint, precision, backend), &features, &[3, 1030, 5, 9])
            };
            let wanted = logits(&checkpoint, Precision::F32, Backend::Flex);
            for (name, checkpoint) in [("a quantised folder", &checkpoint), ("quantised at load", &source)] {
                let found = logits(checkpoint, Precision::Int8, backend);
                let difference = difference(&wanted, &found) / largest(&wanted);
                assert!(difference < 1e-4, "{golden}, {name}, on {backend}: {difference}");
            }
        }
    }
}

#[test]
fn bf16_is_for_flex() {
    for backend in backends::others() {
        let builder = Transcriber::builder().backend(backend).precision(Precision::Bf16);
        let error = builder.build(common::golden_dir().join("tiny/model")).expect_err("no kernel for it");
        assert!(matches!(error, Error::InvalidOption { option: "precision", .. }), "{error}");
    }
}

/// The int8 form of a golden, and the folder that holds it.
fn quantised(golden: &str) -> (tempfile::TempDir, Checkpoint) {
    let parent = tempfile::tempdir().expect("folder");
    let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
    let (mut calls, mut last) = (0, (0, 1));
    let progress = &mut |done, all| {
        assert!(done >= last.0 && done <= all);
        (calls, last) = (calls + 1, (done, all));
    };
    source.quantize(parent.path().join("new/int8"), progress).expect("quantised");
    assert!(calls > 10 && last.0 == last.1, "{calls} calls, the last with {last:?}");
    let checkpoint = Checkpoint::open(parent.path().join("new/int8")).expect("loads");
    (parent, checkpoint)
}

#[test]
fn a_quantised_folder_is_the_model_quantised_at_load() {
    for golden in ["tiny", "tiny-bf16-sharded"] {
        let (_parent, written) = quantised(golden);
        assert_eq!(written.precision(), Precision::Int8);
        let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
        let clip = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
        let features = FeatureBatch::new(&[Features::extract(clip.samples()).expect("features")], 0.0);
        let logits = |checkpoint: &Checkpoint, precision| {
            teacher_forced(&load(checkpoint, precision, Backend::Flex), &features, &[3, 1030, 5, 9])
        };
        let int8 = logits(&written, Precision::Auto);
        assert_eq!(int8, logits(&source, Precision::Int8), "{golden}");
        // The other way: its weights as numbers.
        let (f32, exact) = (logits(&written, Precision::F32), logits(&source, Precision::F32));
        assert!(difference(&f32, &int8) < 0.05 * largest(&f32), "{golden}");
        assert!(difference(&f32, &exact) < 0.05 * largest(&f32) && f32 != exact, "{golden}");
    }
}

#[test]
fn a_quantised_folder_is_small_and_complete() {
    let (parent, _) = quantised("tiny");
    let folder = parent.path().join("new/int8");
    let size = |dir: &Path| std::fs::metadata(dir.join("model.safetensors")).expect("weights").len();
    let source = common::golden_dir().join("tiny/model");
    assert!(size(&folder) * 2 < size(&source), "{} of {}", size(&folder), size(&source));
    for file in ["config.json", "generation_config.json", "preprocessor_config.json", "sentencepiece.bpe.model"] {
        assert_eq!(std::fs::read(folder.join(file)).expect("copy"), std::fs::read(source.join(file)).expect("source"));
    }
    // Nothing unfinished beside it.
    assert_eq!(std::fs::read_dir(parent.path().join("new")).expect("folder").count(), 1);
    let transcriber = Transcriber::from_dir(&folder).expect("loads");
    assert_eq!(transcriber.precision(), Precision::Int8);
    let clip = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
    let transcript = transcriber.transcribe(&clip, "eng".parse().expect("language")).expect("transcript");
    assert_eq!(transcript.text, "The weather is pleasant today.");
}

#[test]
fn quantising_overwrites_nothing_and_leaves_nothing_behind() {
    let parent = tempfile::tempdir().expect("folder");
    let there = parent.path().join("there");
    std::fs::create_dir(&there).expect("folder");
    let source = Checkpoint::open(common::golden_dir().join("tiny/model")).expect("checkpoint");
    let error = source.quantize(&there, &mut |_, _| {}).expect_err("is there");
    assert!(matches!(&error, Error::AlreadyExists { path } if *path == there), "{error}");
    assert_eq!(std::fs::read_dir(&there).expect("folder").count(), 0);

    // A checkpoint that promises more layers than it has.
    let golden = common::all().into_iter().find(|golden| golden.name() == "tiny").expect("tiny");
    let broken = golden.with_config(&[("decoder_layers", &4.into())]);
    let source = Checkpoint::open(broken.path()).expect("opens");
    let error = source.quantize(parent.path().join("new"), &mut |_, _| {}).expect_err("tensors are missing");
    assert!(matches!(&error, Error::MissingTensor { name, .. } if name.contains("layers.2.")), "{error}");
    assert_eq!(std::fs::read_dir(parent.path()).expect("folder").count(), 1, "only what was there");
}

/// Bytes of another program's making mean something else.
#[test]
fn foreign_int8_is_refused() {
    let (parent, _) = quantised("tiny");
    let path = parent.path().join("new/int8/model.safetensors");
    let mut bytes = std::fs::read(&path).expect("weights");
    let at = bytes.windows(14).position(|window| window == b"int8 [output/6").expect("the scheme");
    bytes[at] = b'u';
    std::fs::write(&path, bytes).expect("write");
    let error = Transcriber::from_dir(parent.path().join("new/int8")).expect_err("another scheme");
    assert!(matches!(&error, Error::InvalidFile { reason, .. } if reason.contains("unt8 [output")), "{error}");
}

#[cfg(feature = "demo")]
#[test]
fn the_demo_model_in_every_precision() {
    for precision in [Precision::Bf16, Precision::Int8] {
        let transcriber = Transcriber::builder().precision(precision).build_demo().expect("demo");
        assert_eq!(transcriber.precision(), precision);
        for (file, texts) in common::example_texts() {
            let audio = Waveform::open(common::example(&file)).expect("clip");
            for (language, wanted) in texts.iter().filter(|(language, _)| *language != "spoken") {
                let language = language.parse().expect("language");
                let transcript = transcriber.transcribe(&audio, language).expect("transcript");
                assert_eq!(&transcript.text, wanted, "{file} in {language}, {precision}");
            }
        }
    }
}
