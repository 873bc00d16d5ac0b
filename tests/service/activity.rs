//! The work of the model: what the metrics tell of it, who goes first, and that nothing is done for who has gone.

use std::time::Duration;

use axum::{Router, http::StatusCode};
use indic_seamless::{
    Error, Transcriber,
    service::{Service, Settings},
};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::{CLIP, ask, busy, form, get, with};

/// The value of a metric.
pub(crate) async fn metric(router: &Router, name: &str) -> f64 {
    let text = get(router, "/metrics").await.body;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line =
        text.lines().find_map(|line| line.strip_prefix("indic_seamless_")?.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Waits until a metric is zero, or until it is not.
pub(crate) async fn until(router: &Router, name: &str, zero: bool) {
    let waiting = async {
        while (metric(router, name).await == 0.0) != zero {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("{name} does not change in time"));
}

#[tokio::test]
async fn who_leaves_frees_the_rows_of_the_decoder() {
    let router = with(Settings::default()).await;
    let events = busy(&router).await;
    until(&router, "searches", false).await;
    drop(events);
    // A step of the demo model takes a millisecond, and the recording many seconds; the rest is for a busy machine.
    let freed = async {
        until(&router, "searches", true).await;
        until(&router, "cache_bytes", true).await;
    };
    timeout(Duration::from_secs(2), freed).await.expect("in time");
    sleep(Duration::from_millis(200)).await;
    let (steps, clips) = (metric(&router, "decoder_steps_total").await, "waiting_clips{priority=\"interactive\"}");
    assert_eq!(metric(&router, clips).await, 0.0);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(metric(&router, "decoder_steps_total").await, steps, "the model works for nobody");
}

#[tokio::test]
async fn batches_wait_for_interactive_requests() {
    let router = with(Settings { recordings: 1, queue: 3, ..Settings::default() }).await;
    let events = busy(&router).await;
    let send = |priority: &'static str| {
        let request = form(CLIP, &[("target_lang", "hin"), ("priority", priority)]);
        let (router, done) = (router.clone(), std::time::Instant::now);
        tokio::spawn(async move {
            let answer = router.oneshot(request).await.expect("infallible");
            (answer.status(), done())
        })
    };
    let batch = send("batch");
    until(&router, "waiting{priority=\"batch\"}", false).await;
    let interactive = send("interactive");
    until(&router, "waiting{priority=\"interactive\"}", false).await;
    drop(events);
    let (batch, interactive) = (batch.await.expect("no panic"), interactive.await.expect("no panic"));
    assert_eq!((batch.0, interactive.0), (StatusCode::OK, StatusCode::OK));
    assert!(interactive.1 < batch.1);
    assert_eq!(metric(&router, "waiting{priority=\"batch\"}").await, 0.0);
}

#[tokio::test]
async fn searches_share_the_steps() {
    let router = with(Settings::default()).await;
    let before = metric(&router, "decoder_steps_total").await;
    let beams = ask(&router, form(CLIP, &[("target_lang", "hin"), ("beams", "3")])).await;
    assert_eq!(beams.status, StatusCode::OK);
    let steps = metric(&router, "decoder_steps_total").await - before;
    let (tokens, rows) =
        (metric(&router, "decoder_tokens_total").await - before, metric(&router, "decoder_rows_total").await - before);
    assert_eq!((tokens, rows), (steps, 3.0 * steps));
}

#[test]
fn a_service_must_be_allowed_to_work() {
    let refused = Service::start(Settings { recordings: 0, ..Settings::default() }, Transcriber::demo);
    assert!(matches!(refused, Err(Error::InvalidOption { option: "recordings", .. })));
}
