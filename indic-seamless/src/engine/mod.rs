//! [`Engine`]: many recordings at a time on one model.
//!
//! ```
//! use indic_seamless::{AudioOptions, Language, TranscribeOptions, Transcriber, engine::Engine};
//!
//! # fn main() -> indic_seamless::Result<()> {
//! let engine = Engine::new(Transcriber::demo()?);
//! let submit = |path: &'static str| {
//!     engine.submit(move || AudioOptions::new().reader(path), Language::HINDI, TranscribeOptions::default())
//! };
//! let both = [submit("examples/audio/hindi-1.wav")?, submit("examples/audio/hindi-2.flac")?];
//! let [first, second] = both.map(|transcription| transcription.wait());
//! assert_eq!(first?.text, "कृपया आज का मौसम");
//! assert_eq!(second?.text, "आठ पाँच दो");
//! # Ok(())
//! # }
//! ```

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Instant,
};

use tracing::Span;

use crate::{
    audio::AudioReader,
    cancel::CancelToken,
    error::{Error, Result, StopReason},
    language::Language,
    scheduler::{BATCH_S, ByPriority, Priority},
    transcriber::{Progress, TranscribeOptions, Transcriber},
    transcript::{Segment, Transcript},
};

/// Limits of an [`Engine`].
///
/// ```
/// use indic_seamless::engine::EngineOptions;
///
/// let options = EngineOptions { recordings: 4, ..EngineOptions::default() };
/// assert_eq!(options.queue, usize::MAX);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Recordings that are transcribed at a time; 16 by default, as many as a decoder step has room for. Each has a thread that
    /// reads it and one that waits for the model.
    pub recordings: usize,
    /// Recordings that may wait beside these; by default any number.
    pub queue: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { recordings: 16, queue: usize::MAX }
    }
}

/// News of a recording.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The next segment, in the order of time.
    Segment(Segment),
    /// How far the work is.
    Progress(Progress),
    /// The result; the last news.
    Done(Result<Transcript>),
}

/// Transcribes many recordings at a time on one model.
///
/// It opens recordings when it is their turn, so that what waits is small: a path or compressed bytes. Interactive recordings
/// go before [batches](Priority::Batch), then who came first. Batches that have waited for ten minutes take turns with the
/// interactive recordings that wait, and are then treated as such. Clones share the model and the queue.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    transcriber: Arc<Transcriber>,
    options: EngineOptions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Recordings that are being transcribed.
    running: usize,
    waiting: VecDeque<Task>,
    /// Whether a batch was begun last that had waited for long, so that it is the turn of an interactive recording.
    late_before: bool,
}

/// Work on a recording, which is told the priority that it has when its turn comes.
type Work = Box<dyn FnOnce(&Transcriber, Priority) + Send>;

/// A recording that waits.
struct Task {
    priority: Priority,
    cancel: CancelToken,
    since: Instant,
    run: Work,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("priority", &self.priority).field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with default limits.
    pub fn new(transcriber: impl Into<Arc<Transcriber>>) -> Self {
        Self::with_options(transcriber, EngineOptions::default())
    }

    /// An engine with limits. With no `recordings` at a time it takes one.
    pub fn with_options(transcriber: impl Into<Arc<Transcriber>>, options: EngineOptions) -> Self {
        Self(Arc::new(Shared { transcriber: transcriber.into(), options, state: Mutex::default() }))
    }

    /// The model.
    pub fn transcriber(&self) -> &Transcriber {
        &self.0.transcriber
    }

    /// Queues a recording, which `open` opens when it is its turn. Listeners in `options` are replaced: what they would hear
    /// comes as [`Update`]s. The work is part of the caller's `tracing` span.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the queue is full.
    pub fn submit(
        &self,
        open: impl FnOnce() -> Result<AudioReader> + Send + 'static,
        language: Language,
        options: TranscribeOptions<'static>,
    ) -> Result<Transcription> {
        let (sender, updates) = channel();
        // Whoever does not listen any more has cancelled the work.
        let cancel = self.submit_with(open, language, options, move |update| drop(sender.send(update)))?;
        Ok(Transcription { updates, cancel })
    }

    /// [`submit`](Self::submit) with a function that is called for each update, on the thread of the recording. Of one that was
    /// cancelled while it waited, the end may be told on the thread of somebody who submits another one. The token that is returned
    /// cancels the work.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub fn submit_with(
        &self,
        open: impl FnOnce() -> Result<AudioReader> + Send + 'static,
        language: Language,
        options: TranscribeOptions<'static>,
        update: impl FnMut(Update) + Send + 'static,
    ) -> Result<CancelToken> {
        self.submit_choosing(move |_, _| Ok((open()?, language)), options, update)
    }

    /// [`submit_with`](Self::submit_with) where `open` also chooses the language.
    pub(crate) fn submit_choosing(
        &self,
        open: impl FnOnce(&Transcriber, &CancelToken) -> Result<(AudioReader, Language)> + Send + 'static,
        options: TranscribeOptions<'static>,
        mut update: impl FnMut(Update) + Send + 'static,
    ) -> Result<CancelToken> {
        let (priority, cancel) = (options.priority, options.cancel_token());
        let stop = cancel.clone();
        let span = Span::current();
        let run = move |transcriber: &Transcriber, priority: Priority| {
            let options = TranscribeOptions { priority, ..options };
            let done = span.in_scope(|| transcribe(transcriber, open, options, &stop, &mut update));
            // Whoever hears of the end may end the trace.
            drop(span);
            update(Update::Done(done));
        };
        self.put(Task { priority, cancel: cancel.clone(), since: Instant::now(), run: Box::new(run) })?;
        Ok(cancel)
    }

    /// Whether a recording that is submitted now is begun at once.
    pub fn has_room(&self) -> bool {
        self.0.state().running < self.0.options.recordings.max(1)
    }

    /// How many recordings wait.
    pub fn waiting(&self) -> ByPriority {
        self.0.state().waiting.iter().map(|task| task.priority).collect()
    }

    /// Queues work of your own, which counts as a recording: such as one whose language is detected first, or whose channels are
    /// transcribed one by one. `work` is called when it is its turn, on a thread of the engine; if it was cancelled before, it is
    /// dropped.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// use indic_seamless::{CancelToken, Language, Priority, Transcriber, Waveform, engine::Engine};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let engine = Engine::new(Transcriber::demo()?);
    /// let (sender, texts) = channel();
    /// for file in ["examples/audio/hindi-1.wav", "examples/audio/tamil-1.wav"] {
    ///     let sender = sender.clone();
    ///     engine.submit_work(Priority::Batch, &CancelToken::new(), move |transcriber| {
    ///         let text = Waveform::open(file).and_then(|recording| {
    ///             let spoken = transcriber.detect_language(&recording)?[0].language;
    ///             Ok(transcriber.transcribe(&recording, spoken)?.text)
    ///         });
    ///         sender.send(text).ok();
    ///     })?;
    /// }
    /// drop(sender);
    /// let texts = texts.into_iter().collect::<indic_seamless::Result<Vec<_>>>()?;
    /// assert!(texts.contains(&"कृपया आज का मौसम".to_owned()) && texts.contains(&"தயவுசெய்து கதவைத் திற".to_owned()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub fn submit_work(
        &self,
        priority: Priority,
        cancel: &CancelToken,
        work: impl FnOnce(&Transcriber) + Send + 'static,
    ) -> Result<()> {
        let stop = cancel.clone();
        let run = move |transcriber: &Transcriber, _: Priority| {
            if !stop.is_cancelled() {
                work(transcriber);
            }
        };
        self.put(Task { priority, cancel: cancel.clone(), since: Instant::now(), run: Box::new(run) })
    }

    /// Drops waiting recordings that were cancelled, and what they hold. [`submit`](Self::submit) does so, too.
    pub(crate) fn sweep(&self) {
        let gone = self.0.state().cancelled();
        gone.into_iter().for_each(|task| self.0.run(task));
    }

    /// Takes a recording up, or lets it wait.
    fn put(&self, task: Task) -> Result<()> {
        self.sweep();
        let mut state = self.0.state();
        if state.running < self.0.options.recordings.max(1) {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("indic-seamless-recording".to_owned());
            thread.spawn(move || shared.work(task)).map_err(Error::io("start", "the thread of a recording"))?;
            state.running += 1;
        } else if state.waiting.len() < self.0.options.queue {
            state.waiting.push_back(task);
        } else {
            return Err(Error::Busy { running: state.running, waiting: state.waiting.len() });
        }
        Ok(())
    }
}

impl Shared {
    /// Transcribes a recording, then others as long as some wait.
    fn work(&self, first: Task) {
        let mut next = Some(first);
        while let Some(task) = next {
            self.run(task);
            next = self.state().next(Instant::now());
        }
    }

    /// A bug must cost one recording, not those that wait, nor whoever happens to run it.
    fn run(&self, task: Task) {
        if catch_unwind(AssertUnwindSafe(|| (task.run)(&self.transcriber, task.priority))).is_err() {
            tracing::error!("a transcription panicked");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out those that were cancelled. They have only to be told.
    fn cancelled(&mut self) -> VecDeque<Task> {
        let all = std::mem::take(&mut self.waiting).into_iter();
        let (gone, waiting) = all.partition(|task| task.cancel.is_cancelled());
        self.waiting = waiting;
        gone
    }

    /// The next recording; without one a thread ends.
    fn next(&mut self, now: Instant) -> Option<Task> {
        let first = |priority: Priority| self.waiting.iter().position(|task| task.priority == priority);
        let waited_s = |place: usize| now.duration_since(self.waiting[place].since).as_secs_f64();
        // Only every other time: there may be thousands of batches.
        let late = first(Priority::Batch).filter(|&place| !self.late_before && waited_s(place) >= BATCH_S);
        let interactive = first(Priority::Interactive);
        self.late_before = late.is_some();
        let mut next = self.waiting.remove(late.or(interactive).unwrap_or(0));
        match &mut next {
            // Else each of its clips would wait as long again. Where nothing interactive waits, it has waited for other batches.
            Some(task) if late.and(interactive).is_some() => task.priority = Priority::Interactive,
            Some(_) => {}
            None => self.running -= 1,
        }
        next
    }
}

fn transcribe(
    transcriber: &Transcriber,
    open: impl FnOnce(&Transcriber, &CancelToken) -> Result<(AudioReader, Language)>,
    options: TranscribeOptions<'static>,
    cancel: &CancelToken,
    update: &mut (impl FnMut(Update) + Send),
) -> Result<Transcript> {
    cancel.check()?;
    let (audio, language) = open(transcriber, cancel)?;
    // Both listeners tell the same one.
    let update = Mutex::new(update);
    let tell = |news| update.lock().unwrap_or_else(PoisonError::into_inner)(news);
    let mut on_segment = |segment: &Segment| tell(Update::Segment(segment.clone()));
    let mut on_progress = |progress| tell(Update::Progress(progress));
    let TranscribeOptions { generation, processors, script, segmentation, batch_size, priority, words, retry, .. } =
        options;
    let options = TranscribeOptions {
        generation,
        processors,
        script,
        segmentation,
        batch_size,
        priority,
        words,
        retry,
        cancel: cancel.clone(),
        deadline: None,
        on_token: None,
        on_segment: Some(&mut on_segment),
        on_progress: Some(&mut on_progress),
    };
    transcriber.transcribe_reader(audio, language, options)
}

/// A recording that waits or is being transcribed: an iterator over its [`Update`]s. Dropping it cancels the work.
#[derive(Debug)]
pub struct Transcription {
    updates: Receiver<Update>,
    cancel: CancelToken,
}

impl Transcription {
    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// Those of [`Transcriber::transcribe_reader`]; [`Error::Stopped`] if it panicked.
    pub fn wait(mut self) -> Result<Transcript> {
        let done = self.find_map(|update| match update {
            Update::Done(done) => Some(done),
            _ => None,
        });
        done.unwrap_or(Err(Error::Stopped { reason: StopReason::Cancelled, partial: None }))
    }

    /// Stops the work. The last update has the segments that were finished.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Iterator for Transcription {
    type Item = Update;

    fn next(&mut self) -> Option<Update> {
        self.updates.recv().ok()
    }
}

impl Drop for Transcription {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[cfg(all(test, feature = "demo"))]
mod tests;
