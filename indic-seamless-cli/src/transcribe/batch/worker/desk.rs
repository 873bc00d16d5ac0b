//! The messages that a worker holds: each stays hidden from others while it is worked on.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use indic_seamless_aws::sqs::{Message, Queue, QueueError};
use tokio::runtime::Runtime;

/// How long a request for messages waits for some. A worker that is asked to end waits as long.
const WAIT: Duration = Duration::from_secs(5);
/// How often it is looked whether something has changed.
const POLL: Duration = Duration::from_millis(50);

/// A queue, and the messages that were taken from it.
pub(super) struct Desk {
    queue: Queue,
    runtime: Runtime,
    /// How long messages are hidden, unless they are hidden anew.
    hidden: Duration,
    held: Mutex<HashSet<String>>,
    closed: AtomicBool,
}

impl Desk {
    pub(super) fn new(queue: Queue, runtime: Runtime, hidden: Duration) -> Self {
        Self { queue, runtime, hidden, held: Mutex::default(), closed: AtomicBool::new(false) }
    }

    /// Finds out whether the queue is there.
    pub(super) fn probe(&self) -> Result<(), QueueError> {
        self.runtime.block_on(self.queue.probe())
    }

    /// How many messages are held.
    pub(super) fn held(&self) -> usize {
        self.lock().len()
    }

    /// Takes up to `most` messages.
    pub(super) fn take(&self, most: usize) -> Result<Vec<Message>, QueueError> {
        let messages = self.runtime.block_on(self.queue.receive(most, WAIT, self.hidden))?;
        self.lock().extend(messages.iter().map(|message| message.receipt.clone()));
        Ok(messages)
    }

    /// Deletes a message, whose work is done. If that fails, it comes again.
    pub(super) fn delete(&self, message: &Message) -> Result<(), QueueError> {
        self.runtime.block_on(self.queue.delete(&message.receipt))
    }

    /// Lets go of a message. Unless it was deleted, it comes again when it is no longer hidden.
    pub(super) fn release(&self, message: &Message) {
        self.lock().remove(&message.receipt);
    }

    /// Gives a message back to the queue at once.
    pub(super) fn give_back(&self, message: &Message) {
        // If that fails, it comes later.
        let _ = self.runtime.block_on(self.queue.hide(&message.receipt, Duration::ZERO));
        self.release(message);
    }

    /// Hides the messages that are held, again and again, until the desk is closed.
    pub(super) fn keep(&self) {
        let mut latest = Instant::now();
        while !self.closed.load(Ordering::SeqCst) {
            thread::sleep(POLL);
            if latest.elapsed() >= self.hidden / 3 {
                latest = Instant::now();
                let held: Vec<String> = self.lock().iter().cloned().collect();
                for receipt in held {
                    let kept = self.runtime.block_on(self.queue.hide(&receipt, self.hidden));
                    // Its work may have ended in the meantime.
                    if let Err(error) = kept
                        && self.lock().contains(&receipt)
                    {
                        eprintln!("warning: a message may come twice: {error}");
                    }
                }
            }
        }
    }

    /// Waits until no message is held, but no longer than `most`. From then on none is hidden anew.
    pub(super) fn close(&self, most: Duration) {
        let end = Instant::now() + most;
        while self.held() > 0 && Instant::now() < end {
            thread::sleep(POLL);
        }
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Gives all messages that are still held back to the queue at once; returns how many there were.
    pub(super) fn give_back_all(&self) -> usize {
        let held: Vec<String> = self.lock().drain().collect();
        for receipt in &held {
            // If that fails, it comes later.
            let _ = self.runtime.block_on(self.queue.hide(receipt, Duration::ZERO));
        }
        held.len()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // Nothing panics while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
