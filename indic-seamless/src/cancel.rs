//! [`CancelToken`]: stops work from another thread, or at a deadline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crate::error::{Error, Result, StopReason};

/// Stops a running transcription from another thread, or at a deadline.
///
/// Clones share one state: cancelling one of them cancels all.
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

impl CancelToken {
    /// A token that is not cancelled and has no deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clone that also stops the work at `deadline`. If the token has an earlier deadline already, that one stays.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self { cancelled: self.cancelled.clone(), deadline: Some(deadline) }
    }

    /// Stops the work. It ends within one encoder layer or decoder step.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called or the deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why the work must stop; `None` if it may go on.
    pub fn reason(&self) -> Option<StopReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(StopReason::Cancelled);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(StopReason::Deadline)
    }

    /// # Errors
    ///
    /// [`Error::Stopped`], without a partial result, if the work must stop.
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
