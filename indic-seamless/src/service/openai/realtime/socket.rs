//! A socket: events in, events out, until one side ends it.

use std::{
    error::Error as _,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::{
    sync::watch,
    time::{sleep_until, timeout},
};
use tungstenite::error::{CapacityError, Error as SocketError};

use super::{
    events::{self, ClientEvent, EventError, ServerEvent},
    feed::{Feed, PIECE},
    samples::Decoder,
    session::Session,
};
use crate::{
    audio::seconds,
    error::{Error, Result},
    service::{Shared, problem::Problem},
};

/// The longest event of a client, in bytes: 16 s of audio at OpenAI's rate.
pub(super) const LONGEST_EVENT: usize = 1 << 20;
/// The bytes of clips that may wait for the model: a minute of speech. With more, nothing is read, so that TCP stops the sender.
const MOST_WAITING: usize = 4 << 20;
/// How long the client may take to answer the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a socket ends, as in [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1).
enum End {
    /// The client has left.
    Left,
    /// The service ends.
    Shutdown,
    /// The client did something that a socket ends for: the code, and the reason.
    Refused(u16, String),
}

/// The service is going away.
const AWAY: u16 = 1001;
/// What came is not the protocol of a WebSocket.
const NO_PROTOCOL: u16 = 1002;
/// What came is not UTF-8.
const NO_TEXT: u16 = 1007;
/// The client went against a policy of this service.
const POLICY: u16 = 1008;
/// An event is too long.
const TOO_LONG: u16 = 1009;
/// Something broke.
const BROKEN: u16 = 1011;

/// A live transcription.
struct Live {
    shared: Arc<Shared>,
    socket: WebSocket,
    session: Session,
    decoder: Decoder,
    feed: Feed,
}

/// Serves a socket until it is closed. `model` is what the client calls the model.
pub(super) async fn serve(mut socket: WebSocket, shared: Arc<Shared>, request_id: Arc<str>, model: String) {
    let started = Instant::now();
    shared.metrics.sockets.inc();
    // Also when this panics.
    let _open = Open(shared.clone());
    let session = Session::new(&model, &shared).map_err(|error| error.event().json());
    let begun = session.and_then(|session| {
        let told = |error: Error| internal(error).event().json();
        let decoder = Decoder::new(session.format).map_err(told)?;
        let feed = Feed::new(shared.clone(), request_id.clone(), session.segmentation.clone()).map_err(told)?;
        Ok((session, decoder, feed))
    });
    let (session, decoder, feed) = match begun {
        Ok(begun) => begun,
        Err(event) => {
            // The client may have left.
            let _ = socket.send(Message::text(event)).await;
            return;
        }
    };
    let mut live = Live { shared, socket, session, decoder, feed };
    let end = live.run().await;
    let (code, reason) = match &end {
        End::Left => (None, ""),
        End::Shutdown => (Some(AWAY), "the service is shutting down"),
        End::Refused(code, reason) => (Some(*code), reason.as_str()),
    };
    let (audio_s, s) = (live.feed.heard_s(), started.elapsed().as_secs_f64());
    tracing::info!(request_id = &*request_id, audio_s, s, code, reason, "live transcription ended");
    if let Some(code) = code {
        live.close(code, reason).await;
    }
}

/// A socket that is counted.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.sockets.dec();
    }
}

impl Live {
    async fn run(&mut self) -> End {
        let mut ending = self.shared.ending.subscribe();
        let patience = self.shared.settings.keep_alive;
        let mut active = Instant::now();
        self.feed.tell(&ServerEvent::SessionCreated { session: self.session.view() });
        loop {
            if let Err(end) = self.send().await {
                return end;
            }
            let reads = self.feed.waiting_bytes() < MOST_WAITING;
            let Self { socket, feed, .. } = self;
            tokio::select! {
                since = ended(&mut ending) => {
                    let by = since + self.shared.settings.grace;
                    return self.finish(by, End::Shutdown).await;
                }
                news = feed.news() => {
                    active = Instant::now();
                    feed.receive(news);
                }
                message = socket.recv(), if reads => match message {
                    Some(Ok(Message::Text(text))) => {
                        active = Instant::now();
                        if let Err(end) = self.take(&text).await {
                            return end;
                        }
                    }
                    Some(Ok(Message::Binary(_))) => {
                        active = Instant::now();
                        let detail = "a binary frame, wanted events as JSON in text frames";
                        let error = EventError::new("invalid_frame", detail);
                        feed.tell(&error.event());
                    }
                    Some(Ok(Message::Ping(payload))) => {
                        // The library reads on while its answers are not read, and keeps them all. This one takes the place of
                        // its own.
                        if let Err(end) = self.write(Message::Pong(payload)).await {
                            return end;
                        }
                    }
                    Some(Ok(Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_))) => {
                        // The library has an answer to it, which it sends when more is read. The client may have gone.
                        let _ = timeout(FAREWELL, socket.recv()).await;
                        return End::Left;
                    }
                    None => return End::Left,
                    Some(Err(error)) => return broken(&error),
                },
                () = sleep_until((active + patience).into()), if feed.is_done() => {
                    let detail = format!("no event in {} s", patience.as_secs_f64());
                    feed.tell(&EventError::new("idle_timeout", detail.clone()).event());
                    let by = Instant::now() + self.shared.settings.deadline;
                    return self.finish(by, End::Refused(POLICY, detail)).await;
                }
            }
            self.feed.guess(&self.session);
        }
    }

    /// Sends what there is to tell.
    async fn send(&mut self) -> Result<(), End> {
        for event in self.feed.outbox() {
            self.write(Message::text(event)).await?;
        }
        Ok(())
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.shared.settings.write_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            // It has gone, or reads nothing.
            Ok(Err(_)) | Err(_) => Err(End::Left),
        }
    }

    /// Does what an event asks for, or tells what is wrong with it.
    async fn take(&mut self, text: &str) -> Result<(), End> {
        let (event_id, event) = match events::read(text) {
            Ok(read) => read,
            Err(error) => {
                self.feed.tell(&error.event());
                return Ok(());
            }
        };
        let done = match event {
            ClientEvent::Update(changes) => self.update(&changes),
            ClientEvent::Append(audio) => match self.decode(&audio) {
                Ok(samples) => return self.hear(samples, event_id).await,
                Err(error) => Err(error),
            },
            ClientEvent::Commit => self.feed.commit(&self.session),
            ClientEvent::Clear => self.feed.clear(&self.session).map_err(internal),
        };
        if let Err(error) = done {
            self.feed.tell(&error.in_event(event_id).event());
        }
        Ok(())
    }

    fn update(&mut self, changes: &serde_json::Map<String, serde_json::Value>) -> Result<(), EventError> {
        let new = self.session.with(changes, &self.shared)?;
        let old = &self.session;
        if new.format != old.format {
            let rest = self.decoder.finish();
            self.feed.hear(&rest, old);
            self.decoder = Decoder::new(new.format).map_err(internal)?;
        }
        if (new.ends_items, &new.segmentation) != (old.ends_items, &old.segmentation) {
            self.feed.change(old, new.segmentation.clone()).map_err(internal)?;
        }
        self.session = new;
        self.feed.tell(&ServerEvent::SessionUpdated { session: self.session.view() });
        Ok(())
    }

    fn decode(&mut self, audio: &str) -> Result<Vec<f32>, EventError> {
        self.decoder.push(audio).map_err(|problem| EventError::from(problem).of("audio"))
    }

    /// Takes in samples, a second at a time, so that other sockets come to their turn.
    async fn hear(&mut self, samples: Vec<f32>, event_id: Option<String>) -> Result<(), End> {
        let most = self.shared.settings.max_audio.as_secs_f64();
        if self.feed.heard_s() + seconds(samples.len()) > most {
            let detail = format!("more than {most} s of audio, the longest live transcription");
            self.feed.tell(&EventError::new("session_expired", detail.clone()).in_event(event_id).event());
            let by = Instant::now() + self.shared.settings.deadline;
            return Err(self.finish(by, End::Refused(POLICY, detail)).await);
        }
        self.shared.metrics.heard(seconds(samples.len()));
        for piece in samples.chunks(PIECE) {
            self.feed.hear(piece, &self.session);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Transcribes what was said before the `end`, but not beyond a time.
    async fn finish(&mut self, by: Instant, end: End) -> End {
        self.feed.finish(&self.session);
        match self.drain(by).await {
            Ok(()) => end,
            Err(left) => left,
        }
    }

    /// Waits until all clips are done and told, but not beyond a time.
    async fn drain(&mut self, by: Instant) -> Result<(), End> {
        loop {
            self.send().await?;
            if self.feed.is_done() {
                return Ok(());
            }
            let Self { feed, .. } = self;
            tokio::select! {
                news = feed.news() => feed.receive(news),
                () = sleep_until(by.into()) => return Ok(()),
            }
        }
    }

    /// Ends the socket, and waits for the client to do the same: what is closed with unread data may lose the reason.
    async fn close(&mut self, code: u16, reason: &str) {
        let goodbye = async {
            let frame = CloseFrame { code, reason: reason.into() };
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        // It has been told, or cannot be told.
        let _ = timeout(FAREWELL, goodbye).await;
    }
}

fn internal(error: Error) -> EventError {
    Problem::from(error).into()
}

/// How a socket ends from which nothing can be read.
fn broken(error: &axum::Error) -> End {
    match error.source().and_then(|source| source.downcast_ref::<SocketError>()) {
        Some(SocketError::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
            End::Refused(TOO_LONG, format!("an event of {size} bytes, the longest has {max_size}"))
        }
        Some(SocketError::Utf8(_)) => End::Refused(NO_TEXT, "a text frame that is not UTF-8".to_owned()),
        Some(SocketError::Protocol(_)) => End::Refused(NO_PROTOCOL, "not the protocol of WebSockets".to_owned()),
        Some(SocketError::ConnectionClosed | SocketError::AlreadyClosed | SocketError::Io(_)) => End::Left,
        _ => End::Refused(BROKEN, "the socket is broken".to_owned()),
    }
}

/// Completes when the service is told to end, with the time at which it was.
async fn ended(ending: &mut watch::Receiver<Option<Instant>>) -> Instant {
    match ending.wait_for(Option::is_some).await.ok().and_then(|since| *since) {
        Some(since) => since,
        // The service is gone, and this socket with it.
        None => std::future::pending().await,
    }
}
