//! A second opinion. After long noise the state of the network no longer reacts to a quiet word, about one in thirty.

use super::lstm::{GATES, Lstm, LstmState};

/// After so many chunks without speech the second state starts afresh: 8 s.
const QUIET: usize = 250;
/// The probability below which a chunk is quiet.
const SPEECH: f32 = 0.2;
/// The weight of the second state in the geometric mean of both probabilities. By itself it takes music for speech.
const WEIGHT: f32 = 0.7;

/// A second state of the same cell, which forgets what was before the last long pause.
#[derive(Debug, Clone, Default)]
pub(super) struct FreshState {
    state: LstmState,
    /// Chunks since the second state heard speech or started afresh.
    quiet: usize,
    out: Vec<f32>,
}

impl FreshState {
    /// The probability of the next chunk, from its gates before the cell and the probability by the first state.
    pub(super) fn probability(&mut self, lstm: &Lstm, gates: &mut [f32; GATES], first: f32) -> f32 {
        if self.quiet == QUIET {
            (self.state, self.quiet) = (LstmState::default(), 0);
        }
        self.out.clear();
        lstm.run(&mut self.state, gates, &mut self.out);
        let second = self.out.first().copied().unwrap_or_default();
        self.quiet = if second < SPEECH { self.quiet + 1 } else { 0 };
        if second <= first {
            return first;
        }
        (first.ln() * (1.0 - WEIGHT) + second.ln() * WEIGHT).exp().max(first)
    }
}
