//! How work is stopped before its end.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crate::error::{Error, Result};

/// Stops a running transcription from another thread, or at a point in time.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use indic_seamless::CancelToken;
///
/// let cancel = CancelToken::new();
/// let other = cancel.clone();
/// std::thread::spawn(move || other.cancel()).join().unwrap();
/// assert!(cancel.is_cancelled());
///
/// let soon = CancelToken::new().with_deadline(Instant::now() + Duration::from_secs(30));
/// assert!(!soon.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

/// Why work was stopped.
///
/// ```
/// assert_eq!(indic_seamless::StopReason::Deadline.to_string(), "the time is up");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// Somebody called [`CancelToken::cancel`].
    Cancelled,
    /// The deadline has passed.
    Deadline,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::Deadline => "the time is up",
        })
    }
}

impl CancelToken {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same token, which also stops the work at `deadline`, or at the one that it has if that is earlier.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self { cancelled: self.cancelled.clone(), deadline: Some(deadline) }
    }

    /// Asks for the end of the work, which ends within one decoder step.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work is to end: [`cancel`](Self::cancel) was called, or the deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why the work is to end, if it is.
    pub fn reason(&self) -> Option<StopReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(StopReason::Cancelled);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(StopReason::Deadline)
    }

    /// # Errors
    ///
    /// [`Error::Stopped`], with nothing finished, if the work is to end.
    pub(crate) fn check(&self) -> Result<()> {
        self.reason().map_or(Ok(()), |reason| Err(Error::Stopped { reason, partial: None }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_is_never_moved_back() {
        let past = Instant::now();
        let later = past + Duration::from_secs(3600);
        let token = CancelToken::new().with_deadline(later);
        assert_eq!(token.reason(), None);
        assert_eq!(token.with_deadline(past).with_deadline(later).reason(), Some(StopReason::Deadline));
        token.with_deadline(later).cancel();
        assert_eq!(token.reason(), Some(StopReason::Cancelled));
    }
}
