//! The transcription of one file, and what is written for it.

use std::{borrow::Cow, fs, io, num::NonZeroUsize, path::Path, sync::mpsc::sync_channel, thread, time::Instant};

use indic_seamless::{
    Error, Flag, GenerationConfig, Language, OutputFormat, Progress, Result, Segment, Segmentation, Timings,
    TranscribeOptions, Transcriber, Transcript, Waveform,
    audio::{AudioReader, PipeFormat},
};
use serde::Serialize;

use super::{
    args::{Args, TextLanguage},
    results::Results,
};
use crate::{memory::peak_rss_bytes, output, progress::progress_bar};

/// Pieces of a pipe, of 20 ms or more each, that may wait for the model: minutes of sound.
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

/// What all files share.
pub(super) struct Work<'a> {
    pub(super) args: &'a Args,
    pub(super) transcriber: Transcriber,
    pub(super) generation: GenerationConfig,
    pub(super) segmentation: Segmentation,
}

/// The outcome of a file. If a pipe breaks, there are both an error and the transcript up to there: live speech cannot be
/// recorded again.
#[derive(Default)]
pub(super) struct Done {
    pub(super) transcript: Option<Transcript>,
    /// Whether the text was printed while it was transcribed.
    pub(super) shown: bool,
    pub(super) error: Option<Error>,
}

/// Whether a file can be read only once.
pub(super) fn is_pipe(file: &Path) -> bool {
    file == Path::new("-") || fs::metadata(file).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

impl Work<'_> {
    /// Transcribes a file, and warns of doubtful segments on standard error.
    pub(super) fn transcribe(&self, file: &Path, results: &Results) -> Done {
        let mut done = Done::default();
        if let Err(error) = self.try_transcribe(file, results, &mut done) {
            done.error = Some(error);
        }
        for segment in done.transcript.iter().flat_map(|transcript| &transcript.segments) {
            segment.flags.iter().for_each(|flag| warn(file, segment, *flag));
        }
        done
    }

    fn try_transcribe(&self, file: &Path, results: &Results, done: &mut Done) -> Result<()> {
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
        // A pipe of unknown length may be live, such as one from a microphone: each segment is printed as soon as it is
        // transcribed.
        let live = is_pipe(file) && reader.duration_hint().is_none() && self.segmentation != Segmentation::None;
        done.shown = live && self.args.format.streams() && matches!(results, Results::Stdout);
        let open_ms = started.elapsed().as_secs_f64() * 1000.0;
        let transcript = if live {
            let (transcript, error) = self.listen(reader, language, done.shown)?;
            done.error = error;
            transcript
        } else {
            self.read(file, reader, language)?
        };
        done.transcript.insert(transcript).timings.add_audio(open_ms);
        Ok(())
    }

    fn language(&self, file: &Path) -> Result<Language> {
        if let TextLanguage::Known(language) = self.args.lang {
            return Ok(language);
        }
        // A recording of speech has some of it in its first minute.
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

    /// Transcribes a complete recording, with a progress bar.
    fn read(&self, file: &Path, reader: AudioReader, language: Language) -> Result<Transcript> {
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

    /// Transcribes live speech until it ends or the pipe breaks; returns the error of a broken pipe beside the transcript.
    fn listen(&self, reader: AudioReader, language: Language, shown: bool) -> Result<(Transcript, Option<Error>)> {
        let started = Instant::now();
        // Read on a thread of its own: a microphone does not wait for the model.
        let (sender, pieces) = sync_channel(WAITING);
        thread::spawn(move || reader.into_iter().try_for_each(|piece| sender.send(piece)));
        let mut broken = None;
        let mut stream = self.transcriber.stream(language, self.options())?;
        let mut all = Vec::new();
        let mut show = |segments: Vec<Segment>| {
            let lines: String = segments.iter().map(|segment| format!("{}\n", segment.text)).collect();
            all.extend(segments);
            if shown { output::write(lines.as_bytes()) } else { Ok(()) }
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
    pub(super) fn result(&self, file: &Path, transcript: &Transcript) -> Vec<u8> {
        let mut text = if self.args.format == OutputFormat::JSON {
            let line = Line {
                file: file.to_string_lossy(),
                transcript,
                precision: self.transcriber.precision().name(),
                backend: self.transcriber.backend().name(),
                peak_rss_bytes: peak_rss_bytes(),
            };
            // Numbers and strings can always be written as JSON.
            serde_json::to_string(&line).unwrap_or_default()
        } else {
            self.args.format.render(transcript, &self.args.subtitles.options())
        };
        if self.args.format.is_line() {
            text.push('\n');
        }
        text.into_bytes()
    }
}

fn warn(file: &Path, segment: &Segment, flag: Flag) {
    let what = match flag {
        Flag::Retried => "looped, and was decoded again without repeats",
        Flag::Loop => "repeats itself",
        Flag::RunAway => "is longer than can be spoken in that time",
        Flag::Truncated => "was cut off at the token limit",
        _ => "may be wrong",
    };
    eprintln!("warning: {}: the text from {:.1} s to {:.1} s {what}", file.display(), segment.start, segment.end);
}
