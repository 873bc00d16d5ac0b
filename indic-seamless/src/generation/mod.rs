//! From logits to token sequences: greedy and beam search with the semantics of Hugging Face `generate()`.
//!
//! The search sees the model through one small trait, [`StepDecoder`], and changes scores through
//! `LogitsProcessor`s. All sequences begin with the same prompt of every item, end with `</s>` or at the length limit,
//! and are returned whole, prompt included, without padding.

mod alignment;
mod beam;
mod cancel;
mod config;
mod greedy;
mod guard;
mod limits;
mod processors;
mod steps;

pub(crate) use alignment::align;
pub use cancel::{CancelToken, StopReason};
pub(crate) use config::CheckpointGeneration;
pub use config::{EarlyStopping, GenerationConfig};

pub(crate) use guard::{NO_REPEAT, is_loop, most_tokens};
pub(crate) use limits::Limits;
pub(crate) use steps::Steps;

use crate::error::Result;

/// A decoder that can be fed one token at a time to each of several hypotheses.
pub trait StepDecoder {
    /// Feeds the prompt, `time` tokens to each item (`[items, time]`, row after row), and replaces `logits` by those after
    /// the last one, `[items, vocabulary]`. There is one hypothesis per item after it.
    ///
    /// # Errors
    ///
    /// Whatever keeps the decoder from giving logits; it ends the search.
    fn prompt(&mut self, tokens: &[u32], logits: &mut Vec<f32>) -> Result<()>;

    /// Makes hypothesis `parents[i]` the new hypothesis `i`, then feeds `tokens[i]` to it; replaces `logits` by
    /// `[hypotheses, vocabulary]`.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    fn step(&mut self, parents: &[usize], tokens: &[u32], logits: &mut Vec<f32>) -> Result<()>;
}

/// A finished sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// All tokens, prompt and final `</s>` included.
    pub tokens: Vec<u32>,
    /// For beam search the sum of log-probabilities over `length^length_penalty`, else their mean.
    pub score: f32,
    /// The log-probability of each token after the prompt, as the search saw it: after the processors.
    pub logprobs: Vec<f32>,
}

impl Hypothesis {
    /// The mean log-probability of the tokens after the prompt; 0 if there are none.
    pub fn avg_logprob(&self) -> f32 {
        if self.logprobs.is_empty() {
            return 0.0;
        }
        (self.logprobs.iter().map(|&p| f64::from(p)).sum::<f64>() / self.logprobs.len() as f64) as f32
    }
}

/// A token that the search has just accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenEvent {
    /// The clip in the batch.
    pub item: usize,
    /// Number of the token after the prompt, from 0.
    pub step: usize,
    /// The token. With beam search that of the best hypothesis at this step, which a better one may still replace.
    pub token: u32,
    /// Its log-probability.
    pub logprob: f32,
}

/// What a search reports to, and asks.
pub struct Observer<'a> {
    /// Called for each accepted token.
    pub on_token: &'a mut dyn FnMut(TokenEvent),
    /// Asked before each step.
    pub cancel: &'a CancelToken,
}

impl std::fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// Searches for the best continuations of `prompts`, one prompt per item, all of one length; returns the
/// `num_return_sequences` best of each item, best first.
///
/// # Errors
///
/// [`InvalidOption`](crate::Error::InvalidOption) for a configuration or prompts that make no sense,
/// [`Stopped`](crate::Error::Stopped), and what the decoder
/// fails with.
pub fn generate(
    decoder: &mut dyn StepDecoder,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
    observer: &mut Observer<'_>,
) -> Result<Vec<Vec<Hypothesis>>> {
    let mut steps = Steps::new(prompts, config)?;
    while !steps.ended() {
        observer.cancel.check()?;
        steps.advance(decoder, observer.on_token)?;
    }
    Ok(steps.results())
}
