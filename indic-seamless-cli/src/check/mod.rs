//! `indic-seamless check`: reads a model's files, transcribes a built-in clip, and compares with transformers.

mod against;
mod golden;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use indic_seamless::{
    GenerationConfig, Isa, Language, Precision, Result, TranscribeOptions, Transcriber, Waveform,
    checkpoint::check::CheckOptions,
};

use crate::{Outcome, memory, model::Model, output};

/// Hindi, spoken by a synthesiser.
const CLIP: &[u8] = include_bytes!("hindi-1.wav");
/// The demo model's text of it.
const TEXT: &str = "कृपया आज का मौसम";

/// Many times the tokens that the clip needs.
const MOST_TOKENS: usize = 64;

/// Check a model: its files, its numbers, a built-in clip; print a report for an issue
///
/// The report ends with "ok" or with the list of problems. The exit code is 0 for "ok", 1 for problems, 2 for wrong usage.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model that is part of this program
    model: String,
    /// Type of the weights in memory: auto, f32, bf16, int8 or int4 [default: as stored; f32 with --against]
    #[arg(long, value_name = "P")]
    precision: Option<Precision>,
    /// Folder with the outputs of transformers for some clips, as tools/reference/record.py writes it
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Only read the files
    #[arg(long, conflicts_with = "against")]
    no_inference: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let problems = check(args)?;
    if problems.is_empty() {
        output::line("ok")?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line("problems:")?;
    problems.iter().try_for_each(|problem| output::line(format_args!("  {}", shown(problem))))?;
    Ok(ExitCode::FAILURE)
}

/// Prints the report; returns the problems.
fn check(args: &Args) -> Result<Vec<String>> {
    let threads = rayon::current_num_threads();
    let (version, os, arch, isa) = (env!("CARGO_PKG_VERSION"), env::consts::OS, env::consts::ARCH, Isa::checked()?);
    output::line(format_args!("indic-seamless {version}, {os} {arch}, {threads} threads, kernels {isa}"))?;
    let precision = args.precision.unwrap_or(if args.against.is_some() { Precision::F32 } else { Precision::Auto });
    let model = Model::find(&args.model)?;
    let report = model.check(&CheckOptions::new().precision(precision));
    output::write(shown(&report.to_string()).as_bytes())?;
    if !report.is_ok() || args.no_inference {
        let why = if args.no_inference { "as asked for" } else { "because of the problems below" };
        output::line(format_args!("inference: left out, {why}"))?;
        return Ok(report.verdict());
    }
    let mut problems = Vec::new();
    match model.load(Transcriber::builder().precision(precision)) {
        Ok(transcriber) => {
            if let Err(error) = try_clip(&transcriber, &model, &mut problems) {
                problems.push(format!("inference: {error}"));
            }
            if let Some(dir) = &args.against
                && let Err(error) = against::compare(&transcriber, dir, &mut problems)
            {
                problems.push(format!("--against: {error}"));
            }
        }
        Err(error) => problems.push(format!("loading: {error}")),
    }
    if let Some(peak) = memory::peak_rss_bytes() {
        output::line(format_args!("peak memory: {:.1} MB", peak as f64 / 1e6))?;
    }
    Ok(problems)
}

/// Transcribes the clip and prints the text, the score and the times.
fn try_clip(transcriber: &Transcriber, model: &Model, problems: &mut Vec<String>) -> Result<()> {
    let checkpoint = transcriber.checkpoint();
    let knows = |language: &Language| checkpoint.language_token(*language).is_ok();
    let known = checkpoint.languages().filter_map(|code| code.parse().ok());
    let mut languages = [Language::HINDI, Language::ENGLISH].into_iter().filter(knows).chain(known);
    let Some(language) = languages.next() else {
        problems.push("inference: the checkpoint has no language that this crate knows".to_owned());
        return Ok(());
    };
    let waveform = Waveform::from_bytes(CLIP, Some("wav"))?;
    // A broken model might never end by itself.
    let base = checkpoint.generation();
    let most = base.max_new_tokens.min(MOST_TOKENS.max(base.min_new_tokens));
    let generation = GenerationConfig { max_new_tokens: most, ..base.clone() };
    let options = TranscribeOptions { generation: Some(generation), ..TranscribeOptions::default() };
    let transcript = transcriber.transcribe_with(&waveform, language, options)?;
    let timings = &transcript.timings;
    let (precision, backend, seconds) = (transcriber.precision(), transcriber.backend(), transcript.duration_s);
    output::line(format_args!("inference: {seconds:.2} s of Hindi into {language}, {precision} on {backend}"))?;
    output::line(format_args!("  text: {}", transcript.text))?;
    for segment in &transcript.segments {
        let (tokens, logprob) = (segment.tokens.len(), segment.avg_logprob);
        output::line(format_args!("  {tokens} tokens with the prompt, average log-probability {logprob:.4}"))?;
        if !segment.flags.is_empty() {
            output::line(format_args!("  flags: {:?}", segment.flags))?;
        }
        if !logprob.is_finite() {
            problems.push(format!("inference: average log-probability {logprob} found, wanted a finite number"));
        }
    }
    output::line(format_args!(
        "  ms: load {:.0}, features {:.0}, encoder {:.0}, generation {:.0}, all but loading {:.0}",
        timings.load_ms, timings.features_ms, timings.encoder_ms, timings.generation_ms, timings.total_ms
    ))?;
    if model.is_demo() && transcript.text != TEXT {
        problems.push(format!("inference: text {:?} found, wanted {TEXT:?}", transcript.text));
    }
    Ok(())
}

/// Replaces the home folder, whose path may hold the user's name, by `~`.
fn shown(text: &str) -> String {
    match env::var("HOME") {
        Ok(home) if home.len() > 1 && Path::new(&home).is_absolute() => text.replace(home.trim_end_matches('/'), "~"),
        _ => text.to_owned(),
    }
}
