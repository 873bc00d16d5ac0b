//! The HTTP service on the demo model: the endpoints of the Python service, its known defects, and the limits.

mod common;

use std::{
    convert::Infallible,
    io::Write,
    sync::{Arc, LazyLock, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use indic_seamless::{
    Language, OutputFormat, Transcriber, Waveform,
    service::{Deadline, Measurements, Service, Settings, serve},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tower::ServiceExt;

const CLIP: &[u8] = include_bytes!("../examples/audio/hindi-1.wav");
const HINDI: &str = "कृपया आज का मौसम";
const TAMIL: &str = "தயவுசெய்து இன்றைய வானிலை";
const BOUNDARY: &str = "a-boundary";

/// The log of all tests.
static LOG: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let to_log = || Log;
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(to_log).init();
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

/// A form with a file and fields.
fn form_body(audio: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            .expect("written");
    }
    write!(body, "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"audio\"; filename=\"speech.bin\"\r\n\r\n")
        .expect("written");
    body.extend_from_slice(audio);
    write!(body, "\r\n--{BOUNDARY}--\r\n").expect("written");
    body
}

fn form(audio: &[u8], fields: &[(&str, &str)]) -> Request<Body> {
    post("/speech-to-text", &format!("multipart/form-data; boundary={BOUNDARY}"), form_body(audio, fields))
}

/// A body that stalls after its first chunk; and a receiver that completes when the service has begun to read it, so when
/// the request has its place in the queue.
fn stalled() -> (Body, oneshot::Receiver<()>) {
    let (read, reading) = oneshot::channel();
    let first = stream::once(async {
        drop(read);
        Ok::<_, Infallible>(Bytes::from_static(CLIP))
    });
    (Body::from_stream(first.chain(stream::pending())), reading)
}

/// A hum at 16 kHz as WAV.
fn hum(samples: usize) -> Vec<u8> {
    common::wav(&(0..samples).map(|i| 0.1 * (i as f32 * 0.05).sin()).collect::<Vec<_>>())
}

#[tokio::test]
async fn facts_about_the_service() {
    let router = router().await;
    let answer = get(&router, "/").await;
    let info = answer.json();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(info["documentation"], "/docs");
    assert_eq!(info["health"], "/health");
    assert_eq!(info["supported_languages"], "/supported-languages");
    assert_eq!(info["endpoints"]["speech_to_text"], "/speech-to-text");
    for key in ["service", "version", "description"] {
        assert!(info[key].is_string(), "{key}");
    }
    let browser = Request::get("/").header(header::ACCEPT, "text/html,application/xhtml+xml").body(Body::empty());
    let page = ask(&router, browser.expect("a request")).await;
    assert!(page.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("default-src 'none'"));
}

#[tokio::test]
async fn health_and_languages() {
    let router = router().await;
    let health = get(&router, "/health").await.json();
    assert_eq!(
        (&health["status"], &health["model_loaded"], &health["device"]),
        (&json!("healthy"), &json!(true), &json!("cpu"))
    );
    assert_eq!(health["supported_languages"]["hin"], "Hindi");
    let languages = get(&router, "/supported-languages").await.json();
    assert_eq!(languages["languages"], health["supported_languages"]);
    assert_eq!(languages["count"], languages["languages"].as_object().map_or(0, serde_json::Map::len));
    assert_eq!(get(&router, "/ready").await.json(), json!({ "status": "ready" }));
    let limits = get(&router, "/limits").await.json();
    assert_eq!(limits["max_body_bytes"], 50 * 1024 * 1024);
}

#[tokio::test]
async fn a_form_as_the_python_service_takes_it() {
    let router = router().await;
    let answer = ask(&router, form(CLIP, &[("target_lang", "Hindi")])).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "transcription": HINDI })));
    // English by default.
    let english = Transcriber::demo().expect("the demo model");
    let clip = Waveform::from_bytes(CLIP, None).expect("a recording");
    let english = english.transcribe(&clip, Language::ENGLISH).expect("a transcript").text;
    assert_eq!(ask(&router, form(CLIP, &[])).await.json(), json!({ "transcription": english }));
}

#[tokio::test]
async fn languages_by_code_and_name_in_any_case() {
    let router = router().await;
    for name in ["hin", "hi", "HINDI", " hindi ", "__hin__"] {
        let answer = ask(&router, form(CLIP, &[("target_lang", name)])).await;
        assert_eq!(answer.json()["transcription"], HINDI, "{name}");
    }
    let problem = ask(&router, form(CLIP, &[("target_lang", "klingon")])).await.problem(422, "unknown_language");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("klingon") && detail.contains("hin")));
    // A known language that this model does not have.
    let problem = ask(&router, form(CLIP, &[("target_lang", "French")])).await.problem(422, "unknown_language");
    assert_eq!(problem["detail"], "unknown language \"French\"; known: ben eng hin tam tel");
}

#[tokio::test]
async fn bytes_and_json_as_well_as_forms() {
    let router = router().await;
    for content_type in ["audio/wav", "audio/x-anything; codecs=1", "video/webm", "application/octet-stream"] {
        let answer = ask(&router, post("/speech-to-text?target_lang=tam", content_type, CLIP)).await;
        assert_eq!(answer.json(), json!({ "transcription": TAMIL }), "{content_type}");
    }
    for audio in [STANDARD.encode(CLIP), format!("data:audio/wav;base64,{}", STANDARD.encode(CLIP))] {
        let body = json!({ "audio": audio, "target_lang": "tam", "beams": 2, "segments": false }).to_string();
        let answer = ask(&router, post("/speech-to-text", "application/json", body)).await;
        assert_eq!(answer.json(), json!({ "transcription": TAMIL }));
    }
}

#[tokio::test]
async fn text_subtitles_and_segments() {
    let router = router().await;
    let ask = |query: &'static str| {
        let router = router.clone();
        async move { ask(&router, post(&format!("/speech-to-text?target_lang=hin&{query}"), "audio/wav", CLIP)).await }
    };
    let text = ask("format=text").await;
    assert_eq!((text.header(header::CONTENT_TYPE), &*text.body), ("text/plain; charset=utf-8", HINDI.as_bytes()));
    let srt = ask("format=srt").await;
    assert_eq!(srt.header(header::CONTENT_TYPE), "application/x-subrip; charset=utf-8");
    assert!(String::from_utf8_lossy(&srt.body).starts_with("1\n00:00:00,000 --> 00:00:0"));
    assert!(String::from_utf8_lossy(&ask("format=vtt").await.body).starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:0"));
    let details = ask("segments=true").await.json();
    let duration = Waveform::from_bytes(CLIP, None).expect("a recording").duration().as_secs_f64();
    assert_eq!((&details["transcription"], &details["language"]), (&json!(HINDI), &json!("hin")));
    assert_eq!(details["duration_s"], duration);
    let segment = &details["segments"][0];
    assert_eq!((&segment["text"], &segment["start"], &segment["end"]), (&json!(HINDI), &json!(0.0), &json!(duration)));
    assert!(segment["avg_logprob"].as_f64().is_some_and(|p| p <= 0.0));
    assert_eq!(segment["end_reason"], "whole");
    assert!(details["timings"]["encoder_ms"].as_f64().is_some_and(|ms| ms > 0.0));
}

#[tokio::test]
async fn every_format_has_its_media_type() {
    let router = router().await;
    for &format in OutputFormat::ALL {
        let path = format!("/speech-to-text?target_lang=hin&format={format}");
        let answer = ask(&router, post(&path, "audio/wav", CLIP)).await;
        assert!(answer.header(header::CONTENT_TYPE).starts_with(format.media_type()), "{format}");
        assert!(String::from_utf8_lossy(&answer.body).contains(HINDI), "{format}");
    }
}

#[tokio::test]
async fn events_come_by_segment() {
    let router = router().await;
    let mut request = form(CLIP, &[("target_lang", "hin")]);
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().expect("a value"));
    let answer = ask(&router, request).await;
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::OK, "text/event-stream"));
    let body = String::from_utf8_lossy(&answer.body);
    let events: Vec<(&str, Value)> = body
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("event: ")?.split_once("\ndata: "))
        .map(|(name, data)| (name, serde_json::from_str(data).expect("JSON")))
        .collect();
    assert_eq!(events.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["segment", "done"]);
    assert_eq!((&events[0].1["text"], &events[1].1["transcription"]), (&json!(HINDI), &json!(HINDI)));
    assert_eq!(events[1].1["segments"][0], events[0].1);
}

/// Minutes of a repeated clip, with pauses of two seconds.
fn minutes(count: usize) -> Vec<u8> {
    let mut round = Waveform::from_bytes(CLIP, None).expect("a clip").into_samples();
    round.resize(round.len() + 2 * 16_000, 0.0);
    common::wav(&round.repeat(count * 60 * 16_000 / round.len()))
}

#[tokio::test]
async fn segments_of_a_long_recording_come_as_they_are_done() {
    let router = router().await;
    let mut request = post("/speech-to-text?target_lang=hin&words=true", "audio/wav", minutes(2));
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().expect("a value"));
    let response = router.clone().oneshot(request).await.expect("infallible");
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.expect("an event").expect("a chunk");
    assert!(first.starts_with(b"event: segment\n") && !String::from_utf8_lossy(&first).contains("event: done"));
    let mut rest = Vec::new();
    while let Some(chunk) = body.next().await {
        rest.extend(chunk.expect("a chunk"));
    }
    let rest = String::from_utf8(rest).expect("UTF-8");
    assert!(rest.matches("event: segment\n").count() > 30);
    let done = rest.split("event: done\ndata: ").nth(1).expect("the end");
    let done: Value = serde_json::from_str(done.trim_end()).expect("JSON");
    let segments = done["segments"].as_array().expect("segments");
    assert!(segments.iter().all(|segment| segment["text"] == HINDI), "{segments:?}");
    assert_eq!(segments[0]["words"].as_array().map(Vec::len), Some(4));
    assert!(segments.windows(2).all(|pair| pair[0]["end"].as_f64() < pair[1]["start"].as_f64()));
}

#[tokio::test]
async fn the_segments_finished_before_the_deadline() {
    let settings = Settings { max_body_bytes: 1 << 27, max_audio: Duration::from_secs(3600), ..Settings::default() };
    let router = with(settings).await;
    let mut request = post("/speech-to-text?target_lang=hin", "audio/wav", minutes(55));
    // Enough for the first of a thousand segments, not for the last.
    request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_secs(3)));
    let problem = ask(&router, request).await.problem(504, "deadline");
    let segments = problem["partial"]["segments"].as_array().expect("segments");
    assert!((1..1000).contains(&segments.len()), "{}", segments.len());
    assert!(problem["partial"]["transcription"].as_str().is_some_and(|text| text.starts_with(HINDI)));
}

#[tokio::test]
async fn paths_and_methods() {
    let router = router().await;
    get(&router, "/nothing").await.problem(404, "not_found");
    let answer = get(&router, "/speech-to-text").await;
    answer.problem(405, "method_not_allowed");
    assert_eq!(answer.header(header::ALLOW), "POST");
    ask(&router, post("/health", "application/json", "{}")).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn bodies_of_the_wrong_kind() {
    let router = router().await;
    let without_type = Request::post("/speech-to-text").body(Body::from(CLIP)).expect("a request");
    ask(&router, without_type).await.problem(415, "unsupported_media_type");
    for content_type in ["text/plain", "application/xml", "nonsense"] {
        ask(&router, post("/speech-to-text", content_type, CLIP)).await.problem(415, "unsupported_media_type");
    }
    let mut compressed = post("/speech-to-text", "audio/wav", CLIP);
    compressed.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().expect("a value"));
    ask(&router, compressed).await.problem(415, "unsupported_media_type");
    ask(&router, post("/speech-to-text", "multipart/form-data", CLIP)).await.problem(400, "bad_request");
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = form_body(CLIP, &[]);
    for cut in [whole.len() - 8, whole.len() / 2, 90, 20] {
        ask(&router, post("/speech-to-text", &multipart, whole[..cut].to_vec())).await.problem(400, "bad_request");
    }
    ask(&router, post("/speech-to-text", "application/json", "{\"audio\": ")).await.problem(400, "bad_request");
    ask(&router, post("/speech-to-text", "application/json", "[]")).await.problem(400, "bad_request");
}

#[tokio::test]
async fn invalid_fields() {
    let router = router().await;
    for fields in [
        &[("source_lang", "Hindi")][..],
        &[("target_lang", "hin"), ("target_lang", "tam")],
        &[("format", "docx")],
        &[("beams", "0")],
        &[("beams", "many")],
        &[("segments", "perhaps")],
    ] {
        ask(&router, form(CLIP, fields)).await.problem(422, "invalid_field");
    }
    ask(&router, post("/speech-to-text?x=1", "audio/wav", CLIP)).await.problem(422, "invalid_field");
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let no_file = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"target_lang\"\r\n\r\nhin\r\n--{BOUNDARY}--\r\n"
    );
    ask(&router, post("/speech-to-text", &multipart, no_file)).await.problem(422, "invalid_field");
    for body in [json!({}), json!({ "audio": 7 }), json!({ "audio": "%%%" }), json!({ "audio": "", "beams": "two" })] {
        let answer = ask(&router, post("/speech-to-text", "application/json", body.to_string())).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
}

#[tokio::test]
async fn invalid_recordings() {
    let router = router().await;
    ask(&router, form(b"", &[])).await.problem(422, "no_audio");
    ask(&router, form(b"this is a letter, not a recording", &[])).await.problem(415, "unsupported_audio");
    ask(&router, form(&CLIP[..CLIP.len() / 2], &[])).await.problem(422, "damaged_audio");
    ask(&router, form(&hum(100), &[("target_lang", "hin")])).await.problem(422, "audio_too_short");
}

#[tokio::test]
async fn an_upload_that_a_gateway_treated_as_text() {
    let router = router().await;
    let mangled = String::from_utf8_lossy(CLIP).into_owned();
    let problem = ask(&router, post("/speech-to-text", "audio/wav", mangled)).await.problem(400, "mangled_body");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("binary media type")));
    let mangled = String::from_utf8_lossy(&form_body(CLIP, &[])).into_owned();
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    ask(&router, post("/speech-to-text", &multipart, mangled)).await.problem(400, "mangled_body");
}

#[tokio::test]
async fn bodies_and_recordings_over_the_limits() {
    let settings = Settings { max_body_bytes: 60_000, max_audio: Duration::from_secs(1), ..Settings::default() };
    let router = with(settings).await;
    let mut declared = post("/speech-to-text", "audio/wav", vec![0; 70_000]);
    declared.headers_mut().insert(header::CONTENT_LENGTH, "70000".parse().expect("a value"));
    let problem = ask(&router, declared).await.problem(413, "body_too_large");
    assert_eq!(problem["detail"], "the body is longer than the limit of 60000 bytes");
    let chunks = stream::iter((0..70).map(|_| Ok::<_, Infallible>(Bytes::from(vec![0; 1000]))));
    ask(&router, post("/speech-to-text", "audio/wav", Body::from_stream(chunks))).await.problem(413, "body_too_large");
    ask(&router, post("/speech-to-text", "audio/wav", hum(20_000))).await.problem(413, "audio_too_long");
}

#[tokio::test]
async fn a_full_queue() {
    let router = with(Settings { queue: 0, ..Settings::default() }).await;
    let (body, reading) = stalled();
    let holding = tokio::spawn(router.clone().oneshot(post("/speech-to-text", "audio/wav", body)));
    let _ = reading.await;
    let refused = ask(&router, form(CLIP, &[("target_lang", "hin")])).await;
    refused.problem(503, "busy");
    assert!(refused.header(header::RETRY_AFTER).parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(get(&router, "/metrics").await.body.windows(30).any(|text| text == b"refused_total{reason=\"busy\"} 1"));
    // A client that disconnects frees its place.
    holding.abort();
    let _ = holding.await;
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn too_many_requests_of_one_client() {
    let router = with(Settings { per_client: 1, ..Settings::default() }).await;
    let of_client = |mut request: Request<Body>, key: &str| {
        request.headers_mut().insert("x-api-key", key.parse().expect("a value"));
        request
    };
    let (body, reading) = stalled();
    let holding = of_client(post("/speech-to-text", "audio/wav", body), "a");
    let holding = tokio::spawn(router.clone().oneshot(holding));
    let _ = reading.await;
    let refused = ask(&router, of_client(form(CLIP, &[("target_lang", "hin")]), "a")).await;
    refused.problem(429, "too_many_requests");
    assert_ne!(refused.header(header::RETRY_AFTER), "");
    assert_eq!(ask(&router, of_client(form(CLIP, &[("target_lang", "hin")]), "b")).await.status, StatusCode::OK);
    holding.abort();
}

#[tokio::test]
async fn a_body_that_stalls() {
    let router = with(Settings { body_timeout: Duration::from_millis(50), ..Settings::default() }).await;
    ask(&router, post("/speech-to-text", "audio/wav", stalled().0)).await.problem(408, "body_timeout");
}

#[tokio::test]
async fn a_deadline_in_the_past() {
    let router = router().await;
    let mut request = form(CLIP, &[("target_lang", "hin")]);
    request.extensions_mut().insert(Deadline(Instant::now()));
    let problem = ask(&router, request).await.problem(504, "deadline");
    assert_eq!(problem["partial"], json!({ "transcription": "", "segments": [] }));
    // The service still works.
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_keeps_its_id() {
    let router = router().await;
    let with_id =
        |id: &str| Request::get("/nothing").header("x-request-id", id).body(Body::empty()).expect("a request");
    assert_eq!(ask(&router, with_id("abc-1.2:3_4")).await.problem(404, "not_found")["request_id"], "abc-1.2:3_4");
    let long = "x".repeat(129);
    for harmful in ["a b", "{\"forged\":1}", &long] {
        let answer = ask(&router, with_id(harmful)).await;
        assert_ne!(answer.header("x-request-id"), harmful);
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn cross_origin_requests() {
    let ask_from = |router: Router, origin: &'static str| async move {
        let request = Request::get("/health").header(header::ORIGIN, origin).body(Body::empty()).expect("a request");
        ask(&router, request).await
    };
    let allowed = header::ACCESS_CONTROL_ALLOW_ORIGIN;
    assert_eq!(ask_from(router().await, "https://a.example").await.header(&allowed), "");
    let any = with(Settings { cors_origins: vec!["*".to_owned()], ..Settings::default() }).await;
    let answer = ask_from(any, "https://a.example").await;
    assert_eq!(answer.header(&allowed), "*");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "");
    let one = with(Settings { cors_origins: vec!["https://a.example".to_owned()], ..Settings::default() }).await;
    assert_eq!(ask_from(one.clone(), "https://a.example").await.header(&allowed), "https://a.example");
    assert_eq!(ask_from(one, "https://b.example").await.header(&allowed), "");
    for wrong in [vec!["*".to_owned(), "https://a.example".to_owned()], vec!["a\nb".to_owned()]] {
        assert!(Service::start(Settings { cors_origins: wrong, ..Settings::default() }, Transcriber::demo).is_err());
    }
}

#[tokio::test]
async fn behind_a_prefix() {
    let router = with(Settings { root_path: "/prod".to_owned(), ..Settings::default() }).await;
    for path in ["/prod/health", "/health", "/prod/", "/prod"] {
        assert_eq!(get(&router, path).await.status, StatusCode::OK, "{path}");
    }
    get(&router, "/prod/nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn metrics_and_logs_have_no_text() {
    let router = router().await;
    let answer = ask(&router, form(CLIP, &[("target_lang", "hin")])).await;
    let id = answer.header("x-request-id").to_owned();
    let metrics = get(&router, "/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body);
    assert!(metrics.header(header::CONTENT_TYPE).starts_with("application/openmetrics-text"));
    for line in [
        "indic_seamless_requests_total{method=\"POST\",path=\"/speech-to-text\",status=\"200\"}",
        "indic_seamless_stage_seconds_count{stage=\"encoder\"}",
        "indic_seamless_audio_seconds_total",
        "indic_seamless_real_time_factor_bucket",
        "indic_seamless_load_seconds",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let log = String::from_utf8_lossy(&LOG.lock().expect("the log")).into_owned();
    assert!(log.contains(&id) && log.contains("/speech-to-text"));
    assert!(!log.contains("मौसम") && !log.contains("வானிலை"));
    assert!(!log.contains(&STANDARD.encode(&CLIP[44..200])));
}

#[tokio::test]
async fn the_host_observes_each_transcription() {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let for_service = observed.clone();
    let service = Service::start_observed(Settings::default(), Transcriber::demo, move |measurements| {
        let Measurements { request_id, audio_s, queue_ms, timings, cold_start, .. } = *measurements;
        let mut observed = for_service.lock().expect("not poisoned");
        observed.push((request_id.to_owned(), audio_s, queue_ms, timings, cold_start));
        drop(observed);
        // A bug in the host must not end the service.
        panic!("on purpose");
    });
    let service = service.expect("a service");
    service.ready().await.expect("loaded");
    let router = service.router();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = ask(&router, form(CLIP, &[("target_lang", "hin")])).await;
        assert_eq!(answer.json()["transcription"], HINDI);
        ids.push(answer.header("x-request-id").to_owned());
    }
    ask(&router, form(b"not a recording", &[])).await.problem(415, "unsupported_audio");
    let observed = observed.lock().expect("not poisoned");
    assert_eq!(observed.iter().map(|one| &one.0).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(observed.iter().map(|one| one.4).collect::<Vec<_>>(), [true, false]);
    let (_, audio_s, queue_ms, timings, _) = &observed[0];
    assert!((1.0..2.0).contains(audio_s) && *queue_ms >= 0.0, "{audio_s} {queue_ms}");
    assert!(timings.encoder_ms > 0.0 && timings.total_ms > timings.encoder_ms && timings.new_tokens > 0, "{timings:?}");
}

#[tokio::test]
async fn mounted_in_another_application() {
    SERVICE.ready().await.expect("loaded");
    let own = Router::new().route("/", axum::routing::get(|| async { "my own page" }));
    let nested = own.clone().nest_service("/speech", SERVICE.router());
    assert_eq!(&*get(&nested, "/").await.body, b"my own page");
    let mut request = form(CLIP, &[("target_lang", "hin")]);
    *request.uri_mut() = "/speech/speech-to-text".parse().expect("a URI");
    assert_eq!(ask(&nested, request).await.json(), json!({ "transcription": HINDI }));
    for path in ["/speech", "/speech/", "/speech/ready", "/speech/openapi.json"] {
        assert_eq!(get(&nested, path).await.status, StatusCode::OK, "{path}");
    }
    get(&nested, "/speech/nothing").await.problem(404, "not_found");
    get(&nested, "/speech/speech-to-text").await.problem(405, "method_not_allowed");
    // Outside the path the application answers.
    assert_eq!(get(&nested, "/nothing").await.body, Bytes::new());
    let merged = Router::new().route("/mine", axum::routing::get(|| async { "mine" })).merge(SERVICE.router());
    assert_eq!(&*get(&merged, "/mine").await.body, b"mine");
    assert_eq!(get(&merged, "/health").await.json()["status"], "healthy");
}

#[tokio::test]
async fn every_endpoint_is_described() {
    let router = router().await;
    let description = get(&router, "/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let request = Request::builder().method(&method).uri(path).body(Body::empty()).expect("a request");
            let status = ask(&router, request).await.status;
            assert!(status != StatusCode::NOT_FOUND && status != StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
    for path in ["/", "/health", "/ready", "/limits", "/supported-languages", "/speech-to-text", "/metrics"] {
        assert!(paths.contains_key(path), "{path}");
    }
    let text = description.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(description["components"]["schemas"][name].is_object(), "{name} is not described");
    }
    let content = &description["paths"]["/speech-to-text"]["post"]["responses"]["200"]["content"];
    for format in OutputFormat::ALL {
        assert!(content[format.media_type()].is_object(), "{format} in {content}");
    }
    let names: Vec<&str> = OutputFormat::ALL.iter().map(|format| format.name()).collect();
    assert_eq!(description["components"]["schemas"]["OutputFormat"]["enum"], json!(names));
    assert!(get(&router, "/docs").await.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert_eq!(get(&router, "/redoc").await.header(header::LOCATION), "docs");
}

#[tokio::test]
async fn alive_but_not_ready() {
    let (go_on, wait) = mpsc::channel::<()>();
    let service = Service::start(Settings::default(), move || {
        // Ends when the sender is dropped.
        let _ = wait.recv();
        Transcriber::demo()
    });
    let service = service.expect("a service");
    let router = service.router();
    let health = get(&router, "/health").await;
    assert_eq!((health.status, &health.json()["model_loaded"]), (StatusCode::OK, &json!(false)));
    let answer = get(&router, "/ready").await;
    answer.problem(503, "not_ready");
    assert_ne!(answer.header(header::RETRY_AFTER), "");
    ask(&router, form(CLIP, &[])).await.problem(503, "not_ready");
    drop(go_on);
    service.ready().await.expect("loaded");
    assert_eq!(get(&router, "/ready").await.status, StatusCode::OK);
    service.end();
    get(&router, "/ready").await.problem(503, "not_ready");
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_missing_model() {
    let service = Service::start(Settings::default(), || Transcriber::from_dir("/nowhere")).expect("a service");
    let reason = service.ready().await.expect_err("no model");
    assert!(reason.contains("/nowhere"), "{reason}");
    get(&service.router(), "/ready").await.problem(503, "not_ready");
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router().await, async { drop(ended.await) }));
    let mut client = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /speech-to-text?target_lang=hin&format=text HTTP/1.1\r\nhost: x\r\ncontent-type: audio/wav\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        CLIP.len()
    );
    client.write_all(head.as_bytes()).await.expect("sent");
    client.write_all(&CLIP[..1000]).await.expect("sent");
    // Until the server has seen the request.
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.send(()).expect("running");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "no new connections");
    client.write_all(&CLIP[1000..]).await.expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(HINDI), "{answer}");
    server.await.expect("no panic").expect("no error");
}
