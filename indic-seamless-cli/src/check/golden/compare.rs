//! The comparisons: features, every stage of encoder and decoder, and sequences.

use std::ops::ControlFlow;

use burn::tensor::Tensor as BurnTensor;
use indic_seamless::{
    CancelToken, EarlyStopping, GenerationConfig, ModelDecoder, Result,
    checkpoint::Checkpoint,
    features::{Fbank, FeatureBatch, Features, STACKED},
    generation::{Hypothesis, Observer, generate},
    model::{Encoded, SpeechToText, encoder::Stage},
    text::DecodeOptions,
};
use serde_json::Value;

use super::{Golden, Report, Tensors};

/// Log-mel energies and features, absolute.
pub(crate) const FEATURES: f64 = 1e-3;
/// Encoder and decoder tensors, relative to their largest magnitude.
pub(crate) const TENSORS: f64 = 2e-4;
/// Scores of beams, log-probabilities of tokens.
pub(crate) const SCORES: f64 = 1e-4;

/// Compares waveform, log-mel energies and features of a clip, if the golden has them.
pub(crate) fn frontend(golden: &Golden, clip: &str, info: &Value, place: &str, report: &mut Report) -> Result<()> {
    let Some(tensors) = golden.tensors(clip)? else { return Ok(()) };
    let waveform = golden.waveform(clip)?;
    let samples = waveform.samples();
    report.check("waveform", place, tensors.get("waveform_16k")?.difference(samples), 1e-5);
    report.check("fbank", place, tensors.get("fbank")?.difference(&Fbank::extract(samples)), FEATURES);

    let batch = FeatureBatch::new(&[Features::extract(samples)?], 0.0);
    report.check("features", place, tensors.get("input_features")?.difference(batch.rows()), FEATURES);
    let lengths: Vec<Value> = batch.lengths().iter().map(|&length| length.into()).collect();
    report.equal("valid rows", place, &lengths, &vec![info["mask_sum"].clone()], "");
    Ok(())
}

/// The reference's features, so that the model is compared on exactly its input.
pub(crate) fn reference_features(tensors: &Tensors) -> Result<FeatureBatch> {
    let (features, mask) = (tensors.get("input_features")?, tensors.get("attention_mask")?);
    let [items, time, STACKED] = features.shape[..] else {
        return Err(tensors.broken(format_args!("input_features {:?}, wanted [batch, time, 160]", features.shape)));
    };
    if mask.shape != [items, time] || time == 0 {
        return Err(tensors.broken(format_args!("attention_mask {:?}, wanted {:?}", mask.shape, [items, time])));
    }
    let lengths = mask.values.chunks(time).map(|row| row.iter().sum::<f64>() as usize).collect();
    FeatureBatch::from_rows(features.f32(), time, lengths)
}

/// The reference's name of a stage, and whether its layout is [batch, channels, time].
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

/// Compares every stage of encoder and decoder that `tensors` has, on the reference's features and prefix.
pub(crate) fn stages(
    checkpoint: &Checkpoint,
    model: &SpeechToText,
    tensors: &Tensors,
    place: &str,
    report: &mut Report,
) -> Result<()> {
    let mut compared = Vec::new();
    let mut show = |stage, tensor: &BurnTensor<3>| {
        let Some((name, transposed)) = reference_name(stage) else { return };
        let name = format!("enc.{name}");
        // Only some goldens have the inner stages.
        let Some(wanted) = tensors.find(&name) else { return };
        let tensor = if transposed { tensor.clone().swap_dims(1, 2) } else { tensor.clone() };
        report.equal("shape", place, &tensor.dims().to_vec(), &wanted.shape, &format!(" of {name}"));
        report.check(&name, place, wanted.relative_difference(&values(tensor)), TENSORS);
        compared.push(name);
    };
    let encoded = model.encode_inspected(&reference_features(tensors)?, &mut |stage, tensor| {
        show(stage, tensor);
        ControlFlow::Continue(())
    });
    let ControlFlow::Continue(encoded) = encoded else { unreachable!("the closure never breaks") };
    let prefix = tensors.get("dec.prefix")?;
    let [items, time] = prefix.shape[..] else {
        return Err(tensors.broken(format_args!("dec.prefix {:?}, wanted [batch, time]", prefix.shape)));
    };
    if items != encoded.lengths.len() || time == 0 {
        return Err(tensors.broken(format_args!(
            "dec.prefix {:?}, wanted {} rows",
            prefix.shape,
            encoded.lengths.len()
        )));
    }
    let vocabulary = checkpoint.config().vocab_size;
    if let Some(id) = prefix.values.iter().find(|&&id| id < 0.0 || id >= vocabulary as f64) {
        report.fail(place, format_args!("dec.prefix has token {id}, but the model has {vocabulary}"));
        return Ok(());
    }
    let prefix: Vec<u32> = prefix.values.iter().map(|&id| id as u32).collect();
    let mut check = |name: String, found: Vec<f32>| {
        let Some(wanted) = tensors.find(&name) else { return };
        let stage = if name.starts_with("dec.hidden") { "dec.hidden" } else { name.as_str() };
        report.check(stage, place, wanted.relative_difference(&found), TENSORS);
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
    check("dec.logits".to_owned(), values(model.logits(&BurnTensor::cat(steps, 1))));

    let names = tensors.names().filter(|name| name.starts_with("enc.") || name.starts_with("dec."));
    for name in names.filter(|name| *name != "dec.prefix" && !compared.iter().any(|compared| compared == name)) {
        report.fail(place, format_args!("{name} was not compared: the model has no such stage"));
    }
    Ok(())
}

/// The search that a golden's `kwargs` ask for.
fn generation(golden: &Golden, base: &GenerationConfig, kwargs: &Value) -> Result<GenerationConfig> {
    let most = golden.manifest["max_new_tokens"].as_u64();
    let most = most.ok_or_else(|| golden.broken("no number max_new_tokens"))?;
    let mut config = GenerationConfig { max_new_tokens: most as usize, ..base.clone() };
    for (key, value) in kwargs.as_object().into_iter().flatten() {
        let wrong = || golden.broken(format_args!("kwargs: {key} is {value}"));
        let count = || value.as_u64().map(|number| number as usize).ok_or_else(wrong);
        let number = || value.as_f64().ok_or_else(wrong);
        match key.as_str() {
            "num_beams" => config.num_beams = count()?,
            "num_return_sequences" => config.num_return_sequences = count()?,
            "no_repeat_ngram_size" => config.no_repeat_ngram_size = count()?,
            "min_new_tokens" => config.min_new_tokens = count()?,
            "length_penalty" => config.length_penalty = number()?,
            "repetition_penalty" => config.repetition_penalty = number()? as f32,
            "early_stopping" => {
                config.early_stopping = match value.as_str() {
                    Some(word) => word.parse::<EarlyStopping>()?,
                    None => value.to_string().parse()?,
                }
            }
            _ => return Err(wrong()),
        }
    }
    Ok(config)
}

/// Runs and compares the searches of a clip or batch, of which `info` is the entry in the manifest.
pub(crate) fn sequences(
    golden: &Golden,
    checkpoint: &Checkpoint,
    model: &SpeechToText,
    (name, info): (&str, &Value),
    report: &mut Report,
) -> Result<()> {
    let members: Vec<&str> = match info["members"].as_array() {
        Some(members) => members.iter().filter_map(Value::as_str).collect(),
        None => vec![name],
    };
    let clip = |clip: &&str| Features::extract(golden.waveform(clip)?.samples());
    let clips = members.iter().map(clip).collect::<Result<Vec<_>>>()?;
    if clips.is_empty() {
        return Err(golden.broken(format_args!("{name} has no members")));
    }
    let encoded = model.encode(&FeatureBatch::new(&clips, checkpoint.padding_value()));
    for (variant, wanted) in info["generate"].as_object().into_iter().flatten() {
        let place = format!("{}/{name}/{variant}", golden.name());
        let sure = ["same_in_float64", "same_with_weight_noise_1e_4"].map(|key| wanted[key].as_bool());
        if sure.contains(&Some(false)) {
            // Ambiguous: a rounding error changes the reference's own tokens.
            report.ambiguous += 1;
            continue;
        }
        let config = generation(golden, checkpoint.generation(), &wanted["kwargs"])?;
        let language =
            wanted["tgt_lang"].as_str().ok_or_else(|| golden.broken(format_args!("{place}: no tgt_lang")))?;
        let language = checkpoint.language_token(language.parse()?)?;
        let found = search(model, &encoded, &config, language)?;
        // If the reference was not tested for rounding errors, a small margin shows how likely one is.
        let margin = match (sure.contains(&None), wanted["min_margin"].as_f64()) {
            (false, _) => String::new(),
            (true, Some(margin)) => {
                format!(" (rounding not tried; the reference's first two tokens are at least {margin:.2e} apart)")
            }
            (true, None) => " (rounding not tried)".to_owned(),
        };
        let parsed = (serde_json::from_value(wanted["ids"].clone()), serde_json::from_value(wanted["text"].clone()));
        let (Ok(ids), Ok(texts)) = parsed else { return Err(golden.broken(format_args!("{place}: no ids and text"))) };
        if hypotheses(checkpoint, &config, &found, (ids, texts), (&place, &margin), report)? {
            scores(&found, wanted, &place, report);
        }
    }
    Ok(())
}

fn search(
    model: &SpeechToText,
    encoded: &Encoded,
    config: &GenerationConfig,
    language: u32,
) -> Result<Vec<Hypothesis>> {
    let prompts = vec![vec![config.decoder_start_token_id, language]; encoded.lengths.len()];
    let mut decoder = ModelDecoder::new(model, encoded, config, 2);
    let mut observer = Observer { on_token: &mut |_| {}, cancel: &CancelToken::new() };
    Ok(generate(&mut decoder, &prompts, config, &[], &mut observer)?.into_iter().flatten().collect())
}

/// Compares ids and texts; returns whether they are the same.
fn hypotheses(
    checkpoint: &Checkpoint,
    config: &GenerationConfig,
    found: &[Hypothesis],
    (ids, texts): (Vec<Vec<u32>>, Vec<String>),
    (place, margin): (&str, &str),
    report: &mut Report,
) -> Result<bool> {
    // The reference fills short rows with padding, greedy with 0 and beams with 3.
    let fill = if config.num_beams == 1 { 0 } else { 3 };
    let width = ids.iter().map(Vec::len).max().unwrap_or(0);
    let padded = |hypothesis: &Hypothesis| {
        hypothesis.tokens.iter().copied().chain(std::iter::repeat(fill)).take(width).collect()
    };
    let padded: Vec<Vec<u32>> = found.iter().map(padded).collect();
    let text = |hypothesis: &Hypothesis| checkpoint.tokenizer().decode(&hypothesis.tokens, DecodeOptions::default());
    let found_texts = found.iter().map(text).collect::<Result<Vec<_>>>()?;
    let same = report.equal("ids", place, &padded, &ids, margin);
    Ok(report.equal("text", place, &found_texts, &texts, margin) && same)
}

fn scores(found: &[Hypothesis], wanted: &Value, place: &str, report: &mut Report) {
    for (found, wanted) in found.iter().zip(wanted["sequences_scores"].as_array().into_iter().flatten()) {
        let wanted = wanted.as_f64().unwrap_or(f64::NAN);
        // Relative: penalised sums grow with the length.
        let difference = (f64::from(found.score) - wanted).abs() / wanted.abs().max(1.0);
        report.check("beam scores", place, difference, SCORES);
    }
    for (found, row) in found.iter().zip(wanted["token_logprobs"].as_array().into_iter().flatten()) {
        for (found, wanted) in found.logprobs.iter().zip(row.as_array().into_iter().flatten()) {
            let difference = (f64::from(*found) - wanted.as_f64().unwrap_or(f64::NAN)).abs();
            report.check("token log-probabilities", place, difference, SCORES);
        }
    }
}

/// The values of a tensor, row after row.
pub(crate) fn values<const D: usize>(tensor: BurnTensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("the model computes in f32")
}
