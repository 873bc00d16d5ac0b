//! [`Clock`]: when the samples that were decoded are heard.

use std::collections::VecDeque;

use super::waveform::Waveform;

/// Time stamps that differ from the number of samples by less than this, in seconds, are rounding or jitter.
const JITTER_S: f64 = 0.05;
/// A jump of a day or more is an error in the file, or the time of day.
const FARTHEST_S: f64 = 86_400.0;

/// Maps positions in the decoded samples to the time of the recording. Time runs with the samples; a time stamp that is
/// later moves it forward. It never goes back, so that no two samples have the same time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// By how much time is ahead of the samples, in seconds.
    ahead: f64,
    /// Positions, in output samples, from which on time is ahead by so many seconds.
    jumps: VecDeque<(usize, f64)>,
    /// What is added to the time stamps of the track.
    base: f64,
    /// Whether the track's first time stamp was seen.
    begun: bool,
}

impl Clock {
    /// Begins a track, whose time stamps may count from anywhere.
    pub(super) fn restart(&mut self) {
        self.begun = false;
    }

    /// The time at `position` seconds of samples.
    pub(super) fn time(&self, position: f64) -> f64 {
        position + self.ahead
    }

    /// Takes in the time stamp, in seconds, of the sample at `position` seconds of samples. The first one of a track counts
    /// only if `starts_late`.
    pub(super) fn stamp(&mut self, position: f64, stamp: f64, starts_late: bool) {
        if !std::mem::replace(&mut self.begun, true) {
            self.base = if starts_late && stamp < FARTHEST_S { 0.0 } else { self.time(position) - stamp };
        }
        let jump = stamp + self.base - self.time(position);
        if jump >= FARTHEST_S {
            // From here on, its time stamps count from where it is.
            self.base -= jump;
        } else if jump > JITTER_S {
            self.ahead += jump;
            let at = (position * f64::from(Waveform::SAMPLE_RATE)).round() as usize;
            self.jumps.push_back((at, self.ahead));
        }
    }

    /// The first position after `position`, in output samples, at which time jumps.
    pub(super) fn next_jump(&self, position: usize) -> Option<usize> {
        self.jumps.iter().map(|&(at, _)| at).find(|&at| at > position)
    }

    /// By how much time is ahead at `position`, in output samples; earlier positions are forgotten.
    pub(super) fn ahead_at(&mut self, position: usize, before: f64) -> f64 {
        let mut ahead = before;
        while let Some(&(at, then)) = self.jumps.front()
            && at <= position
        {
            ahead = then;
            self.jumps.pop_front();
        }
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time ahead after stamps at positions.
    fn ahead(stamps: &[(f64, f64)], starts_late: bool) -> f64 {
        let mut clock = Clock::default();
        stamps.iter().for_each(|&(position, stamp)| clock.stamp(position, stamp, starts_late));
        clock.time(0.0)
    }

    #[test]
    fn time_follows_stamps_forward() {
        assert_eq!(ahead(&[(0.0, 5.0), (1.0, 6.0)], true), 5.0);
        assert_eq!(ahead(&[(0.0, 5.0), (1.0, 6.0), (2.0, 9.5)], false), 2.5);
        // Rounding, and lost packets that are each shorter than it.
        assert_eq!(ahead(&[(0.0, 0.0), (1.0, 1.02), (2.0, 2.04)], true), 0.0);
        assert!(ahead(&[(0.0, 0.0), (1.0, 1.04), (2.0, 2.08)], true) > 0.07);
        // Not back, and not by a day.
        assert_eq!(ahead(&[(0.0, 0.0), (5.0, 1.0), (6.0, 6.0)], true), 0.0);
        assert_eq!(ahead(&[(0.0, 1.7e9), (1.0, 1.7e9 + 1.0), (2.0, 1.7e9 + 3.0)], true), 1.0);
        assert_eq!(ahead(&[(0.0, 0.0), (1.0, 1e9), (2.0, 1e9 + 2.0)], true), 1.0);
    }

    #[test]
    fn a_track_that_follows_goes_on_where_the_one_before_ended() {
        let mut clock = Clock::default();
        clock.stamp(0.0, 2.0, true);
        clock.restart();
        clock.stamp(10.0, 0.0, false);
        clock.stamp(11.0, 4.0, false);
        assert_eq!(clock.time(11.0), 16.0);
        assert_eq!((clock.next_jump(0), clock.ahead_at(0, 0.0)), (Some(176_000), 2.0));
        assert_eq!((clock.next_jump(0), clock.ahead_at(176_000, 2.0)), (Some(176_000), 5.0));
    }
}
