//! The answer as a stream of server-sent events. As in OpenAI's API, the data of an event says what it is, and `[DONE]` ends
//! the stream.

use std::sync::Arc;

use axum::response::{Response, sse::Event};
use futures_util::stream;
use serde::Serialize;

use super::{
    super::{
        Shared,
        handlers::sent,
        problem::Problem,
        transcription::{Next, Transcription},
    },
    answer::{Guessed, guessed},
    error::ErrorBody,
    fields::Options,
    logprobs::{Logprob, begin, of_segment, of_transcript},
};
use crate::transcript::{Segment, Transcript, append};

/// An event.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Data {
    /// More text.
    #[serde(rename = "transcript.text.delta")]
    Delta {
        delta: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<Logprob>>,
    },
    /// All of it.
    #[serde(rename = "transcript.text.done")]
    Done {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<Logprob>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        languages: Option<[Guessed; 1]>,
    },
}

/// How far the stream is.
enum Stage {
    Running(Box<Running>),
    Last,
}

struct Running {
    transcription: Transcription,
    shared: Arc<Shared>,
    /// The text so far.
    text: String,
    logprobs: bool,
    guessed: bool,
}

pub(super) fn respond(transcription: Transcription, shared: Arc<Shared>, options: &Options, guessed: bool) -> Response {
    let (text, logprobs) = (String::new(), options.logprobs);
    let running = Running { transcription, shared, text, logprobs, guessed };
    sent(stream::unfold(Some(Stage::Running(Box::new(running))), |stage| async move {
        let mut running = match stage? {
            Stage::Running(running) => running,
            Stage::Last => return Some((Ok(Event::default().data("[DONE]")), None)),
        };
        Some(match running.next().await {
            Ok(data @ Data::Delta { .. }) => (json(&data), Some(Stage::Running(running))),
            Ok(data @ Data::Done { .. }) => (json(&data), Some(Stage::Last)),
            Err(problem) => (json(&ErrorBody::from(&problem)), None),
        })
    }))
}

fn json(data: &impl Serialize) -> Result<Event, axum::Error> {
    Event::default().json_data(data)
}

impl Running {
    async fn next(&mut self) -> Result<Data, Problem> {
        loop {
            match self.transcription.next().await? {
                // There is nothing to tell.
                Next::Segment(segment) if segment.text.is_empty() => {}
                Next::Segment(segment) => return self.delta(&segment),
                Next::Done(transcript) => return self.done(*transcript),
            }
        }
    }

    fn delta(&mut self, segment: &Segment) -> Result<Data, Problem> {
        let is_first = self.text.is_empty();
        let logprobs = if self.logprobs {
            let mut logprobs = of_segment(segment, self.shared.engine.loaded()?.tokenizer());
            if is_first {
                begin(&mut logprobs);
            }
            Some(logprobs)
        } else {
            None
        };
        Ok(Data::Delta { delta: append(&mut self.text, &segment.text).to_owned(), logprobs })
    }

    fn done(&self, transcript: Transcript) -> Result<Data, Problem> {
        let tokenizer = self.shared.engine.loaded()?.tokenizer();
        Ok(Data::Done {
            logprobs: self.logprobs.then(|| of_transcript(&transcript, tokenizer)),
            languages: guessed(transcript.language, self.guessed),
            text: transcript.text,
        })
    }
}
