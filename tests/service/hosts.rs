//! The service inside other programs and behind other addresses: origins, prefixes, mounting, an observer.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use indic_seamless::{
    Transcriber,
    service::{Measurements, Service, Settings},
};
use serde_json::json;

use crate::{
    CLIP, HINDI, SERVICE, ask, form, get,
    openai::{TRANSCRIPTIONS, recording},
    router, with,
};

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
async fn openai_s_client_in_a_page_of_another_origin() {
    let router = with(Settings { cors_origins: vec!["https://a.example".to_owned()], ..Settings::default() }).await;
    // What a browser asks for the client of JavaScript.
    let wanted = "authorization,content-type,openai-organization,openai-project,x-stainless-arch,x-stainless-lang,x-stainless-os,\
                  x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout";
    let preflight = |origin: &'static str| {
        let request = Request::options("/v1/audio/transcriptions").header(header::ORIGIN, origin);
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, wanted).body(Body::empty()).expect("a request")
    };
    let answer = ask(&router, preflight("https://a.example")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "https://a.example");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS), wanted);
    assert!(answer.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("POST"));
    // A cache must not give it to who asks for other headers.
    let vary = answer.headers.get_all(header::VARY).iter().map(|value| value.to_str().unwrap_or_default());
    assert!(vary.collect::<Vec<_>>().join(",").contains("access-control-request-headers"));
    assert_eq!(ask(&router, preflight("https://b.example")).await.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "");

    let mut request = recording(TRANSCRIPTIONS, CLIP, &[("model", "whisper-1"), ("language", "hi")]);
    request.headers_mut().insert(header::ORIGIN, "https://a.example".parse().expect("a value"));
    let answer = ask(&router, request).await;
    assert_eq!((answer.status, answer.json()["text"].as_str()), (StatusCode::OK, Some(HINDI)));
    // What the client reads of an answer.
    for name in ["x-request-id", "retry-after", "x-should-retry"] {
        assert!(answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains(name), "{name}");
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
