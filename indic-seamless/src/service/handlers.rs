//! The handlers of the endpoints.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, Uri, header},
    response::{
        IntoResponse, Response,
        sse::{Event as ServerEvent, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Shared,
    accept::prefers,
    answer::{AnswerSegment, SpeechAnswer, respond},
    engine::Wanted,
    fields::SpeechOptions,
    metrics::CONTENT_TYPE,
    openai,
    problem::{Problem, ProblemBody},
    request::{Speech, SpeechBytes, SpeechForm, SpeechJson},
    transcription::{Admitted, Next, Transcription, in_time},
};
use crate::{audio, backend::Backend, format::OutputFormat, language::Language, transcriber::Segmentation};

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
    /// How many live transcriptions there may be at a time; 0 where the host has no sockets.
    sockets: usize,
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
#[utoipa::path(
    get,
    path = "/limits",
    tag = "service",
    responses(
        (status = 200, description = "The limits", body = Limits),
        (status = 401, description = "The service asks for an API key", body = ProblemBody)
    )
)]
pub(crate) async fn limits(State(shared): State<Arc<Shared>>) -> Json<Limits> {
    let settings = &shared.settings;
    Json(Limits {
        max_body_bytes: settings.max_body_bytes,
        max_audio_s: settings.max_audio.as_secs_f64(),
        recordings: settings.recordings,
        queue: settings.queue,
        sockets: settings.sockets,
        deadline_s: settings.deadline.as_secs_f64(),
        formats: audio::formats().flat_map(|format| format.extensions).copied().collect(),
    })
}

/// The languages that text can be in.
#[utoipa::path(
    get,
    path = "/supported-languages",
    tag = "service",
    responses(
        (status = 200, description = "The languages", body = Languages),
        (status = 401, description = "The service asks for an API key", body = ProblemBody),
        (status = 503, description = "The model is not loaded", body = ProblemBody)
    )
)]
pub(crate) async fn supported_languages(State(shared): State<Arc<Shared>>) -> Result<Json<Languages>, Problem> {
    let languages = names(&shared.engine.loaded()?.languages);
    Ok(Json(Languages { count: languages.len(), languages }))
}

/// Counters and histograms, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    responses(
        (status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text"),
        (status = 401, description = "The service asks for an API key", body = ProblemBody)
    )
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], shared.metrics.text(shared.now())).into_response()
}

pub(crate) async fn not_found(uri: Uri) -> Problem {
    openai::unknown_url(&uri).unwrap_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not_found", "Not Found"))
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
        (SpeechBytes = "audio/*"),
        (SpeechBytes = "video/*")
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
    let streamed = prefers(request.headers(), "text/event-stream", "application/json");
    let (admitted, request) = Admitted::new(request, &shared).await?;
    let deadline = admitted.deadline;
    let prepared = async {
        let Speech { audio, hint, options } = Speech::read(request, &shared).await?;
        let language = shared.text_language(options.language()?)?;
        let (beams, words) = (options.beams, options.words || options.format.uses_words());
        let (segmentation, priority, script) = (Segmentation::default(), options.priority, options.script);
        let wanted = Wanted { language, beams, words, script, segmentation, priority, deadline };
        let mut transcription = admitted.submit(audio, hint, wanted, &shared).await?;
        transcription.words = options.words;
        Ok((transcription, options))
    };
    let (transcription, options) = in_time(deadline, prepared).await?;
    if streamed {
        return Ok(stream(transcription, options.format));
    }
    let transcript = transcription.finish().await?;
    Ok(respond(options.format, &transcript, options.segments || options.words))
}

/// The segments as events.
fn stream(transcription: Transcription, format: OutputFormat) -> Response {
    let events = stream::unfold(Some(transcription), move |state| async move {
        let mut transcription = state?;
        let (event, state) = match transcription.next().await {
            Ok(Next::Segment(segment)) => (event("segment", &AnswerSegment::from(&*segment)), Some(transcription)),
            Ok(Next::Done(transcript)) => {
                (event("done", &SpeechAnswer::last(*transcript, format, transcription.words)), None)
            }
            Err(problem) => (event("error", &problem.body(&transcription.id)), None),
        };
        Some((event, state))
    });
    sent(events)
}

fn event(name: &str, data: &impl Serialize) -> Result<ServerEvent, axum::Error> {
    ServerEvent::default().event(name).json_data(data)
}

/// A stream of server-sent events.
pub(super) fn sent(events: impl Stream<Item = Result<ServerEvent, axum::Error>> + Send + 'static) -> Response {
    // Keeps nginx from buffering the events.
    let unbuffered = [("x-accel-buffering", "no")];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::default())).into_response()
}
