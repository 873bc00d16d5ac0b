//! How sockets end: limits, silence, clients that leave, the end of the service.

use std::{
    sync::{
        Mutex,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use indic_seamless::{
    Transcriber,
    service::{Service, Settings},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{COMPLETED, Client, LONG, PATH, append, pcm, service, spoken, transcripts};
use crate::{HINDI, LOG, activity::metric, listening::Listening};

/// A service with one place for recordings, which its first clip keeps until the sender is dropped.
async fn stuck(settings: Settings) -> (Listening, Sender<()>) {
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let settings = Settings { recordings: 1, ..settings };
    let service = Service::start_observed(settings, Transcriber::demo, move |_| {
        // Ends when the sender is dropped.
        let _ = wait.lock().expect("no panic").recv();
    });
    (Listening::of(service.expect("a service")).await, go_on)
}

/// The code of the last error.
fn last_code(events: &[Value]) -> &Value {
    &events.iter().rfind(|event| event["type"] == "error").expect("an error")["error"]["code"]
}

#[tokio::test]
async fn an_event_that_is_too_long() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    // Within the limit.
    client.send(append(&vec![0; 780_000])).await;
    // The service may close before it has read all of it.
    let _ = client.0.send(Message::text(append(&vec![0; 800_000]).to_string())).await;
    let (code, reason, _) = client.ended().await;
    assert!(code == 1009 && reason.contains("1048576"), "{code} {reason}");
}

#[tokio::test]
async fn a_socket_without_events() {
    let service = Listening::start(Settings { keep_alive: Duration::from_secs(2), ..Settings::default() }).await;
    let mut client = Client::connect(&service).await;
    for _ in 0..6 {
        sleep(Duration::from_millis(500)).await;
        client.send(append(&pcm(&[0.0; 240]))).await;
    }
    let (code, reason, events) = client.ended().await;
    assert!(code == 1008 && reason.contains("no event"), "{code} {reason}");
    assert_eq!(last_code(&events), "idle_timeout");
}

#[tokio::test]
async fn a_client_that_falls_silent_gets_the_text_of_what_it_said() {
    let service = Listening::start(Settings { keep_alive: Duration::from_secs(2), ..Settings::default() }).await;
    let mut client = Client::hindi(&service, json!({})).await;
    let speech = spoken();
    // No silence follows.
    client.say(&speech[..speech.len() - 15_000]).await;
    let (code, _, events) = client.ended().await;
    assert_eq!((code, last_code(&events)), (1008, &json!("idle_timeout")));
    assert_eq!(transcripts(&events), [HINDI]);
}

#[tokio::test]
async fn more_audio_than_a_recording_may_have() {
    let service = Listening::start(Settings { max_audio: Duration::from_secs(4), ..Settings::default() }).await;
    let speech = spoken();
    for commits in [false, true] {
        let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
        client.say(&speech).await;
        let mut events = Vec::new();
        if commits {
            client.commit().await;
            events = client.until(COMPLETED).await;
        }
        client.say(&speech).await;
        let (code, reason, last) = client.ended().await;
        events.extend(last);
        assert!(code == 1008 && reason.contains("4 s"), "{code} {reason}");
        assert_eq!(last_code(&events), "session_expired");
        // What was said before is not lost.
        assert!(transcripts(&events).iter().any(|text| text.starts_with(HINDI)), "{events:?}");
    }
}

#[tokio::test]
async fn audio_that_comes_faster_than_it_is_transcribed_waits_with_its_sender() {
    let (service, go_on) = stuck(Settings::default()).await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    let speech = pcm(&spoken().repeat(6));
    let mut sent_s = 0.0;
    // As many sentences as the service takes, and as fit into the buffers on the way.
    while timeout(Duration::from_secs(2), client.send(append(&speech))).await.is_ok() {
        sent_s += speech.len() as f64 / 32_000.0;
        assert!(sent_s < 800.0, "the service takes everything");
    }
    // The clips of 4 MiB have half of the audio: the rest is silence between them.
    let heard_s = metric(&service.router, "live_audio_seconds_total").await;
    assert!((100.0..300.0).contains(&heard_s), "{heard_s}");
    drop(go_on);
}

#[tokio::test]
async fn pings_wait_with_who_reads_no_answers() {
    let service = service().await;
    let mut client = Client::connect(&service).await;
    for payload in ["one", "two"] {
        client.0.send(Message::Ping(payload.into())).await.expect("sent");
    }
    // Each is answered, once.
    for payload in ["one", "two"] {
        let answer = timeout(LONG, client.0.next()).await.expect("in time").expect("an answer").expect("a message");
        assert_eq!(answer, Message::Pong(payload.into()));
    }
    let ping = Message::Ping(vec![0; 125].into());
    let mut sent = 0;
    // As many as fit into the buffers on the way.
    while let Ok(fed) = timeout(Duration::from_secs(2), client.0.feed(ping.clone())).await {
        fed.expect("the socket is open");
        sent += 1;
        assert!(sent < 1_000_000, "the service takes everything");
    }
}

#[tokio::test]
async fn who_ends_a_socket_is_answered() {
    let service = service().await;
    let mut client = Client::connect(&service).await;
    client.0.close(None).await.expect("closed");
    let answer = timeout(LONG, client.0.next()).await.expect("in time");
    assert!(matches!(answer, Some(Ok(Message::Close(_)))), "{answer:?}");
    let end = timeout(LONG, client.0.next()).await.expect("in time");
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn who_leaves_frees_the_model() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    assert_eq!(metric(&service.router, "sockets").await, 1.0);
    client.send(append(&pcm(&spoken().repeat(6)))).await;
    client.until("input_audio_buffer.committed").await;
    drop(client);
    let freed = async {
        while metric(&service.router, "sockets").await > 0.0 || metric(&service.router, "searches").await > 0.0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), freed).await.expect("nothing is done for who has gone");
    assert_eq!(metric(&service.router, "waiting_clips{priority=\"interactive\"}").await, 0.0);
}

#[tokio::test]
async fn the_end_of_the_service_loses_nothing_that_was_said() {
    let mut service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    let speech = spoken();
    client.say(&speech[..speech.len() - 15_000]).await;
    client.until("input_audio_buffer.speech_started").await;
    // Until the last piece has been heard.
    sleep(Duration::from_millis(300)).await;
    service.end();
    let (code, reason, events) = client.ended().await;
    assert!(code == 1001 && reason.contains("shutting down"), "{code} {reason}");
    assert_eq!(transcripts(&events), [HINDI]);
    timeout(Duration::from_secs(5), &mut service.server).await.expect("in time").expect("no panic").expect("no error");
}

#[tokio::test]
async fn the_grace_ends_a_socket_too() {
    let settings = Settings { grace: Duration::from_millis(500), ..Settings::default() };
    let (mut service, go_on) = stuck(settings).await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    client.say(&spoken()).await;
    sleep(Duration::from_millis(200)).await;
    service.end();
    // Its text has not come.
    let (code, _, told) = client.ended().await;
    assert!(code == 1001 && transcripts(&told).is_empty(), "{code} {told:?}");
    timeout(Duration::from_secs(5), &mut service.server).await.expect("in time").expect("no panic").expect("no error");
    drop(go_on);
}

#[tokio::test]
async fn a_service_that_ends_takes_no_new_sockets() {
    let mut service = Listening::start(Settings { drain: Duration::from_secs(2), ..Settings::default() }).await;
    service.end();
    sleep(Duration::from_millis(200)).await;
    let (status, body) = Client::open(&service, PATH, &[]).await.err().expect("no new sockets");
    assert_eq!((status, &body["error"]["code"]), (503, &json!("not_ready")));
}

#[tokio::test]
async fn logs_and_metrics_have_no_audio_and_no_text() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    client.say(&spoken()).await;
    client.until(COMPLETED).await;
    client.0.close(None).await.expect("closed");
    while metric(&service.router, "sockets").await > 0.0 {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(metric(&service.router, "live_audio_seconds_total").await > 3.0);
    assert!(metric(&service.router, "audio_seconds_total").await > 1.0);
    let log = String::from_utf8_lossy(&LOG.lock().expect("the log")).into_owned();
    assert!(log.contains("live transcription ended"));
    assert!(!log.contains("मौसम") && !log.contains(&STANDARD.encode(pcm(&spoken()[20_000..20_100]))));
}
