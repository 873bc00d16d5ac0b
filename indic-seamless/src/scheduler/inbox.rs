//! What callers have asked for, on its way to the computing thread.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{Loaded, job::Job};

/// Other work with the model than to transcribe a clip.
pub(super) type Call = Box<dyn FnOnce(&Loaded) + Send>;

/// Something to compute.
pub(super) enum Task {
    /// A clip to transcribe.
    Clip(Box<Job>),
    /// Other work.
    Call(Call),
}

/// A queue between callers and the computing thread.
#[derive(Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Whether something is in the queue, readable without the lock.
    filled: AtomicBool,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    closed: bool,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("filled", &self.filled).finish_non_exhaustive()
    }
}

impl Inbox {
    pub(super) fn put(&self, task: Task) {
        self.lock().tasks.push(task);
        self.filled.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Waits until there is a task; `false` if there will be none any more.
    pub(super) fn wait(&self) -> bool {
        let idle = |queue: &mut Queue| queue.tasks.is_empty() && !queue.closed;
        let queue = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        !queue.closed
    }

    /// The tasks that have arrived, in their order.
    pub(super) fn take(&self) -> Vec<Task> {
        if !self.filled.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut self.lock().tasks)
    }

    /// Ends the waiting. Tasks that have not been taken are dropped with the queue.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is locked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
