//! Transcribes or translates recordings.
//!
//! Run with
//!
//! ```text
//! cargo run --release --example transcribe -- --model demo --lang hin examples/audio/hindi-1.wav
//! cargo run --release --example transcribe -- --model DIR --lang hin speech.wav
//! cargo run --release --example transcribe -- --model DIR --lang tam --num-beams 5 --format json *.mp3
//! ```
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 if every file was transcribed, 2
//! for wrong usage, else 1; a bad file does not stop the others.

#[path = "support/memory.rs"]
mod memory;
#[path = "support/model.rs"]
mod model;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::{Parser, ValueEnum};
use indic_seamless::{
    AudioOptions, Backend, EarlyStopping, Error, GenerationConfig, Language, Precision, TokenEvent, TranscribeOptions,
    Transcriber, TranscriberBuilder, Transcript,
    audio::Channel,
    subtitles::{SubtitleOptions, srt, vtt},
};
use serde::Serialize;

use self::{
    memory::peak_rss_bytes,
    model::{ModelArgs, progress_bar},
};

/// Speech to text with SeamlessM4T v2: transcription, or translation into another language.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Recordings: WAV, FLAC, MP3, M4A, Ogg, Opus, WebM, MKV
    #[arg(required = true, value_name = "AUDIO")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// Language of the text, by code or English name
    #[arg(long, default_value = "eng", value_name = "CODE|NAME")]
    lang: Language,
    /// Type of the weights in memory: auto (as stored), f32, bf16 or int8
    #[arg(long, default_value = "auto")]
    precision: Precision,
    /// Where the model runs: flex, or ndarray, wgpu, cuda in a build with that feature
    #[arg(long, default_value = "flex")]
    backend: Backend,
    /// Threads on the CPU [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Channel to use, from 0 [default: the average of all]
    #[arg(long, value_name = "N")]
    channel: Option<usize>,
    #[command(flatten)]
    search: Search,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    subtitles: Subtitles,
    /// File for the results [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The search; what is not given is as the checkpoint asks for.
#[derive(clap::Args)]
#[command(next_help_heading = "Search")]
struct Search {
    /// Beams; 1 is greedy search
    #[arg(long, value_name = "N")]
    num_beams: Option<usize>,
    /// Scores of beams are divided by length^X
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    length_penalty: Option<f64>,
    /// When beam search ends: true, false or never
    #[arg(long, value_name = "WHEN")]
    early_stopping: Option<EarlyStopping>,
    /// No sequence of N tokens comes twice
    #[arg(long, value_name = "N")]
    no_repeat_ngram_size: Option<usize>,
    /// Above 1 makes tokens that are there already less likely
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f32>,
    #[arg(long, value_name = "N")]
    min_new_tokens: Option<usize>,
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<usize>,
    /// Best hypotheses to return
    #[arg(long, value_name = "N")]
    num_return_sequences: Option<usize>,
}

impl Search {
    fn apply(&self, base: &GenerationConfig) -> GenerationConfig {
        GenerationConfig {
            num_beams: self.num_beams.unwrap_or(base.num_beams),
            length_penalty: self.length_penalty.unwrap_or(base.length_penalty),
            early_stopping: self.early_stopping.unwrap_or(base.early_stopping),
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(base.no_repeat_ngram_size),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            min_new_tokens: self.min_new_tokens.unwrap_or(base.min_new_tokens),
            max_new_tokens: self.max_new_tokens.unwrap_or(base.max_new_tokens),
            num_return_sequences: self.num_return_sequences.unwrap_or(base.num_return_sequences),
            ..base.clone()
        }
    }
}

/// How cues are cut.
#[derive(clap::Args)]
#[command(next_help_heading = "Subtitles")]
struct Subtitles {
    /// Longest line, in letters; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 42)]
    max_line_length: usize,
    /// Lines of a cue
    #[arg(long, value_name = "N", default_value_t = 2)]
    max_lines: usize,
    /// Fastest reading, in letters a second
    #[arg(long, value_name = "X", default_value_t = 20.0)]
    max_reading_speed: f64,
    /// Shortest cue, in seconds
    #[arg(long, value_name = "S", default_value_t = 0.833)]
    min_cue_duration: f64,
}

impl Subtitles {
    fn options(&self) -> SubtitleOptions {
        SubtitleOptions {
            max_line_length: self.max_line_length,
            max_lines: self.max_lines,
            max_reading_speed: self.max_reading_speed,
            min_duration_s: self.min_cue_duration,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The text of a file on a line
    Text,
    /// A JSON object for a file on a line
    Json,
    /// SubRip subtitles, of one file
    Srt,
    /// WebVTT subtitles, of one file
    Vtt,
}

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(flatten)]
    transcript: &'a Transcript,
    precision: &'static str,
    backend: &'static str,
    peak_rss_bytes: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().init();
    match run(&args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("error: {failed} of {} files failed", args.files.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, Error::Hub { .. }) && cfg!(feature = "demo") {
                eprintln!(
                    "hint: `--model demo` needs no download: it knows digits and some everyday words in Bengali, English, \
                     Hindi, Tamil and Telugu"
                );
            }
            let usage = matches!(error, Error::InvalidOption { .. } | Error::UnknownLanguage { .. });
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// Transcribes all files; returns how many failed.
fn run(args: &Args) -> indic_seamless::Result<usize> {
    if matches!(args.format, Format::Srt | Format::Vtt) && args.files.len() > 1 {
        let found = format!("{} files", args.files.len());
        return Err(Error::InvalidOption { option: "format", found, wanted: "one file for subtitles".to_owned() });
    }
    let transcriber = load(args)?;
    let generation = args.search.apply(transcriber.checkpoint().generation());
    generation.check()?;
    transcriber.checkpoint().language_token(args.lang)?;
    let mut results = Vec::new();
    let mut failed = 0;
    for file in &args.files {
        match transcribe(args, &transcriber, &generation, file) {
            Ok(transcript) => {
                let line = line(args, &transcriber, file, &transcript);
                match args.output {
                    Some(_) => results.extend(line),
                    None => io::stdout()
                        .write_all(&line)
                        .and_then(|()| io::stdout().flush())
                        .map_err(|source| Error::Io { action: "write", path: "standard output".into(), source })?,
                }
            }
            Err(error) => {
                eprintln!("error: {}: {error}", file.display());
                failed += 1;
            }
        }
    }
    if let Some(output) = &args.output {
        write(output, &results).map_err(|source| Error::Io { action: "write", path: output.clone(), source })?;
    }
    Ok(failed)
}

fn load(args: &Args) -> indic_seamless::Result<Transcriber> {
    let mut builder = Transcriber::builder().backend(args.backend).precision(args.precision);
    if let Some(threads) = args.threads {
        builder = builder.threads(threads);
    }
    if args.model.is_demo() {
        return demo(builder);
    }
    let dir = args.model.resolve()?;
    let bar = progress_bar("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes}").with_message("loading");
    let transcriber = builder.build_with_progress(dir, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    transcriber
}

#[cfg(feature = "demo")]
fn demo(builder: TranscriberBuilder) -> indic_seamless::Result<Transcriber> {
    builder.build_demo()
}

#[cfg(not(feature = "demo"))]
fn demo(_: TranscriberBuilder) -> indic_seamless::Result<Transcriber> {
    Err(model::no_demo())
}

fn transcribe(
    args: &Args,
    transcriber: &Transcriber,
    generation: &GenerationConfig,
    file: &Path,
) -> indic_seamless::Result<Transcript> {
    let started = Instant::now();
    let channel = args.channel.map_or(Channel::Average, Channel::Only);
    let audio = AudioOptions::new().channel(channel).open(file)?;
    let audio_ms = started.elapsed().as_secs_f64() * 1000.0;

    let bar = progress_bar("{msg} {bar:30} {pos}/{len} tokens").with_message(file.display().to_string());
    bar.set_length(generation.max_new_tokens as u64);
    let mut on_token = |event: TokenEvent| bar.set_position(event.step as u64 + 1);
    let options =
        TranscribeOptions { generation: Some(generation.clone()), on_token: Some(&mut on_token), ..Default::default() };
    let transcript = transcriber.transcribe_with(&audio, args.lang, options);
    bar.finish_and_clear();
    let mut transcript = transcript?;
    transcript.timings.audio_ms = audio_ms;
    transcript.timings.total_ms += audio_ms;
    Ok(transcript)
}

fn line(args: &Args, transcriber: &Transcriber, file: &Path, transcript: &Transcript) -> Vec<u8> {
    let mut line = match args.format {
        Format::Srt => return srt(&transcript.segments, &args.subtitles.options()).into_bytes(),
        Format::Vtt => return vtt(&transcript.segments, &args.subtitles.options()).into_bytes(),
        Format::Text => transcript.text.clone().into_bytes(),
        Format::Json => {
            let line = Line {
                file,
                transcript,
                precision: transcriber.precision().name(),
                backend: transcriber.backend().name(),
                peak_rss_bytes: peak_rss_bytes(),
            };
            serde_json::to_vec(&line).unwrap_or_default()
        }
    };
    line.push(b'\n');
    line
}

/// Writes a file whole or not at all: under another name first.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
