//! Transcribes or translates recordings of any length.
//!
//! Run with
//!
//! ```text
//! cargo run --release --example transcribe -- --model demo --lang hin examples/audio/hindi-1.wav
//! cargo run --release --example transcribe -- --model DIR --lang hin lecture.mp3
//! cargo run --release --example transcribe -- --model DIR --lang tam --num-beams 5 --format json *.mp3
//! cargo run --release --example transcribe -- --model DIR --lang tam --format srt --output subtitles/ *.mp4
//! arecord -f S16_LE -r 16000 | cargo run --release --example transcribe -- --model DIR --lang ben -
//! ```
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 if every file was transcribed, 2
//! for wrong usage, else 1; a bad file does not stop the others.

#[path = "support/args.rs"]
mod args;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/model.rs"]
mod model;
#[path = "support/results.rs"]
mod results;

use std::{
    borrow::Cow,
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc::sync_channel,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use indic_seamless::{
    Error, Flag, GenerationConfig, Language, Progress, Segment, Segmentation, Timings, TranscribeOptions, Transcriber,
    TranscriberBuilder, Transcript, Waveform,
    audio::{AudioReader, PipeFormat},
    subtitles::{srt, vtt},
};
use serde::Serialize;

use self::{
    args::{Args, Format, TextLanguage},
    memory::peak_rss_bytes,
    model::progress::progress_bar,
    results::{Results, to_stdout},
};

/// Pieces of a pipe, of 20 ms or more, that may wait for the model: minutes.
const WAITING: usize = 1 << 14;

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    file: Cow<'a, str>,
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

/// Everything that is the same for all files.
struct Work<'a> {
    args: &'a Args,
    transcriber: Transcriber,
    generation: GenerationConfig,
    segmentation: Segmentation,
}

/// Transcribes all files; returns how many failed.
fn run(args: &Args) -> indic_seamless::Result<usize> {
    let wrong = |option, found: &str, wanted: &str| {
        Err(Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() })
    };
    let inputs = args.files.iter().filter(|file| *file == Path::new("-")).count();
    if inputs > 1 {
        return wrong("files", "- twice", "it once: the standard input is read only once");
    }
    if args.pcm.is_some() && inputs == 0 {
        return wrong("pcm", "no -", "the standard input among the recordings");
    }
    if matches!(args.lang, TextLanguage::Spoken) && args.files.iter().any(|file| is_pipe(file)) {
        return wrong("lang", "auto", "a language: a pipe is read only once");
    }
    let segmentation = args.cutting.segmentation()?;
    let mut results = Results::new(args)?;
    if matches!(args.format, Format::Srt | Format::Vtt) && args.files.len() > 1 && !results.are_apart() {
        let found = format!("{} files", args.files.len());
        let wanted = "one file for subtitles, or --output with a folder".to_owned();
        return Err(Error::InvalidOption { option: "format", found, wanted });
    }
    let started = Instant::now();
    let done: Vec<&PathBuf> = args.files.iter().filter(|file| !args.overwrite && results.has(file)).collect();
    let files: Vec<&PathBuf> = args.files.iter().filter(|file| !done.contains(file)).collect();
    let (mut failed, mut transcribed_s) = (Vec::new(), 0.0);
    if !files.is_empty() {
        let transcriber = load(args)?;
        let generation = args.search.apply(transcriber.checkpoint().generation());
        generation.check()?;
        if let TextLanguage::Known(language) = args.lang {
            transcriber.checkpoint().language_token(language)?;
        }
        let work = Work { args, transcriber, generation, segmentation };
        for &file in &files {
            let Done { transcript, shown, mut error } = work.transcribe(file, &results);
            if let Some(transcript) = transcript.filter(|_| !shown) {
                transcribed_s += transcript.duration_s;
                match results.put(file, &work.result(file, &transcript)) {
                    // One file that cannot be written says nothing of the others.
                    Err(refused) if results.are_apart() => error = Some(refused),
                    put => put?,
                }
            }
            if let Some(error) = error {
                eprintln!("error: {}: {error}", file.display());
                failed.push(file);
            }
        }
    }
    if results.are_apart() {
        summary(files.len(), &done, &failed, transcribed_s, started.elapsed());
    }
    results.finish()?;
    Ok(failed.len())
}

fn summary(tried: usize, skipped: &[&PathBuf], failed: &[&PathBuf], transcribed_s: f64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    eprintln!(
        "{} transcribed ({transcribed_s:.0} s of audio in {seconds:.0} s), {} skipped because their results are there, {} failed",
        tried - failed.len(),
        skipped.len(),
        failed.len()
    );
    failed.iter().for_each(|file| eprintln!("  failed: {}", file.display()));
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

/// What became of a file. What came before an error in a pipe counts all the same: nobody can say it again.
#[derive(Default)]
struct Done {
    transcript: Option<Transcript>,
    /// Whether the text has been shown already.
    shown: bool,
    error: Option<Error>,
}

/// Whether a file can be read only once.
fn is_pipe(file: &Path) -> bool {
    file == Path::new("-") || fs::metadata(file).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

impl Work<'_> {
    fn transcribe(&self, file: &Path, results: &Results) -> Done {
        let mut done = Done::default();
        if let Err(error) = self.try_transcribe(file, results, &mut done) {
            done.error = Some(error);
        }
        for segment in done.transcript.iter().flat_map(|transcript| &transcript.segments) {
            segment.flags.iter().for_each(|flag| warn(file, segment, *flag));
        }
        done
    }

    fn try_transcribe(&self, file: &Path, results: &Results, done: &mut Done) -> indic_seamless::Result<()> {
        let started = Instant::now();
        let audio = self.args.audio_options();
        let reader = if file == Path::new("-") {
            audio.reader_from_pipe(io::stdin(), self.args.pipe_format())?
        } else if is_pipe(file) {
            let pipe = fs::File::open(file);
            let pipe = pipe.map_err(|source| Error::Io { action: "open", path: file.to_owned(), source })?;
            audio.reader_from_pipe(pipe, PipeFormat::Detect)?
        } else {
            audio.reader(file)?
        };
        let language = self.language(file)?;
        // A pipe that has not ended, such as one from a microphone, does not know how long it will be. What is spoken
        // into it is shown as soon as it is understood.
        let live = is_pipe(file) && reader.duration_hint().is_none() && self.segmentation != Segmentation::None;
        done.shown = live && self.args.format == Format::Text && matches!(results, Results::Stdout);
        let open_ms = started.elapsed().as_secs_f64() * 1000.0;
        let transcript = if live {
            let (transcript, error) = self.listen(reader, language, done.shown)?;
            done.error = error;
            transcript
        } else {
            self.read(file, reader, language)?
        };
        let transcript = done.transcript.insert(transcript);
        transcript.timings.audio_ms += open_ms;
        transcript.timings.total_ms += open_ms;
        Ok(())
    }

    fn language(&self, file: &Path) -> indic_seamless::Result<Language> {
        if let TextLanguage::Known(language) = self.args.lang {
            return Ok(language);
        }
        // The first minute has some speech in it, or this is no recording of speech.
        let mut samples = Vec::new();
        for piece in self.args.audio_options().reader(file)?.take(60) {
            samples.extend(piece?);
        }
        let guess = self.transcriber.detect_language(&Waveform::from_samples(samples, Waveform::SAMPLE_RATE)?)?;
        let best = guess.first().map_or(Language::ENGLISH, |best| best.language);
        eprintln!("{}: {}", file.display(), best.name());
        Ok(best)
    }

    fn options(&self) -> TranscribeOptions<'_> {
        TranscribeOptions {
            generation: Some(self.generation.clone()),
            segmentation: self.segmentation.clone(),
            batch_size: self.args.search.batch_size.map(NonZeroUsize::get),
            words: self.args.words,
            retry: self.args.search.retry,
            ..TranscribeOptions::default()
        }
    }

    /// Transcribes a recording that is there as a whole.
    fn read(&self, file: &Path, reader: AudioReader, language: Language) -> indic_seamless::Result<Transcript> {
        let bar = progress_bar("{msg} {bar:30} {pos}/{len} s {eta}").with_message(file.display().to_string());
        let mut on_progress = |progress: Progress| {
            bar.set_length(progress.total_s.unwrap_or(progress.done_s).ceil() as u64);
            bar.set_position(progress.done_s as u64);
        };
        let options = TranscribeOptions { on_progress: Some(&mut on_progress), ..self.options() };
        let transcript = self.transcriber.transcribe_reader(reader, language, options);
        bar.finish_and_clear();
        transcript
    }

    /// Transcribes what is still being spoken, until it ends or breaks off; tells how it broke off.
    fn listen(
        &self,
        reader: AudioReader,
        language: Language,
        shown: bool,
    ) -> indic_seamless::Result<(Transcript, Option<Error>)> {
        let started = Instant::now();
        // Read on a thread of its own: a microphone does not wait until the model has time.
        let (sender, pieces) = sync_channel(WAITING);
        thread::spawn(move || reader.into_iter().try_for_each(|piece| sender.send(piece)));
        let mut broken = None;
        let mut stream = self.transcriber.stream(language, self.options())?;
        let mut all = Vec::new();
        let mut show = |segments: Vec<Segment>| {
            let lines: String = segments.iter().map(|segment| format!("{}\n", segment.text)).collect();
            all.extend(segments);
            if shown { to_stdout(lines.as_bytes()) } else { Ok(()) }
        };
        for piece in pieces {
            match piece {
                Ok(piece) => show(stream.feed(&piece)?)?,
                Err(error) => broken = Some(error),
            }
        }
        show(stream.finish()?)?;
        let timings = Timings { total_ms: started.elapsed().as_secs_f64() * 1000.0, ..stream.timings() };
        Ok((Transcript::new(stream.position(), language, all, timings), broken))
    }

    /// What is written for a file.
    fn result(&self, file: &Path, transcript: &Transcript) -> Vec<u8> {
        let subtitles = self.args.subtitles.options();
        let mut line = match self.args.format {
            Format::Srt => return srt(&transcript.segments, &subtitles).into_bytes(),
            Format::Vtt => return vtt(&transcript.segments, &subtitles).into_bytes(),
            Format::Text => transcript.text.clone().into_bytes(),
            Format::Json => {
                let line = Line {
                    file: file.to_string_lossy(),
                    transcript,
                    precision: self.transcriber.precision().name(),
                    backend: self.transcriber.backend().name(),
                    peak_rss_bytes: peak_rss_bytes(),
                };
                serde_json::to_vec(&line).unwrap_or_default()
            }
        };
        line.push(b'\n');
        line
    }
}

fn warn(file: &Path, segment: &Segment, flag: Flag) {
    let what = match flag {
        Flag::Retried => "was searched for again without repetitions",
        Flag::Loop => "repeats itself",
        Flag::RunAway => "is longer than anybody can say in the time",
        Flag::Truncated => "was cut off at the limit of tokens",
        _ => "may be wrong",
    };
    eprintln!("warning: {}: the text from {:.1} s to {:.1} s {what}", file.display(), segment.start, segment.end);
}
