//! Segments as events, sent as they are done.

use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use indic_seamless::service::Settings;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{CLIP, HINDI, activity::metric, ask, busy, form, minutes, post, router, streamed, with};

#[tokio::test]
async fn events_come_by_segment() {
    let router = router().await;
    let answer = ask(&router, streamed(form(CLIP, &[("target_lang", "hin")]))).await;
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

#[tokio::test]
async fn a_stream_ends_with_the_subtitles_if_these_are_asked_for() {
    let router = router().await;
    let srt = ask(&router, post("/speech-to-text?target_lang=hin&format=srt", "audio/wav", CLIP)).await;
    let request = post("/speech-to-text?target_lang=hin&format=srt", "audio/wav", CLIP);
    let events = ask(&router, streamed(request)).await;
    let events = String::from_utf8(events.body.to_vec()).expect("UTF-8");
    let data: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    assert_eq!((data.len(), data[0].get("words"), data[1]["segments"][0].get("words")), (2, None, None));
    assert_eq!(data[1]["subtitles"], String::from_utf8(srt.body.to_vec()).expect("UTF-8"));
}

#[tokio::test]
async fn segments_of_a_long_recording_come_as_they_are_done() {
    let router = router().await;
    let request = post("/speech-to-text?target_lang=hin&words=true", "audio/wav", minutes(2));
    let response = router.clone().oneshot(streamed(request)).await.expect("infallible");
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
async fn who_does_not_want_events_gets_none() {
    let router = router().await;
    for (accept, content_type) in [
        ("text/event-stream;q=0", "application/json"),
        ("application/json, text/event-stream;q=0.5", "application/json"),
        ("text/*", "application/json"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
    ] {
        let mut request = form(CLIP, &[("target_lang", "hin")]);
        request.headers_mut().insert(header::ACCEPT, accept.parse().expect("a value"));
        let answer = ask(&router, request).await;
        assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::OK, content_type), "{accept}");
    }
}

#[tokio::test]
async fn a_stream_is_under_way_until_its_end() {
    let router = with(Settings::default()).await;
    // The request for the metrics is under way, too.
    assert_eq!(metric(&router, "in_flight").await, 1.0);
    let events = busy(&router).await;
    assert_eq!(metric(&router, "in_flight").await, 2.0);
    drop(events);
    assert_eq!(metric(&router, "in_flight").await, 1.0);
}
