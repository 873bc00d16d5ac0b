//! `stream=true`.

use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use indic_seamless::service::{Deadline, Settings};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{TRANSCRIPTIONS, recording, transcribe};
use crate::{Answer, HINDI, ask, minutes, router, with};

/// The data of the events; the last one is the end of the stream.
fn events(answer: &Answer) -> (Vec<Value>, Option<&str>) {
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::OK, "text/event-stream"));
    let body = std::str::from_utf8(&answer.body).expect("UTF-8");
    let mut data: Vec<&str> = body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    let end = data.pop_if(|data| *data == "[DONE]");
    (data.into_iter().map(|data| serde_json::from_str(data).expect("JSON")).collect(), end)
}

#[tokio::test]
async fn deltas_make_up_the_text() {
    let router = router().await;
    for format in ["json", "text"] {
        let fields = [("language", "hi"), ("stream", "true"), ("response_format", format)];
        let answer = transcribe(&router, &fields).await;
        let wanted = [
            json!({ "type": "transcript.text.delta", "delta": HINDI }),
            json!({ "type": "transcript.text.done", "text": HINDI }),
        ];
        assert_eq!(events(&answer), (wanted.to_vec(), Some("[DONE]")));
    }
    let answer = ask(&router, recording(TRANSCRIPTIONS, &minutes(1), &[("language", "hi"), ("stream", "True")])).await;
    let (events, end) = events(&answer);
    let (done, deltas) = events.split_last().expect("events");
    assert!(deltas.len() > 10 && end.is_some(), "{}", deltas.len());
    assert!(deltas.iter().all(|event| event["type"] == "transcript.text.delta"));
    let text: String = deltas.iter().map(|event| event["delta"].as_str().expect("text")).collect();
    assert_eq!((&done["type"], &done["text"]), (&json!("transcript.text.done"), &json!(text)));
    assert_eq!(text, vec![HINDI; deltas.len()].join(" "));
}

#[tokio::test]
async fn segments_come_as_they_are_done() {
    let request = recording(TRANSCRIPTIONS, &minutes(2), &[("language", "hi"), ("stream", "true")]);
    let response = router().await.oneshot(request).await.expect("infallible");
    let first = response.into_body().into_data_stream().next().await.expect("an event").expect("a chunk");
    let first = String::from_utf8_lossy(&first);
    assert!(first.contains("transcript.text.delta") && !first.contains("transcript.text.done"), "{first}");
}

#[tokio::test]
async fn a_stream_has_logprobs_and_the_language_that_was_guessed() {
    let router = router().await;
    let fields = [("language", "auto"), ("stream", "true"), ("include[]", "logprobs")];
    let answer = ask(&router, recording(TRANSCRIPTIONS, &minutes(1), &fields)).await;
    let (events, _) = events(&answer);
    let (done, deltas) = events.split_last().expect("events");
    assert_eq!(done["languages"], json!([{ "code": "hi" }]));
    let tokens = |event: &Value| -> String {
        let tokens = event["logprobs"].as_array().expect("logprobs").iter();
        tokens.map(|token| token["token"].as_str().expect("text")).collect()
    };
    assert!(deltas.len() > 10);
    assert!(deltas.iter().all(|event| event["delta"] == tokens(event)), "{deltas:?}");
    assert_eq!(done["text"], tokens(done));
}

#[tokio::test]
async fn an_error_ends_a_stream() {
    let settings = Settings {
        max_body_bytes: 1 << 27,
        max_waiting_bytes: 1 << 28,
        max_audio: Duration::from_secs(3600),
        ..Settings::default()
    };
    let router = with(settings).await;
    let mut request = recording(TRANSCRIPTIONS, &minutes(55), &[("language", "hi"), ("stream", "true")]);
    // Enough for the first of a thousand segments, not for the last.
    request.extensions_mut().insert(Deadline(Instant::now() + Duration::from_secs(3)));
    let answer = ask(&router, request).await;
    let (events, end) = events(&answer);
    let error = &events.last().expect("an event")["error"];
    assert_eq!((&error["type"], &error["code"], end), (&json!("server_error"), &json!("deadline"), None));
}
