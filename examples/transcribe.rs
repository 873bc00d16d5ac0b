//! Transcribes or translates recordings of any length.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example transcribe -- --model demo --lang hin examples/audio/hindi-1.wav
//! cargo run --release --example transcribe -- --model ai4bharat/indic-seamless --lang tam --format json speech.mp3
//! ```
//!
//! The program `indic-seamless`, in the crate `indic-seamless-cli`, does more: progress bars, live input, results in files.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use indic_seamless::{
    AudioOptions, Error, Language, OutputFormat, Precision, Result, Segmentation, TranscribeOptions, Transcriber,
    Transcript, checkpoint::HubModel, subtitles::SubtitleOptions,
};
use serde::Serialize;

/// Transcribes recordings, or translates them into another language.
#[derive(Parser)]
struct Args {
    /// Recordings
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model in the library
    #[arg(long, env = "INDIC_SEAMLESS_MODEL", default_value = "ai4bharat/indic-seamless")]
    model: String,
    /// Language of the text, by code or English name
    #[arg(long, default_value = "eng")]
    lang: Language,
    /// Type of the weights in memory: auto (as stored), f32, bf16, int8 or int4
    #[arg(long, default_value = "auto")]
    precision: Precision,
    /// Threads on the CPU [default: one per core]
    #[arg(long)]
    threads: Option<usize>,
    /// Where speech is detected and cut out: auto (unless speech fills a short recording), always or none
    #[arg(long, default_value = "auto")]
    segmentation: Segmentation,
    /// What is printed for a recording: text, json, srt or vtt; texts of several have the path and a tab before them
    #[arg(long, default_value = "text")]
    format: OutputFormat,
}

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(flatten)]
    transcript: &'a Transcript,
    precision: &'a str,
    backend: &'a str,
    peak_rss_bytes: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let transcriber = match load(&args) {
        Ok(transcriber) => transcriber,
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, Error::Hub { .. }) {
                eprintln!("hint: `--model demo` needs no download: it knows digits and some everyday words");
            }
            return ExitCode::from(if matches!(error, Error::InvalidOption { .. }) { 2 } else { 1 });
        }
    };
    let mut code = ExitCode::SUCCESS;
    for file in &args.files {
        let (transcript, error) = match transcribe(&transcriber, file, &args) {
            Ok(transcript) => (Some(transcript), None),
            // What was heard before the error is printed, too.
            Err(Error::Unfinished { cause, partial }) => (Some(*partial), Some(*cause)),
            Err(error) => (None, Some(error)),
        };
        if let Some(transcript) = transcript {
            print!("{}", result(&transcriber, file, &transcript, &args));
        }
        if let Some(error) = error {
            eprintln!("error: {}: {error}", file.display());
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn load(args: &Args) -> Result<Transcriber> {
    let builder = Transcriber::builder().precision(args.precision).threads(args.threads);
    match args.model.as_str() {
        "demo" => builder.build_demo(),
        id if HubModel::is_id(id) && !Path::new(id).exists() => builder.build(HubModel::new(id).download(&mut |_| {})?),
        dir => builder.build(dir),
    }
}

fn transcribe(transcriber: &Transcriber, file: &Path, args: &Args) -> Result<Transcript> {
    // A reader decodes piece by piece: hours of sound take no more memory than seconds.
    let reader = AudioOptions::new().max_duration(std::time::Duration::MAX).reader(file)?;
    let options = TranscribeOptions {
        segmentation: args.segmentation.clone(),
        // The times of words, for subtitles.
        words: args.format.uses_words(),
        ..TranscribeOptions::default()
    };
    transcriber.transcribe_reader(reader, args.lang, options)
}

/// What is printed for a recording; its warnings go to standard error.
fn result(transcriber: &Transcriber, file: &Path, transcript: &Transcript, args: &Args) -> String {
    for segment in transcript.segments.iter().filter(|segment| !segment.flags.is_empty()) {
        let (start, end, flags) = (segment.start, segment.end, &segment.flags);
        eprintln!("warning: {}: the text from {start:.1} s to {end:.1} s may be wrong: {flags:?}", file.display());
    }
    for damage in &transcript.damage {
        eprintln!("warning: {}: damaged at {damage}", file.display());
    }
    if args.format == OutputFormat::JSON {
        let (precision, backend) = (transcriber.precision().name(), transcriber.backend().name());
        let line = Line { file, transcript, precision, backend, peak_rss_bytes: peak_rss_bytes() };
        return serde_json::to_string(&line).unwrap_or_default() + "\n";
    }
    let text = args.format.render(transcript, &SubtitleOptions::default());
    if args.format == OutputFormat::TEXT && args.files.len() > 1 {
        return format!("{}\t{text}\n", file.display());
    }
    if args.format.is_line() { text + "\n" } else { text }
}

/// The largest resident set that this process has had; `None` on other systems than Linux.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
