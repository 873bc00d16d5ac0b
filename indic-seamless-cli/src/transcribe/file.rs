//! The transcription of one file, and what is written for it.

use std::{
    borrow::Cow,
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use indic_seamless::{
    AudioOptions, CancelToken, Error, Flag, Language, OutputFormat, Progress, Result, ScriptChoice, Segment,
    Segmentation, Timings, TranscribeOptions, Transcriber, Transcript,
    audio::{AudioReader, Channel},
};
use serde::Serialize;

use super::{
    interrupt::LiveInput,
    options::{Channels, Choice, Options, TextLanguage},
    run_bar::RunBar,
};
use crate::{memory::peak_rss_bytes, output};

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    file: Cow<'a, str>,
    /// The name that a manifest gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(flatten)]
    transcript: &'a Transcript,
    precision: &'static str,
    backend: &'static str,
    peak_rss_bytes: Option<u64>,
}

/// A file that is to be transcribed.
#[derive(Debug, Clone)]
pub(super) struct Todo {
    /// Its number among those that are to be transcribed.
    pub(super) number: usize,
    /// Its place among all inputs.
    pub(super) place: usize,
    /// The file, or `-` for standard input.
    pub(super) file: PathBuf,
    /// See [`is_pipe`].
    pub(super) is_pipe: bool,
}

/// A recording as it is transcribed.
pub(super) struct Recording<'a> {
    /// Its number among those that are to be transcribed.
    pub(super) number: usize,
    /// What messages call it.
    pub(super) name: &'a Path,
    /// The file that is read, or `-` for standard input.
    pub(super) file: &'a Path,
    pub(super) is_pipe: bool,
    pub(super) choice: &'a Choice,
}

/// What all files share.
pub(super) struct Work {
    pub(super) options: Options,
    pub(super) transcriber: Arc<Transcriber>,
    /// What files are transcribed with that have no wishes of their own.
    pub(super) choice: Choice,
    pub(super) segmentation: Segmentation,
    pub(super) bar: RunBar,
    /// Whether standard output takes each segment's text as soon as it is transcribed.
    pub(super) shows_segments: bool,
}

/// The outcome of a file. If an error ends its transcription, there are both the error and the transcript up to there.
#[derive(Default)]
pub(super) struct Done {
    pub(super) transcript: Option<Transcript>,
    /// Whether the text was printed while it was transcribed.
    pub(super) shown: bool,
    pub(super) error: Option<Error>,
}

impl From<Error> for Done {
    fn from(error: Error) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

/// Whether a file can be read only once.
pub(super) fn is_pipe(file: &Path) -> bool {
    file == Path::new("-") || fs::metadata(file).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

impl Done {
    /// Warns of damage and of doubtful segments on standard error.
    pub(super) fn warn(&self, file: &Path) {
        let Some(transcript) = &self.transcript else { return };
        for segment in &transcript.segments {
            segment.flags.iter().for_each(|flag| warn(file, segment, *flag));
        }
        for damage in &transcript.damage {
            eprintln!("warning: {}: damaged at {damage}", file.display());
        }
    }
}

impl Work {
    /// Loads the model, and checks what depends on it. `bar` makes the bar of the run.
    pub(super) fn load(
        options: Options,
        segmentation: Segmentation,
        bar: impl FnOnce(&Options) -> RunBar,
        shows_segments: bool,
    ) -> Result<Self> {
        let builder = Transcriber::builder().backend(options.backend).device(options.device);
        let transcriber = options.model.find()?.load(builder.precision(options.precision).threads(options.threads))?;
        let choice = options.choice(transcriber.checkpoint().generation());
        check(&transcriber, &choice)?;
        let (bar, transcriber) = (bar(&options), Arc::new(transcriber));
        Ok(Self { options, transcriber, choice, segmentation, bar, shows_segments })
    }

    /// Transcribes a file that has no wishes of its own.
    pub(super) fn transcribe_file(&self, Todo { number, file, is_pipe, .. }: &Todo) -> Done {
        let (number, is_pipe, choice) = (*number, *is_pipe, &self.choice);
        self.transcribe(&Recording { number, name: file, file, is_pipe, choice })
    }

    /// Transcribes a recording.
    pub(super) fn transcribe(&self, recording: &Recording<'_>) -> Done {
        self.bar.start(recording.number, recording.name.display().to_string());
        let mut done = Done::default();
        match self.try_transcribe(recording, &mut done) {
            Ok(transcript) => done.transcript = Some(transcript),
            Err(Error::Unfinished { cause, partial }) => {
                (done.transcript, done.error) = (Some(*partial), Some(*cause));
            }
            Err(error) => done.error = Some(error),
        }
        self.bar.finish(recording.number, done.transcript.as_ref().map_or(0.0, |transcript| transcript.duration_s));
        done
    }

    fn try_transcribe(&self, recording: &Recording<'_>, done: &mut Done) -> Result<Transcript> {
        let Recording { file, choice, .. } = *recording;
        let (started, audio, channels) = (Instant::now(), &choice.audio, self.options.channels);
        let reader = if file == Path::new("-") {
            audio.reader_from_pipe(LiveInput::new(io::stdin()), self.options.pipe_format())?
        } else if recording.is_pipe {
            let pipe = fs::File::open(file);
            let pipe = pipe.map_err(|source| Error::Io { action: "open", path: file.to_owned(), source })?;
            audio.reader_from_pipe(LiveInput::new(pipe), self.options.pipe_format())?
        } else {
            self.open(file, audio)?
        };
        let language = self.language(recording)?;
        // Live speech is printed segment by segment.
        done.shown = reader.is_live() && self.shows_segments && self.segmentation != Segmentation::None;
        let open_ms = started.elapsed().as_secs_f64() * 1000.0;
        let mut transcript = match reader.channels() {
            None if channels == Channels::Split => {
                let (found, wanted) =
                    ("split".to_owned(), "a recording whose header tells the number of channels".to_owned());
                return Err(Error::InvalidOption { option: "channels", found, wanted });
            }
            Some(count) if count > 1 && channels == Channels::Split => self.speakers(recording, language, count)?,
            _ => self.read(recording, reader, language, done.shown, (0, 1))?,
        };
        transcript.timings.add_audio(open_ms);
        Ok(transcript)
    }

    /// Transcribes the channels of a recording, each with a speaker.
    ///
    /// # Errors
    ///
    /// The first error of a channel: an [`Error::Unfinished`], with what all speakers said before theirs, if there is any.
    fn speakers(&self, recording: &Recording<'_>, language: Language, count: usize) -> Result<Transcript> {
        let silent = || Transcript::new(0.0, language, Vec::new(), Timings::default());
        let (mut failed, mut said) = (None, Vec::new());
        for channel in 0..count {
            let reader = self.open(recording.file, &recording.choice.audio.clone().channel(Channel::Only(channel)));
            let read = reader.and_then(|reader| self.read(recording, reader, language, false, (channel, count)));
            said.push(read.unwrap_or_else(|error| {
                let (cause, partial) = match error {
                    Error::Unfinished { cause, partial } => (cause, *partial),
                    other => (Box::new(other), silent()),
                };
                failed.get_or_insert(cause);
                partial
            }));
        }
        let mut said = said.into_iter();
        let transcript = said.next().unwrap_or_else(silent).with_speakers(said);
        match failed {
            None => Ok(transcript),
            Some(cause) if transcript.segments.is_empty() => Err(*cause),
            Some(cause) => Err(Error::Unfinished { cause, partial: Box::new(transcript) }),
        }
    }

    /// Opens a file that is no pipe.
    fn open(&self, file: &Path, audio: &AudioOptions) -> Result<AudioReader> {
        audio.raw_reader(file, self.options.pipe_format())
    }

    fn language(&self, recording: &Recording<'_>) -> Result<Language> {
        if let TextLanguage::Known(language) = recording.choice.lang {
            return Ok(language);
        }
        let reader = self.open(recording.file, &recording.choice.audio)?;
        let guess = self.transcriber.detect_language_reader(reader, &CancelToken::new())?;
        let best = guess.first().map_or(Language::ENGLISH, |best| best.language);
        self.bar.above(|| eprintln!("{}: {}", recording.name.display(), best.name()));
        Ok(best)
    }

    /// Transcribes a recording and moves the progress bar. `shown` prints the text of each segment. It is the `part.0`th of
    /// `part.1` readings of the recording.
    fn read(
        &self,
        recording: &Recording<'_>,
        reader: AudioReader,
        language: Language,
        shown: bool,
        part: (usize, usize),
    ) -> Result<Transcript> {
        let cancel = CancelToken::new();
        let mut closed = None;
        let mut on_segment = |segment: &Segment| {
            if shown && !segment.text.is_empty() && closed.is_none() {
                closed = output::line(&segment.text).err();
                // Nobody reads the text any more.
                if closed.is_some() {
                    cancel.cancel();
                }
            }
        };
        let share = |seconds: f64, total: f64| (seconds + part.0 as f64 * total) / part.1 as f64;
        let mut on_progress = |Progress { done_s, total_s }| {
            self.bar.set(recording.number, Progress { done_s: share(done_s, total_s.unwrap_or(done_s)), total_s });
        };
        let (choice, Options { search, .. }) = (recording.choice, &self.options);
        let options = TranscribeOptions {
            generation: Some(choice.generation.clone()),
            segmentation: self.segmentation.clone(),
            batch_size: search.batch_size.map(NonZeroUsize::get),
            words: self.options.words || self.options.format.iter().any(|format| format.uses_words()),
            retry: search.retry,
            script: choice.script,
            on_segment: Some(&mut on_segment),
            on_progress: Some(&mut on_progress),
            cancel: cancel.clone(),
            ..TranscribeOptions::default()
        };
        let transcript = self.transcriber.transcribe_reader(reader, language, options);
        closed.map_or(transcript, Err)
    }

    /// What is written for a file; each line of its text with the file's path before it if it is `labelled`.
    pub(super) fn result(&self, file: &Path, transcript: &Transcript, format: OutputFormat, labelled: bool) -> Vec<u8> {
        let mut text = self.rendered((file, None), transcript, format);
        if labelled && format == OutputFormat::TEXT {
            // Each turn of a speaker is a line.
            text = text.split_terminator('\n').map(|line| format!("{}\t{line}\n", file.display())).collect();
        }
        text.into_bytes()
    }

    /// What is written for a recording, which has a name and may have an id.
    pub(super) fn rendered(
        &self,
        (name, id): (&Path, Option<&str>),
        transcript: &Transcript,
        format: OutputFormat,
    ) -> String {
        let mut text = if format == OutputFormat::JSON {
            let mut transcript = Cow::Borrowed(transcript);
            if !self.options.words && transcript.segments.iter().any(|segment| !segment.words.is_empty()) {
                // They were computed for subtitles.
                transcript.to_mut().clear_words();
            }
            let line = Line {
                file: name.to_string_lossy(),
                id,
                transcript: &transcript,
                precision: self.transcriber.precision().name(),
                backend: self.transcriber.backend().name(),
                peak_rss_bytes: peak_rss_bytes(),
            };
            // Numbers and strings can always be written as JSON.
            serde_json::to_string(&line).unwrap_or_default()
        } else {
            format.render(transcript, &self.options.subtitles.options())
        };
        if format.is_line() {
            text.push('\n');
        }
        text
    }
}

/// Refuses what the model cannot do, whatever the recording is.
pub(super) fn check(transcriber: &Transcriber, choice: &Choice) -> Result<()> {
    let mut script = choice.script;
    let language = match choice.lang {
        TextLanguage::Known(language) => language,
        TextLanguage::Spoken => {
            // Which language it will be is not known yet, nor is its script.
            if script == ScriptChoice::Auto {
                script = ScriptChoice::Any;
            }
            let known = transcriber.checkpoint().languages().find_map(|code| code.parse().ok());
            known.unwrap_or(Language::ENGLISH)
        }
    };
    let generation = Some(choice.generation.clone());
    // It checks all options, and computes nothing until it is fed.
    transcriber.stream(language, TranscribeOptions { generation, script, ..TranscribeOptions::default() }).map(drop)
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
