//! The HTTP service on the demo model: the endpoints of the Python service, its known defects, and the limits.

#[path = "../common/mod.rs"]
mod common;

mod activity;
mod answers;
mod bodies;
mod connections;
mod dear;
mod hosts;
mod information;
mod keys;
mod lifecycle;
mod limits;
mod listening;
mod openai;
mod places;
mod realtime;
mod refusals;
mod streaming;
mod traces;

use std::{
    convert::Infallible,
    io::Write,
    sync::{LazyLock, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use indic_seamless::{
    Transcriber, Waveform,
    service::{Service, Settings},
};
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt;
use tracing_subscriber::fmt::format::FmtSpan;

const CLIP: &[u8] = include_bytes!("../../examples/audio/hindi-1.wav");
const HINDI: &str = "कृपया आज का मौसम";
const TAMIL: &str = "தயவுசெய்து இன்றைய வானிலை";
const BOUNDARY: &str = "a-boundary";

/// The log of all tests.
static LOG: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let to_log = || Log;
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    log.with_span_events(FmtSpan::CLOSE).with_writer(to_log).init();
    Mutex::default()
});

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The service with default settings, shared by all tests that need no others.
static SERVICE: LazyLock<Service> = LazyLock::new(|| start(Settings::default()));

fn start(settings: Settings) -> Service {
    LazyLock::force(&LOG);
    Service::start(settings, Transcriber::demo).expect("a service")
}

async fn router() -> Router {
    SERVICE.ready().await.expect("loaded");
    SERVICE.router()
}

/// A service with other settings.
async fn with(settings: Settings) -> Router {
    let service = start(settings);
    service.ready().await.expect("loaded");
    service.router()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks the status, the code and the shape of a problem.
    #[track_caller]
    fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        assert_eq!(body["request_id"].as_str(), Some(self.header("x-request-id")), "{body}");
        body
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

fn post(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header(header::CONTENT_TYPE, content_type).body(body.into()).expect("a request")
}

/// A form with the file `audio` and fields.
fn form_body(audio: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    form_with("audio", audio, fields)
}

/// A form with a file and fields.
fn form_with(file: &str, audio: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            .expect("written");
    }
    write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{file}\"; filename=\"speech.bin\"\r\n\r\n")
        .expect("written");
    body.extend_from_slice(audio);
    write!(body, "\r\n--{BOUNDARY}--\r\n").expect("written");
    body
}

fn form(audio: &[u8], fields: &[(&str, &str)]) -> Request<Body> {
    post("/speech-to-text", &format!("multipart/form-data; boundary={BOUNDARY}"), form_body(audio, fields))
}

/// A body that stalls after its first chunk, which is the clip; and a receiver that completes when the service has read that.
fn stalled() -> (Body, oneshot::Receiver<()>) {
    let (read, reading) = oneshot::channel();
    let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(CLIP)) });
    let then = stream::once(async {
        drop(read);
        std::future::pending().await
    });
    (Body::from_stream(first.chain(then)), reading)
}

/// Asks for segments as events.
fn streamed(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().expect("a value"));
    request
}

/// Lets the service transcribe a long recording; returns its events, of which the first has come. Dropping them ends it.
async fn busy(router: &Router) -> BodyDataStream {
    let request = streamed(post("/speech-to-text?target_lang=hin", "audio/wav", minutes(14)));
    let mut events = router.clone().oneshot(request).await.expect("infallible").into_body().into_data_stream();
    let first = events.next().await.expect("an event").expect("a chunk");
    assert!(first.starts_with(b"event: segment"), "{first:?}");
    events
}

/// A hum at 16 kHz as WAV.
fn hum(samples: usize) -> Vec<u8> {
    common::wav(&(0..samples).map(|i| 0.1 * (i as f32 * 0.05).sin()).collect::<Vec<_>>())
}

/// Minutes of a repeated clip, with pauses of two seconds.
fn minutes(count: usize) -> Vec<u8> {
    let mut round = Waveform::from_bytes(CLIP, None).expect("a clip").into_samples();
    round.resize(round.len() + 2 * 16_000, 0.0);
    common::wav(&round.repeat(count * 60 * 16_000 / round.len()))
}
