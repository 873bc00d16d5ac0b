//! Where cues begin and end.
//!
//! Of all ways to cut the pieces into cues that keep the limits, the one with the lowest cost is taken. It is found from left to
//! right: the best way to cut the first n pieces is the best way to cut the first m, and a cue of the others.

use super::{
    SubtitleOptions,
    lines::Fill,
    ms,
    pieces::{Ending, Piece},
};

/// A longer pause ends a cue, in milliseconds.
const PAUSE_MS: u64 = 500;
/// The cost of a cue, so that there are no more than needed.
const CUE: f64 = 1.0;
/// The cost of a cue that stays shorter than the shortest; up to twice that the shorter it is.
const SHORT: f64 = 100.0;
/// The cost of a long pause inside a cue, and that of each second of it: the longest is the last to stay inside.
const PAUSE_INSIDE: f64 = 30.0;
const PAUSE_INSIDE_S: f64 = 10.0;
/// The cost of an end of a sentence inside a cue.
const SENTENCE_INSIDE: f64 = 12.0;
/// The cost of an end of a cue inside a sentence. It is less at a short pause, and behind a comma.
const IN_SENTENCE: f64 = 10.0;
const AT_SHORT_PAUSE: f64 = 6.0;
const AT_CLAUSE: f64 = 3.0;

/// The limits of a cue.
pub(super) struct Limits {
    /// The longest line.
    pub(super) line: usize,
    /// The most lines.
    pub(super) lines: usize,
    /// The shortest and the longest time.
    pub(super) min_ms: u64,
    pub(super) max_ms: u64,
}

impl Limits {
    pub(super) fn new(options: &SubtitleOptions) -> Self {
        let limit = |given: u64| if given == 0 { u64::MAX } else { given };
        let max_ms = limit(ms(options.max_duration_s));
        let line = if options.max_line_length == 0 { usize::MAX } else { options.max_line_length };
        Self { line, lines: options.max_lines.max(1), min_ms: ms(options.min_duration_s).min(max_ms), max_ms }
    }

    /// How full a cue is, from 0 to 1.
    fn share(&self, width: usize, duration_ms: u64) -> f64 {
        let most = self.line as f64 * self.lines as f64;
        (width as f64 / most).max(duration_ms as f64 / self.max_ms as f64).min(1.0)
    }

    /// The cost of a cue that stays for this time until the next one.
    fn cost_of_length(&self, stays_ms: u64) -> f64 {
        if stays_ms >= self.min_ms { 0.0 } else { SHORT * (2.0 - stays_ms as f64 / self.min_ms as f64) }
    }
}

/// Cuts pieces into cues.
pub(super) fn cut<'p, 't>(pieces: &'p [Piece<'t>], limits: &Limits) -> Vec<&'p [Piece<'t>]> {
    // For each number of pieces, the lowest cost of cutting them, and where the last cue begins.
    let mut best = vec![(f64::INFINITY, 0); pieces.len() + 1];
    best[0] = (0.0, 0);
    for first in 0..pieces.len() {
        let start = pieces[first].start;
        let (mut fill, mut width, mut inside) = (Fill::default(), 0, 0.0);
        for last in first..pieces.len() {
            let piece = &pieces[last];
            fill.add(piece, limits.line);
            let duration = piece.end.saturating_sub(start);
            if last > first {
                // A piece that is too long by itself has to stay.
                if fill.lines > limits.lines || duration > limits.max_ms {
                    break;
                }
                inside += cost_inside(&pieces[last - 1], piece);
            }
            width += piece.width;
            let mut cost = best[first].0 + inside + CUE + limits.share(width, duration).powi(2);
            if let Some(next) = pieces.get(last + 1) {
                cost += cost_between(piece, next) + limits.cost_of_length(next.start - start);
            }
            if cost < best[last + 1].0 {
                best[last + 1] = (cost, first);
            }
        }
    }
    let mut parts = Vec::new();
    let mut end = pieces.len();
    while end > 0 {
        let first = best[end].1;
        parts.push(&pieces[first..end]);
        end = first;
    }
    parts.reverse();
    parts
}

/// The pause between two pieces, in milliseconds.
fn pause(before: &Piece<'_>, next: &Piece<'_>) -> u64 {
    next.start.saturating_sub(before.end)
}

/// The cost of having two pieces in one cue.
fn cost_inside(before: &Piece<'_>, next: &Piece<'_>) -> f64 {
    let pause = pause(before, next);
    let long = if pause > PAUSE_MS { PAUSE_INSIDE + PAUSE_INSIDE_S * pause as f64 / 1000.0 } else { 0.0 };
    if before.ends == Ending::Sentence { long + SENTENCE_INSIDE } else { long }
}

/// The cost of ending a cue between two pieces.
fn cost_between(before: &Piece<'_>, next: &Piece<'_>) -> f64 {
    let pause = pause(before, next);
    if pause > PAUSE_MS || before.ends == Ending::Sentence {
        return 0.0;
    }
    let clause = if before.ends == Ending::Clause { AT_CLAUSE } else { 0.0 };
    IN_SENTENCE - AT_SHORT_PAUSE * pause as f64 / PAUSE_MS as f64 - clause
}
