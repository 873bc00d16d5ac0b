//! The thread that has the model, and the requests that wait for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Instant,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc as tokio_mpsc, watch};

use super::{metrics::Metrics, problem::Problem};
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

/// What a transcription tells while it runs.
#[derive(Debug)]
pub(crate) enum Event {
    /// The next segment is done.
    Segment(Segment),
    /// Nothing comes after it.
    Done(Result<Transcript>),
}

/// A recording and what is asked of it.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) audio: Waveform,
    /// How long decoding it took.
    pub(crate) audio_ms: f64,
    pub(crate) language: Language,
    pub(crate) beams: Option<usize>,
    pub(crate) words: bool,
    /// When nobody waits for the result any more.
    pub(crate) deadline: Instant,
}

/// A recording that waits for the model.
#[derive(Debug)]
struct Job {
    request_id: Arc<str>,
    recording: Recording,
    cancel: CancelToken,
    events: tokio_mpsc::UnboundedSender<Event>,
    since: Instant,
    /// Given back when the job is done.
    _slot: Slot,
}

/// Room for one request, from its first byte to its answer.
pub(crate) type Slot = OwnedSemaphorePermit;

/// What is known of the model once it is loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) languages: Vec<Language>,
    pub(crate) backend: Backend,
    pub(crate) precision: Precision,
}

#[derive(Debug, Clone)]
enum State {
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
    state: watch::Receiver<State>,
    metrics: Arc<Metrics>,
}

/// A transcription under way. Dropping it ends the work, as when a client goes away.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) events: tokio_mpsc::UnboundedReceiver<Event>,
    cancel: CancelToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Engine {
    /// Starts the thread, which loads the model first and then runs it once: what the first request would have to wait for
    /// (pages of the weights, memory, the thread pool) is there after that.
    pub(crate) fn start(
        queue: usize,
        metrics: Arc<Metrics>,
        load: impl FnOnce() -> Result<Transcriber> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let (tell, state) = watch::channel(State::Loading);
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
                    tell.send_replace(State::Ready);
                    serve(&transcriber, &waiting, &counted);
                }
                Err(error) => {
                    tell.send_replace(State::Failed(error.to_string().into()));
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
        match state.wait_for(|state| !matches!(state, State::Loading)).await.as_deref() {
            Ok(State::Failed(reason)) => Err(reason.to_string()),
            Ok(_) => Ok(()),
            Err(_) => Err("the inference thread ended".to_owned()),
        }
    }

    /// The model, if it is loaded.
    pub(crate) fn loaded(&self) -> Result<&Loaded, Problem> {
        self.loaded.get().ok_or_else(|| match &*self.state.borrow() {
            State::Failed(reason) => Problem::not_ready(format!("the model could not be loaded: {reason}")),
            _ => Problem::not_ready("the model is being loaded"),
        })
    }

    /// Room for a request, if there is any.
    pub(crate) fn slot(&self) -> Result<Slot, Problem> {
        self.loaded()?;
        self.slots.clone().try_acquire_owned().map_err(|_| {
            self.metrics.refused("busy");
            Problem::busy(format!("one request is worked on and {} wait; try again soon", self.queue))
        })
    }

    /// Room for work that can wait for it.
    pub(crate) async fn turn(&self) -> Result<Slot> {
        self.slots.clone().acquire_owned().await.map_err(|_| ended())
    }

    /// Lets a recording wait for its turn.
    pub(crate) fn submit(&self, request_id: &Arc<str>, recording: Recording, slot: Slot) -> Result<Running> {
        let (events, receiver) = tokio_mpsc::unbounded_channel();
        let cancel = CancelToken::new();
        let (request_id, since) = (request_id.clone(), Instant::now());
        let job = Job { request_id, recording, cancel: cancel.clone(), events, since, _slot: slot };
        // The thread ends only after the last sender, unless the model could not be loaded.
        self.jobs.send(job).map_err(|_| ended())?;
        Ok(Running { events: receiver, cancel })
    }
}

/// There is nobody left to do the work.
pub(crate) fn ended() -> Error {
    Error::Stopped { reason: StopReason::Cancelled, partial: None }
}

/// Decodes on a thread that may take its time; also tells how many milliseconds it took. `None` if the decoder panicked.
pub(crate) async fn decoded<E: Send + 'static>(
    decode: impl FnOnce() -> Result<Waveform, E> + Send + 'static,
) -> Option<Result<(Waveform, f64), E>> {
    let started = Instant::now();
    let decoded = tokio::task::spawn_blocking(decode).await.ok()?;
    Some(decoded.map(|audio| (audio, started.elapsed().as_secs_f64() * 1000.0)))
}

/// One short inference on a hum.
fn prime(transcriber: &Transcriber) -> Result<()> {
    let hum = (0..Waveform::SAMPLE_RATE).map(|i| 0.1 * (i as f32 * 0.05).sin()).collect();
    let hum = Waveform::from_samples(hum, Waveform::SAMPLE_RATE)?;
    let default = transcriber.checkpoint().generation();
    let short = GenerationConfig { min_new_tokens: 0, max_new_tokens: 2, ..default.clone() };
    let options = TranscribeOptions { generation: Some(short), ..Default::default() };
    let language = transcriber.checkpoint().known_languages().next().unwrap_or(Language::ENGLISH);
    transcriber.transcribe_with(&hum, language, options).map(|_| ())
}

/// Works on one recording after the other, until nobody can send any more.
fn serve(transcriber: &Transcriber, waiting: &mpsc::Receiver<Job>, metrics: &Metrics) {
    while let Ok(job) = waiting.recv() {
        let waited = job.since.elapsed();
        if job.cancel.is_cancelled() {
            continue;
        }
        // A bug must cost one request, not the service.
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| transcribe(transcriber, &job))) else {
            // Who waits sees that the events end.
            tracing::error!(request_id = &*job.request_id, "the transcription panicked");
            continue;
        };
        if let Ok(transcript) = &result {
            metrics.transcribed(&job.request_id, waited, transcript);
        }
        let Job { events, .. } = job;
        // The client may have gone away.
        let _ = events.send(Event::Done(result));
    }
}

fn transcribe(transcriber: &Transcriber, job: &Job) -> Result<Transcript> {
    let Recording { ref audio, audio_ms, language, beams, words, deadline } = job.recording;
    let default = transcriber.checkpoint().generation();
    let generation = beams.map(|num_beams| GenerationConfig { num_beams, ..default.clone() });
    let mut tell = |segment: &Segment| {
        // The client may have gone away.
        let _ = job.events.send(Event::Segment(segment.clone()));
    };
    let options = TranscribeOptions {
        generation,
        words,
        // A client has no use for a loop, whatever the reference would do.
        retry: Retry::Always,
        cancel: job.cancel.clone(),
        deadline: Some(deadline),
        on_segment: Some(&mut tell),
        ..Default::default()
    };
    let mut transcript = transcriber.transcribe_with(audio, language, options)?;
    transcript.timings.audio_ms = audio_ms;
    transcript.timings.total_ms += audio_ms;
    Ok(transcript)
}
