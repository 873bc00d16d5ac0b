//! The thread that runs the model, and the requests that wait for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    thread,
    time::Instant,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc as tokio_mpsc, watch};

use super::{measurements::Observer, metrics::Metrics, problem::Problem};
use crate::{
    audio::Waveform,
    backend::{Backend, Precision},
    cancel::CancelToken,
    error::{Error, Result, StopReason},
    generation::GenerationConfig,
    language::Language,
    transcriber::{Retry, TranscribeOptions, Transcriber},
    transcript::{Segment, Transcript},
};

/// News of a running transcription.
#[derive(Debug)]
pub(crate) enum Update {
    /// The next segment is finished.
    Segment(Segment),
    /// The result; the last update.
    Done(Result<Transcript>),
}

/// A recording and how to transcribe it.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) audio: Waveform,
    /// How long decoding it took.
    pub(crate) audio_ms: f64,
    pub(crate) language: Language,
    pub(crate) beams: Option<usize>,
    pub(crate) words: bool,
    /// When the client stops waiting for the result.
    pub(crate) deadline: Instant,
}

/// A recording that waits for the model.
#[derive(Debug)]
struct Job {
    request_id: Arc<str>,
    waiting: Waiting,
    cancel: CancelToken,
    updates: tokio_mpsc::UnboundedSender<Update>,
    since: Instant,
}

/// What a job takes until it is done, or its client leaves: the recording and the place in the queue.
type Waiting = Arc<Mutex<(Option<Recording>, Option<Slot>)>>;

/// A place in the queue, held by a request from when its body has come until its job is done.
pub(crate) type Slot = OwnedSemaphorePermit;

/// Facts about the loaded model.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) languages: Vec<Language>,
    pub(crate) backend: Backend,
    pub(crate) precision: Precision,
}

/// How far loading the model has come.
#[derive(Debug, Clone)]
enum LoadState {
    Loading,
    Ready,
    Failed(Arc<str>),
}

/// The model on its thread.
#[derive(Debug)]
pub(crate) struct Engine {
    jobs: mpsc::Sender<Job>,
    slots: Arc<Semaphore>,
    queue: usize,
    loaded: Arc<OnceLock<Loaded>>,
    state: watch::Receiver<LoadState>,
    metrics: Arc<Metrics>,
}

/// A running transcription. Dropping it stops the work, for example when a client disconnects.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) updates: tokio_mpsc::UnboundedReceiver<Update>,
    cancel: CancelToken,
    waiting: Waiting,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Now, not when the jobs before it are done.
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = (None, None);
    }
}

impl Engine {
    /// Starts the thread, which loads the model and runs it once, so that the first request need not wait for pages of the
    /// weights, memory or the thread pool.
    pub(crate) fn start(
        queue: usize,
        metrics: Arc<Metrics>,
        observer: Box<Observer>,
        load: impl FnOnce() -> Result<Transcriber> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let (tell, state) = watch::channel(LoadState::Loading);
        let loaded = Arc::new(OnceLock::new());
        let (for_thread, counted) = (loaded.clone(), metrics.clone());
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
                    // Set once, here.
                    let _ = for_thread.set(Loaded { languages, backend, precision });
                    tell.send_replace(LoadState::Ready);
                    serve(&transcriber, &waiting, &counted, &observer);
                }
                Err(error) => {
                    tell.send_replace(LoadState::Failed(error.to_string().into()));
                }
            }
        };
        thread::Builder::new()
            .name("indic-seamless-engine".to_owned())
            .spawn(run)
            .map_err(Error::io("start", "the inference thread"))?;
        let slots = Arc::new(Semaphore::new(queue + 1));
        Ok(Self { jobs, slots, queue, loaded, state, metrics })
    }

    /// Waits until the model is loaded and was run once.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        match state.wait_for(|state| !matches!(state, LoadState::Loading)).await.as_deref() {
            Ok(LoadState::Failed(reason)) => Err(reason.to_string()),
            Ok(_) => Ok(()),
            Err(_) => Err("the inference thread has ended".to_owned()),
        }
    }

    /// The model, if it is loaded.
    pub(crate) fn loaded(&self) -> Result<&Loaded, Problem> {
        self.loaded.get().ok_or_else(|| match &*self.state.borrow() {
            LoadState::Failed(reason) => Problem::not_ready(format!("the model could not be loaded: {reason}")),
            _ => Problem::not_ready("the model is still loading"),
        })
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
            Problem::busy(format!("one request is processed and {} are waiting; try again soon", self.queue))
        })
    }

    /// Waits for a free place.
    pub(crate) async fn turn(&self) -> Result<Slot> {
        self.slots.clone().acquire_owned().await.map_err(|_| ended())
    }

    /// Queues a recording.
    pub(crate) fn submit(&self, request_id: &Arc<str>, recording: Recording, slot: Slot) -> Result<Running> {
        let (updates, receiver) = tokio_mpsc::unbounded_channel();
        let cancel = CancelToken::new();
        let (request_id, since) = (request_id.clone(), Instant::now());
        let waiting: Waiting = Arc::new(Mutex::new((Some(recording), Some(slot))));
        let job = Job { request_id, waiting: waiting.clone(), cancel: cancel.clone(), updates, since };
        // The thread outlives all senders, unless the model could not be loaded.
        self.jobs.send(job).map_err(|_| ended())?;
        Ok(Running { updates: receiver, cancel, waiting })
    }
}

/// The error when the inference thread has ended.
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

/// Transcribes one recording after the other, until all senders are gone.
fn serve(transcriber: &Transcriber, waiting: &mpsc::Receiver<Job>, metrics: &Metrics, observer: &Observer) {
    while let Ok(job) = waiting.recv() {
        let waited = job.since.elapsed();
        let recording = job.waiting.lock().unwrap_or_else(PoisonError::into_inner).0.take();
        // The client may have left.
        let Some(recording) = recording else { continue };
        // A bug must cost one request, not the service.
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| transcribe(transcriber, &job, recording))) else {
            // The client sees that the updates end.
            tracing::error!(request_id = &*job.request_id, "the transcription panicked");
            continue;
        };
        if let Ok(transcript) = &result {
            let measurements = metrics.transcribed(&job.request_id, waited, transcript);
            if catch_unwind(AssertUnwindSafe(|| observer(&measurements))).is_err() {
                tracing::error!(request_id = &*job.request_id, "the host's observer panicked");
            }
        }
        // The place is free before the client hears of it, however slowly the client reads.
        job.waiting.lock().unwrap_or_else(PoisonError::into_inner).1 = None;
        // The client may have gone away.
        let _ = job.updates.send(Update::Done(result));
    }
}

fn transcribe(transcriber: &Transcriber, job: &Job, recording: Recording) -> Result<Transcript> {
    let Recording { audio, audio_ms, language, beams, words, deadline } = recording;
    let default = transcriber.checkpoint().generation();
    let generation = beams.map(|num_beams| GenerationConfig { num_beams, ..default.clone() });
    let mut tell = |segment: &Segment| {
        // The client may have gone away.
        let _ = job.updates.send(Update::Segment(segment.clone()));
    };
    let options = TranscribeOptions {
        generation,
        words,
        // Clients get the better text even where the reference would return a loop.
        retry: Retry::Always,
        cancel: job.cancel.clone(),
        deadline: Some(deadline),
        on_segment: Some(&mut tell),
        ..Default::default()
    };
    let mut transcript = transcriber.transcribe_with(&audio, language, options)?;
    transcript.timings.add_audio(audio_ms);
    Ok(transcript)
}
