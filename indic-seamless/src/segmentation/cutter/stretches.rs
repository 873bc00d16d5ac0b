//! Which frames are speech.

use std::ops::Range;

/// The shortest pause, 192 ms; shorter ones are ignored.
pub(super) const SHORTEST_PAUSE: usize = 6;
/// The shortest stretch of speech, 192 ms; shorter ones are ignored unless their probabilities add up to `SURE`. The
/// detector is surer of short words than of noises.
const SHORTEST_SPEECH: usize = 6;
const SURE: f32 = 2.5;
/// How far before the first certain frame speech can begin: half a second. It bounds how long a pause can stay in doubt.
const LOOK_BACK: usize = 16;

/// Speech ends after 256 ms without a firm frame, even if the probability stays up: music that sets in after a word holds
/// it up for seconds.
const FADING: usize = 8;

/// A frame is firm if its probability is at least this share of the highest one before it. After the last word the
/// probability falls at once if silence follows, but slowly if another sound sets in.
const FIRM: f32 = 0.75;

/// Stretches of speech: they begin where the probability rises to `leave`, if it then reaches `enter`, and end with the last
/// firm frame before it falls below `leave` or stays in doubt.
#[derive(Debug, Clone)]
pub(super) struct Stretches {
    enter: f32,
    leave: f32,
    /// Frames seen.
    now: usize,
    /// Since when the probability has not been below `leave`.
    above: Option<usize>,
    /// The highest probability since.
    peak: f32,
    /// The last firm frame since, or the first that reached `enter`.
    last: Option<usize>,
    /// The sum of the probabilities since `above` that are not in the stretch.
    waiting: f32,
    /// The stretch that has not ended yet.
    stretch: Option<Stretch>,
}

#[derive(Debug, Clone)]
struct Stretch {
    frames: Range<usize>,
    /// The sum of the probabilities.
    weight: f32,
}

impl Stretch {
    /// Whether it is long or certain enough to be speech.
    fn counts(&self) -> bool {
        self.frames.len() >= SHORTEST_SPEECH || self.weight >= SURE
    }
}

impl Stretches {
    pub(super) fn new(enter: f32, leave: f32) -> Self {
        Self { enter, leave, now: 0, above: None, peak: 0.0, last: None, waiting: 0.0, stretch: None }
    }

    /// Takes the probability of the next frame.
    pub(super) fn push(&mut self, probability: f32) {
        let faded = self.last.is_some_and(|last| self.now - last >= FADING);
        if faded || probability < self.leave {
            (self.above, self.peak, self.last, self.waiting) = (None, 0.0, None, 0.0);
        }
        if faded {
            self.stretch = None;
        }
        if probability >= self.leave {
            let start = *self.above.get_or_insert(self.now);
            self.waiting += probability;
            self.peak = self.peak.max(probability);
            if probability >= self.enter && (self.last.is_none() || probability >= FIRM * self.peak) {
                self.last = Some(self.now);
                self.extend(start);
            }
        }
        self.now += 1;
        if self.stretch.as_ref().is_some_and(|stretch| self.silent_until() - stretch.frames.end >= SHORTEST_PAUSE) {
            self.stretch = None;
        }
    }

    /// The stretch of speech that has not ended yet, once it counts.
    pub(super) fn speech(&self) -> Option<&Range<usize>> {
        self.stretch.as_ref().filter(|stretch| stretch.counts()).map(|stretch| &stretch.frames)
    }

    /// The earliest frame after the last stretch that counts where speech can begin.
    pub(super) fn next_start(&self) -> usize {
        match &self.stretch {
            Some(stretch) if !stretch.counts() => stretch.frames.start,
            _ => self.silent_until(),
        }
    }

    /// The end of the silence after the stretch, as far as it is certain.
    fn silent_until(&self) -> usize {
        match (self.above, &self.stretch) {
            (Some(_), Some(stretch)) if self.last.is_some() => stretch.frames.end,
            (Some(start), _) => start.max(self.now.saturating_sub(LOOK_BACK)),
            (None, _) => self.now,
        }
    }

    /// Adds the frames from `start` to `now` to the stretch.
    fn extend(&mut self, start: usize) {
        let end = self.now + 1;
        let start = start.max(end.saturating_sub(LOOK_BACK));
        let stretch = self.stretch.get_or_insert(Stretch { frames: start..end, weight: 0.0 });
        stretch.frames.end = end;
        stretch.weight += std::mem::take(&mut self.waiting);
    }
}
