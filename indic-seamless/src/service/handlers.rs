//! The endpoints.

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
use utoipa::{OpenApi, ToSchema};

use super::{
    Shared,
    answer::{SpeechAnswer, SpeechSegment},
    engine::{Event, Recording, Running, decoded},
    metrics::CONTENT_TYPE,
    observe::{ClientGuard, Deadline, RequestId, client},
    openapi::ApiDoc,
    problem::{Partial, Problem, ProblemBody},
    request::{Speech, SpeechBytes, SpeechForm, SpeechJson, SpeechOptions, drain},
};
use crate::{
    backend::Backend,
    error::{Error, StopReason},
    language::Language,
    transcript::Transcript,
};

/// What the pages may do: nothing but what is in them, and ask this service.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src 'self' data:; media-src 'self' blob:; \
                           script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// How long the engine may take to end what it is at when the time is up.
const GRACE: Duration = Duration::from_millis(300);

/// The service and where to go on.
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

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy` as long as there is an answer.
    status: &'static str,
    /// Whether the model is there.
    model_loaded: bool,
    /// Where the model runs.
    #[schema(example = "cpu")]
    device: Option<&'static str>,
    /// The type of the weights.
    #[schema(example = "int8")]
    precision: Option<&'static str>,
    /// Code and name of each language, once the model is loaded.
    supported_languages: BTreeMap<&'static str, &'static str>,
}

/// The languages of text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Languages {
    /// Code and name.
    languages: BTreeMap<&'static str, &'static str>,
    /// How many.
    count: usize,
}

/// How much a request may ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// The largest body.
    max_body_bytes: usize,
    /// The longest recording, in seconds.
    max_audio_s: f64,
    /// Requests that may wait.
    queue: usize,
    /// The longest time for an answer, in seconds.
    deadline_s: f64,
    /// What recordings may be.
    formats: [&'static str; 8],
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

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(media_type)))
}

fn page(html: &'static str) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY), (header::VARY, "accept")], Html(html)).into_response()
}

/// What this is: a page for browsers, else JSON.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "What this is", body = ServiceInfo)))]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    if accepts(&headers, "text/html") {
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

/// Whether the process lives.
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, description = "It lives", body = Health)))]
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

/// Whether requests can be answered: the model is loaded, and the service is not ending.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "service",
    responses((status = 200, description = "It can work"), (status = 503, description = "It cannot, and why", body = ProblemBody))
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    shared.engine.loaded()?;
    if shared.ending() {
        return Err(Problem::not_ready("the service is ending"));
    }
    Ok(Json(json!({ "status": "ready" })).into_response())
}

/// Limits, to be known before something too large is sent.
#[utoipa::path(get, path = "/limits", tag = "service", responses((status = 200, description = "The limits", body = Limits)))]
pub(crate) async fn limits(State(shared): State<Arc<Shared>>) -> Json<Limits> {
    let settings = &shared.settings;
    Json(Limits {
        max_body_bytes: settings.max_body_bytes,
        max_audio_s: settings.max_audio.as_secs_f64(),
        queue: settings.queue,
        deadline_s: settings.deadline.as_secs_f64(),
        formats: ["wav", "flac", "mp3", "m4a", "aac", "ogg", "opus", "webm"],
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

/// Counts and times, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], shared.metrics.text()).into_response()
}

pub(crate) async fn openapi() -> Response {
    Json(ApiDoc::openapi()).into_response()
}

pub(crate) async fn docs() -> Response {
    page(include_str!("docs.html"))
}

pub(crate) async fn redoc() -> Redirect {
    // Relative, as there may be a prefix.
    Redirect::permanent("docs")
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed")
}

/// A recording to text.
///
/// A form with the file `audio`, JSON with the recording in base64, or the recording itself as the body. What is asked for is
/// in fields of the form or the JSON, or in the query. With `Accept: text/event-stream` the answer comes as server-sent
/// events: `segment` for each segment as soon as it is done, then `done` with the whole answer, or `error` with the problem.
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
            (String = "text/plain"),
            (String = "application/x-subrip"),
            (String = "text/vtt"),
            (String = "text/event-stream")
        )),
        (status = 400, description = "Not a form, not JSON, or a recording damaged on its way", body = ProblemBody),
        (status = 408, description = "The body did not come", body = ProblemBody),
        (status = 413, description = "Too large or too long", body = ProblemBody),
        (status = 415, description = "Not a body or a recording of a known type", body = ProblemBody),
        (status = 422, description = "A field or the recording makes no sense", body = ProblemBody),
        (status = 429, description = "Too many requests of this client are under way", body = ProblemBody),
        (status = 500, description = "An error of the service", body = ProblemBody),
        (status = 503, description = "No room at the moment; see `retry-after`", body = ProblemBody),
        (status = 504, description = "The time is up; `partial` is what was finished", body = ProblemBody)
    )
)]
pub(crate) async fn speech_to_text(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let settings = &shared.settings;
    let latest = Instant::now() + settings.deadline;
    let deadline = request.extensions().get::<Deadline>().map_or(latest, |deadline| deadline.0.min(latest));
    let id = request.extensions().get::<RequestId>().cloned();
    let id = id.map_or_else(|| "".into(), |id| id.0);
    let streamed = accepts(request.headers(), "text/event-stream");
    // Room first, so that bodies that nobody has time for take no memory.
    let room = shared.enter(client(&request)).and_then(|client| Ok((client, shared.engine.slot()?)));
    let (client, slot) = match room {
        Ok(room) => room,
        Err(problem) => {
            drain(request.into_body().into_data_stream(), settings.max_body_bytes).await;
            return Err(problem);
        }
    };
    let prepared = async {
        let Speech { audio, hint, options } = Speech::read(request, settings).await?;
        let language = shared.known(options.language()?)?;
        let max = settings.max_audio;
        let decoded = decoded(move || Speech::decode(audio, hint.as_deref(), max)).await;
        let (audio, audio_ms) = decoded.ok_or_else(Problem::internal)??;
        let (beams, words) = (options.beams, options.words);
        let recording = Recording { audio, audio_ms, language, beams, words, deadline };
        let running = shared.engine.submit(&id, recording, slot)?;
        Ok::<_, Problem>((running, options))
    };
    let prepared = tokio::time::timeout_at(deadline.into(), prepared).await;
    let (running, options) = prepared.map_err(|_| Problem::deadline(Partial::default()))??;
    let transcription = Transcription { running, deadline, partial: Partial::default(), _client: client };
    if streamed {
        return Ok(transcription.stream(&id));
    }
    let transcript = transcription.finish().await?;
    Ok(options.format.respond(&transcript, options.segments || options.words))
}

/// A transcription that is waited for.
struct Transcription {
    running: Running,
    deadline: Instant,
    partial: Partial,
    _client: Option<ClientGuard>,
}

/// What comes next of it.
enum Next {
    Segment(SpeechSegment),
    Done(Box<Transcript>),
}

impl Transcription {
    async fn next(&mut self) -> Result<Next, Problem> {
        match tokio::time::timeout_at(self.deadline.into(), self.running.events.recv()).await {
            Err(_) => {
                // What the engine was about to hand out when it looked at the clock.
                while let Ok(Some(Event::Segment(segment))) =
                    tokio::time::timeout(GRACE, self.running.events.recv()).await
                {
                    self.partial.push(&segment);
                }
                Err(Problem::deadline(std::mem::take(&mut self.partial)))
            }
            // The engine's thread ends only with the service.
            Ok(None) => Err(Problem::internal()),
            // The engine looks at the clock, too.
            Ok(Some(Event::Done(Err(Error::Stopped { reason: StopReason::Deadline, .. })))) => {
                Err(Problem::deadline(std::mem::take(&mut self.partial)))
            }
            Ok(Some(Event::Done(result))) => Ok(Next::Done(Box::new(result?))),
            Ok(Some(Event::Segment(segment))) => {
                self.partial.push(&segment);
                Ok(Next::Segment((&segment).into()))
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

    fn stream(self, id: &Arc<str>) -> Response {
        let id = id.clone();
        let events = stream::unfold(Some(self), move |state| {
            let id = id.clone();
            async move {
                let mut transcription = state?;
                let (event, state) = match transcription.next().await {
                    Ok(Next::Segment(segment)) => (event("segment", &segment), Some(transcription)),
                    Ok(Next::Done(transcript)) => (event("done", &SpeechAnswer::new(&transcript, true)), None),
                    Err(problem) => (event("error", &problem.body(&id)), None),
                };
                Some((event, state))
            }
        });
        // Else nginx would hold them back until it has a buffer full.
        let unbuffered = [("x-accel-buffering", "no")];
        (unbuffered, Sse::new(events).keep_alive(KeepAlive::default())).into_response()
    }
}

fn event(name: &str, data: &impl Serialize) -> Result<ServerEvent, axum::Error> {
    ServerEvent::default().event(name).json_data(data)
}
