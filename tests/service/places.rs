//! Places in the queue: who has one, when, and until when.

use axum::http::{StatusCode, header};
use indic_seamless::service::Settings;
use tower::ServiceExt;

use crate::{
    CLIP,
    activity::{metric, until},
    ask, busy, form, get, post, stalled, with,
};

/// How many requests wait for their turn.
const WAITING: &str = "waiting{priority=\"interactive\"}";

#[tokio::test]
async fn a_full_queue() {
    let router = with(Settings { recordings: 1, queue: 0, ..Settings::default() }).await;
    let events = busy(&router).await;
    let refused = ask(&router, form(CLIP, &[("target_lang", "hin")])).await;
    refused.problem(503, "busy");
    assert!(refused.header(header::RETRY_AFTER).parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(get(&router, "/metrics").await.body.windows(30).any(|text| text == b"refused_total{reason=\"busy\"} 1"));
    // A client that disconnects frees its place.
    drop(events);
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_full_queue_refuses_before_the_body() {
    let router = with(Settings { recordings: 1, queue: 0, ..Settings::default() }).await;
    let _events = busy(&router).await;
    // The rest of the body is read for a while, so that the client reads the answer. This one sends nothing more.
    let (body, mut reading) = stalled();
    let mut request = post("/speech-to-text", "audio/wav", body);
    request.headers_mut().insert(header::EXPECT, "100-continue".parse().expect("a value"));
    ask(&router, request).await.problem(503, "busy");
    assert!(reading.try_recv().is_err(), "the body was read");
}

#[tokio::test]
async fn slow_senders_take_no_place() {
    let router = with(Settings { recordings: 1, queue: 0, ..Settings::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let (body, reading) = stalled();
        slow.push(tokio::spawn(router.clone().oneshot(post("/speech-to-text", "audio/wav", body))));
        let _ = reading.await;
    }
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn who_leaves_while_waiting_frees_the_place_at_once() {
    let router = with(Settings { recordings: 1, queue: 1, ..Settings::default() }).await;
    let events = busy(&router).await;
    let waiting = tokio::spawn(router.clone().oneshot(form(CLIP, &[])));
    until(&router, WAITING, false).await;
    ask(&router, form(CLIP, &[])).await.problem(503, "busy");
    waiting.abort();
    let _ = waiting.await;
    assert_eq!(metric(&router, WAITING).await, 0.0);
    let for_next = router.clone();
    let next = tokio::spawn(async move { ask(&for_next, form(CLIP, &[])).await });
    until(&router, WAITING, false).await;
    assert!(!next.is_finished(), "it has a place, and waits");
    drop(events);
    assert_eq!(next.await.expect("no panic").status, StatusCode::OK);
}
