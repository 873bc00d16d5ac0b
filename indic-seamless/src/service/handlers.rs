//! The handlers of the endpoints.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{
        Html, IntoResponse, Redirect, Response,
        sse::{Event as ServerEvent, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Shared,
    accept::prefers,
    answer::{AnswerSegment, SpeechAnswer, respond},
    body::{Whole, refuse},
    clients::ClientGuard,
    engine::{Running, Wanted},
    fields::SpeechOptions,
    metrics::CONTENT_TYPE,
    observe::{Deadline, RequestId},
    problem::{Partial, Problem, ProblemBody},
    request::{Speech, SpeechBytes, SpeechForm, SpeechJson, is_mangled, mangled_body},
};
use crate::{
    audio,
    backend::Backend,
    engine::Update,
    error::{Error, StopReason},
    format::OutputFormat,
    language::Language,
    transcript::Transcript,
};

/// The pages may run their own scripts and ask this service, nothing else.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
                           script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// How long the engine may take to stop after the deadline.
const GRACE: Duration = Duration::from_millis(300);

/// The service and its endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceInfo {
    service: &'static str,
    version: &'static str,
    description: &'static str,
    documentation: &'static str,
    health: &'static str,
    supported_languages: &'static str,
    endpoints: BTreeMap<&'static str, &'static str>,
}

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy`, whenever there is an answer.
    status: &'static str,
    /// Whether the model is loaded.
    model_loaded: bool,
    /// The device that the model runs on.
    #[schema(example = "cpu")]
    device: Option<&'static str>,
    /// The type of the weights.
    #[schema(example = "int8")]
    precision: Option<&'static str>,
    /// Code and name of each language, once the model is loaded.
    supported_languages: BTreeMap<&'static str, &'static str>,
}

/// The languages that text can be in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Languages {
    /// Code and name.
    languages: BTreeMap<&'static str, &'static str>,
    /// How many.
    count: usize,
}

/// The limits of requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// The largest body.
    max_body_bytes: usize,
    /// The longest recording, in seconds.
    max_audio_s: f64,
    /// How many recordings are transcribed at a time.
    recordings: usize,
    /// How many requests may wait beside these.
    queue: usize,
    /// The longest time for an answer, in seconds.
    deadline_s: f64,
    /// Extensions of the supported formats.
    formats: Vec<&'static str>,
}

fn names<'a>(languages: impl IntoIterator<Item = &'a Language>) -> BTreeMap<&'static str, &'static str> {
    languages.into_iter().map(|language| (language.code(), language.name())).collect()
}

fn device(backend: Backend) -> &'static str {
    match backend {
        Backend::Flex | Backend::NdArray => "cpu",
        Backend::Wgpu => "wgpu",
        Backend::Cuda => "cuda",
    }
}

fn page(html: &'static str) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY), (header::VARY, "accept")], Html(html)).into_response()
}

/// The service: a web page for browsers, JSON for others.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "The service", body = ServiceInfo)))]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    if prefers(&headers, "text/html", "application/json") {
        return page(include_str!("page.html"));
    }
    let info = ServiceInfo {
        service: "indic-seamless",
        version: env!("CARGO_PKG_VERSION"),
        description: "Speech to text, and to text in another language",
        documentation: "/docs",
        health: "/health",
        supported_languages: "/supported-languages",
        endpoints: BTreeMap::from([
            ("speech_to_text", "/speech-to-text"),
            ("health", "/health"),
            ("ready", "/ready"),
            ("limits", "/limits"),
            ("supported_languages", "/supported-languages"),
            ("metrics", "/metrics"),
            ("openapi", "/openapi.json"),
        ]),
    };
    ([(header::VARY, "accept")], Json(info)).into_response()
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "It is alive", body = Health)))]
pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Json<Health> {
    let loaded = shared.engine.loaded().ok();
    Json(Health {
        status: "healthy",
        model_loaded: loaded.is_some(),
        device: loaded.map(|loaded| device(loaded.backend)),
        precision: loaded.map(|loaded| loaded.precision.name()),
        supported_languages: loaded.map(|loaded| names(&loaded.languages)).unwrap_or_default(),
    })
}

/// Whether recordings can be sent: the model is loaded, and the service is not shutting down.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "service",
    responses((status = 200, description = "It can take requests"), (status = 503, description = "It cannot; the detail says why", body = ProblemBody))
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    shared.engine.loaded()?;
    if shared.ending() {
        return Err(Problem::not_ready("the service is shutting down"));
    }
    Ok(Json(json!({ "status": "ready" })).into_response())
}

/// The limits, so that clients can check before they send too much.
#[utoipa::path(get, path = "/limits", tag = "service", responses((status = 200, description = "The limits", body = Limits)))]
pub(crate) async fn limits(State(shared): State<Arc<Shared>>) -> Json<Limits> {
    let settings = &shared.settings;
    Json(Limits {
        max_body_bytes: settings.max_body_bytes,
        max_audio_s: settings.max_audio.as_secs_f64(),
        recordings: settings.recordings,
        queue: settings.queue,
        deadline_s: settings.deadline.as_secs_f64(),
        formats: audio::formats().flat_map(|format| format.extensions).copied().collect(),
    })
}

/// The languages that text can be in.
#[utoipa::path(
    get,
    path = "/supported-languages",
    tag = "service",
    responses((status = 200, description = "The languages", body = Languages), (status = 503, description = "The model is not loaded", body = ProblemBody))
)]
pub(crate) async fn supported_languages(State(shared): State<Arc<Shared>>) -> Result<Json<Languages>, Problem> {
    let languages = names(&shared.engine.loaded()?.languages);
    Ok(Json(Languages { count: languages.len(), languages }))
}

/// Counters and histograms, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], shared.metrics.text(shared.now())).into_response()
}

pub(crate) async fn docs() -> Response {
    page(include_str!("docs.html"))
}

pub(crate) async fn redoc() -> Redirect {
    // Relative, as the router may be mounted under a path.
    Redirect::permanent("docs")
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed")
}

/// Transcribe or translate a recording.
///
/// Send a form with the file `audio`, JSON with the recording in base64, or the recording itself as the body. Options are
/// fields of the form or of the JSON, or query parameters. With `Accept: text/event-stream` the answer is a stream of
/// server-sent events: `segment` for each segment as soon as it is finished, then `done` with the whole answer, or `error`
/// with the problem. `done` also has `subtitles` if `format` is `srt` or `vtt`.
#[utoipa::path(
    post,
    path = "/speech-to-text",
    tag = "speech",
    params(SpeechOptions),
    request_body(content(
        (SpeechForm = "multipart/form-data"),
        (SpeechJson = "application/json"),
        (SpeechBytes = "application/octet-stream"),
        (SpeechBytes = "audio/*")
    )),
    responses(
        (status = 200, description = "The text", content(
            (SpeechAnswer = "application/json"),
            (String = "text/event-stream")
        )),
        (status = 400, description = "An unreadable form or JSON, or an upload corrupted on its way", body = ProblemBody),
        (status = 401, description = "The service asks for an API key", body = ProblemBody),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody),
        (status = 413, description = "Too large or too long", body = ProblemBody),
        (status = 415, description = "The type of the body or of the recording is not supported", body = ProblemBody),
        (status = 422, description = "An invalid field or recording", body = ProblemBody),
        (status = 429, description = "This client has too many requests in flight", body = ProblemBody),
        (status = 500, description = "An error of the service", body = ProblemBody),
        (status = 503, description = "The queue, or the memory for bodies, is full; see `retry-after`", body = ProblemBody),
        (status = 504, description = "Deadline exceeded; `partial` has the segments that were finished", body = ProblemBody)
    )
)]
pub(crate) async fn speech_to_text(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let settings = &shared.settings;
    let latest = Instant::now() + settings.deadline;
    let deadline = request.extensions().get::<Deadline>().map_or(latest, |deadline| deadline.0.min(latest));
    let id = request.extensions().get::<RequestId>().cloned();
    let id = id.map_or_else(|| "".into(), |id| id.0);
    let streamed = prefers(request.headers(), "text/event-stream", "application/json");
    // Who would be refused later is refused now, so that the body takes no memory.
    let early = shared.enter(&request).and_then(|client| shared.engine.has_place().map(|()| client));
    let client = match early {
        Ok(client) => client,
        Err(problem) => return Err(refuse(problem, request, &shared).await),
    };
    let prepared = async {
        let Speech { audio, hint, options } = Speech::read(request, &shared).await?;
        let language = shared.known(options.language()?)?;
        // Only now, so that slow senders do not keep others out.
        let slot = shared.engine.slot()?;
        // What is no recording is refused now, and not when its turn comes.
        let (Whole { bytes, held }, decoding) = (audio, settings.audio_options());
        let open = move || (is_mangled(&bytes), decoding.reader_from_bytes(bytes, hint.as_deref()));
        let (mangled, opened) = shared.open(open).await?;
        let reader = opened.map_err(|error| if mangled { mangled_body() } else { error.into() })?;
        let (beams, words) = (options.beams, options.words || options.format.uses_words());
        let wanted = Wanted { language, beams, words, priority: options.priority, deadline };
        let running = shared.engine.submit(&id, move || Ok(reader), held, wanted, slot)?;
        Ok::<_, Problem>((running, options, mangled))
    };
    let prepared = tokio::time::timeout_at(deadline.into(), prepared).await;
    let (running, options, mangled) = prepared.map_err(|_| Problem::deadline(Partial::default()))??;
    let words = options.words;
    let partial = Partial::default();
    let transcription = Transcription { running, deadline, words, mangled, partial, _client: client };
    if streamed {
        return Ok(transcription.stream(&id, options.format));
    }
    let transcript = transcription.finish().await?;
    Ok(respond(options.format, &transcript, options.segments || options.words))
}

/// A running transcription and its client.
struct Transcription {
    running: Running,
    deadline: Instant,
    /// Whether the client asked for words. Subtitles need them in any case.
    words: bool,
    /// Whether something treated the recording as text on its way.
    mangled: bool,
    partial: Partial,
    _client: Option<ClientGuard>,
}

/// The next news of it.
enum Next {
    Segment(AnswerSegment),
    Done(Box<Transcript>),
}

impl Transcription {
    async fn next(&mut self) -> Result<Next, Problem> {
        loop {
            match tokio::time::timeout_at(self.deadline.into(), self.running.updates.recv()).await {
                Err(_) => {
                    // The engine may still deliver segments that it finished in time.
                    while let Ok(Some(update)) = tokio::time::timeout(GRACE, self.running.updates.recv()).await {
                        match update {
                            Update::Segment(segment) => self.partial.push(&segment),
                            Update::Done(_) => break,
                            Update::Progress(_) => {}
                        }
                    }
                    return Err(Problem::deadline(std::mem::take(&mut self.partial)));
                }
                // The transcription panicked.
                Ok(None) => return Err(Problem::internal()),
                // The engine checks the deadline, too.
                Ok(Some(Update::Done(Err(Error::Stopped { reason: StopReason::Deadline, .. })))) => {
                    return Err(Problem::deadline(std::mem::take(&mut self.partial)));
                }
                Ok(Some(Update::Done(Err(_)))) if self.mangled => return Err(mangled_body()),
                Ok(Some(Update::Done(result))) => return Ok(Next::Done(Box::new(result?))),
                Ok(Some(Update::Segment(mut segment))) => {
                    if !self.words {
                        segment.words.clear();
                    }
                    self.partial.push(&segment);
                    return Ok(Next::Segment((&segment).into()));
                }
                Ok(Some(Update::Progress(_))) => {}
            }
        }
    }

    async fn finish(mut self) -> Result<Transcript, Problem> {
        loop {
            if let Next::Done(transcript) = self.next().await? {
                return Ok(*transcript);
            }
        }
    }

    fn stream(self, id: &Arc<str>, format: OutputFormat) -> Response {
        let id = id.clone();
        let events = stream::unfold(Some(self), move |state| {
            let id = id.clone();
            async move {
                let mut transcription = state?;
                let (event, state) = match transcription.next().await {
                    Ok(Next::Segment(segment)) => (event("segment", &segment), Some(transcription)),
                    Ok(Next::Done(transcript)) => {
                        (event("done", &SpeechAnswer::last(*transcript, format, transcription.words)), None)
                    }
                    Err(problem) => (event("error", &problem.body(&id)), None),
                };
                Some((event, state))
            }
        });
        // Keeps nginx from buffering the events.
        let unbuffered = [("x-accel-buffering", "no")];
        (unbuffered, Sse::new(events).keep_alive(KeepAlive::default())).into_response()
    }
}

fn event(name: &str, data: &impl Serialize) -> Result<ServerEvent, axum::Error> {
    ServerEvent::default().event(name).json_data(data)
}
