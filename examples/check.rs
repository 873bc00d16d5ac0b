//! Checks a model: reads its files, transcribes a built-in clip, and compares with what transformers gave.
//!
//! Run with
//!
//! ```text
//! cargo run --release --example check -- demo
//! cargo run --release --example check -- DIR --precision int8
//! cargo run --release --example check -- ai4bharat/indic-seamless --against RECORDED
//! ```
//!
//! `tools/reference/record.py` writes the folder `RECORDED`. The report goes to standard output, to be pasted into an issue;
//! it ends with `ok` or with the list of problems. The exit code is 0 for `ok`, 1 for problems, 2 for wrong usage.

#[path = "support/against.rs"]
mod against;
#[path = "support/golden/mod.rs"]
mod golden;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/model.rs"]
mod model;

use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use indic_seamless::{
    Error, GenerationConfig, Isa, Language, Precision, Result, TranscribeOptions, Transcriber, Waveform,
    checkpoint::{
        Checkpoint,
        check::{CheckOptions, CheckReport},
    },
};

use self::model::progress::progress_bar;

/// Hindi, spoken by a synthesiser.
const CLIP: &[u8] = include_bytes!("audio/hindi-1.wav");
/// What the demo model hears in it.
const TEXT: &str = "कृपया आज का मौसम";

/// Many times the tokens that the clip needs.
const MOST_TOKENS: usize = 64;

/// Checks a model, and prints a report for an issue.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model that is part of this program
    model: String,
    /// Type of the weights in memory: auto, f32, bf16 or int8 [default: as stored; f32 with --against]
    #[arg(long, value_name = "P")]
    precision: Option<Precision>,
    /// Folder with what transformers gave for some clips, as tools/reference/record.py writes it
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Only read the files
    #[arg(long, conflicts_with = "against")]
    no_inference: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(problems) if problems.is_empty() => {
            println!("ok");
            ExitCode::SUCCESS
        }
        Ok(problems) => {
            println!("problems:");
            problems.iter().for_each(|problem| println!("  {}", shown(problem)));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, Error::InvalidOption { .. }) { 2 } else { 1 })
        }
    }
}

/// Prints the report; returns the problems.
fn run(args: &Args) -> Result<Vec<String>> {
    let threads = rayon::current_num_threads();
    let (os, arch, isa) = (env::consts::OS, env::consts::ARCH, Isa::checked()?);
    println!("indic-seamless {}, {os} {arch}, {threads} threads, kernels {isa}", env!("CARGO_PKG_VERSION"));
    let precision = args.precision.unwrap_or(if args.against.is_some() { Precision::F32 } else { Precision::Auto });
    let model = Model::find(&args.model)?;
    let report = model.check(precision);
    print!("{}", shown(&report.to_string()));
    if !report.is_ok() || args.no_inference {
        let why = if args.no_inference { "as asked for" } else { "because of the problems below" };
        println!("inference: left out, {why}");
        return Ok(report.verdict());
    }
    let mut problems = Vec::new();
    match model.load(precision) {
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
        println!("peak memory: {:.1} MB", peak as f64 / 1e6);
    }
    Ok(problems)
}

/// Where the model is.
enum Model {
    Demo,
    Folder(PathBuf),
}

impl Model {
    fn find(model: &str) -> Result<Self> {
        match model {
            model::DEMO if cfg!(feature = "demo") => Ok(Self::Demo),
            #[cfg(not(feature = "demo"))]
            model::DEMO => Err(model::no_demo()),
            model => model::resolve(model).map(Self::Folder),
        }
    }

    fn check(&self, precision: Precision) -> CheckReport {
        let bar = progress_bar("checking {bar:30} {decimal_bytes}/{decimal_total_bytes} {eta}");
        let mut progress = |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let options = CheckOptions::new().precision(precision);
        let report = match self {
            #[cfg(feature = "demo")]
            Self::Demo => options.demo(&mut progress),
            #[cfg(not(feature = "demo"))]
            Self::Demo => options.folder(model::DEMO, &mut progress),
            Self::Folder(dir) => options.folder(dir, &mut progress),
        };
        bar.finish_and_clear();
        report
    }

    fn load(&self, precision: Precision) -> Result<Transcriber> {
        let bar = progress_bar("loading {bar:30} {decimal_bytes}/{decimal_total_bytes}");
        let checkpoint = match self {
            #[cfg(feature = "demo")]
            Self::Demo => Checkpoint::demo()?,
            #[cfg(not(feature = "demo"))]
            Self::Demo => return Err(model::no_demo()),
            Self::Folder(dir) => Checkpoint::open(dir)?,
        };
        let transcriber = Transcriber::builder().precision(precision).build_checkpoint(checkpoint, &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        transcriber
    }
}

/// Transcribes the clip, and prints what came of it.
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
    // A broken model may not stop by itself.
    let base = checkpoint.generation();
    let most = base.max_new_tokens.min(MOST_TOKENS.max(base.min_new_tokens));
    let generation = GenerationConfig { max_new_tokens: most, ..base.clone() };
    let options = TranscribeOptions { generation: Some(generation), ..TranscribeOptions::default() };
    let transcript = transcriber.transcribe_with(&waveform, language, options)?;
    let timings = &transcript.timings;
    let mut text = String::new();
    let (precision, backend) = (transcriber.precision(), transcriber.backend());
    let _ =
        writeln!(text, "inference: {:.2} s of Hindi into {language}, {precision} on {backend}", transcript.duration_s);
    let _ = writeln!(text, "  text: {}", transcript.text);
    for segment in &transcript.segments {
        let (tokens, logprob) = (segment.tokens.len(), segment.avg_logprob);
        let _ = writeln!(text, "  {tokens} tokens with the prompt, average log-probability {logprob:.4}");
        if !segment.flags.is_empty() {
            let _ = writeln!(text, "  flags: {:?}", segment.flags);
        }
        if !logprob.is_finite() {
            problems.push(format!("inference: average log-probability {logprob} found, wanted a finite number"));
        }
    }
    let _ = writeln!(
        text,
        "  ms: load {:.0}, features {:.0}, encoder {:.0}, generation {:.0}, all but loading {:.0}",
        timings.load_ms, timings.features_ms, timings.encoder_ms, timings.generation_ms, timings.total_ms
    );
    print!("{text}");
    if matches!(model, Model::Demo) && transcript.text != TEXT {
        problems.push(format!("inference: text {:?} found, wanted {TEXT:?}", transcript.text));
    }
    Ok(())
}

/// Text with `~` for the home folder, whose path has the name of the user.
fn shown(text: &str) -> String {
    match env::var("HOME") {
        Ok(home) if home.len() > 1 && Path::new(&home).is_absolute() => text.replace(home.trim_end_matches('/'), "~"),
        _ => text.to_owned(),
    }
}
