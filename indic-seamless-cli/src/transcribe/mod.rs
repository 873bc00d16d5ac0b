//! `indic-seamless transcribe`: transcribes or translates recordings of any length.

mod args;
mod file;
mod inputs;
mod interrupt;
mod names;
mod results;
mod run_bar;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use indic_seamless::{Error, Result, Transcriber, audio::PipeFormat};

pub(crate) use self::args::Args;
use self::{
    args::{Channels, TextLanguage},
    file::{Done, Work, is_pipe},
    inputs::{Input, Inputs},
    results::Results,
    run_bar::RunBar,
};
use crate::Outcome;

/// Transcribes all recordings. A bad file does not stop the others.
pub(crate) fn run(args: &Args) -> Outcome {
    interrupt::handle()?;
    let mut inputs = Inputs::find(&args.files);
    let failed = transcribe(args, &mut inputs)?;
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {failed} of {} files failed", inputs.count());
    Ok(ExitCode::FAILURE)
}

/// Transcribes all recordings; returns how many failed.
fn transcribe(args: &Args, inputs: &mut Inputs) -> Result<usize> {
    check_inputs(args, &inputs.recordings)?;
    let segmentation = args.cutting.segmentation()?;
    let mut results = Results::new(args, inputs)?;
    let started = Instant::now();
    let mut failed: Vec<&Path> = Vec::new();
    for (path, error) in &inputs.errors {
        eprintln!("error: {}", of_file(path, error));
        failed.push(path);
    }
    let todo: Vec<(usize, &Path)> = inputs
        .recordings
        .iter()
        .map(|input| &*input.file)
        .enumerate()
        .filter(|(place, _)| !results.has(*place))
        .collect();
    let mut transcribed_s = 0.0;
    if !todo.is_empty() {
        let transcriber = load(args)?;
        let generation = args.search.apply(transcriber.checkpoint().generation());
        generation.check()?;
        if let TextLanguage::Known(language) = args.lang {
            transcriber.checkpoint().language_token(language)?;
        }
        let is_shared = inputs.are_several() && !results.are_apart();
        let shows_segments = !is_shared && results.streams();
        let bar = bar(args, &todo);
        let work = Work { args, transcriber, generation, segmentation, bar, shows_segments };
        for &(place, file) in &todo {
            work.bar.start(file.display().to_string());
            let Done { transcript, shown, mut error } = work.transcribe(file);
            let seconds = transcript.as_ref().map_or(0.0, |transcript| transcript.duration_s);
            work.bar.finish(seconds);
            if let Some(transcript) = transcript.filter(|_| !shown) {
                transcribed_s += seconds;
                let render = |format| work.result(file, &transcript, format, is_shared);
                match work.bar.above(|| results.put(place, render, error.is_some())) {
                    // In a folder, the results of other files may still be written.
                    Err(refused) if results.are_apart() => error = Some(refused),
                    put => put?,
                }
            }
            if let Some(error) = error {
                work.bar.above(|| eprintln!("error: {}", of_file(file, &error)));
                failed.push(file);
            }
        }
        work.bar.clear();
    }
    if results.are_apart() {
        summary(inputs.count(), inputs.recordings.len() - todo.len(), &failed, transcribed_s, started.elapsed());
    }
    results.finish()?;
    Ok(failed.len())
}

/// Refuses combinations of inputs and options that cannot work.
fn check_inputs(args: &Args, recordings: &[Input]) -> Result<()> {
    let wrong = |option, found: &str, wanted: &str| {
        Err(Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() })
    };
    let inputs = recordings.iter().filter(|input| input.file == Path::new("-")).count();
    if inputs > 1 {
        return wrong("files", "- twice", "it once: the standard input is read only once");
    }
    if let Some(folder) = args.files.iter().find(|file| args.pcm.is_some() && file.is_dir()) {
        return wrong(
            "pcm",
            &folder.display().to_string(),
            "files: their names do not say which in a folder are raw samples",
        );
    }
    if matches!(args.lang, TextLanguage::Spoken) && recordings.iter().any(|input| is_pipe(&input.file)) {
        return wrong("lang", "auto", "a language: a pipe is read only once");
    }
    if args.channels == Channels::Split && recordings.iter().any(|input| is_pipe(&input.file)) {
        return wrong("channels", "split", "average: a pipe is read only once");
    }
    Ok(())
}

fn load(args: &Args) -> Result<Transcriber> {
    let builder = Transcriber::builder().backend(args.backend).precision(args.precision).threads(args.threads);
    args.model.find()?.load(builder)
}

/// The bar for the recordings that are to be transcribed.
fn bar(args: &Args, todo: &[(usize, &Path)]) -> RunBar {
    let files: Vec<PathBuf> = todo.iter().map(|(_, file)| file.to_path_buf()).collect();
    if files.iter().all(|file| is_pipe(file)) {
        // It would be in the way of live text, and there is no end to measure.
        return RunBar::hidden(files.len());
    }
    let (audio, format) = (args.audio_options(), args.pipe_format());
    RunBar::new(files.len(), move |place| {
        // What cannot be opened fails when its turn comes.
        let file = files.get(place).filter(|file| !is_pipe(file))?;
        let length = match format {
            PipeFormat::Detect => audio.length_hint(file).ok()?,
            raw => audio.raw_reader(file, raw).ok()?.duration_hint(),
        };
        length.map(|length| length.as_secs_f64())
    })
}

/// An error in a file, as a text that names the file once.
fn of_file(file: &Path, error: &Error) -> String {
    let (name, text) = (file.display().to_string(), error.to_string());
    let is_named = text.starts_with(&format!("{name}: ")) || matches!(error, Error::Io { path, .. } if path == file);
    if is_named {
        return text;
    }
    // Errors of pipes and of samples in memory begin with a name that means nothing here.
    let bare = ["pipe: ", "audio: "].iter().find_map(|other| text.strip_prefix(other));
    format!("{name}: {}", bare.unwrap_or(&text))
}

fn summary(count: usize, skipped: usize, failed: &[&Path], transcribed_s: f64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    eprintln!(
        "{} transcribed ({transcribed_s:.0} s of audio in {seconds:.0} s), {skipped} skipped because their results exist, {} failed",
        count - skipped - failed.len(),
        failed.len()
    );
    failed.iter().for_each(|file| eprintln!("  failed: {}", file.display()));
}
