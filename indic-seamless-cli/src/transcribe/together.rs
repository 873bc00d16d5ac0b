//! Files that are transcribed at the same time, and the order in which their outcomes are taken.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
};

use indic_seamless::{
    CancelToken, Error, Priority, Result, StopReason, Transcriber,
    engine::{Engine, EngineOptions},
};

use super::file::{Done, Todo, Work};

/// For each recording that is transcribed at a time, so many are begun before the first of them is taken. This bounds the
/// transcripts that wait for an earlier one.
const WINDOW: usize = 4;

/// Transcribes files on one model, several at a time, and gives `take` the outcome of each: as soon as it is there, or in the
/// order of the files if they are to be taken `in_order`.
///
/// # Errors
///
/// Those of `take`, which end the work.
pub(super) fn transcribe<'a>(
    work: &Arc<Work>,
    files: &'a [Todo],
    in_order: bool,
    mut take: impl FnMut(&'a Todo, Done) -> Result<()>,
) -> Result<()> {
    let recordings = work.args.recordings.map_or(EngineOptions::default().recordings, NonZeroUsize::get);
    let engine =
        Engine::with_options(Arc::clone(&work.transcriber), EngineOptions { recordings, ..Default::default() });
    let (sender, outcomes) = channel();
    let mut order = Order::new(files.len(), recordings.saturating_mul(WINDOW), in_order);
    while !order.is_done() {
        while let Some(number) = order.begin() {
            let (work, file) = (Arc::clone(work), files[number].clone());
            let reply = Reply { number, done: None, sender: sender.clone() };
            let transcribe = move |_: &Transcriber| reply.send(work.transcribe(&file));
            engine.submit_work(Priority::Batch, &CancelToken::new(), transcribe)?;
        }
        // There is one for each that was begun, and the sender is kept.
        let Ok((number, done)) = outcomes.recv() else { break };
        order.end(number, done);
        while let Some((number, done)) = order.take() {
            take(&files[number], done)?;
        }
    }
    Ok(())
}

/// Sends the outcome of a file. It does so when it is dropped, as it is even if a bug ends the transcription.
struct Reply {
    number: usize,
    done: Option<Done>,
    sender: Sender<(usize, Done)>,
}

impl Reply {
    fn send(mut self, done: Done) {
        self.done = Some(done);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let ended =
            || Done { error: Some(Error::Stopped { reason: StopReason::Cancelled, partial: None }), ..Done::default() };
        // The run may have ended.
        let _ = self.sender.send((self.number, self.done.take().unwrap_or_else(ended)));
    }
}

/// The order in which files are begun, and in which what is finished is taken.
#[derive(Debug)]
struct Order<T> {
    /// How many there are.
    count: usize,
    /// How many may be begun, or finished, and not taken.
    window: usize,
    /// Whether one is taken only when those before it are.
    in_order: bool,
    begun: usize,
    taken: usize,
    /// What is finished, by number.
    finished: BTreeMap<usize, T>,
}

impl<T> Order<T> {
    fn new(count: usize, window: usize, in_order: bool) -> Self {
        Self { count, window, in_order, begun: 0, taken: 0, finished: BTreeMap::new() }
    }

    fn is_done(&self) -> bool {
        self.taken == self.count
    }

    /// The number of the next that may be begun now.
    fn begin(&mut self) -> Option<usize> {
        let number = self.begun;
        let may_begin = number < self.count && number - self.taken < self.window;
        self.begun += usize::from(may_begin);
        may_begin.then_some(number)
    }

    fn end(&mut self, number: usize, outcome: T) {
        self.finished.insert(number, outcome);
    }

    /// The next that may be taken now, with its number.
    fn take(&mut self) -> Option<(usize, T)> {
        let first = self.finished.first_entry()?;
        if self.in_order && *first.key() > self.taken {
            return None;
        }
        self.taken += 1;
        Some(first.remove_entry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(order: &mut Order<char>) -> Vec<usize> {
        std::iter::from_fn(|| order.begin()).collect()
    }

    /// Ends one, and returns those that can be taken.
    fn end(order: &mut Order<char>, number: usize, name: char) -> Vec<(usize, char)> {
        order.end(number, name);
        std::iter::from_fn(|| order.take()).collect()
    }

    #[test]
    fn what_is_finished_waits_for_what_comes_before_it_and_few_run_ahead() {
        let mut order = Order::new(6, 4, true);
        assert_eq!(begin(&mut order), [0, 1, 2, 3]);
        assert_eq!(end(&mut order, 2, 'c'), []);
        assert_eq!(end(&mut order, 1, 'b'), []);
        assert!(begin(&mut order).is_empty(), "three wait for the first, or run beside it");
        assert_eq!(end(&mut order, 0, 'a'), [(0, 'a'), (1, 'b'), (2, 'c')]);
        assert_eq!(begin(&mut order), [4, 5]);
        assert_eq!(end(&mut order, 5, 'f'), []);
        assert_eq!(end(&mut order, 3, 'd'), [(3, 'd')]);
        assert!(!order.is_done());
        assert_eq!(end(&mut order, 4, 'e'), [(4, 'e'), (5, 'f')]);
        assert!(order.is_done() && begin(&mut order).is_empty());
    }

    #[test]
    fn without_an_order_nothing_waits() {
        let mut order = Order::new(4, 2, false);
        assert_eq!(begin(&mut order), [0, 1]);
        assert_eq!(end(&mut order, 1, 'b'), [(1, 'b')]);
        assert_eq!(begin(&mut order), [2], "the first still runs");
        assert_eq!(end(&mut order, 2, 'c'), [(2, 'c')]);
        assert_eq!(begin(&mut order), [3]);
        assert_eq!(end(&mut order, 3, 'd'), [(3, 'd')]);
        assert_eq!(end(&mut order, 0, 'a'), [(0, 'a')]);
        assert!(order.is_done());
    }
}
