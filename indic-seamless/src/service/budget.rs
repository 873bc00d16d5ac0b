//! The memory that bodies of requests may take, all together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of bytes that requests share.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// The part of a [`Budget`] that one request holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

/// The budget has not enough left.
#[derive(Debug)]
pub(super) struct Full {
    pub(super) limit: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// What requests hold now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether `bytes` could be held now.
    pub(super) fn has(&self, bytes: usize) -> Result<(), Full> {
        let fits = self.used().checked_add(bytes).is_some_and(|sum| sum <= self.limit);
        if fits { Ok(()) } else { Err(Full { limit: self.limit }) }
    }

    /// Holds nothing yet.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Holds `bytes` more.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let limit = self.budget.limit;
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| Full { limit })?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back what is beyond `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let freed = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(freed, Ordering::Relaxed);
        self.bytes -= freed;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.hold(), budget.hold());
        one.grow(60).expect("free");
        assert!(other.grow(41).is_err() && budget.has(41).is_err());
        other.grow(40).expect("free");
        assert!(one.grow(usize::MAX).is_err());
        one.shrink_to(20);
        assert_eq!(budget.used(), 60);
        one.shrink_to(50);
        drop(other);
        assert_eq!(budget.used(), 20);
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}
