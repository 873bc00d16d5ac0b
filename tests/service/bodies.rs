//! Bodies of requests: their memory, their speed, and forms and JSON that were made to be expensive.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use indic_seamless::{
    Error, Transcriber,
    service::{Service, Settings},
};
use serde_json::json;
use tower::ServiceExt;

use crate::{BOUNDARY, CLIP, HINDI, ask, form_body, post, router, stalled, with};

const MULTIPART: &str = "multipart/form-data; boundary=a-boundary";

/// A body that comes in chunks of `size` bytes.
fn in_chunks(bytes: &[u8], size: usize) -> Body {
    let chunks: Vec<_> = bytes.chunks(size).map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
    Body::from_stream(stream::iter(chunks))
}

/// Declares a length.
fn declared(mut request: Request<Body>, length: usize) -> Request<Body> {
    request.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    request
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let settings = Settings { max_body_bytes: 50_000, max_waiting_bytes: 100_000, ..Settings::default() };
    let router = with(settings).await;
    // Two clips of 39 kB.
    let mut holding = Vec::new();
    for _ in 0..2 {
        let (body, reading) = stalled();
        let request = declared(post("/speech-to-text", "audio/wav", body), 45_000);
        holding.push(tokio::spawn(router.clone().oneshot(request)));
        let _ = reading.await;
    }
    let request = |body: Body| post("/speech-to-text?target_lang=hin", "audio/wav", body);
    let refused = ask(&router, declared(request(CLIP.into()), CLIP.len())).await;
    assert!(refused.problem(503, "busy")["detail"].as_str().is_some_and(|detail| detail.contains("100000 bytes")));
    assert_ne!(refused.header(header::RETRY_AFTER), "");
    // Without a length it is known when the bytes are there.
    ask(&router, request(in_chunks(CLIP, 1000))).await.problem(503, "busy");
    for one in holding {
        one.abort();
        let _ = one.await;
    }
    for _ in 0..5 {
        assert_eq!(ask(&router, declared(request(CLIP.into()), CLIP.len())).await.status, StatusCode::OK);
    }
    let settings = Settings { max_body_bytes: 50_000, max_waiting_bytes: 99_999, ..Settings::default() };
    assert!(matches!(Service::start(settings, Transcriber::demo), Err(Error::InvalidOption { .. })));
}

#[tokio::test]
async fn a_body_that_stalls() {
    let router = with(Settings { body_timeout: Duration::from_millis(50), ..Settings::default() }).await;
    ask(&router, post("/speech-to-text", "audio/wav", stalled().0)).await.problem(408, "body_timeout");
}

#[tokio::test]
async fn a_body_that_trickles() {
    let router = with(Settings { body_timeout: Duration::from_millis(400), ..Settings::default() }).await;
    // Never a pause, and never more than 100 bytes a second.
    let trickle = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
    });
    let started = Instant::now();
    let request = post("/speech-to-text", "audio/wav", Body::from_stream(trickle));
    let problem = ask(&router, request).await.problem(408, "body_timeout");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("1024 bytes a second")), "{problem}");
}

#[tokio::test]
async fn forms_in_chunks_of_any_size() {
    let router = router().await;
    let body = form_body(CLIP, &[("target_lang", "hin")]);
    for size in [1, 7, 1000, 1 << 20] {
        let answer = ask(&router, post("/speech-to-text", MULTIPART, in_chunks(&body, size))).await;
        assert_eq!(answer.json(), json!({ "transcription": HINDI }), "{size}");
    }
    // Text before the first part, and behind the last one.
    let framed = [b"a preamble\r\n", &*body, b"an epilogue"].concat();
    let answer = ask(&router, post("/speech-to-text", MULTIPART, in_chunks(&framed, 100))).await;
    assert_eq!(answer.json(), json!({ "transcription": HINDI }));
}

#[tokio::test]
async fn forms_that_never_come_to_the_point() {
    let router = router().await;
    let endless = |start: String| {
        let rest = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 10_000]))).take(4_000);
        Body::from_stream(stream::once(async { Ok(Bytes::from(start)) }).chain(rest))
    };
    let started = Instant::now();
    for start in ["", "--a-boundary\r\nx-header: "] {
        ask(&router, post("/speech-to-text", MULTIPART, endless(start.to_owned()))).await.problem(400, "bad_request");
    }
    let field = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"target_lang\"\r\n\r\n");
    let problem = ask(&router, post("/speech-to-text", MULTIPART, endless(field))).await.problem(422, "invalid_field");
    assert_eq!(problem["detail"], "target_lang is longer than 1024 bytes");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn json_that_is_not_what_it_should_be_ends_at_once() {
    let router = router().await;
    let nested = "[".repeat(5_000_000);
    let wide = "{\"\":0},".repeat(1_000_000);
    let digits = "0,".repeat(5_000_000);
    for (body, code, detail) in [
        (format!("{{\"audio\":\"\",\"x\":[{wide}"), 422, "unknown field \"x\""),
        (format!("{{\"audio\":[{digits}"), 422, "audio is an array"),
        (format!("{{\"target_lang\":{{\"a\":[{wide}"), 422, "target_lang is an object"),
        (format!("{{\"beams\":{nested}"), 422, "beams is an array"),
        (format!("[{digits}"), 400, "expected an object"),
        (nested, 400, "expected an object"),
    ] {
        let answer = ask(&router, post("/speech-to-text", "application/json", body)).await;
        let problem = answer.problem(code, if code == 422 { "invalid_field" } else { "bad_request" });
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains(detail)), "{problem}");
    }
}

#[tokio::test]
async fn json_does_not_stop_other_requests() {
    let router = router().await;
    let body = json!({ "audio": STANDARD.encode(vec![7; 30_000_000]) }).to_string();
    let mut tries = Vec::new();
    // A busy machine may stop this thread for a while, but hardly each time.
    for _ in 0..3 {
        let request = post("/speech-to-text", "application/json", in_chunks(body.as_bytes(), 1 << 16));
        let begun = Instant::now();
        let parsing = tokio::spawn(router.clone().oneshot(request));
        // This test has one thread for all that is not blocking.
        let mut slowest = Duration::ZERO;
        while !parsing.is_finished() {
            let asked = Instant::now();
            tokio::task::yield_now().await;
            slowest = slowest.max(asked.elapsed());
        }
        let took = begun.elapsed();
        if slowest * 3 < took {
            return;
        }
        tries.push((slowest, took));
    }
    panic!("other requests wait: {tries:?}");
}

#[tokio::test]
async fn answers_quote_little_of_what_was_sent() {
    let router = router().await;
    let long = "\u{1}\u{202e}".repeat(1_000_000);
    let value = json!(long).to_string();
    let quoted = |name: &str| format!("{{\"audio\":\"\",\"{name}\":{value}}}");
    let mut bodies: Vec<_> = ["target_lang", "format", "beams", "segments", "words", "priority"].map(quoted).to_vec();
    bodies.extend([format!("{{{value}:1}}"), value.clone(), format!("{{\"audio\":{value}}}")]);
    for body in bodies {
        let answer = ask(&router, post("/speech-to-text", "application/json", body)).await;
        assert!(
            answer.status.is_client_error() && answer.body.len() < 3_000,
            "{}: {}",
            answer.status,
            answer.body.len()
        );
    }
    let name = "n".repeat(60_000);
    let part =
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n--{BOUNDARY}--\r\n");
    for request in [
        post("/speech-to-text", MULTIPART, part),
        post("/speech-to-text", &format!("text/{name}"), CLIP),
        post(&format!("/speech-to-text?{name}=1"), "audio/wav", CLIP),
        post(&format!("/speech-to-text?format={name}"), "audio/wav", CLIP),
        post(&format!("/speech-to-text?target_lang={name}"), "audio/wav", CLIP),
        post("/speech-to-text", &format!("audio/{name}"), "no recording"),
    ] {
        let answer = ask(&router, request).await;
        assert!(
            answer.status.is_client_error() && answer.body.len() < 3_000,
            "{}: {}",
            answer.status,
            answer.body.len()
        );
    }
}
