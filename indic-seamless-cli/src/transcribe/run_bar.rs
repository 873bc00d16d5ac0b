//! The progress of a run over many recordings.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use indic_seamless::Progress;
use indicatif::ProgressBar;

use crate::progress::progress_bar;

/// A bar on standard error for all recordings of a run: how many are done, how many seconds of their sound, and the time that
/// is left. It is invisible if standard error is not a terminal.
pub(super) struct RunBar {
    bar: ProgressBar,
    run: Arc<Mutex<Run>>,
}

/// How far a run is, in seconds of sound.
#[derive(Debug, Default)]
struct Run {
    /// The length of each recording, as far as it is known; 0 until then.
    lengths: Vec<f64>,
    /// The sum of `lengths`.
    total_s: f64,
    /// How many recordings are done.
    done: usize,
    /// Their sound.
    done_s: f64,
    /// What is done of the recording after these.
    current_s: f64,
}

impl Run {
    fn set_length(&mut self, place: usize, seconds: f64) {
        if let Some(length) = self.lengths.get_mut(place) {
            self.total_s += seconds - *length;
            *length = seconds;
        }
    }

    fn show(&self, bar: &ProgressBar) {
        // A bar of length 0 would look finished.
        bar.set_length((self.total_s.ceil() as u64).max(1));
        bar.set_position((self.done_s + self.current_s) as u64);
    }
}

impl RunBar {
    /// The bar for `count` recordings. Their lengths, in seconds, are asked for on another thread, in the order of their
    /// places.
    pub(super) fn new(count: usize, mut length: impl FnMut(usize) -> Option<f64> + Send + 'static) -> Self {
        let bar = progress_bar("{prefix}{bar:30} {pos}/{len} s, {eta} left  {wide_msg}");
        let this = Self::on(bar, count);
        if !this.bar.is_hidden() {
            let (bar, run) = (this.bar.clone(), Arc::clone(&this.run));
            thread::spawn(move || {
                for place in 0..count {
                    if let Some(seconds) = length(place) {
                        measured(&run, &bar, place, seconds);
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
        let run = Run { lengths: vec![0.0; count], ..Run::default() };
        run.show(&bar);
        Self { bar, run: Arc::new(Mutex::new(run)) }
    }

    /// Starts with the next recording.
    pub(super) fn start(&self, name: String) {
        let (done, count) = self.with(|run| (run.done, run.lengths.len()));
        if count > 1 {
            self.bar.set_prefix(format!("{}/{count} ", done + 1));
        }
        self.bar.set_message(name);
    }

    /// Says how far the transcription of the recording is.
    pub(super) fn set(&self, progress: Progress) {
        self.with(|run| {
            run.current_s = progress.done_s;
            let known = run.lengths.get(run.done).copied().unwrap_or_default();
            run.set_length(run.done, progress.total_s.unwrap_or(known).max(progress.done_s));
            run.show(&self.bar);
        });
    }

    /// Ends the recording, of which `seconds` were transcribed.
    pub(super) fn finish(&self, seconds: f64) {
        self.with(|run| {
            run.set_length(run.done, seconds);
            run.done += 1;
            run.done_s += seconds;
            run.current_s = 0.0;
            run.show(&self.bar);
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

    fn with<T>(&self, f: impl FnOnce(&mut Run) -> T) -> T {
        f(&mut self.run.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes the length that the header of a recording tells, unless the recording is done.
fn measured(run: &Mutex<Run>, bar: &ProgressBar, place: usize, seconds: f64) {
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    if place >= run.done {
        run.set_length(place, seconds);
        run.show(bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bar: &RunBar) -> (u64, Option<u64>) {
        (bar.bar.position(), bar.bar.length())
    }

    #[test]
    fn lengths_add_up_and_are_corrected_by_what_is_found() {
        let bar = RunBar::hidden(3);
        for (place, seconds) in [(0, 10.0), (1, 20.0), (2, 30.0)] {
            measured(&bar.run, &bar.bar, place, seconds);
        }
        assert_eq!(at(&bar), (0, Some(60)));
        bar.start("a.wav".to_owned());
        assert_eq!((&*bar.bar.prefix(), &*bar.bar.message()), ("1/3 ", "a.wav"));
        bar.set(Progress { done_s: 4.0, total_s: Some(10.0) });
        assert_eq!(at(&bar), (4, Some(60)));
        // It was longer than its header told.
        bar.finish(12.0);
        assert_eq!(at(&bar), (12, Some(62)));
        bar.start("b.wav".to_owned());
        assert_eq!(bar.bar.prefix(), "2/3 ");
        bar.set(Progress { done_s: 21.0, total_s: None });
        assert_eq!(at(&bar), (33, Some(63)));
        // A failure: nothing of it is left to do.
        bar.finish(0.0);
        assert_eq!(at(&bar), (12, Some(42)));
        // Its length comes too late to count.
        measured(&bar.run, &bar.bar, 1, 20.0);
        assert_eq!(at(&bar), (12, Some(42)));
    }
}
