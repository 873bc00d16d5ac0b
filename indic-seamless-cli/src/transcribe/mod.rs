//! `indic-seamless transcribe`: transcribes or translates recordings of any length.

mod args;
mod batch;
mod file;
mod inputs;
mod interrupt;
mod names;
mod options;
mod results;
mod run_bar;
mod together;

use std::{
    collections::BTreeMap,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use indic_seamless::{Error, Result, audio::PipeFormat};

pub(crate) use self::args::Args;
pub use self::batch::fuzzing;
#[cfg(feature = "s3")]
pub(crate) use self::batch::worker::{Args as WorkerArgs, run as work};
use self::{
    file::{Done, Todo, Work, is_pipe},
    inputs::{Input, Inputs},
    options::{Channels, Options, TextLanguage},
    results::Results,
    run_bar::RunBar,
};
use crate::Outcome;

/// Transcribes all recordings. A bad file does not stop the others.
pub(crate) fn run(args: Args) -> Outcome {
    interrupt::handle()?;
    if args.manifest.is_some() {
        return batch::run(args);
    }
    let mut inputs = Inputs::find(&args.files);
    let failed = transcribe(args, &mut inputs)?;
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {failed} of {} files failed", inputs.count());
    Ok(ExitCode::FAILURE)
}

/// Transcribes all recordings; returns how many failed.
fn transcribe(args: Args, inputs: &mut Inputs) -> Result<usize> {
    check_inputs(&args, &inputs.recordings)?;
    let segmentation = args.options.cutting.segmentation()?;
    let results = Results::new(&args, inputs)?;
    let started = Instant::now();
    inputs.errors.iter().for_each(|(path, error)| eprintln!("error: {}", of_file(path, error)));
    let lacking = inputs.recordings.iter().enumerate().filter(|(place, _)| !results.has(*place));
    let todo: Vec<Todo> = lacking
        .enumerate()
        .map(|(number, (place, Input { file, .. }))| Todo { number, place, file: file.clone(), is_pipe: is_pipe(file) })
        .collect();
    let are_apart = results.are_apart();
    let is_shared = inputs.are_several() && !are_apart;
    let mut tally = Tally { results, is_shared, failed: BTreeMap::new(), transcribed_s: 0.0 };
    if !todo.is_empty() {
        let shows_segments = !is_shared && tally.results.streams();
        let bar = |options: &Options| bar(options, &todo);
        let work = Arc::new(Work::load(args.options, segmentation, bar, shows_segments)?);
        // Pipes may be live, and Ctrl-C ends them: nothing else is done at the same time.
        for group in todo.chunk_by(|one, next| !one.is_pipe && !next.is_pipe) {
            match group {
                [alone] => tally.take(&work, alone, work.transcribe_file(alone))?,
                files => {
                    let (worker, all) = (Arc::clone(&work), files.to_vec());
                    let transcribe = move |number: usize| worker.transcribe_file(&all[number]);
                    let take = |number: usize, done| tally.take(&work, &files[number], done);
                    let recordings = work.options.recordings;
                    together::transcribe(&work.transcriber, recordings, files.len(), !are_apart, transcribe, take)?;
                }
            }
        }
        work.bar.clear();
    }
    let Tally { results, failed, transcribed_s, .. } = tally;
    let failed: Vec<&Path> = inputs.errors.iter().map(|(path, _)| &**path).chain(failed.into_values()).collect();
    if are_apart {
        summary(inputs.count(), inputs.recordings.len() - todo.len(), &failed, transcribed_s, started.elapsed());
    }
    results.finish()?;
    Ok(failed.len())
}

/// What has become of the files.
struct Tally<'a> {
    results: Results,
    /// Whether recordings share standard output or a file.
    is_shared: bool,
    /// Those that failed, by their places.
    failed: BTreeMap<usize, &'a Path>,
    transcribed_s: f64,
}

impl<'a> Tally<'a> {
    /// Writes the result of a file, warnings and its error.
    ///
    /// # Errors
    ///
    /// Those of standard output, which takes no other results either.
    fn take(&mut self, work: &Work, todo: &'a Todo, done: Done) -> Result<()> {
        let Todo { place, file, .. } = todo;
        let are_apart = self.results.are_apart();
        work.bar.above(|| done.warn(file));
        let Done { transcript, shown, mut error } = done;
        if let Some(transcript) = transcript.filter(|_| !shown) {
            self.transcribed_s += transcript.duration_s;
            let render = |format| work.result(file, &transcript, format, self.is_shared);
            let mut put = || self.results.put(*place, render, error.is_some());
            // A slow disk must not hold up the bar, and with it the files that are under way.
            match if are_apart { put() } else { work.bar.above(put) } {
                // The results of other files may still be written.
                Err(refused) if are_apart => error = Some(refused),
                put => put?,
            }
        }
        if let Some(error) = error {
            work.bar.above(|| eprintln!("error: {}", of_file(file, &error)));
            self.failed.insert(*place, file);
        }
        Ok(())
    }
}

/// Refuses combinations of inputs and options that cannot work.
fn check_inputs(args: &Args, recordings: &[Input]) -> Result<()> {
    let wrong = |option, found: &str, wanted: &str| {
        Err(Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() })
    };
    if let Some(url) = args.files.iter().chain(&args.output).find(|path| path.starts_with("s3:")) {
        return wrong(
            "files",
            &url.display().to_string(),
            "files and folders; S3 needs a list of recordings, --manifest",
        );
    }
    let inputs = recordings.iter().filter(|input| input.file == Path::new("-")).count();
    if inputs > 1 {
        return wrong("files", "- twice", "it once: the standard input is read only once");
    }
    if let Some(folder) = args.files.iter().find(|file| args.options.pcm.is_some() && file.is_dir()) {
        return wrong(
            "pcm",
            &folder.display().to_string(),
            "files: their names do not say which in a folder are raw samples",
        );
    }
    if matches!(args.options.lang, TextLanguage::Spoken) && recordings.iter().any(|input| is_pipe(&input.file)) {
        return wrong("lang", "auto", "a language: a pipe is read only once");
    }
    if args.options.channels == Channels::Split && recordings.iter().any(|input| is_pipe(&input.file)) {
        return wrong("channels", "split", "average: a pipe is read only once");
    }
    Ok(())
}

/// The bar for the recordings that are to be transcribed.
fn bar(options: &Options, todo: &[Todo]) -> RunBar {
    if todo.iter().all(|todo| todo.is_pipe) {
        // It would be in the way of live text, and there is no end to measure.
        return RunBar::hidden(todo.len());
    }
    let (audio, format, todo) = (options.audio_options(), options.pipe_format(), todo.to_vec());
    RunBar::new(todo.len(), move |number| {
        // What cannot be opened fails when its turn comes.
        let Todo { file, .. } = todo.get(number).filter(|todo| !todo.is_pipe)?;
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
