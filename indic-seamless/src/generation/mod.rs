//! From logits to token sequences: greedy and beam search with the semantics of Hugging Face `generate()`.
//!
//! The search calls the decoder through one small trait, [`StepDecoder`], and [`LogitsProcessor`]s change the scores. The
//! prompts of all items have the same length. A sequence ends with `</s>` or at the length limit, and is returned with its
//! prompt, without padding.

mod alignment;
mod beam;
mod built_in;
mod config;
mod greedy;
mod guard;
mod limits;
mod processors;
mod steps;

use std::sync::Arc;

pub(crate) use alignment::align;
pub use config::{EarlyStopping, GenerationConfig};
pub(crate) use guard::{NO_REPEAT, is_loop, most_tokens};
pub(crate) use limits::{Limits, PROMPT};
pub use processors::{LogitsContext, LogitsProcessor};
pub(crate) use steps::{Input, Next, Steps};

use crate::{cancel::CancelToken, error::Result};

/// A decoder that can be fed one token at a time to each of several hypotheses.
pub trait StepDecoder {
    /// Feeds the prompts, `[items, time]` row after row, and replaces `logits` by those after the last token,
    /// `[items, vocabulary]`. From then on there is one hypothesis per item.
    ///
    /// # Errors
    ///
    /// Any error of the decoder; it ends the search.
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
    /// All tokens, including the prompt and the final `</s>`.
    pub tokens: Vec<u32>,
    /// Beam search: the sum of log-probabilities divided by `length^length_penalty`. Greedy search: their mean.
    pub score: f32,
    /// The log-probability of each token after the prompt, after the processors.
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
    /// The number of the clip: in a transcription among those of the recording, from 0.
    pub item: usize,
    /// The number of the token after the prompt, from 0.
    pub step: usize,
    /// The token. In beam search that of the best hypothesis at this step; another one may still win.
    pub token: u32,
    /// Its log-probability.
    pub logprob: f32,
}

/// Follows a search, and may stop it.
pub struct Observer<'a> {
    /// Called for each accepted token.
    pub on_token: &'a mut dyn FnMut(TokenEvent),
    /// Checked before each step.
    pub cancel: &'a CancelToken,
}

impl std::fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// Searches for the best continuations of `prompts`, one prompt per item, all of one length. Returns the
/// `num_return_sequences` best hypotheses of each item, best first.
///
/// `processors` run after those that `config` asks for; see [`LogitsProcessor`].
///
/// # Errors
///
/// [`InvalidOption`](crate::Error::InvalidOption) for a configuration or prompts that cannot be used,
/// [`InvalidScore`](crate::Error::InvalidScore) and [`NoTokenAllowed`](crate::Error::NoTokenAllowed) because of a processor,
/// [`Stopped`](crate::Error::Stopped), and the errors of the decoder.
pub fn generate(
    decoder: &mut dyn StepDecoder,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
    processors: &[Arc<dyn LogitsProcessor>],
    observer: &mut Observer<'_>,
) -> Result<Vec<Vec<Hypothesis>>> {
    let mut steps = Steps::new(prompts, config, processors, 0)?;
    let mut logits = Vec::new();
    while !steps.ended() {
        observer.cancel.check()?;
        steps.advance(decoder, &mut logits, observer.on_token)?;
    }
    Ok(steps.results())
}
