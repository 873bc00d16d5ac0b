//! A queue between two threads that is bounded by the size of what waits in it.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

/// A queue that holds items of at most `most` in size together, or one that is larger.
pub(super) fn queue<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let room = Arc::new(Room {
        state: Mutex::new(State { waiting: 0, size: 0, closed: false }),
        changed: Condvar::new(),
        most,
    });
    (Sender { sender, room: Arc::clone(&room) }, Receiver { receiver, room })
}

#[derive(Debug)]
struct Room {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct State {
    waiting: usize,
    size: usize,
    /// Whether the receiver is gone.
    closed: bool,
}

impl Room {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts items in.
#[derive(Debug)]
pub(super) struct Sender<T> {
    sender: mpsc::Sender<(T, usize)>,
    room: Arc<Room>,
}

impl<T> Sender<T> {
    /// Waits until there is room for an item of this size. `false` if nobody takes items out any more.
    pub(super) fn send(&self, item: T, size: usize) -> bool {
        let full = |state: &mut State| !state.closed && state.waiting > 0 && state.size + size > self.room.most;
        let state = self.room.changed.wait_while(self.room.state(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        state.size += size;
        !state.closed && self.sender.send((item, size)).is_ok()
    }

    /// Whether anybody still takes items out.
    pub(super) fn has_receiver(&self) -> bool {
        !self.room.state().closed
    }
}

/// Takes items out.
#[derive(Debug)]
pub(super) struct Receiver<T> {
    receiver: mpsc::Receiver<(T, usize)>,
    room: Arc<Room>,
}

impl<T> Receiver<T> {
    /// The next item.
    ///
    /// # Errors
    ///
    /// No item in time, or no sender.
    pub(super) fn receive(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let (item, size) = self.receiver.recv_timeout(timeout)?;
        let mut state = self.room.state();
        state.waiting -= 1;
        state.size -= size;
        drop(state);
        self.room.changed.notify_one();
        Ok(item)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.room.state().waiting == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.room.state().closed = true;
        self.room.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    #[test]
    fn the_sender_waits_for_room() {
        let (sender, receiver) = queue(10);
        assert!(sender.send('a', 6) && sender.send('b', 4) && !receiver.is_empty());
        let thread = thread::spawn(move || {
            // Larger than the queue: it goes in alone.
            assert!(sender.send('c', 11) && sender.has_receiver());
            sender.send('d', 0)
        });
        thread::sleep(SOON);
        assert!(!thread.is_finished());
        assert_eq!(receiver.receive(SOON), Ok('a'));
        thread::sleep(SOON);
        assert!(!thread.is_finished());
        assert_eq!((receiver.receive(SOON), receiver.receive(SOON)), (Ok('b'), Ok('c')));
        assert!(thread.join().expect("no panic"));
        assert_eq!((receiver.receive(SOON), receiver.is_empty()), (Ok('d'), true));
        assert_eq!(receiver.receive(SOON), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_sender_that_waits_ends_with_the_receiver() {
        let (sender, receiver) = queue(1);
        assert!(sender.send((), 1));
        let thread = thread::spawn(move || sender.send((), 1) || sender.has_receiver());
        thread::sleep(SOON);
        drop(receiver);
        assert!(!thread.join().expect("no panic"));
    }
}
