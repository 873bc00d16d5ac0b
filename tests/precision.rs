//! Narrower weights against `f32`. `INDIC_SEAMLESS_ISA` has these tests run on lower instruction sets too.

#[path = "common/backends.rs"]
mod backends;
mod common;

use std::{
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, SystemTime},
};

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
fn quantised_weights_agree_with_f32_on_the_best_token() {
    let (mut agreed, mut all) = ([0, 0], 0);
    with_clips(|checkpoint, clips| {
        let [f32, int8, int4] = [Precision::F32, Precision::Int8, Precision::Int4]
            .map(|precision| load(checkpoint, precision, Backend::Flex));
        let vocabulary = checkpoint.config().vocab_size;
        for (features, tokens) in clips {
            let [f32, int8, int4] = [&f32, &int8, &int4].map(|model| teacher_forced(model, features, tokens));
            for (quantised, agreed) in [int8, int4].iter().zip(&mut agreed) {
                let pairs = f32.chunks(vocabulary).zip(quantised.chunks(vocabulary));
                *agreed += pairs.filter(|(f32, quantised)| best(f32) == best(quantised)).count();
            }
            all += f32.len() / vocabulary;
        }
    });
    println!("{}: {} of {all} in int8, {} in int4", Isa::checked().expect("instruction set"), agreed[0], agreed[1]);
    assert!(all > 300, "{all} tokens are too few to say");
    assert!(agreed[0] * 100 >= all * 99 && agreed[1] * 100 >= all * 98, "{agreed:?} of {all}");
}

#[test]
fn bf16_differs_by_its_rounding() {
    let (mut agreed, mut all) = (0, 0);
    with_clips(|checkpoint, clips| {
        let [f32, bf16] = [Precision::F32, Precision::Bf16].map(|precision| load(checkpoint, precision, Backend::Flex));
        for (features, tokens) in clips {
            let [f32, bf16] = [&f32, &bf16].map(|model| teacher_forced(model, features, tokens));
            // Half of the last of 8 bits in each weight, in keys and values, and where the processor multiplies bf16 in each
            // input, much of which cancels out.
            let difference = difference(&f32, &bf16);
            assert!((f32::MIN_POSITIVE..=0.01 * largest(&f32)).contains(&difference), "{difference}");
            let vocabulary = checkpoint.config().vocab_size;
            for (f32, bf16) in f32.chunks(vocabulary).zip(bf16.chunks(vocabulary)) {
                agreed += usize::from(best(f32) == best(bf16));
                all += 1;
            }
        }
    });
    assert_eq!(agreed, all, "tokens that agree");
}

/// Other backends compute with the same bytes, but do not round inputs: as with these weights in `f32`.
#[test]
fn quantised_weights_on_other_backends() {
    for backend in backends::others() {
        for (golden, precision) in FORMS {
            let (_parent, checkpoint) = quantised(golden, precision);
            let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
            let clip = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
            let features = FeatureBatch::new(&[Features::extract(clip.samples()).expect("features")], 0.0);
            let logits = |checkpoint: &Checkpoint, precision, backend| {
                teacher_forced(&load(checkpoint, precision, backend), &features, &[3, 1030, 5, 9])
            };
            let wanted = logits(&checkpoint, Precision::F32, Backend::Flex);
            for (name, checkpoint) in [("a quantised folder", &checkpoint), ("quantised at load", &source)] {
                let found = logits(checkpoint, precision, backend);
                let difference = difference(&wanted, &found) / largest(&wanted);
                assert!(difference < 1e-4, "{golden}, {precision}, {name}, on {backend}: {difference}");
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

/// The quantised forms that are looked at.
const FORMS: [(&str, Precision); 4] = [
    ("tiny", Precision::Int8),
    ("tiny", Precision::Int4),
    ("tiny-bf16-sharded", Precision::Int8),
    ("tiny-bf16-sharded", Precision::Int4),
];

/// A quantised form of a golden, and the folder that holds it.
fn quantised(golden: &str, precision: Precision) -> (tempfile::TempDir, Checkpoint) {
    let parent = tempfile::tempdir().expect("folder");
    let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
    let (mut calls, mut last) = (0, (0, 1));
    let progress = &mut |done, all| {
        assert!(done >= last.0 && done <= all);
        (calls, last) = (calls + 1, (done, all));
    };
    source.quantize(parent.path().join("new/quantised"), precision, progress).expect("quantised");
    assert!(calls > 10 && last.0 == last.1, "{calls} calls, the last with {last:?}");
    let checkpoint = Checkpoint::open(parent.path().join("new/quantised")).expect("loads");
    (parent, checkpoint)
}

#[test]
fn a_quantised_folder_is_the_model_quantised_at_load() {
    for (golden, precision) in FORMS {
        let (_parent, written) = quantised(golden, precision);
        assert_eq!(written.precision(), precision);
        let source = Checkpoint::open(common::golden_dir().join(golden).join("model")).expect("checkpoint");
        let clip = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
        let features = FeatureBatch::new(&[Features::extract(clip.samples()).expect("features")], 0.0);
        let logits = |checkpoint: &Checkpoint, precision| {
            teacher_forced(&load(checkpoint, precision, Backend::Flex), &features, &[3, 1030, 5, 9])
        };
        let found = logits(&written, Precision::Auto);
        assert_eq!(found, logits(&source, precision), "{golden}, {precision}");
        // Half bytes stand for bytes, so that these compute the same.
        let bytes = logits(&written, Precision::Int8);
        assert_eq!(found, bytes, "{golden}, {precision}");
        assert_eq!(precision == Precision::Int8, bytes == logits(&source, Precision::Int8), "{golden}, {precision}");
        // The other way: its weights as numbers.
        let (f32, exact) = (logits(&written, Precision::F32), logits(&source, Precision::F32));
        let allowed = if precision == Precision::Int8 { 0.05 } else { 0.15 };
        assert!(difference(&f32, &found) < 0.05 * largest(&f32), "{golden}, {precision}");
        assert!(difference(&f32, &exact) < allowed * largest(&f32) && f32 != exact, "{golden}, {precision}");
    }
}

#[test]
fn a_quantised_folder_is_small_and_complete() {
    let (parent, _) = quantised("tiny", Precision::Int8);
    let folder = parent.path().join("new/quantised");
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
    let error = source.quantize(&there, Precision::Int8, &mut |_, _| {}).expect_err("is there");
    assert!(matches!(&error, Error::AlreadyExists { path } if *path == there), "{error}");
    assert_eq!(std::fs::read_dir(&there).expect("folder").count(), 0);

    let error =
        source.quantize(parent.path().join("new"), Precision::Bf16, &mut |_, _| {}).expect_err("no quantised type");
    assert!(matches!(error, Error::InvalidOption { option: "precision", .. }), "{error}");

    // A checkpoint that promises more layers than it has.
    let golden = common::all().into_iter().find(|golden| golden.name() == "tiny").expect("tiny");
    let broken = golden.with_config(&[("decoder_layers", &4.into())]);
    let source = Checkpoint::open(broken.path()).expect("opens");
    let error =
        source.quantize(parent.path().join("new"), Precision::Int8, &mut |_, _| {}).expect_err("tensors are missing");
    assert!(matches!(&error, Error::MissingTensor { name, .. } if name.contains("layers.2.")), "{error}");
    assert_eq!(std::fs::read_dir(parent.path()).expect("folder").count(), 1, "only what was there");
}

#[test]
fn a_file_that_changes_while_it_is_quantised_is_an_error() {
    let tiny = common::all().into_iter().find(|golden| golden.name() == "tiny").expect("tiny");
    let (from, parent) = (tiny.with_config(&[]), tempfile::tempdir().expect("folder"));
    let weights = from.path().join("model.safetensors");
    let change = |_: u64, _: u64| {
        let mut file = std::fs::File::options().write(true).open(&weights).expect("open");
        file.seek(SeekFrom::End(-1)).expect("seek");
        file.write_all(&[1]).expect("write");
        // A clock that ticks every few milliseconds may stamp the file as it was.
        file.set_modified(SystemTime::now() + Duration::from_secs(1)).expect("time");
    };
    let is_named = |error: Error| match error {
        Error::FileChanged { path, .. } => path == weights,
        other => panic!("{other}"),
    };
    for precision in [Precision::Int8, Precision::Int4] {
        let source = Checkpoint::open(from.path()).expect("checkpoint");
        let error = source.quantize(parent.path().join("new"), precision, &mut &change).expect_err("changed");
        assert!(is_named(error));
        assert_eq!(std::fs::read_dir(parent.path()).expect("folder").count(), 0);
        // Also where all was read before, since some tensors are used in place.
        let source = Checkpoint::open(from.path()).expect("checkpoint");
        let last = &mut |done: u64, all: u64| {
            if done == all {
                change(done, all);
            }
        };
        assert!(is_named(source.quantize(parent.path().join("new"), precision, last).expect_err("changed")));
        assert_eq!(std::fs::read_dir(parent.path()).expect("folder").count(), 0);
        // Nor is a model made of it.
        let source = Checkpoint::open(from.path()).expect("checkpoint");
        let device = Backend::Flex.device().expect("device");
        assert!(is_named(source.load(precision, &device, &mut &change).expect_err("changed")));
    }
}

/// Bytes of another program's making mean something else.
#[test]
fn foreign_quantised_weights_are_refused() {
    for precision in [Precision::Int8, Precision::Int4] {
        let (parent, _) = quantised("tiny", precision);
        let path = parent.path().join("new/quantised/model.safetensors");
        let mut bytes = std::fs::read(&path).expect("weights");
        let scheme = format!("{precision} [output/6");
        let at = bytes.windows(scheme.len()).position(|window| window == scheme.as_bytes()).expect("the scheme");
        bytes[at] = b'u';
        std::fs::write(&path, bytes).expect("write");
        let error = Transcriber::from_dir(parent.path().join("new/quantised")).expect_err("another scheme");
        let found = format!("u{} [output", &precision.name()[1..]);
        assert!(matches!(&error, Error::InvalidFile { reason, .. } if reason.contains(&found)), "{error}");
    }
}

#[cfg(feature = "demo")]
#[test]
fn the_demo_model_in_every_precision() {
    for precision in [Precision::Bf16, Precision::Int8, Precision::Int4] {
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
