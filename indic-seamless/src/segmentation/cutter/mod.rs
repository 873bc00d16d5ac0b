//! Where segments begin and end, from the probabilities of speech alone. All positions are frames, the chunks of the
//! detector.

mod stretches;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, mem, ops::Range};

use self::stretches::{SHORTEST_PAUSE, Stretches};
use super::{SAMPLE_RATE, SegmentationOptions, silero::CHUNK};
use crate::transcript::EndReason;

/// No part of a segment that is cut in two is shorter than this, in seconds; nor than a quarter of the longest segment.
const SHORTEST_PART_S: f64 = 2.0;
/// The probability at a cut is the mean over this many frames before it and as many after it.
const SMOOTHING: usize = 2;

/// The frames of a segment that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpeechSpan {
    /// The speech.
    pub(super) speech: Range<usize>,
    /// The speech and what surrounds it: from the end of the previous segment to the earliest start of the next one.
    pub(super) free: Range<usize>,
    pub(super) end_reason: EndReason,
}

/// Joins stretches of speech into segments, and cuts those that get too long.
#[derive(Debug, Clone)]
pub(super) struct Cutter {
    stretches: Stretches,
    leave: f32,
    limits: FrameLimits,
    /// The segment that has not ended yet.
    open: Option<Open>,
    /// The end of the previous segment.
    previous: usize,
    /// The probabilities from `first` on.
    probabilities: VecDeque<f32>,
    first: usize,
}

/// The options, in frames.
#[derive(Debug, Clone)]
struct FrameLimits {
    pause: usize,
    target_min: usize,
    target_max: usize,
    most: usize,
    part: usize,
    /// How far after its start a segment without a pause can be cut.
    first_cut: usize,
}

#[derive(Debug, Clone)]
struct Open {
    start: usize,
    end: usize,
    pauses: Vec<Range<usize>>,
    /// The next frame to consider for a cut.
    next: usize,
    /// The frame among those considered where speech is least likely, with its probability.
    least: Option<(usize, f32)>,
}

impl Open {
    fn new(start: usize, end: usize, pauses: Vec<Range<usize>>, limits: &FrameLimits) -> Self {
        Self { start, end, pauses, next: start + limits.first_cut, least: None }
    }

    fn len(&self) -> usize {
        self.end - self.start
    }
}

impl Cutter {
    /// `options` must have been checked.
    pub(super) fn new(options: &SegmentationOptions) -> Self {
        let frames = |seconds: f64| (seconds * f64::from(SAMPLE_RATE) / CHUNK as f64) as usize;
        let (target_min, most) = (frames(options.target_min_s), frames(options.max_s));
        let part = frames(SHORTEST_PART_S.min(options.max_s / 4.0));
        let leave = options.leave();
        Self {
            stretches: Stretches::new(options.threshold, leave),
            leave,
            limits: FrameLimits {
                pause: frames(options.max_pause_s),
                target_min,
                target_max: frames(options.target_max_s),
                most,
                part,
                first_cut: target_min.min(most / 2).max(part),
            },
            open: None,
            previous: 0,
            probabilities: VecDeque::new(),
            first: 0,
        }
    }

    /// The first frame whose sound can still become part of a segment.
    pub(super) fn needed_from(&self) -> usize {
        let next = self.stretches.next_start().max(self.previous);
        self.open.as_ref().map_or(next, |open| open.start)
    }

    /// The segment that has not ended yet, as far as it goes.
    pub(super) fn open(&self) -> Option<SpeechSpan> {
        let Open { start, end, .. } = self.open.as_ref()?;
        Some(SpeechSpan {
            speech: *start..*end,
            free: self.previous..usize::MAX,
            end_reason: EndReason::EndOfRecording,
        })
    }

    /// Takes the probability of the next frame and appends the segments that end with it.
    pub(super) fn push(&mut self, probability: f32, ended: &mut Vec<SpeechSpan>) {
        self.probabilities.push_back(probability);
        self.stretches.push(probability);
        self.take_speech();
        self.shorten(ended);
        self.end_at_pause(ended);
        let unneeded = self.needed_from().saturating_sub(SMOOTHING).saturating_sub(self.first);
        self.probabilities.drain(..unneeded.min(self.probabilities.len()));
        self.first += unneeded;
    }

    /// Appends the segment that is still open, which ends for `reason`.
    pub(super) fn finish(mut self, reason: EndReason, ended: &mut Vec<SpeechSpan>) {
        if let Some(open) = self.open.take() {
            self.close(open.start..open.end, usize::MAX, reason, ended);
        }
    }

    /// Adds the current stretch of speech to the open segment, or opens one.
    fn take_speech(&mut self) {
        let Some(speech) = self.stretches.speech() else { return };
        match &mut self.open {
            Some(open) => {
                if speech.start > open.end {
                    open.pauses.push(open.end..speech.start);
                }
                open.end = speech.end;
            }
            None => {
                let start = speech.start.max(self.previous);
                self.open = Some(Open::new(start, speech.end, Vec::new(), &self.limits));
            }
        }
    }

    /// Cuts the open segment while it is too long.
    fn shorten(&mut self, ended: &mut Vec<SpeechSpan>) {
        while let Some(mut open) = self.open.take() {
            let Some((gap, reason)) = self.gap(&mut open) else {
                self.open = Some(open);
                return;
            };
            self.close(open.start..gap.start, gap.end, reason, ended);
            open.pauses.retain(|pause| pause.start >= gap.end);
            self.open = Some(Open::new(gap.end, open.end, open.pauses, &self.limits));
        }
    }

    /// Where to cut a segment that is too long, and why there: a pause, which is left out, or an empty range inside speech.
    fn gap(&self, open: &mut Open) -> Option<(Range<usize>, EndReason)> {
        let FrameLimits { target_max, most, part, .. } = self.limits;
        if open.len() <= target_max {
            return None;
        }
        if let Some(pause) = open.pauses.iter().rfind(|pause| pause.start >= open.start + part) {
            return Some((pause.clone(), EndReason::TargetLength));
        }
        while open.next + part <= open.end.min(open.start + most) {
            let probability = self.around(open.next);
            if open.least.is_none_or(|(_, least)| probability < least) {
                open.least = Some((open.next, probability));
            }
            open.next += 1;
        }
        let (cut, probability) = open.least?;
        let reason = if probability < self.leave {
            EndReason::LeastSpeech
        } else if open.len() > most {
            EndReason::Limit
        } else {
            return None;
        };
        let pause = open.pauses.iter().find(|pause| pause.start <= cut && cut <= pause.end);
        Some((pause.map_or(cut..cut, Clone::clone), reason))
    }

    /// The probability of speech around the start of a frame.
    fn around(&self, frame: usize) -> f32 {
        let at = frame - self.first;
        self.probabilities.range(at - SMOOTHING..at + SMOOTHING).sum::<f32>() / (2 * SMOOTHING) as f32
    }

    /// Closes the open segment if the pause after it is long enough.
    fn end_at_pause(&mut self, ended: &mut Vec<SpeechSpan>) {
        let next = self.stretches.next_start();
        let Some(open) = &self.open else { return };
        let pause = next.saturating_sub(open.end);
        let reason = if pause < SHORTEST_PAUSE {
            return;
        } else if pause > self.limits.pause {
            EndReason::Pause
        } else if open.len() >= self.limits.target_min {
            EndReason::TargetLength
        } else {
            return;
        };
        let speech = open.start..open.end;
        self.open = None;
        self.close(speech, next, reason, ended);
    }

    /// Appends a segment; the next one begins at `next` or later.
    fn close(&mut self, speech: Range<usize>, next: usize, end_reason: EndReason, ended: &mut Vec<SpeechSpan>) {
        let before = mem::replace(&mut self.previous, speech.end);
        ended.push(SpeechSpan { speech, free: before..next, end_reason });
    }
}
