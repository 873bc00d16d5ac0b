//! What a caller submits, and what it hears about it.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::trace::Trace;
use crate::{
    cancel::CancelToken,
    error::{Error, Result, StopReason, by_name},
    generation::{GenerationConfig, Hypothesis, LogitsProcessor, TokenEvent},
    model::Encoded,
    script::Script,
    segmentation::Clip,
};

/// How often a waiting caller checks whether its work was cancelled.
const GLANCE: Duration = Duration::from_millis(5);

/// How urgent a recording is beside others on the same transcriber.
///
/// ```
/// assert_eq!("batch".parse::<indic_seamless::Priority>()?, indic_seamless::Priority::Batch);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Priority {
    /// Somebody waits for the text.
    #[default]
    Interactive,
    /// Nobody waits: it is computed when nothing interactive is. After ten minutes each of its clips counts as something interactive
    /// that has just come. In the queue of an [`Engine`](crate::engine::Engine) it takes turns with what is interactive after ten
    /// minutes; what goes before something interactive then is interactive from there on.
    Batch,
}

impl FromStr for Priority {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = |priority| match priority {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        };
        by_name("priority", text, [Self::Interactive, Self::Batch], name)
    }
}

/// A recording, whose clips share its place among others.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) priority: Priority,
    /// Milliseconds of its speech that were encoded.
    served_ms: AtomicU64,
    closed: AtomicBool,
}

impl Account {
    pub(crate) fn new(priority: Priority) -> Self {
        Self { priority, ..Self::default() }
    }

    /// Drops all work that is left.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Seconds of speech that were encoded.
    pub(super) fn served_s(&self) -> f64 {
        self.served_ms.load(Ordering::Relaxed) as f64 / 1000.0
    }

    pub(super) fn serve(&self, seconds: f64) {
        self.served_ms.fetch_add((seconds * 1000.0) as u64, Ordering::Relaxed);
    }
}

/// How a clip is searched.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) prompt: Vec<u32>,
    pub(crate) generation: GenerationConfig,
    pub(crate) processors: Vec<Arc<dyn LogitsProcessor>>,
    /// The only script of the text, if there is one.
    pub(crate) script: Option<Script>,
}

/// What a search starts from.
pub(crate) enum Source {
    /// A clip that is to be encoded.
    Clip(Arc<Clip>),
    /// What the encoder gave.
    Encoded(Box<Encoded>),
}

/// A clip to transcribe.
pub(crate) struct Job {
    pub(crate) account: Arc<Account>,
    /// The caller's number of the clip.
    pub(crate) number: usize,
    pub(crate) source: Source,
    pub(crate) spec: Spec,
    /// Whether the caller wants to hear of each token.
    pub(crate) tells_tokens: bool,
    pub(crate) cancel: CancelToken,
    pub(crate) events: Sender<Event>,
    pub(crate) trace: Trace,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("account", &self.account).field("number", &self.number).finish_non_exhaustive()
    }
}

impl Job {
    /// Seconds of speech that are to be encoded.
    pub(super) fn seconds(&self) -> f64 {
        match &self.source {
            Source::Clip(clip) => clip.seconds(),
            Source::Encoded(_) => 0.0,
        }
    }

    /// Why it need not be done; `None` if it must.
    pub(super) fn stopped(&self) -> Option<StopReason> {
        let gone = self.account.closed.load(Ordering::Relaxed);
        if gone { Some(StopReason::Cancelled) } else { self.cancel.reason() }
    }

    /// Tells the caller, who may have gone.
    pub(super) fn tell(&mut self, news: News) {
        if !matches!(news, News::Token(_)) {
            // Whoever hears of the end may end the trace.
            self.trace.end();
        }
        let _ = self.events.send(Event { number: self.number, news });
    }
}

/// News of a clip.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) number: usize,
    pub(crate) news: News,
}

/// What has happened to a clip.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one for each clip is large, and is taken apart at once")]
pub(crate) enum News {
    /// The search accepted a token.
    Token(TokenEvent),
    /// It is done.
    Done(Found),
    /// It failed; the last news of it.
    Failed(Error),
    /// A bug, or a processor of the caller, ended it with a panic, which said this; the last news of it.
    Panicked(String),
}

/// The result of a search.
#[derive(Debug)]
pub(crate) struct Found {
    /// What the encoder gave.
    pub(crate) encoded: Encoded,
    /// Best first.
    pub(crate) hypotheses: Vec<Hypothesis>,
    pub(crate) times: Times,
}

/// The time that a clip took. That of a step of several searches is divided by their numbers of hypotheses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) features: Duration,
    pub(crate) encoder: Duration,
    pub(crate) generation: Duration,
}

/// The next message for a caller.
///
/// # Errors
///
/// [`Error::Stopped`] as soon as `cancel` says so, or if nobody computes any more.
pub(crate) fn receive<T>(receiver: &Receiver<T>, cancel: &CancelToken) -> Result<T> {
    loop {
        cancel.check()?;
        match receiver.recv_timeout(GLANCE) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Stopped { reason: StopReason::Cancelled, partial: None });
            }
        }
    }
}
