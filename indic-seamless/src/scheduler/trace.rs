//! The clips in traces: a span for each stage, below that of their recording.

use tracing::Span;

/// Where a clip is in a trace. Costs next to nothing where nobody traces.
#[derive(Debug)]
pub(crate) struct Trace {
    /// What the recording is part of.
    recording: Span,
    /// The stage that the clip is in.
    stage: Span,
}

impl Trace {
    /// A clip of the recording whose span is the current one.
    pub(crate) fn of_current() -> Self {
        Self { recording: Span::current(), stage: Span::none() }
    }

    /// Ends the stage, and begins the next, whose span `stage` makes below the one that it is given. Without a span of the
    /// recording there is none.
    pub(super) fn enter(&mut self, stage: impl FnOnce(&Span) -> Span) {
        self.stage = if self.recording.is_disabled() { Span::none() } else { stage(&self.recording) };
    }

    /// Ends the last stage, and lets go of the recording.
    pub(super) fn end(&mut self) {
        (self.stage, self.recording) = (Span::none(), Span::none());
    }
}
