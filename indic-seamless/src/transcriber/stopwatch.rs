//! Where the time of a transcription goes.

use std::time::Duration;

use crate::transcript::Timings;

/// A part of the work whose time is measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Audio,
    Segmentation,
    Features,
    Encoder,
    Generation,
    /// All of it, as the caller sees it.
    Total,
}

/// Measures the phases of a transcription. Nothing else writes its [`Timings`].
#[derive(Debug)]
pub(super) struct Stopwatch {
    timings: Timings,
}

impl Stopwatch {
    pub(super) fn new(load_ms: f64) -> Self {
        Self { timings: Timings { load_ms, ..Timings::default() } }
    }

    /// Adds time that was spent in a phase.
    pub(super) fn add(&mut self, phase: Phase, time: Duration) {
        let timings = &mut self.timings;
        *match phase {
            Phase::Audio => &mut timings.audio_ms,
            Phase::Segmentation => &mut timings.segmentation_ms,
            Phase::Features => &mut timings.features_ms,
            Phase::Encoder => &mut timings.encoder_ms,
            Phase::Generation => &mut timings.generation_ms,
            Phase::Total => &mut timings.total_ms,
        } += time.as_secs_f64() * 1000.0;
    }

    /// Counts the new tokens of a segment.
    pub(super) fn count(&mut self, new_tokens: usize) {
        self.timings.new_tokens += new_tokens;
    }

    pub(super) fn timings(&self) -> Timings {
        self.timings
    }
}
