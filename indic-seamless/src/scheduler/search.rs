//! Searches under way, and the steps that they take together.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use rayon::prelude::*;

use super::{
    decoder::{check, feed_together, start},
    job::{Job, News, Times},
    policy::Asks,
};
use crate::{
    device::guard,
    error::{Error, Result, panic_message},
    generation::{Input, Next, Steps, TokenEvent},
    model::{
        Encoded, PartialHead, SpeechToText,
        decoder::{DecoderState, Feed},
    },
};

/// A clip whose tokens are being searched.
pub(super) struct Search {
    pub(super) job: Job,
    pub(super) steps: Steps,
    state: DecoderState,
    /// The output projection for the tokens that the text may have, if not all.
    head: Option<Arc<PartialHead>>,
    pub(super) encoded: Encoded,
    pub(super) times: Times,
    /// What its clip asked for when the search was begun.
    pub(super) asks: Asks,
    pub(super) begun: Instant,
    /// Since when its clip had waited by then.
    pub(super) waited_since: Instant,
}

/// Why a search ended early.
pub(super) enum Failure {
    Error(Error),
    Panic(String),
}

impl From<Failure> for News {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Error(error) => Self::Failed(error),
            Failure::Panic(said) => Self::Panicked(said),
        }
    }
}

impl Search {
    /// Begins the search of a clip that was encoded.
    pub(super) fn begin(
        model: &SpeechToText,
        job: Job,
        head: Option<Arc<PartialHead>>,
        encoded: Encoded,
        mut times: Times,
        asks: Asks,
        waited_since: Instant,
    ) -> Result<Self, Box<(Job, Error)>> {
        let started = Instant::now();
        let spec = &job.spec;
        let steps = Steps::new(std::slice::from_ref(&spec.prompt), &spec.generation, &spec.processors, job.number);
        let begun = steps.and_then(|steps| {
            let start = || Ok(start(model, &encoded, &spec.generation, spec.prompt.len()));
            Ok((steps, guard(&model.device(), start)?))
        });
        let (steps, state) = match begun {
            Ok(begun) => begun,
            Err(error) => return Err(Box::new((job, error))),
        };
        times.generation += started.elapsed();
        Ok(Self { job, steps, state, head, encoded, times, asks, begun: started, waited_since })
    }

    /// What it asks for now.
    pub(super) fn asks_now(&self) -> Asks {
        let time = match self.steps.input() {
            Input::Prompts(tokens) => tokens.len() / self.state.hypotheses().max(1),
            Input::Tokens(_) => 1,
            Input::Nothing => 0,
        };
        Asks { bytes: self.state.bytes(), growth: self.state.growth(time), ..self.asks }
    }

    /// Orders the hypotheses as the search asks, and returns the tokens that they are fed, and what their outputs are projected by.
    fn prepare(&mut self) -> (Feed<'_>, Option<&PartialHead>) {
        let Self { steps, state, head, .. } = self;
        let tokens = match steps.input() {
            Input::Prompts(tokens) => tokens,
            Input::Tokens(Next { parents, tokens }) => {
                state.reorder(parents);
                tokens
            }
            Input::Nothing => unreachable!("a search that has ended takes no step"),
        };
        (Feed { state, tokens }, head.as_deref())
    }

    /// Chooses tokens by its `logits`.
    fn choose(&mut self, logits: &mut [f32], vocabulary: usize) -> Result<(), Failure> {
        let Self { job, steps, head, .. } = self;
        check(logits, vocabulary, head.is_some()).map_err(Failure::Error)?;
        let mut tell = |token: TokenEvent| {
            if job.tells_tokens {
                job.tell(News::Token(token));
            }
        };
        // A processor may panic. It must not take the searches of others with it.
        match catch_unwind(AssertUnwindSafe(|| steps.choose(logits, &mut tell))) {
            Ok(outcome) => outcome.map_err(Failure::Error),
            Err(panic) => Err(Failure::Panic(panic_message(&*panic))),
        }
    }
}

/// Takes a step of searches, none of which has ended. Returns those that failed, by their places.
pub(super) fn step(model: &SpeechToText, searches: &mut [&mut Search], logits: &mut Vec<f32>) -> Vec<(usize, Failure)> {
    let started = Instant::now();
    let (mut feeds, heads): (Vec<_>, Vec<_>) = searches.iter_mut().map(|search| search.prepare()).unzip();
    if let Err(error) = feed_together(model, &mut feeds, &heads, logits) {
        return (0..feeds.len()).map(|place| (place, Failure::Error(error.of_device_again()))).collect();
    }
    let rows: Vec<usize> = feeds.iter().map(|feed| feed.state.hypotheses()).collect();
    drop(feeds);
    let all: usize = rows.iter().sum();
    let vocabulary = logits.len() / all.max(1);
    let mut left = logits.as_mut_slice();
    let mut work = Vec::with_capacity(searches.len());
    for (search, rows) in searches.iter_mut().zip(&rows) {
        let (own, others) = left.split_at_mut(rows * vocabulary);
        left = others;
        work.push((search, own));
    }
    let outcomes: Vec<Result<(), Failure>> =
        work.into_par_iter().map(|(search, logits)| search.choose(logits, vocabulary)).collect();
    let time = started.elapsed();
    for (search, rows) in searches.iter_mut().zip(&rows) {
        search.times.generation += time.mul_f64(*rows as f64 / all.max(1) as f64);
    }
    outcomes.into_iter().enumerate().filter_map(|(place, outcome)| Some((place, outcome.err()?))).collect()
}
