//! The limits: sizes, the queue, requests of one client, and time.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use futures_util::stream;
use indic_seamless::service::{Deadline, Settings};
use serde_json::json;
use tower::ServiceExt;

use crate::{CLIP, HINDI, ask, form, get, hum, minutes, post, router, stalled, with};

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
