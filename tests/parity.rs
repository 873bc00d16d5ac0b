//! Equality with the reference, Hugging Face transformers in float32: every tensor of every stage, and every sequence.
//!
//! Run with `-- --nocapture` to see the largest difference per stage.

#[path = "common/backends.rs"]
mod backends;
mod common;

use common::{
    Golden, Report, finish,
    golden::compare::{self, TENSORS, reference_features, values},
};
use indic_seamless::{Backend, Precision, checkpoint::Checkpoint, model::SpeechToText};

fn backends() -> Vec<Backend> {
    [vec![Backend::Flex], backends::others()].concat()
}

fn load(golden: &Golden, backend: Backend) -> (Checkpoint, SpeechToText) {
    let checkpoint = Checkpoint::open(golden.model()).expect("checkpoint");
    let model = checkpoint.load(Precision::F32, &backend.device().expect("device"), &mut |_, _| {}).expect("model");
    (checkpoint, model)
}

#[test]
fn frontend() {
    let mut report = Report::default();
    for golden in common::all() {
        for (clip, info) in golden.entries("clips") {
            let place = format!("{}/{clip}", golden.name());
            compare::frontend(&golden, clip, info, &place, &mut report).expect("golden");
        }
    }
    finish(&report, "frontend");
}

#[test]
fn encoder_and_decoder() {
    for backend in backends() {
        let mut report = Report::default();
        for golden in common::all() {
            let names: Vec<&String> =
                ["clips", "batches"].iter().flat_map(|kind| golden.entries(kind)).map(|(name, _)| name).collect();
            let with_tensors: Vec<_> =
                names.into_iter().filter_map(|name| Some((name, golden.tensors(name).expect("golden")?))).collect();
            if with_tensors.is_empty() {
                continue;
            }
            let (checkpoint, model) = load(&golden, backend);
            for (name, tensors) in with_tensors {
                let place = format!("{}/{name}", golden.name());
                for stage in
                    ["enc.encoder_out".to_owned(), format!("dec.hidden.{}", checkpoint.config().decoder_layers)]
                {
                    tensors.get(&stage).expect("golden");
                }
                compare::stages(&checkpoint, &model, &tensors, &place, &mut report).expect("golden");
            }
        }
        finish(&report, &format!("encoder and decoder on {backend}"));
    }
}

#[test]
fn chunked_attention() {
    for backend in backends() {
        let mut report = Report::default();
        for golden in common::all() {
            let Some(variants) = golden.manifest["chunk_variants"].as_array() else { continue };
            for variant in variants {
                let file = variant["file"].as_str().expect("file").trim_end_matches(".safetensors");
                let clip = golden.tensors(variant["clip"].as_str().expect("clip")).expect("golden").expect("clip");
                let dir = golden.with_config(&[
                    ("speech_encoder_chunk_size", &variant["chunk_size"]),
                    ("speech_encoder_left_chunk_num", &variant["left_chunk_num"]),
                ]);
                let checkpoint = Checkpoint::open(dir.path()).expect("checkpoint");
                let model =
                    checkpoint.load(Precision::F32, &backend.device().expect("device"), &mut |_, _| {}).expect("model");
                let encoded = model.encode(&reference_features(&clip).expect("features"));
                let tensors = golden.tensors(file).expect("golden").expect("tensors");
                let wanted = tensors.get("enc.encoder_out").expect("golden");
                let difference = wanted.relative_difference(&values(encoded.hidden));
                report.check("enc.encoder_out", &format!("{}/{file}", golden.name()), difference, TENSORS);
            }
        }
        finish(&report, &format!("chunked attention on {backend}"));
    }
}

#[test]
fn sequences() {
    for backend in backends() {
        let mut report = Report::default();
        for golden in common::all() {
            let (checkpoint, model) = load(&golden, backend);
            for (name, info) in golden.entries("clips").chain(golden.entries("batches")) {
                compare::sequences(&golden, &checkpoint, &model, (name, info), &mut report).expect("golden");
            }
        }
        println!("{} sequences skipped, ambiguous in the reference", report.ambiguous);
        finish(&report, &format!("sequences on {backend}"));
    }
}
