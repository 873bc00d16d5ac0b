//! `indic-seamless transcribe`: transcribes or translates recordings of any length.

mod args;
mod file;
mod results;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use indic_seamless::{Error, Result, Transcriber};

pub(crate) use self::args::Args;
use self::{
    args::TextLanguage,
    file::{Done, Work, is_pipe},
    results::Results,
};
use crate::Outcome;

/// Transcribes all files. A bad file does not stop the others.
pub(crate) fn run(args: &Args) -> Outcome {
    match transcribe(args)? {
        0 => Ok(ExitCode::SUCCESS),
        failed => {
            eprintln!("error: {failed} of {} files failed", args.files.len());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Transcribes all files; returns how many failed.
fn transcribe(args: &Args) -> Result<usize> {
    check_inputs(args)?;
    let segmentation = args.cutting.segmentation()?;
    let mut results = Results::new(args)?;
    if !args.format.is_line() && args.files.len() > 1 && !results.are_apart() {
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
                    // In a folder, the results of other files may still be written.
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

/// Refuses combinations of inputs and options that cannot work.
fn check_inputs(args: &Args) -> Result<()> {
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
    Ok(())
}

fn load(args: &Args) -> Result<Transcriber> {
    let builder = Transcriber::builder().backend(args.backend).precision(args.precision).threads(args.threads);
    args.model.find()?.load(builder)
}

fn summary(tried: usize, skipped: &[&PathBuf], failed: &[&PathBuf], transcribed_s: f64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    eprintln!(
        "{} transcribed ({transcribed_s:.0} s of audio in {seconds:.0} s), {} skipped because their results exist, {} failed",
        tried - failed.len(),
        skipped.len(),
        failed.len()
    );
    failed.iter().for_each(|file| eprintln!("  failed: {}", file.display()));
}
