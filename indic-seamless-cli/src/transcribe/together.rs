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

/// For each recording that is transcribed at a time, so many are begun before the first of them is taken. This bounds the
/// transcripts that wait for an earlier one.
const WINDOW: usize = 4;

/// Transcribes `count` recordings on one model, `recordings` at a time. `transcribe` is called with the number of each, on a
/// thread of its own, and `take` with what became of it: as soon as that is known, or in the order of the numbers if they are to
/// be taken `in_order`.
///
/// # Errors
///
/// Those of `take`, which end the work.
pub(super) fn transcribe<T: From<Error> + Send + 'static>(
    transcriber: &Arc<Transcriber>,
    recordings: Option<NonZeroUsize>,
    count: usize,
    in_order: bool,
    transcribe: impl Fn(usize) -> T + Send + Sync + 'static,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let recordings = recordings.map_or(EngineOptions::default().recordings, NonZeroUsize::get);
    let engine = Engine::with_options(Arc::clone(transcriber), EngineOptions { recordings, ..Default::default() });
    let transcribe = Arc::new(transcribe);
    let (sender, outcomes) = channel();
    let mut order = Order::new(count, recordings.saturating_mul(WINDOW), in_order);
    while !order.is_done() {
        while let Some(number) = order.begin() {
            let transcribe = Arc::clone(&transcribe);
            let reply = Reply { number, outcome: None, sender: sender.clone() };
            let work = move |_: &Transcriber| reply.send(transcribe(number));
            engine.submit_work(Priority::Batch, &CancelToken::new(), work)?;
        }
        // There is one for each that was begun, and the sender is kept.
        let Ok((number, outcome)) = outcomes.recv() else { break };
        order.end(number, outcome);
        while let Some((number, outcome)) = order.take() {
            take(number, outcome)?;
        }
    }
    Ok(())
}

/// Sends the outcome of a recording. It does so when it is dropped, as it is even if a bug ends the transcription.
struct Reply<T: From<Error>> {
    number: usize,
    outcome: Option<T>,
    sender: Sender<(usize, T)>,
}

impl<T: From<Error>> Reply<T> {
    fn send(mut self, outcome: T) {
        self.outcome = Some(outcome);
    }
}

impl<T: From<Error>> Drop for Reply<T> {
    fn drop(&mut self) {
        let ended = || T::from(Error::Stopped { reason: StopReason::Cancelled, partial: None });
        // The run may have ended.
        let _ = self.sender.send((self.number, self.outcome.take().unwrap_or_else(ended)));
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
