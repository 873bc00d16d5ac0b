//! The limits: sizes, the queue, requests of one client, and time.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{Request, StatusCode, header},
};
use futures_util::stream;
use indic_seamless::{
    Error, Transcriber,
    service::{Deadline, Service, Settings},
};
use serde_json::json;
use tower::ServiceExt;

use crate::{CLIP, HINDI, ask, common, form, hum, minutes, post, router, stalled, with};

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
async fn samples_of_all_channels_count() {
    // Less than a second, but of eight channels at 96 kHz.
    let channels = common::wav(&vec![0.0; 8 * 96_000 * 9 / 10]);
    let mut dense = channels.clone();
    dense[22..24].copy_from_slice(&8u16.to_le_bytes());
    dense[24..28].copy_from_slice(&96_000u32.to_le_bytes());
    dense[28..32].copy_from_slice(&(96_000u32 * 16).to_le_bytes());
    dense[32..34].copy_from_slice(&16u16.to_le_bytes());
    let router = with(Settings { max_audio: Duration::from_secs(1), ..Settings::default() }).await;
    let problem = ask(&router, post("/speech-to-text", "audio/wav", dense)).await.problem(413, "audio_too_long");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("384000 samples")), "{problem}");
}

#[tokio::test]
async fn too_many_requests_of_one_client() {
    let router = with(Settings { per_client: 1, ..Settings::default() }).await;
    let from = |mut request: Request<Body>, address: [u8; 4], key: &str| {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 4000))));
        request.headers_mut().insert("x-api-key", key.parse().expect("a value"));
        request.headers_mut().insert("x-forwarded-for", "9.9.9.9".parse().expect("a value"));
        request
    };
    let (body, reading) = stalled();
    let holding = from(post("/speech-to-text", "audio/wav", body), [1, 1, 1, 1], "a");
    let holding = tokio::spawn(router.clone().oneshot(holding));
    let _ = reading.await;
    // Keys that the service does not know, and addresses in headers, can be invented.
    let refused = ask(&router, from(form(CLIP, &[("target_lang", "hin")]), [1, 1, 1, 1], "b")).await;
    refused.problem(429, "too_many_requests");
    assert_ne!(refused.header(header::RETRY_AFTER), "");
    let other = from(form(CLIP, &[("target_lang", "hin")]), [2, 2, 2, 2], "a");
    assert_eq!(ask(&router, other).await.status, StatusCode::OK);
    holding.abort();
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy() {
    let header = Some("x-forwarded-for".to_owned());
    let router = with(Settings { per_client: 1, trusted_proxy_header: header, ..Settings::default() }).await;
    let from = |mut request: Request<Body>, addresses: &str| {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4000))));
        request.headers_mut().insert("x-forwarded-for", addresses.parse().expect("a value"));
        request
    };
    let (body, reading) = stalled();
    let holding = tokio::spawn(router.clone().oneshot(from(post("/speech-to-text", "audio/wav", body), "1.1.1.1")));
    let _ = reading.await;
    ask(&router, from(form(CLIP, &[]), "7.7.7.7, 1.1.1.1")).await.problem(429, "too_many_requests");
    assert_eq!(ask(&router, from(form(CLIP, &[]), "1.1.1.1, 7.7.7.7")).await.status, StatusCode::OK);
    holding.abort();
    for wrong in ["", "x forwarded"] {
        let settings = Settings { trusted_proxy_header: Some(wrong.to_owned()), ..Settings::default() };
        assert!(matches!(Service::start(settings, Transcriber::demo), Err(Error::InvalidOption { .. })), "{wrong}");
    }
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
    let (max_body_bytes, max_waiting_bytes) = (1 << 27, 1 << 28);
    let max_audio = Duration::from_secs(3600);
    let settings = Settings { max_body_bytes, max_waiting_bytes, max_audio, ..Settings::default() };
    let router = with(settings).await;
    let mut request = post("/speech-to-text?target_lang=hin", "audio/wav", minutes(55));
    // Enough for the first of a thousand segments, not for the last.
    request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_secs(3)));
    let problem = ask(&router, request).await.problem(504, "deadline");
    let segments = problem["partial"]["segments"].as_array().expect("segments");
    assert!((1..1000).contains(&segments.len()), "{}", segments.len());
    assert!(problem["partial"]["transcription"].as_str().is_some_and(|text| text.starts_with(HINDI)));
}
