//! What has become of a worker's messages, when it gives up, and its exit code.

use std::collections::HashSet;

use super::super::{TRY_AGAIN, stores::GIVE_UP};

/// What has become of the messages.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) transcribed: usize,
    pub(super) skipped: usize,
    /// Recordings that can never be transcribed.
    pub(super) failed: usize,
    /// Messages that come again.
    pub(super) left: usize,
    /// Failures in a row that say nothing about the recordings.
    passing: usize,
    /// The recordings of these failures that may not be read. Their messages come again, and say nothing new.
    unreadable: HashSet<String>,
    /// The exit code of a worker that has given up. Recordings under way that still succeed do not change it.
    given_up: Option<u8>,
}

impl Tally {
    /// A recording was transcribed.
    pub(super) fn add_transcribed(&mut self) {
        self.transcribed += 1;
        self.end_row();
    }

    /// The results of a recording exist.
    pub(super) fn add_skipped(&mut self) {
        self.skipped += 1;
        self.end_row();
    }

    /// A recording can never be transcribed, and has a result that says so.
    pub(super) fn add_failed(&mut self) {
        self.failed += 1;
        self.end_row();
    }

    /// A recording failed in a way that says nothing about it.
    pub(super) fn add_passing(&mut self) {
        self.passing += 1;
        self.give_up_after_many(TRY_AGAIN);
    }

    /// A recording may not be read. That may be the fault of the worker, and says nothing about the recording.
    pub(super) fn add_unreadable(&mut self, audio: String) {
        if self.unreadable.insert(audio) {
            self.passing += 1;
            self.give_up_after_many(1);
        }
    }

    /// Results may not be written.
    pub(super) fn refuse(&mut self) {
        self.given_up = Some(1);
    }

    /// Whether the next messages would only fail, too.
    pub(super) fn is_hopeless(&self) -> bool {
        self.given_up.is_some()
    }

    /// The exit code. With `until_empty` it depends on the messages, and on whether the queue was found to be `empty`.
    pub(super) fn code(&self, until_empty: bool, empty: bool) -> u8 {
        match self.given_up {
            Some(code) => code,
            None if !until_empty => 0,
            None if self.left > 0 || !empty => TRY_AGAIN,
            None => u8::from(self.failed > 0),
        }
    }

    /// Ends the failures in a row.
    fn end_row(&mut self) {
        self.passing = 0;
        self.unreadable.clear();
    }

    fn give_up_after_many(&mut self, code: u8) {
        if self.passing >= GIVE_UP {
            self.given_up = self.given_up.or(Some(code));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker for ever, to which some of these recordings in turn may not be read.
    fn unreadable(count: usize, recordings: usize) -> Tally {
        let mut tally = Tally::default();
        (0..count).for_each(|number| tally.add_unreadable(format!("s3://speech/{}.wav", number % recordings)));
        tally
    }

    #[test]
    fn a_recording_that_may_not_be_read_counts_once_until_another_one_is_done() {
        assert!(!unreadable(100, GIVE_UP - 1).is_hopeless());
        assert!(unreadable(GIVE_UP, GIVE_UP).is_hopeless());
        let mut tally = unreadable(100, GIVE_UP - 1);
        tally.add_skipped();
        tally.add_unreadable("s3://speech/0.wav".to_owned());
        assert!(!tally.is_hopeless());
        (1..GIVE_UP).for_each(|_| tally.add_passing());
        assert!(tally.is_hopeless());
    }

    #[test]
    fn a_worker_that_has_given_up_does_not_change_its_mind() {
        let mut tally = unreadable(GIVE_UP, GIVE_UP);
        tally.add_transcribed();
        tally.add_passing();
        assert!(tally.is_hopeless());
        assert_eq!((tally.code(false, false), tally.code(true, false)), (1, 1));

        let mut tally = Tally::default();
        (0..GIVE_UP).for_each(|_| tally.add_passing());
        tally.add_unreadable("s3://speech/a.wav".to_owned());
        tally.add_failed();
        assert!(tally.is_hopeless());
        assert_eq!(tally.code(false, false), TRY_AGAIN);
        // That is so for good.
        tally.refuse();
        assert_eq!(tally.code(false, false), 1);
    }

    #[test]
    fn a_worker_that_is_to_empty_the_queue_tells_what_is_left() {
        let mut tally = Tally::default();
        tally.add_transcribed();
        assert_eq!((tally.code(true, true), tally.code(true, false)), (0, TRY_AGAIN));
        tally.add_failed();
        assert_eq!((tally.code(true, true), tally.code(true, false)), (1, TRY_AGAIN));
        tally.left = 1;
        assert_eq!((tally.code(true, true), tally.code(true, false)), (TRY_AGAIN, TRY_AGAIN));
        assert_eq!((tally.code(false, true), tally.code(false, false)), (0, 0));
    }
}
