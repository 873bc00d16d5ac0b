//! Equality with the reference, Hugging Face transformers in float32: every tensor of every stage, and every sequence.
//!
//! Run with `-- --nocapture` to see the largest difference per stage.

mod common;

use common::{Golden, Report, Tensors, values};
use std::ops::ControlFlow;

use indic_seamless::{
    AudioOptions, Backend, CancelToken, EarlyStopping, GenerationConfig, ModelDecoder, Precision, Waveform,
    audio::Channel,
    checkpoint::Checkpoint,
    features::{Fbank, FeatureBatch, Features, STACKED},
    generation::{Observer, generate},
    model::{SpeechToText, encoder::Stage},
    text::DecodeOptions,
};
use serde_json::Value;

/// Log-mel energies and features, absolute.
const FEATURES: f64 = 1e-3;
/// Encoder and decoder tensors, relative to their largest magnitude.
const TENSORS: f64 = 2e-4;
/// Scores of beams, log-probabilities of tokens.
const SCORES: f64 = 1e-4;

fn backends() -> Vec<Backend> {
    let mut backends = vec![Backend::Flex];
    if cfg!(feature = "ndarray") {
        backends.push(Backend::NdArray);
    }
    backends
}

/// The waveform as the reference reads it: of several channels the first.
fn waveform(golden: &Golden, clip: &str) -> Waveform {
    AudioOptions::new().channel(Channel::Only(0)).open(golden.audio(clip)).expect("clip")
}

fn load(golden: &Golden, backend: Backend) -> (Checkpoint, SpeechToText) {
    let checkpoint = Checkpoint::open(golden.model()).expect("checkpoint");
    let model = checkpoint.load(Precision::Auto, &backend.device().expect("device"), &mut |_, _| {}).expect("model");
    (checkpoint, model)
}

#[test]
fn frontend() {
    let mut report = Report::default();
    for golden in common::all() {
        for (clip, info) in golden.entries("clips") {
            let Some(tensors) = golden.tensors(clip) else { continue };
            let place = format!("{}/{clip}", golden.name());
            let waveform = waveform(&golden, clip);
            let samples = waveform.samples();
            report.check("waveform", &place, tensors.get("waveform_16k").difference(samples), 1e-5);
            report.check("fbank", &place, tensors.get("fbank").difference(&Fbank::extract(samples)), FEATURES);

            let batch = FeatureBatch::new(&[Features::extract(samples).expect("features")], 0.0);
            report.check("features", &place, tensors.get("input_features").difference(batch.rows()), FEATURES);
            let length = info["mask_sum"].as_u64().expect("mask_sum") as usize;
            report.equal("valid rows", &place, &batch.lengths().to_vec(), &vec![length]);
        }
    }
    report.finish("frontend");
}

/// The reference's features, so that the model is compared on exactly its input.
fn reference_features(tensors: &Tensors) -> FeatureBatch {
    let features = tensors.get("input_features");
    let mask = tensors.get("attention_mask");
    let [_, time, STACKED] = features.shape[..] else { panic!("shape {:?}", features.shape) };
    let lengths = mask.values.chunks(time).map(|row| row.iter().sum::<f64>() as usize).collect();
    FeatureBatch::from_rows(features.f32(), time, lengths).expect("features")
}

/// The reference's name of a stage, and whether it has the channels before the time.
fn reference_name(stage: Stage) -> Option<(String, bool)> {
    let plain = |name: &str| Some((name.to_owned(), false));
    match stage {
        Stage::FeatureProjection => plain("feature_projection"),
        Stage::Ffn1(0) => plain("l0.ffn1"),
        Stage::SelfAttention(0) => plain("l0.self_attn"),
        Stage::Depthwise(0) => Some(("l0.depthwise".to_owned(), true)),
        Stage::Convolution(0) => plain("l0.conv"),
        Stage::Ffn2(0) => plain("l0.ffn2"),
        Stage::Conformer(layer) => plain(&format!("conformer.{layer}")),
        Stage::LayerNorm => plain("encoder_layer_norm"),
        Stage::IntermediateFfn => plain("intermediate_ffn"),
        Stage::ResidualConvolution => Some(("adapter.residual_conv".to_owned(), true)),
        Stage::AttentionConvolution => Some(("adapter.self_attn_conv".to_owned(), true)),
        Stage::AdapterAttention => plain("adapter.self_attn"),
        Stage::AdapterFfn => plain("adapter.ffn"),
        Stage::Adapter => plain("adapter"),
        Stage::Output => plain("encoder_out"),
        Stage::Ffn1(_) | Stage::SelfAttention(_) | Stage::Depthwise(_) | Stage::Convolution(_) | Stage::Ffn2(_) => None,
    }
}

#[test]
fn encoder_and_decoder() {
    for backend in backends() {
        let mut report = Report::default();
        for golden in common::all() {
            let names: Vec<&String> =
                ["clips", "batches"].iter().flat_map(|kind| golden.entries(kind)).map(|(name, _)| name).collect();
            let with_tensors: Vec<_> =
                names.into_iter().filter_map(|name| Some((name, golden.tensors(name)?))).collect();
            if with_tensors.is_empty() {
                continue;
            }
            let (_, model) = load(&golden, backend);
            for (name, tensors) in with_tensors {
                let place = format!("{}/{name}", golden.name());
                compare(&model, &tensors, &place, &mut report);
            }
        }
        report.finish(&format!("encoder and decoder on {backend}"));
    }
}

fn compare(model: &SpeechToText, tensors: &Tensors, place: &str, report: &mut Report) {
    let mut compared = Vec::new();
    let mut show = |stage, tensor: &burn::tensor::Tensor<3>| {
        let Some((name, transposed)) = reference_name(stage) else { return };
        let name = format!("enc.{name}");
        // Only one clip and the batches have the inner stages.
        let Some(wanted) = tensors.names().any(|n| n == name).then(|| tensors.get(&name)) else { return };
        let tensor = if transposed { tensor.clone().swap_dims(1, 2) } else { tensor.clone() };
        assert_eq!(tensor.dims().to_vec(), wanted.shape, "{place}: {name}");
        report.check(&name, place, wanted.difference(&values(tensor)) / wanted.largest(), TENSORS);
        compared.push(name);
    };
    let encoded = model.encode_inspected(&reference_features(tensors), &mut |stage, tensor| {
        show(stage, tensor);
        ControlFlow::Continue(())
    });
    let ControlFlow::Continue(encoded) = encoded else { panic!("{place}: broken off") };
    let prefix: Vec<u32> = tensors.get("dec.prefix").values.iter().map(|&id| id as u32).collect();
    let [items, time] = tensors.get("dec.prefix").shape[..] else { panic!("prefix") };
    let mut check = |name: String, found: Vec<f32>| {
        let wanted = tensors.get(&name);
        let stage = if name.starts_with("dec.hidden") { "dec.hidden" } else { name.as_str() };
        report.check(stage, place, wanted.difference(&found) / wanted.largest(), TENSORS);
        compared.push(name);
    };

    let mut state = model.start(&encoded, items, time);
    let hidden = model.decode_inspected(&mut state, &prefix, &mut |layer, hidden| {
        check(format!("dec.hidden.{layer}"), values(hidden.clone()));
    });
    check("dec.logits".to_owned(), values(model.logits(&hidden)));

    // The same prefix one token at a time, through the cache.
    let mut state = model.start(&encoded, items, time);
    let step = |t: usize| -> Vec<u32> { (0..items).map(|item| prefix[item * time + t]).collect() };
    let steps: Vec<_> = (0..time).map(|t| model.decode(&mut state, &step(t))).collect();
    check("dec.logits".to_owned(), values(model.logits(&burn::tensor::Tensor::cat(steps, 1))));

    let missing: Vec<&str> = tensors
        .names()
        .filter(|name| (name.starts_with("enc.") || name.starts_with("dec.")) && *name != "dec.prefix")
        .filter(|name| !compared.iter().any(|c| c == name))
        .collect();
    assert!(missing.is_empty(), "{place}: not compared: {missing:?}");
}

#[test]
fn chunked_attention() {
    for backend in backends() {
        let mut report = Report::default();
        for golden in common::all() {
            let Some(variants) = golden.manifest["chunk_variants"].as_array() else { continue };
            for variant in variants {
                let file = variant["file"].as_str().expect("file").trim_end_matches(".safetensors");
                let clip = golden.tensors(variant["clip"].as_str().expect("clip")).expect("clip");
                let dir = golden.with_config(&[
                    ("speech_encoder_chunk_size", &variant["chunk_size"]),
                    ("speech_encoder_left_chunk_num", &variant["left_chunk_num"]),
                ]);
                let checkpoint = Checkpoint::open(dir.path()).expect("checkpoint");
                let model = checkpoint
                    .load(Precision::Auto, &backend.device().expect("device"), &mut |_, _| {})
                    .expect("model");
                let encoded = model.encode(&reference_features(&clip));
                let tensors = golden.tensors(file).expect("golden");
                let wanted = tensors.get("enc.encoder_out");
                let difference = wanted.difference(&values(encoded.hidden)) / wanted.largest();
                report.check("enc.encoder_out", &format!("{}/{file}", golden.name()), difference, TENSORS);
            }
        }
        report.finish(&format!("chunked attention on {backend}"));
    }
}

/// The search that a golden's `kwargs` ask for.
fn generation(base: &GenerationConfig, max_new_tokens: u64, kwargs: &Value) -> GenerationConfig {
    let mut config = GenerationConfig { max_new_tokens: max_new_tokens as usize, ..base.clone() };
    for (key, value) in kwargs.as_object().expect("kwargs") {
        let number = || value.as_u64().unwrap_or_else(|| panic!("{key}: {value}")) as usize;
        match key.as_str() {
            "num_beams" => config.num_beams = number(),
            "num_return_sequences" => config.num_return_sequences = number(),
            "no_repeat_ngram_size" => config.no_repeat_ngram_size = number(),
            "min_new_tokens" => config.min_new_tokens = number(),
            "length_penalty" => config.length_penalty = value.as_f64().expect("number"),
            "repetition_penalty" => config.repetition_penalty = value.as_f64().expect("number") as f32,
            "early_stopping" => {
                config.early_stopping = match value.as_str() {
                    Some(word) => word.parse::<EarlyStopping>().expect("early_stopping"),
                    None => value.to_string().parse().expect("early_stopping"),
                }
            }
            _ => panic!("unknown option {key}"),
        }
    }
    config
}

#[test]
fn sequences() {
    for backend in backends() {
        let mut report = Report::default();
        let mut ambiguous = 0;
        for golden in common::all() {
            let (checkpoint, model) = load(&golden, backend);
            for (name, info) in golden.entries("clips").chain(golden.entries("batches")) {
                let members: Vec<&str> = match info["members"].as_array() {
                    Some(members) => members.iter().map(|m| m.as_str().expect("name")).collect(),
                    None => vec![name.as_str()],
                };
                let clips: Vec<Features> = members
                    .iter()
                    .map(|clip| Features::extract(waveform(&golden, clip).samples()).expect("features"))
                    .collect();
                let encoded = model.encode(&FeatureBatch::new(&clips, checkpoint.padding_value()));
                for (variant, wanted) in info["generate"].as_object().expect("generate") {
                    let place = format!("{}/{name}/{variant}", golden.name());
                    if wanted["same_in_float64"] != true || wanted["same_with_weight_noise_1e_4"] != true {
                        // The reference itself gives other tokens when the weights change by a rounding error.
                        ambiguous += 1;
                        continue;
                    }
                    let language = wanted["tgt_lang"].as_str().expect("tgt_lang").parse().expect("language");
                    let config = generation(
                        checkpoint.generation(),
                        golden.manifest["max_new_tokens"].as_u64().expect("max"),
                        &wanted["kwargs"],
                    );
                    let language = checkpoint.language_token(language).expect("language");
                    let prompts = vec![vec![config.decoder_start_token_id, language]; members.len()];
                    let mut decoder = ModelDecoder::new(&model, &encoded, &config, 2);
                    let mut observer = Observer { on_token: &mut |_| {}, cancel: &CancelToken::new() };
                    let found = generate(&mut decoder, &prompts, &config, &mut observer).expect("generate");
                    let found: Vec<_> = found.into_iter().flatten().collect();

                    // The reference fills short rows with padding, greedy with 0 and beams with 3.
                    let fill = if config.num_beams == 1 { 0 } else { 3 };
                    let ids: Vec<Vec<u32>> = serde_json::from_value(wanted["ids"].clone()).expect("ids");
                    let width = ids.iter().map(Vec::len).max().unwrap_or(0);
                    let padded: Vec<Vec<u32>> = found
                        .iter()
                        .map(|h| h.tokens.iter().copied().chain(std::iter::repeat(fill)).take(width).collect())
                        .collect();
                    report.equal("ids", &place, &padded, &ids);
                    let texts: Vec<String> = found
                        .iter()
                        .map(|h| checkpoint.tokenizer().decode(&h.tokens, DecodeOptions::default()).expect("text"))
                        .collect();
                    let wanted_texts: Vec<String> = serde_json::from_value(wanted["text"].clone()).expect("text");
                    report.equal("text", &place, &texts, &wanted_texts);
                    if let Some(scores) = wanted["sequences_scores"].as_array() {
                        for (found, wanted) in found.iter().zip(scores) {
                            let wanted = wanted.as_f64().expect("score");
                            // Penalised sums grow with the length: 1e-4 of their magnitude.
                            let difference = (f64::from(found.score) - wanted).abs() / wanted.abs().max(1.0);
                            report.check("beam scores", &place, difference, SCORES);
                        }
                    }
                    if let Some(rows) = wanted["token_logprobs"].as_array() {
                        for (found, row) in found.iter().zip(rows) {
                            for (found, wanted) in found.logprobs.iter().zip(row.as_array().expect("row")) {
                                let difference = (f64::from(*found) - wanted.as_f64().expect("number")).abs();
                                report.check("token log-probabilities", &place, difference, SCORES);
                            }
                        }
                    }
                }
            }
        }
        println!("{ambiguous} sequences skipped, ambiguous in the reference");
        report.finish(&format!("sequences on {backend}"));
    }
}
