//! What the computing thread has to do, and has done.

use std::sync::{Mutex, PoisonError};

use super::job::Priority;

/// What the model has to do, and has done; see [`Transcriber::activity`](crate::Transcriber::activity).
///
/// A step of the decoder adds a token to each search under way: `tokens / steps` is the width of its batch. A beam search has
/// several rows in it: `rows / steps` are the rows of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Activity {
    /// Steps of the decoder so far.
    pub steps: u64,
    /// Tokens so far: one for each search in each step.
    pub tokens: u64,
    /// Rows of all steps so far: one for each hypothesis in each step.
    pub rows: u64,
    /// Searches that gave up their caches so far, for one that needed the memory, and began again.
    pub restarts: u64,
    /// Searches under way.
    pub searches: usize,
    /// Bytes of their caches.
    pub cache_bytes: u64,
    /// Clips that wait for the encoder.
    pub waiting: ByPriority,
}

/// How many there are of each [`Priority`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ByPriority {
    /// Those that somebody waits for.
    pub interactive: usize,
    /// Those that nobody waits for.
    pub batch: usize,
}

impl FromIterator<Priority> for ByPriority {
    fn from_iter<T: IntoIterator<Item = Priority>>(all: T) -> Self {
        let mut counts = Self::default();
        for priority in all {
            match priority {
                Priority::Interactive => counts.interactive += 1,
                Priority::Batch => counts.batch += 1,
            }
        }
        counts
    }
}

/// The activity as the computing thread told it last.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Activity>);

impl Told {
    pub(super) fn get(&self) -> Activity {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, activity: Activity) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }
}
