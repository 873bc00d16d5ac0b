//! The progress of a run over many recordings.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use indic_seamless::Progress;
use indicatif::ProgressBar;

use crate::progress::progress_bar;

/// A bar on standard error for all recordings of a run: how many are done, how many seconds of their sound, the time that is
/// left, and which are under way. It is invisible if standard error is not a terminal.
pub(super) struct RunBar {
    bar: ProgressBar,
    run: Arc<Mutex<Run>>,
}

/// How far a run is.
#[derive(Debug, Default)]
struct Run {
    recordings: Vec<Recording>,
    /// The sums over all of them, in seconds.
    length_s: f64,
    done_s: f64,
    /// How many are done.
    done: usize,
    /// Those under way.
    names: BTreeMap<usize, String>,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, Default)]
struct Recording {
    /// Its length; 0 until it is known.
    length_s: f64,
    done_s: f64,
    is_done: bool,
}

impl Run {
    fn recording(&self, number: usize) -> Recording {
        self.recordings.get(number).copied().unwrap_or_default()
    }

    fn set(&mut self, number: usize, recording: Recording) {
        if let Some(known) = self.recordings.get_mut(number) {
            self.length_s += recording.length_s - known.length_s;
            self.done_s += recording.done_s - known.done_s;
            *known = recording;
        }
    }

    /// Takes the length that the header of a recording tells.
    fn measured(&mut self, number: usize, length_s: f64) {
        let recording = self.recording(number);
        // Too late, what was found counts.
        if !recording.is_done {
            self.set(number, Recording { length_s, ..recording });
        }
    }

    /// Those under way, as in `2 under way: a.wav, b.wav`.
    fn under_way(&self) -> String {
        let names: Vec<&str> = self.names.values().map(String::as_str).collect();
        let count = names.len();
        let prefix = if count > 1 { format!("{count} under way: ") } else { String::new() };
        prefix + &names.join(", ")
    }

    fn show(&self, bar: &ProgressBar) {
        // A bar of length 0 would look finished.
        bar.set_length((self.length_s.ceil() as u64).max(1));
        bar.set_position(self.done_s as u64);
        if self.recordings.len() > 1 {
            bar.set_prefix(format!("{}/{} ", self.done, self.recordings.len()));
        }
        bar.set_message(self.under_way());
    }
}

impl RunBar {
    /// The bar for `count` recordings. Their lengths, in seconds, are asked for on another thread, in the order of their
    /// numbers.
    pub(super) fn new(count: usize, mut length: impl FnMut(usize) -> Option<f64> + Send + 'static) -> Self {
        let this = Self::on(progress_bar("{prefix}{bar:30} {pos}/{len} s, {eta} left  {wide_msg}"), count);
        if !this.bar.is_hidden() {
            let (bar, run) = (this.bar.clone(), Arc::clone(&this.run));
            thread::spawn(move || {
                for number in 0..count {
                    if let Some(seconds) = length(number) {
                        change(&run, &bar, |run| run.measured(number, seconds));
                    }
                }
            });
        }
        this
    }

    /// A bar that is never visible.
    pub(super) fn hidden(count: usize) -> Self {
        Self::on(ProgressBar::hidden(), count)
    }

    fn on(bar: ProgressBar, count: usize) -> Self {
        let run = Run { recordings: vec![Recording::default(); count], ..Run::default() };
        run.show(&bar);
        Self { bar, run: Arc::new(Mutex::new(run)) }
    }

    /// Says that a recording is under way from now on.
    pub(super) fn start(&self, number: usize, name: String) {
        self.change(|run| drop(run.names.insert(number, name)));
    }

    /// Says how far the transcription of a recording is.
    pub(super) fn set(&self, number: usize, Progress { done_s, total_s }: Progress) {
        self.change(|run| {
            let recording = run.recording(number);
            let length_s = total_s.unwrap_or(recording.length_s).max(done_s);
            run.set(number, Recording { length_s, done_s, ..recording });
        });
    }

    /// Ends a recording, of which `seconds` were transcribed.
    pub(super) fn finish(&self, number: usize, seconds: f64) {
        self.change(|run| {
            run.set(number, Recording { length_s: seconds, done_s: seconds, is_done: true });
            run.done += 1;
            run.names.remove(&number);
        });
    }

    /// Runs `print` while the bar is out of its way.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn change(&self, f: impl FnOnce(&mut Run)) {
        change(&self.run, &self.bar, f);
    }
}

/// Changes how far a run is, and shows it.
fn change(run: &Mutex<Run>, bar: &ProgressBar, f: impl FnOnce(&mut Run)) {
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    f(&mut run);
    run.show(bar);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bar: &RunBar) -> (u64, Option<u64>) {
        (bar.bar.position(), bar.bar.length())
    }

    fn shown(bar: &RunBar) -> (String, String) {
        (bar.bar.prefix(), bar.bar.message())
    }

    #[test]
    fn lengths_add_up_and_are_corrected_by_what_is_found() {
        let bar = RunBar::hidden(3);
        for (number, seconds) in [(0, 10.0), (1, 20.0), (2, 30.0)] {
            bar.change(|run| run.measured(number, seconds));
        }
        assert_eq!(at(&bar), (0, Some(60)));
        bar.set(0, Progress { done_s: 4.0, total_s: Some(10.0) });
        assert_eq!(at(&bar), (4, Some(60)));
        // It was longer than its header told.
        bar.finish(0, 12.0);
        assert_eq!(at(&bar), (12, Some(62)));
        bar.set(1, Progress { done_s: 21.0, total_s: None });
        assert_eq!(at(&bar), (33, Some(63)));
        // A failure: nothing of it is left to do.
        bar.finish(1, 0.0);
        assert_eq!(at(&bar), (12, Some(42)));
        // Its length comes too late to count.
        bar.change(|run| run.measured(1, 20.0));
        assert_eq!(at(&bar), (12, Some(42)));
    }

    #[test]
    fn several_recordings_are_under_way_at_a_time() {
        let bar = RunBar::hidden(3);
        for (number, name) in ["a.wav", "b.wav", "c.wav"].into_iter().enumerate() {
            bar.start(number, name.to_owned());
        }
        assert_eq!(shown(&bar), ("0/3 ".to_owned(), "3 under way: a.wav, b.wav, c.wav".to_owned()));
        bar.set(0, Progress { done_s: 1.0, total_s: Some(10.0) });
        bar.set(1, Progress { done_s: 2.0, total_s: Some(20.0) });
        assert_eq!(at(&bar), (3, Some(30)));
        bar.finish(1, 20.0);
        assert_eq!(
            (at(&bar), shown(&bar)),
            ((21, Some(30)), ("1/3 ".to_owned(), "2 under way: a.wav, c.wav".to_owned()))
        );
        bar.finish(0, 10.0);
        assert_eq!(shown(&bar), ("2/3 ".to_owned(), "c.wav".to_owned()));
        bar.finish(2, 0.0);
        assert_eq!((at(&bar), shown(&bar)), ((30, Some(30)), ("3/3 ".to_owned(), String::new())));

        let alone = RunBar::hidden(1);
        alone.start(0, "a.wav".to_owned());
        assert_eq!(shown(&alone), (String::new(), "a.wav".to_owned()));
    }
}
