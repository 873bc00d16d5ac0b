//! Errors under `/v1/` that are not those of fields: paths, keys, limits, time.

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
    routing::get as getting,
};
use indic_seamless::service::{ApiKeys, Deadline, Problem, Service, Settings};
use tower::ServiceExt;

use super::{TRANSCRIPTIONS, TRANSLATIONS, recording};
use crate::{CLIP, SERVICE, ask, busy, get, post, router, stalled, with};

const INVALID: &str = "invalid_request_error";

#[tokio::test]
async fn paths_and_methods() {
    let router = router().await;
    for path in ["/v1/chat/completions", "/v1/audio/speech", "/v1/", "/v1/audio/transcriptions/x"] {
        get(&router, path).await.error(404, INVALID, None, "unknown_url");
    }
    for path in [TRANSCRIPTIONS, TRANSLATIONS] {
        let answer = get(&router, path).await;
        answer.error(405, INVALID, None, "method_not_allowed");
        assert_eq!(answer.header(header::ALLOW), "POST");
    }
    ask(&router, post("/v1/models", "application/json", "{}")).await.error(405, INVALID, None, "method_not_allowed");
    for name in ["whisper-2", "%ff"] {
        let answer = get(&router, &format!("/v1/models/{name}")).await;
        answer.error(404, INVALID, Some("model"), "model_not_found");
    }
    // Elsewhere errors have the other shape, also those of paths that look similar.
    get(&router, "/v2/models").await.problem(404, "not_found");
    get(&router, "/v1").await.problem(404, "not_found");
}

#[tokio::test]
async fn behind_a_prefix_and_inside_another_application() {
    let prefixed = with(Settings { root_path: "/prod".to_owned(), ..Settings::default() }).await;
    SERVICE.ready().await.expect("loaded");
    let nested = Router::new().nest_service("/prod", SERVICE.router());
    for router in [prefixed, nested] {
        get(&router, "/prod/v1/nothing").await.error(404, INVALID, None, "unknown_url");
        get(&router, "/prod/v1/audio/translations").await.error(405, INVALID, None, "method_not_allowed");
        assert_eq!(get(&router, "/prod/v1/models").await.json()["object"], "list");
    }
}

#[tokio::test]
async fn routes_of_the_host_keep_their_errors() {
    let gone = || async { Err::<(), _>(Problem::new(axum::http::StatusCode::GONE, "gone", "no longer here")) };
    let service = Service::start(Settings::default(), indic_seamless::Transcriber::demo).expect("a service");
    let router = service.router_with(Router::new().route("/v1/jobs", getting(gone)));
    get(&router, "/v1/jobs").await.problem(410, "gone");
    get(&router, "/v1/others").await.error(404, INVALID, None, "unknown_url");
}

#[tokio::test]
async fn keys_are_bearer_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.txt");
    // The hash of "secret".
    std::fs::write(&path, "phones:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b").expect("written");
    let keys = Some(ApiKeys::from_file(path).expect("keys"));
    let router = with(Settings { api_keys: keys, ..Settings::default() }).await;
    let with_key = |mut request: Request<Body>, key: &str| {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().expect("a value"));
        request
    };
    let models = || Request::get("/v1/models").body(Body::empty()).expect("a request");
    let speech = || recording(TRANSCRIPTIONS, CLIP, &[("model", "whisper-1")]);
    for request in [models(), with_key(models(), "wrong"), speech(), with_key(speech(), "wrong")] {
        ask(&router, request).await.error(401, INVALID, None, "invalid_api_key");
    }
    for request in [models(), speech()] {
        assert_eq!(ask(&router, with_key(request, "secret")).await.status, 200);
    }
}

#[tokio::test]
async fn limits() {
    let settings = Settings { max_body_bytes: 60_000, max_audio: Duration::from_secs(1), ..Settings::default() };
    let router = with(settings).await;
    let large = recording(TRANSCRIPTIONS, &[0; 70_000], &[]);
    ask(&router, large).await.error(413, INVALID, None, "body_too_large");
    let long = recording(TRANSCRIPTIONS, &crate::hum(20_000), &[]);
    ask(&router, long).await.error(413, INVALID, Some("file"), "audio_too_long");
}

#[tokio::test]
async fn a_full_queue_and_a_client_with_too_many_requests() {
    let router = with(Settings { recordings: 1, queue: 0, ..Settings::default() }).await;
    let events = busy(&router).await;
    let refused = ask(&router, recording(TRANSCRIPTIONS, CLIP, &[])).await;
    refused.error(503, "server_error", None, "busy");
    assert_ne!(refused.header(header::RETRY_AFTER), "");
    drop(events);

    let router = with(Settings { per_client: 1, ..Settings::default() }).await;
    let (body, reading) = stalled();
    let holding = tokio::spawn(router.clone().oneshot(post("/speech-to-text", "audio/wav", body)));
    let _ = reading.await;
    let refused = ask(&router, recording(TRANSCRIPTIONS, CLIP, &[])).await;
    refused.error(429, "rate_limit_error", None, "rate_limit_exceeded");
    assert_ne!(refused.header(header::RETRY_AFTER), "");
    holding.abort();
}

#[tokio::test]
async fn who_is_too_late_is_told_not_to_try_again() {
    let router = router().await;
    let mut request = recording(TRANSCRIPTIONS, CLIP, &[]);
    request.extensions_mut().insert(Deadline(Instant::now()));
    let answer = ask(&router, request).await;
    answer.error(504, "server_error", None, "deadline");
    assert_eq!(answer.header("x-should-retry"), "false");
}
