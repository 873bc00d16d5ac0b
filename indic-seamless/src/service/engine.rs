//! The model, once it is loaded, and the requests that it works on or that wait for it.

mod clip;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tracing::{Span, debug_span};

pub(crate) use self::clip::{LiveClip, RunningClip};
use super::{measurements::Observer, metrics::Metrics, problem::Problem, settings::Settings};
use crate::{
    audio::{AudioReader, Waveform},
    backend::{Backend, Precision},
    cancel::CancelToken,
    engine::{Engine as Recordings, EngineOptions, Update},
    error::{Error, Result, StopReason},
    generation::GenerationConfig,
    language::Language,
    scheduler::{Activity, ByPriority, Priority},
    script::ScriptChoice,
    text::Tokenizer,
    transcriber::{LanguageScore, Retry, Segmentation, TranscribeOptions, Transcriber},
};

/// How to transcribe a recording.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) language: TextLanguage,
    pub(crate) beams: Option<usize>,
    pub(crate) words: bool,
    pub(crate) segmentation: Segmentation,
    pub(crate) priority: Priority,
    pub(crate) script: ScriptChoice,
    /// When the client stops waiting for the result.
    pub(crate) deadline: Instant,
}

/// The language of the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextLanguage {
    Known(Language),
    /// The spoken one, guessed among these; without any, among all that the model knows.
    Spoken(Vec<Language>),
}

impl TextLanguage {
    /// Guesses it if need be.
    fn find(self, guess: impl FnOnce() -> Result<Vec<LanguageScore>>) -> Result<Language> {
        let among = match self {
            Self::Known(language) => return Ok(language),
            Self::Spoken(among) => among,
        };
        let guess = guess()?;
        let mut likely = guess.iter().map(|score| score.language);
        let best = likely.find(|language| among.is_empty() || among.contains(language));
        Ok(best.unwrap_or(Language::ENGLISH))
    }
}

/// A place among the requests that the model works on or that wait, held from when a body has come until its recording is
/// done.
pub(crate) type Slot = OwnedSemaphorePermit;

/// A place that is given back as soon as the recording is done or its client leaves.
type Place = Arc<Mutex<Option<Slot>>>;

/// The loaded model.
#[derive(Debug)]
pub(crate) struct Loaded {
    recordings: Recordings,
    pub(crate) languages: Vec<Language>,
    pub(crate) backend: Backend,
    pub(crate) precision: Precision,
}

impl Loaded {
    pub(crate) fn tokenizer(&self) -> &Tokenizer {
        self.recordings.transcriber().checkpoint().tokenizer()
    }
}

/// How far loading the model has come.
#[derive(Debug, Clone)]
enum LoadState {
    Loading,
    Ready,
    Failed(Arc<str>),
}

/// The model and the places for requests.
#[derive(Debug)]
pub(crate) struct Engine {
    slots: Arc<Semaphore>,
    limits: EngineOptions,
    loaded: Arc<OnceLock<Loaded>>,
    state: watch::Receiver<LoadState>,
    metrics: Arc<Metrics>,
    observer: Shareable,
}

/// The host's observer.
#[derive(Clone)]
struct Shareable(Arc<Observer>);

impl std::fmt::Debug for Shareable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// A running transcription. Dropping it stops the work, for example when a client disconnects.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) updates: mpsc::UnboundedReceiver<Update>,
    cancel: CancelToken,
    place: Place,
    recordings: Recordings,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Now, not when the recordings before it are done.
        give_back(&self.place);
        self.recordings.sweep();
    }
}

fn give_back(place: &Place) {
    place.lock().unwrap_or_else(PoisonError::into_inner).take();
}

impl Engine {
    /// Starts a thread that loads the model and runs it once, so that the first request need not wait for pages of the
    /// weights, memory or the thread pool.
    pub(crate) fn start(
        settings: &Settings,
        metrics: Arc<Metrics>,
        observer: Arc<Observer>,
        load: impl FnOnce() -> Result<Transcriber> + Send + 'static,
    ) -> Result<Self> {
        let limits = EngineOptions { recordings: settings.recordings, queue: settings.queue };
        let (tell, state) = watch::channel(LoadState::Loading);
        let loaded = Arc::new(OnceLock::new());
        let (for_thread, counted) = (loaded.clone(), metrics.clone());
        // A client that leaves gives its place back before its task has ended: the places are counted here.
        let options = EngineOptions { queue: usize::MAX, ..limits.clone() };
        let run = move || {
            let started = Instant::now();
            let ready = load().and_then(|transcriber| {
                prime(&transcriber)?;
                Ok(transcriber)
            });
            match ready {
                Ok(transcriber) => {
                    counted.loaded(started.elapsed());
                    let languages = transcriber.checkpoint().known_languages().collect();
                    let (backend, precision) = (transcriber.backend(), transcriber.precision());
                    let recordings = Recordings::with_options(transcriber, options);
                    // Set once, here.
                    let _ = for_thread.set(Loaded { recordings, languages, backend, precision });
                    tell.send_replace(LoadState::Ready);
                }
                Err(error) => {
                    tell.send_replace(LoadState::Failed(error.to_string().into()));
                }
            }
        };
        let thread = thread::Builder::new().name("indic-seamless-load".to_owned());
        thread.spawn(run).map_err(Error::io("start", "the loading thread"))?;
        let slots =
            Arc::new(Semaphore::new(limits.recordings.saturating_add(limits.queue).min(Semaphore::MAX_PERMITS)));
        Ok(Self { slots, limits, loaded, state, metrics, observer: Shareable(observer) })
    }

    /// Waits until the model is loaded and was run once.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        match state.wait_for(|state| !matches!(state, LoadState::Loading)).await.as_deref() {
            Ok(LoadState::Failed(reason)) => Err(reason.to_string()),
            Ok(_) => Ok(()),
            Err(_) => Err("the loading thread has ended".to_owned()),
        }
    }

    /// The model, if it is loaded and its files are as they were.
    pub(crate) fn loaded(&self) -> Result<&Loaded, Problem> {
        let loaded = self.loaded.get().ok_or_else(|| match &*self.state.borrow() {
            LoadState::Failed(reason) => Problem::not_ready(format!("the model could not be loaded: {reason}")),
            _ => Problem::not_ready("the model is still loading"),
        })?;
        loaded.recordings.transcriber().checkpoint().check_unchanged().map_err(|error| {
            // It names files of the host.
            tracing::error!(%error, "the model is lost");
            Problem::not_ready("the files of the model have changed; the service must be started again")
        })?;
        Ok(loaded)
    }

    /// Recordings that wait, and the work of the model; nothing while it loads.
    pub(crate) fn activity(&self) -> (ByPriority, Activity) {
        let recordings = self.loaded.get().map(|loaded| &loaded.recordings);
        recordings.map(|all| (all.waiting(), all.transcriber().activity())).unwrap_or_default()
    }

    /// Whether a place is free now.
    pub(crate) fn has_place(&self) -> Result<(), Problem> {
        self.slot().map(drop)
    }

    /// A place for a request, if one is free.
    pub(crate) fn slot(&self) -> Result<Slot, Problem> {
        self.loaded()?;
        self.slots.clone().try_acquire_owned().map_err(|_| {
            self.metrics.refused("busy");
            let EngineOptions { recordings, queue } = self.limits;
            Problem::busy(format!("{recordings} recordings are processed and {queue} wait; try again soon"))
        })
    }

    /// Waits for a free place.
    pub(crate) async fn turn(&self) -> Result<Slot> {
        self.slots.clone().acquire_owned().await.map_err(|_| ended())
    }

    /// Queues a recording, which `open` opens when it is its turn, twice if its language must be guessed. What it `holds` is
    /// dropped when the recording is done, or has been dropped from the queue.
    pub(crate) fn submit(
        &self,
        request_id: &Arc<str>,
        mut open: impl FnMut() -> Result<AudioReader> + Send + 'static,
        holds: impl Send + 'static,
        wanted: Wanted,
        slot: Slot,
    ) -> Result<Running, Problem> {
        let recordings = self.loaded()?.recordings.clone();
        let Wanted { language, beams, words, script, segmentation, priority, deadline } = wanted;
        let default = recordings.transcriber().checkpoint().generation();
        let options = TranscribeOptions {
            generation: beams.map(|num_beams| GenerationConfig { num_beams, ..default.clone() }),
            segmentation,
            words,
            script,
            priority,
            // Clients get the better text even where the reference would return a loop.
            retry: Retry::Always,
            deadline: Some(deadline),
            ..Default::default()
        };
        let (sender, updates) = mpsc::unbounded_channel();
        let place = Arc::new(Mutex::new(Some(slot)));
        let waited = Arc::new(OnceLock::new());
        let (since, turn, waiting) = (Instant::now(), waited.clone(), debug_span!("waiting"));
        let open = move |transcriber: &Transcriber, cancel: &CancelToken| {
            drop(waiting);
            // Set once, here.
            let _ = turn.set(since.elapsed());
            let language = language.find(|| transcriber.detect_language_reader(open()?, cancel))?;
            Ok((open()?, language))
        };
        let mut told = Told {
            request_id: request_id.clone(),
            span: Span::current(),
            waited,
            metrics: self.metrics.clone(),
            observer: self.observer.clone(),
            place: place.clone(),
        };
        let update = move |update: Update| {
            let _ = &holds;
            if let Update::Done(result) = &update {
                told.done(result.as_ref().ok());
            }
            // The client may have gone away.
            let _ = sender.send(update);
        };
        let cancel = recordings.submit_choosing(open, options, update)?;
        Ok(Running { updates, cancel, place, recordings })
    }
}

/// What is to be told about a recording when it is done.
struct Told {
    request_id: Arc<str>,
    /// What the recording is part of in a trace, until it is done.
    span: Span,
    /// How long it waited for its turn.
    waited: Arc<OnceLock<Duration>>,
    metrics: Arc<Metrics>,
    observer: Shareable,
    place: Place,
}

impl Told {
    fn done(&mut self, transcript: Option<&crate::transcript::Transcript>) {
        if let Some(transcript) = transcript {
            let waited = self.waited.get().copied().unwrap_or_default();
            let measurements = self.metrics.transcribed(&self.request_id, waited, transcript);
            self.span.record("audio.seconds", measurements.audio_s);
            if catch_unwind(AssertUnwindSafe(|| (self.observer.0)(&measurements))).is_err() {
                tracing::error!(request_id = &*self.request_id, "the host's observer panicked");
            }
        }
        self.span = Span::none();
        // The place is free before the client hears of it, however slowly the client reads.
        give_back(&self.place);
    }
}

/// The error when a recording is given up.
pub(crate) fn ended() -> Error {
    Error::Stopped { reason: StopReason::Cancelled, partial: None }
}

/// Runs one short inference on a hum.
fn prime(transcriber: &Transcriber) -> Result<()> {
    let hum = (0..Waveform::SAMPLE_RATE).map(|i| 0.1 * (i as f32 * 0.05).sin()).collect();
    let hum = Waveform::from_samples(hum, Waveform::SAMPLE_RATE)?;
    let default = transcriber.checkpoint().generation();
    let short = GenerationConfig { min_new_tokens: 0, max_new_tokens: 2, ..default.clone() };
    let options = TranscribeOptions { generation: Some(short), ..Default::default() };
    let language = transcriber.checkpoint().known_languages().next().unwrap_or(Language::ENGLISH);
    transcriber.transcribe_with(&hum, language, options).map(|_| ())
}
