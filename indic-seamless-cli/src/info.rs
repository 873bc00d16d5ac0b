//! `indic-seamless info`: what a model is, and how it would run on this machine.

use std::{fmt::Write as _, process::ExitCode};

use indic_seamless::{
    Isa,
    checkpoint::{
        Checkpoint,
        check::{CheckOptions, CheckReport, MemoryEstimate},
    },
};
use indicatif::DecimalBytes;

use crate::{Outcome, model::Model, output};

/// Show a model's sizes, precision, languages and search, and the kernels that this machine would use
///
/// Only headers and small files are read; `check` reads everything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model that is part of this program
    model: String,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let model = Model::find(&args.model)?;
    let checkpoint = model.open()?;
    let report = model.check(&CheckOptions::new().hashes(false).values(false));
    let mut text = String::new();
    describe(&checkpoint, &report, &mut text);
    let kernels = Isa::checked()?;
    let available: Vec<&str> = Isa::available().map(Isa::name).collect();
    let threads = rayon::current_num_threads();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "kernels: {kernels}, of {}; {threads} threads", available.join(" "));
    if !report.is_ok() {
        let count = report.problems.len();
        let _ = writeln!(text, "problems: {count}; `indic-seamless check {}` lists them", args.model);
    }
    output::write(text.as_bytes())?;
    Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(checkpoint: &Checkpoint, report: &CheckReport, text: &mut String) {
    let bytes = report.files.iter().map(|file| file.bytes).sum();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "model: {}, {}", checkpoint.dir().display(), DecimalBytes(bytes));
    let _ = writeln!(text, "weights: {}", checkpoint.precision());
    if let Some(tensors) = &report.tensors {
        let _ =
            writeln!(text, "parameters: {:.1} million in {} tensors", tensors.parameters as f64 / 1e6, tensors.wanted);
    }
    let config = checkpoint.config();
    let width = config.hidden_size;
    let mut stack = |name, layers, heads, inner| {
        let _ = writeln!(text, "{name}: {layers} layers of width {width}, {heads} heads, feed-forward {inner}");
    };
    let (layers, heads) = (config.speech_encoder_layers, config.speech_encoder_attention_heads);
    stack("encoder", layers, heads, config.speech_encoder_intermediate_size);
    stack("decoder", config.decoder_layers, config.decoder_attention_heads, config.decoder_ffn_dim);
    let _ = writeln!(text, "vocabulary: {} tokens", config.vocab_size);
    let search = checkpoint.generation();
    let _ = writeln!(text, "search: num_beams {}, max_new_tokens {}", search.num_beams, search.max_new_tokens);
    let languages: Vec<&str> = checkpoint.languages().collect();
    let _ = writeln!(text, "languages: {}: {}", languages.len(), languages.join(" "));
    for &MemoryEstimate { precision, in_place, converted } in &report.memory {
        let by_default = if report.loads_as == Some(precision) { ", the default" } else { "" };
        let (in_place, converted) = (DecimalBytes(in_place), DecimalBytes(converted));
        let _ = writeln!(text, "memory as {precision}: {in_place} mapped, {converted} converted{by_default}");
    }
}
