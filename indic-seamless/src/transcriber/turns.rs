//! Scheduling: concurrent calls on one transcriber take turns at all of its threads.
//!
//! A rayon thread that waits for other threads steals any job of its pool. With several calls in the pool at once, a call could
//! steal another call's job and overrun its deadline by the length of that job. So one call computes at a time. After a step
//! (a layer of the encoder or a step of the decoder) it lets waiting calls go first, in the order of their arrival.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rayon::ThreadPool;

use super::Transcriber;
use crate::{cancel::CancelToken, error::Result};

/// How often a waiting call checks whether it was cancelled.
const GLANCE: Duration = Duration::from_millis(5);

/// The threads of a transcriber and the calls that wait for them.
#[derive(Debug)]
pub(super) struct Turns {
    pool: ThreadPool,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// The number of waiting calls, readable without the lock.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    busy: bool,
    waiting: VecDeque<u64>,
    next: u64,
}

impl Turns {
    pub(super) fn new(pool: ThreadPool) -> Self {
        Self { pool, queue: Mutex::default(), changed: Condvar::new(), waiting: AtomicUsize::new(0) }
    }

    /// Calls `step` in the pool until it breaks, and lets other calls compute in between. `between` is called outside the pool
    /// after each step that returns `Continue(true)`.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`](crate::Error::Stopped) if `stop` is cancelled before a step or while other calls compute.
    pub(super) fn run<T: Send>(
        &self,
        stop: &CancelToken,
        mut step: impl FnMut() -> ControlFlow<T, bool> + Send,
        mut between: impl FnMut() + Send,
    ) -> Result<T> {
        let mut work = || {
            loop {
                let turn = self.wait(stop)?;
                let done = self.pool.install(|| {
                    loop {
                        match step() {
                            ControlFlow::Break(done) => return Ok(Some(done)),
                            ControlFlow::Continue(false) if !self.is_wanted() => stop.check()?,
                            ControlFlow::Continue(_) => return Ok(None),
                        }
                    }
                });
                drop(turn);
                match done? {
                    Some(done) => return Ok(done),
                    None => between(),
                }
            }
        };
        if rayon::current_thread_index().is_none() {
            return work();
        }
        // A thread of another rayon pool would steal jobs of that pool while it waits for ours. One of these may be another
        // call on this transcriber, which would wait for this one for ever.
        thread::scope(|scope| match scope.spawn(work).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits for this call's turn.
    fn wait(&self, stop: &CancelToken) -> Result<Turn<'_>> {
        let mut queue = self.lock();
        let ticket = queue.next;
        queue.next += 1;
        queue.waiting.push_back(ticket);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let outcome = loop {
            if let Err(stopped) = stop.check() {
                break Err(stopped);
            }
            if !queue.busy && queue.waiting.front() == Some(&ticket) {
                queue.busy = true;
                break Ok(Turn { turns: self });
            }
            queue = self.changed.wait_timeout(queue, GLANCE).unwrap_or_else(PoisonError::into_inner).0;
        };
        queue.waiting.retain(|&waiting| waiting != ticket);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock, so the queue is consistent.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exclusive right to compute, until it is dropped.
struct Turn<'a> {
    turns: &'a Turns,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().busy = false;
        self.turns.changed.notify_all();
    }
}

impl Transcriber {
    /// Calls `step` with the threads of this transcriber until it breaks, taking turns with other calls. `between` is called
    /// after each step that returns `Continue(true)`, without delaying other calls.
    ///
    /// # Errors
    ///
    /// Those of `step`, [`Error::Stopped`](crate::Error::Stopped), and [`Error::FileChanged`](crate::Error::FileChanged).
    pub(super) fn in_turns<T: Send>(
        &self,
        stop: &CancelToken,
        mut step: impl FnMut() -> Result<ControlFlow<T, bool>> + Send,
        between: impl FnMut() + Send,
    ) -> Result<T> {
        let step = || match self.checkpoint.check_unchanged().and_then(|()| step()) {
            Ok(flow) => flow.map_break(Ok),
            Err(error) => ControlFlow::Break(Err(error)),
        };
        let done = self.turns.run(stop, step, between)??;
        // The last step may have read weights after its check.
        self.checkpoint.check_unchanged()?;
        Ok(done)
    }

    /// [`in_turns`](Self::in_turns) for work of one step.
    pub(super) fn in_turn<T: Send>(&self, stop: &CancelToken, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let mut work = Some(work);
        let step = || match work.take() {
            Some(work) => work().map(ControlFlow::Break),
            None => unreachable!("the first step is the last"),
        };
        self.in_turns(stop, step, || {})
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use rayon::prelude::*;

    use super::*;
    use crate::Error;

    fn turns() -> Turns {
        Turns::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap())
    }

    /// Works for some steps of so many milliseconds.
    fn work(turns: &Turns, stop: &CancelToken, steps: usize, milliseconds: u64) -> Result<usize> {
        let mut done = 0;
        let step = || {
            thread::sleep(Duration::from_millis(milliseconds));
            done += 1;
            if done == steps { ControlFlow::Break(done) } else { ControlFlow::Continue(false) }
        };
        turns.run(stop, step, || {})
    }

    #[test]
    fn a_short_call_gets_its_turn_beside_a_long_one() {
        let (turns, never) = (turns(), CancelToken::new());
        thread::scope(|scope| {
            let long = scope.spawn(|| work(&turns, &never, 100, 5));
            thread::sleep(Duration::from_millis(20));
            let started = Instant::now();
            assert_eq!(work(&turns, &never, 2, 5).unwrap(), 2);
            assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
            assert!(!long.is_finished());
            assert_eq!(long.join().unwrap().unwrap(), 100);
        });
    }

    #[test]
    fn who_waits_can_be_stopped_and_leaves_the_queue() {
        let (turns, never) = (turns(), CancelToken::new());
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let step = move || {
                sender.send(()).unwrap();
                thread::sleep(Duration::from_millis(300));
                ControlFlow::Break::<_, bool>(())
            };
            scope.spawn(|| turns.run(&never, step, || {}));
            receiver.recv().unwrap();
            let soon = CancelToken::new().with_deadline(Instant::now() + Duration::from_millis(20));
            let started = Instant::now();
            assert!(matches!(work(&turns, &soon, 1, 1), Err(Error::Stopped { .. })));
            assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
            assert!(!turns.is_wanted());
        });
    }

    #[test]
    fn calls_from_the_threads_of_other_pools_do_not_block_one_another() {
        let (turns, never) = (turns(), CancelToken::new());
        let other = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let inside = || (0..1000u64).into_par_iter().map(|x| x ^ 1).sum::<u64>();
        let call = |_| turns.run(&never, || ControlFlow::Break::<_, bool>(inside()), || {}).unwrap();
        let sums: Vec<u64> = other.install(|| (0..50).into_par_iter().map(call).collect());
        assert_eq!(sums, vec![inside(); 50]);
        // Nor those from its own.
        let sums: Vec<u64> = turns.pool.install(|| (0..50).into_par_iter().map(|_| inside()).collect());
        assert_eq!(sums.len(), 50);
    }

    #[test]
    fn a_step_that_panics_gives_the_turn_back() {
        let (turns, never) = (turns(), CancelToken::new());
        let panics = || -> ControlFlow<(), bool> { panic!("on purpose") };
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turns.run(&never, panics, || {})));
        assert!(caught.is_err());
        assert_eq!(work(&turns, &never, 1, 0).unwrap(), 1);
    }
}
