//! The way of a recording through the service, which all endpoints that take one share: its request is admitted, its body
//! read, a place taken, and its segments come.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{extract::Request, http::StatusCode};
use bytes::Bytes;
use tracing::{Instrument, Span, debug_span};

use super::{
    Shared,
    body::{Whole, refuse},
    clients::ClientGuard,
    engine::{Running, Wanted},
    observe::{Deadline, RequestId},
    problem::{Partial, Problem},
    request::{is_mangled, mangled_body},
};
use crate::{
    engine::Update,
    error::{Error, StopReason},
    transcript::{Segment, Transcript},
};

/// How long the engine may take to stop after the deadline.
const GRACE: Duration = Duration::from_millis(300);

/// A request that may send its body.
pub(super) struct Admitted {
    /// When the client needs the answer.
    pub(super) deadline: Instant,
    id: Arc<str>,
    client: Option<ClientGuard>,
}

impl Admitted {
    /// Refuses who would be refused later in any case, so that the body takes no memory.
    pub(super) async fn new(request: Request, shared: &Shared) -> Result<(Self, Request), Problem> {
        let latest = Instant::now() + shared.settings.deadline;
        let deadline = request.extensions().get::<Deadline>().map_or(latest, |deadline| deadline.0.min(latest));
        let id = request.extensions().get::<RequestId>().cloned();
        let id = id.map_or_else(|| "".into(), |id| id.0);
        let early = shared.enter(&request).and_then(|client| shared.engine.has_place().map(|()| client));
        match early {
            Ok(client) => Ok((Self { deadline, id, client }, request)),
            Err(problem) => Err(refuse(problem, request, shared).await),
        }
    }

    /// Takes a place and queues the recording. `hint` is the media type or extension that the client named.
    pub(super) async fn submit(
        self,
        audio: Whole,
        hint: Option<String>,
        wanted: Wanted,
        shared: &Shared,
    ) -> Result<Transcription, Problem> {
        let Self { deadline, id, client } = self;
        let Whole { bytes, held } = audio;
        if bytes.is_empty() {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_audio", "the recording is empty: 0 bytes"));
        }
        // Only now, so that slow senders do not keep others out.
        let slot = shared.engine.slot()?;
        // What is no recording is refused now, and not when its turn comes.
        let (bytes, decoding) = (Bytes::from(bytes), shared.settings.audio_options());
        let read = bytes.clone();
        let reader = move || decoding.reader_from_shared(read.clone(), hint.as_deref());
        let first = reader.clone();
        let (mangled, opened) =
            shared.open(move || (is_mangled(&bytes), first())).instrument(debug_span!("opening")).await?;
        let mut opened = Some(opened.map_err(|error| if mangled { mangled_body() } else { error.into() })?);
        let open = move || opened.take().map_or_else(&reader, Ok);
        let words = wanted.words;
        let running = shared.engine.submit(&id, open, held, wanted, slot)?;
        let (partial, span) = (Partial::default(), Span::current());
        Ok(Transcription { running, id, deadline, words, mangled, partial, _client: client, _span: span })
    }
}

/// Does what comes before a transcription, within the time for an answer.
pub(super) async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let done = tokio::time::timeout_at(deadline.into(), work).await;
    done.unwrap_or_else(|_| Err(Problem::deadline(Partial::default())))
}

/// A running transcription and its client.
pub(super) struct Transcription {
    running: Running,
    pub(super) id: Arc<str>,
    deadline: Instant,
    /// Whether its segments show their words. Subtitles need them in any case.
    pub(super) words: bool,
    /// Whether something treated the recording as text on its way.
    mangled: bool,
    partial: Partial,
    _client: Option<ClientGuard>,
    /// Its request is under way in a trace until the end of a streamed answer.
    _span: Span,
}

/// The next news of it.
pub(super) enum Next {
    Segment(Box<Segment>),
    Done(Box<Transcript>),
}

impl Transcription {
    pub(super) async fn next(&mut self) -> Result<Next, Problem> {
        loop {
            match tokio::time::timeout_at(self.deadline.into(), self.running.updates.recv()).await {
                Err(_) => {
                    // The engine may still deliver segments that it finished in time.
                    while let Ok(Some(update)) = tokio::time::timeout(GRACE, self.running.updates.recv()).await {
                        match update {
                            Update::Segment(mut segment) => self.note(&mut segment),
                            Update::Done(_) => break,
                            Update::Progress(_) => {}
                        }
                    }
                    return Err(Problem::deadline(std::mem::take(&mut self.partial)));
                }
                // The transcription panicked.
                Ok(None) => return Err(Problem::internal()),
                // The engine checks the deadline, too.
                Ok(Some(Update::Done(Err(Error::Stopped { reason: StopReason::Deadline, .. })))) => {
                    return Err(Problem::deadline(std::mem::take(&mut self.partial)));
                }
                Ok(Some(Update::Done(Err(_)))) if self.mangled => return Err(mangled_body()),
                Ok(Some(Update::Done(result))) => return Ok(Next::Done(Box::new(result?))),
                Ok(Some(Update::Segment(mut segment))) => {
                    self.note(&mut segment);
                    return Ok(Next::Segment(Box::new(segment)));
                }
                Ok(Some(Update::Progress(_))) => {}
            }
        }
    }

    /// Adds a segment to the partial result, and takes off what the client did not ask for.
    fn note(&mut self, segment: &mut Segment) {
        if !self.words {
            segment.words.clear();
        }
        self.partial.push(segment);
    }

    /// Waits for the end.
    pub(super) async fn finish(mut self) -> Result<Transcript, Problem> {
        loop {
            if let Next::Done(transcript) = self.next().await? {
                return Ok(*transcript);
            }
        }
    }
}

#[cfg(all(test, feature = "demo"))]
mod tests {
    use serde_json::json;
    use tokio::{sync::mpsc, time::sleep};

    use super::*;
    use crate::{
        language::Language,
        scheduler::Priority,
        script::ScriptChoice,
        service::{
            Service, Settings,
            engine::{TextLanguage, ended},
        },
        transcriber::{Segmentation, Transcriber},
        transcript::Word,
    };

    #[tokio::test]
    async fn segments_after_the_deadline_have_no_words_that_were_not_asked_for() {
        let service = Service::start(Settings::default(), Transcriber::demo).expect("a service");
        service.ready().await.expect("loaded");
        let (engine, deadline) = (&service.0.engine, Instant::now());
        let wanted = Wanted {
            language: TextLanguage::Known(Language::HINDI),
            beams: None,
            words: true,
            segmentation: Segmentation::default(),
            priority: Priority::Interactive,
            script: ScriptChoice::Any,
            deadline,
        };
        let (id, slot) = (Arc::<str>::from("a request"), engine.slot().expect("a place"));
        let mut running = engine.submit(&id, || Err(ended()), (), wanted, slot).expect("queued");
        let (sender, updates) = mpsc::unbounded_channel();
        running.updates = updates;
        let (partial, _span) = (Partial::default(), Span::none());
        let mut late =
            Transcription { running, id, deadline, words: false, mangled: false, partial, _client: None, _span };
        let tell = async {
            sleep(GRACE / 10).await;
            let words = vec![Word { text: "late".to_owned(), start: 0.0, end: 0.5, confidence: 1.0 }];
            let segment = Segment { end: 0.5, text: "late".to_owned(), words, ..Segment::default() };
            sender.send(Update::Segment(segment)).expect("a listener");
            drop(sender);
        };
        let (next, ()) = tokio::join!(late.next(), tell);
        let problem = next.err().expect("the deadline has passed");
        let body = serde_json::to_value(problem.body("")).expect("JSON");
        assert_eq!((&body["code"], &body["partial"]["transcription"]), (&json!("deadline"), &json!("late")), "{body}");
        assert_eq!(body["partial"]["segments"][0].get("words"), None, "{body}");
    }
}
