//! Items, and the clips of speech that they are made of.

use std::collections::VecDeque;

use super::{
    captions::Captions,
    events::{ServerEvent, Usage, new_id},
};
use crate::service::{
    engine::{LiveClip, RunningClip},
    openai::{error::Details, logprobs::Logprob},
    problem::Problem,
};

/// An item: what was said between two cuts.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    /// Whether the client knows that somebody speaks.
    pub(super) started: bool,
    /// Whether nothing more is added to it.
    pub(super) committed: bool,
    pub(super) captions: Captions,
    /// If the client wants them.
    pub(super) logprobs: Option<Vec<Logprob>>,
    seconds: f64,
    /// Its clips that are not done, in the order of time.
    pub(super) clips: VecDeque<Job>,
    pub(super) failed: Option<Problem>,
}

/// A clip on its way to a text.
#[derive(Debug)]
pub(super) enum Job {
    /// Others of the socket are before it. It is taken out when it is begun.
    Waiting(Option<LiveClip>),
    Running(RunningClip),
    /// It could not be begun.
    Failed(Problem),
}

impl Item {
    pub(super) fn new() -> Self {
        Self {
            id: new_id("item"),
            started: false,
            committed: false,
            captions: Captions::default(),
            logprobs: None,
            seconds: 0.0,
            clips: VecDeque::new(),
            failed: None,
        }
    }

    /// Adds a clip.
    pub(super) fn add(&mut self, clip: LiveClip) {
        self.seconds += clip.clip.seconds();
        self.clips.push_back(Job::Waiting(Some(clip)));
    }

    /// The text, or why there is none.
    pub(super) fn completed(&self) -> ServerEvent<'_> {
        let (item_id, content_index) = (&*self.id, 0);
        match &self.failed {
            Some(problem) => ServerEvent::Failed { item_id, content_index, error: Details::of(problem).about(None) },
            None => ServerEvent::Completed {
                item_id,
                content_index,
                transcript: self.captions.text(),
                logprobs: self.logprobs.as_deref(),
                usage: Usage::of(self.seconds),
            },
        }
    }
}

impl Job {
    /// Bytes of its samples.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Waiting(live) => live.as_ref().map_or(0, |live| size_of_val(&*live.clip.samples)),
            Self::Running(running) => running.bytes,
            Self::Failed(_) => 0,
        }
    }
}
