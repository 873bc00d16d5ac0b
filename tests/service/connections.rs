//! Connections of the listener: those that say nothing, read nothing or wait, and the end of the service.

use std::time::{Duration, Instant};

use indic_seamless::service::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{CLIP, HINDI, listening::Listening};

/// The head of a request with a body.
fn head(length: usize, more: &str) -> Vec<u8> {
    let head = "POST /speech-to-text?target_lang=hin&format=text HTTP/1.1\r\nhost: x\r\ncontent-type: audio/wav";
    format!("{head}\r\ncontent-length: {length}\r\n{more}\r\n").into_bytes()
}

/// Whatever comes within a second.
async fn received(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let count = timeout(Duration::from_secs(1), stream.read(&mut bytes)).await.expect("in time").expect("read");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test]
async fn who_asks_before_sending_is_answered_by_the_limits() {
    let service = Listening::start(Settings { max_body_bytes: 50_000, ..Settings::default() }).await;
    let mut client = service.connect().await;
    client.write_all(&head(60_000, "expect: 100-continue\r\n")).await.expect("sent");
    let answer = received(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut client = service.connect().await;
    client.write_all(&head(CLIP.len(), "expect: 100-continue\r\nconnection: close\r\n")).await.expect("sent");
    assert_eq!(received(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(CLIP).await.expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(HINDI), "{answer}");
}

#[tokio::test]
async fn who_sends_all_before_reading_hears_why_it_was_refused() {
    let service = Listening::start(Settings::default()).await;
    let mut client = service.connect().await;
    // Refused by its head, and longer than what the system holds for a program that does not read.
    let body = "x".repeat(20 << 20);
    let head = "POST /speech-to-text HTTP/1.1\r\nhost: x\r\ncontent-type: text/css";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    client.write_all(request.as_bytes()).await.expect("sent");
    let answer = received(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
}

#[tokio::test]
async fn silent_connections_end_and_useful_ones_are_kept() {
    let service = Listening::start(Settings::default()).await;
    let (mut silent, mut kept) = (service.connect().await, service.connect().await);
    let ask = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(ask).await.expect("sent");
    assert!(received(&mut kept).await.starts_with("HTTP/1.1 200 "));
    let begun = Instant::now();
    let ended = timeout(Duration::from_secs(20), silent.read(&mut [0; 16])).await.expect("in time");
    assert!(!matches!(ended, Ok(1..)) && begun.elapsed() > Duration::from_secs(10), "{ended:?}");
    // Longer than a new connection may be silent.
    sleep(Duration::from_secs(16).saturating_sub(begun.elapsed())).await;
    kept.write_all(ask).await.expect("sent");
    assert!(received(&mut kept).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn idle_connections_are_kept_as_long_as_is_set_and_no_longer() {
    // More than a new connection may be silent, which is the least.
    let service = Listening::start(Settings { keep_alive: Duration::from_secs(18), ..Settings::default() }).await;
    let mut idle = service.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert!(received(&mut idle).await.starts_with("HTTP/1.1 200 "));
    let begun = Instant::now();
    let ended = timeout(Duration::from_secs(30), idle.read(&mut [0; 16])).await.expect("in time");
    let kept = begun.elapsed();
    assert!(!matches!(ended, Ok(1..)) && kept > Duration::from_secs(17), "{ended:?} after {kept:?}");
}

#[tokio::test]
async fn heads_of_requests_are_limited() {
    let service = Listening::start(Settings::default()).await;
    // The limit is looked at between two reads, which may bring as much again.
    for (length, status) in [(60_000, "200"), (200_000, "431")] {
        let mut client = service.connect().await;
        let request = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(length));
        // The service may close before it has read all of it.
        let _ = client.write_all(request.as_bytes()).await;
        let answer = received(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
    }
    assert!(service.get("/health").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_reads_nothing_is_given_up() {
    let service = Listening::start(Settings { write_timeout: Duration::from_millis(300), ..Settings::default() }).await;
    let mut client = service.connect().await;
    // More answers than fit into the buffers on the way, and no end of requests.
    let requests = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let sent = timeout(Duration::from_secs(10), async {
        loop {
            if let Err(error) = client.write_all(&requests).await {
                return error;
            }
        }
    });
    sent.await.expect("the connection is closed");
    assert!(service.get("/health").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn readiness_ends_before_connections_are_refused() {
    let mut service = Listening::start(Settings { drain: Duration::from_millis(700), ..Settings::default() }).await;
    assert!(service.get("/ready").await.starts_with("HTTP/1.1 200 "));
    service.end();
    sleep(Duration::from_millis(200)).await;
    assert!(service.get("/ready").await.starts_with("HTTP/1.1 503 "));
    assert!(service.get("/health").await.starts_with("HTTP/1.1 200 "));
    timeout(Duration::from_secs(5), &mut service.server).await.expect("in time").expect("no panic").expect("no error");
    assert!(TcpStream::connect(service.address).await.is_err(), "no new connections");
}

#[tokio::test]
async fn slow_senders_do_not_hold_the_end_up() {
    let settings = Settings { body_timeout: Duration::from_secs(1), ..Settings::default() };
    let mut service = Listening::start(settings).await;
    let mut client = service.connect().await;
    client.write_all(&head(10_000_000, "")).await.expect("sent");
    // Fast enough for the limits.
    let (mut reader, mut writer) = client.into_split();
    let sending = tokio::spawn(async move {
        while writer.write_all(&[7; 500]).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    sleep(Duration::from_millis(1500)).await;
    service.end();
    let mut answer = vec![0; 1024];
    let count = timeout(Duration::from_secs(4), reader.read(&mut answer)).await.expect("in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..count]);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("shutting down"), "{answer}");
    sending.abort();
    timeout(Duration::from_secs(8), &mut service.server).await.expect("in time").expect("no panic").expect("no error");
}

#[tokio::test]
async fn the_grace_ends_whatever_is_under_way() {
    let mut service = Listening::start(Settings { grace: Duration::from_millis(300), ..Settings::default() }).await;
    let mut client = service.connect().await;
    client.write_all(&head(10_000_000, "")).await.expect("sent");
    sleep(Duration::from_millis(100)).await;
    service.end();
    timeout(Duration::from_secs(3), &mut service.server).await.expect("in time").expect("no panic").expect("no error");
    let closed = timeout(Duration::from_secs(1), client.read(&mut [0; 16])).await.expect("in time");
    assert!(!matches!(closed, Ok(1..)), "{closed:?}");
}
