//! [`LogitsProcessor`]: changes to the scores of the next token.

use std::sync::Arc;

use super::{GenerationConfig, built_in};
use crate::{
    error::{Error, Result},
    kernels::first_invalid_score,
};

/// Changes the scores of the next token before the search chooses one.
///
/// Processors of your own go into [`TranscribeOptions::processors`](crate::TranscribeOptions::processors) or
/// [`generate`](super::generate). At every step the search calls the built-in processors first, those that
/// [`GenerationConfig`] asks for, in the order of transformers; then yours, in the order in which they are given.
///
/// The `scores` have one entry per token of the vocabulary:
///
/// - Greedy search (`num_beams` is 1): logits, as the model gives them. The search takes the largest score, then
///   computes log-probabilities from all of them.
/// - Beam search: log-probabilities. They are not normalised again, so a change adds to the score of the hypothesis.
///
/// A score of minus infinity forbids a token. NaN and plus infinity are errors.
///
/// The result should depend on the arguments only. In beam search, threads process several hypotheses at once, in any order,
/// and a hypothesis may fork or be dropped at every step. A hypothesis with a forbidden token is never processed again.
///
/// ```
/// use std::sync::Arc;
///
/// use indic_seamless::{Language, LogitsContext, LogitsProcessor, TranscribeOptions, Transcriber, Waveform};
///
/// /// Never writes a token.
/// struct Ban(u32);
///
/// impl LogitsProcessor for Ban {
///     fn process(&self, _: &LogitsContext<'_>, scores: &mut [f32]) {
///         scores[self.0 as usize] = f32::NEG_INFINITY;
///     }
/// }
///
/// # fn main() -> indic_seamless::Result<()> {
/// let transcriber = Transcriber::demo()?;
/// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
/// let first = transcriber.transcribe(&recording, Language::ENGLISH)?;
/// // The first two tokens are the prompt.
/// let ban = Arc::new(Ban(first.segments[0].tokens[2]));
/// let options = TranscribeOptions { processors: vec![ban], ..TranscribeOptions::default() };
/// let other = transcriber.transcribe_with(&recording, Language::ENGLISH, options)?;
/// assert_ne!(first.text, other.text);
/// # Ok(())
/// # }
/// ```
pub trait LogitsProcessor: Send + Sync {
    /// Changes `scores`, `[vocabulary]`, in place.
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]);

    /// What errors and debug output call it; by default the name of its type.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// The sequence whose next token a [`LogitsProcessor`] scores.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LogitsContext<'a> {
    /// The sequence so far, prompt included.
    pub tokens: &'a [u32],
    /// The length of the prompt; in a transcription 2, the start token and the language.
    pub prompt_len: usize,
    /// The number of the clip, as in [`TokenEvent::item`](super::TokenEvent::item).
    pub item: usize,
}

impl<'a> LogitsContext<'a> {
    /// The tokens after the prompt.
    ///
    /// ```
    /// use indic_seamless::{LogitsContext, LogitsProcessor};
    ///
    /// /// Lets no sequence end before it has three new tokens.
    /// struct AtLeastThree;
    ///
    /// impl LogitsProcessor for AtLeastThree {
    ///     fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
    ///         if context.new_tokens().len() < 3 {
    ///             scores[3] = f32::NEG_INFINITY;
    ///         }
    ///     }
    /// }
    /// ```
    pub fn new_tokens(&self) -> &'a [u32] {
        self.tokens.get(self.prompt_len..).unwrap_or_default()
    }
}

/// All processors of a search, in the order in which they run.
pub(super) struct Processors {
    built_in: Vec<Box<dyn LogitsProcessor>>,
    custom: Vec<Arc<dyn LogitsProcessor>>,
    prompt_len: usize,
    /// The number of the first item.
    first_item: usize,
}

impl Processors {
    /// Those that `config` asks for, then `custom`, for prompts of `prompt_len` tokens.
    pub(super) fn new(
        config: &GenerationConfig,
        custom: &[Arc<dyn LogitsProcessor>],
        prompt_len: usize,
        first_item: usize,
    ) -> Self {
        Self { built_in: built_in::of(config, prompt_len), custom: custom.to_vec(), prompt_len, first_item }
    }

    /// Whether no score is ever changed.
    pub(super) fn is_empty(&self) -> bool {
        self.built_in.is_empty() && self.custom.is_empty()
    }

    /// Changes the `scores` of the token after `tokens`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidScore`] for NaN or plus infinity from a custom processor.
    pub(super) fn process(&self, item: usize, tokens: &[u32], scores: &mut [f32]) -> Result<()> {
        let context = LogitsContext { tokens, prompt_len: self.prompt_len, item: self.first_item + item };
        self.built_in.iter().for_each(|processor| processor.process(&context, scores));
        for processor in &self.custom {
            processor.process(&context, scores);
            if let Some(token) = first_invalid_score(scores) {
                let processor = processor.name().to_owned();
                return Err(Error::InvalidScore { processor, token: token as u32, value: scores[token] });
            }
        }
        Ok(())
    }

    /// Checks the best score that the search has found for the token after `tokens`.
    ///
    /// # Errors
    ///
    /// [`Error::NoTokenAllowed`] if it is minus infinity, [`Error::InvalidScore`] if it is out of range otherwise: a
    /// quotient of the repetition penalty or a sum of beam search has overflowed.
    pub(super) fn check_best(&self, tokens: &[u32], token: u32, value: f32) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        if value == f32::NEG_INFINITY {
            return Err(Error::NoTokenAllowed { new_tokens: tokens.len() - self.prompt_len });
        }
        let processor = self.custom.last().map_or("repetition_penalty", |last| last.name()).to_owned();
        Err(Error::InvalidScore { processor, token, value })
    }
}
