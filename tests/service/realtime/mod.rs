//! Live transcription: `GET /v1/realtime`.

mod ends;
mod protocol;
mod refusals;
mod speech;
mod texts;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use indic_seamless::{Waveform, service::Settings};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{CLIP, listening::Listening};

const PATH: &str = "/v1/realtime?intent=transcription";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
const DELTA: &str = "conversation.item.input_audio_transcription.delta";

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A client.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Opens a socket with headers; the status and the body of the answer if it is refused.
    async fn open(service: &Listening, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, (u16, Value)> {
        let mut request = format!("ws://{}{path}", service.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((answer.status().as_u16(), serde_json::from_slice(body).expect("JSON")))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket whose session has begun.
    async fn connect(service: &Listening) -> Self {
        let mut client = Self::open(service, PATH, &[]).await.expect("a socket");
        assert_eq!(client.event().await["type"], "session.created");
        client
    }

    /// A socket that hears Hindi at 16 kHz, with more settings of its `audio.input`.
    async fn hindi(service: &Listening, more: Value) -> Self {
        let mut client = Self::connect(service).await;
        let mut input = json!({
            "format": { "type": "audio/pcm", "rate": 16_000 },
            "transcription": { "model": "whisper-1", "language": "hi" },
        });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        client.send(json!({ "type": "session.update", "session": { "audio": { "input": input } } })).await;
        let updated = client.event().await;
        assert_eq!(updated["type"], "session.updated", "{updated}");
        client
    }

    async fn send(&mut self, event: Value) {
        self.0.send(Message::text(event.to_string())).await.expect("sent");
    }

    /// Sends audio in pieces of a tenth of a second.
    async fn say(&mut self, samples: &[f32]) {
        for piece in samples.chunks(1600) {
            self.send(append(&pcm(piece))).await;
        }
    }

    async fn commit(&mut self) {
        self.send(json!({ "type": "input_audio_buffer.commit" })).await;
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        loop {
            match timeout(LONG, self.0.next()).await.expect("in time") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The events up to one of this type.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let last = event["type"] == kind;
            assert!(last || event["type"] != "error", "{event}");
            events.push(event);
            if last {
                return events;
            }
        }
    }

    /// The code and the reason of the end, and the events before it.
    async fn ended(&mut self) -> (u16, String, Vec<Value>) {
        let mut events = Vec::new();
        loop {
            match timeout(LONG, self.0.next()).await.expect("in time") {
                Some(Ok(Message::Text(text))) => events.push(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string(), events);
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?} after {events:?}"),
            }
        }
    }
}

fn append(bytes: &[u8]) -> Value {
    json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes) })
}

fn pcm(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| ((sample * 32_768.0).round() as i16).to_le_bytes()).collect()
}

/// The clip, with a second of silence before and after it.
fn spoken() -> Vec<f32> {
    let clip = Waveform::from_bytes(CLIP, None).expect("a clip").into_samples();
    [&[0.0; 16_000], &*clip, &[0.0; 16_000]].concat()
}

/// The types of events, without those whose number depends on the speed of the machine.
fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).filter(|kind| *kind != DELTA).collect()
}

/// The texts of the items that are completed.
fn transcripts(events: &[Value]) -> Vec<&str> {
    let completed = events.iter().filter(|event| event["type"] == COMPLETED);
    completed.map(|event| event["transcript"].as_str().expect("a text")).collect()
}

async fn service() -> Listening {
    Listening::start(Settings::default()).await
}
