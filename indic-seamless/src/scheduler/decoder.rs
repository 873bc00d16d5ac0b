//! The decoder of the model for searches.

use burn::tensor::Tensor;

use crate::{
    device::guard,
    error::{Error, Result},
    generation::{GenerationConfig, StepDecoder},
    kernels::first_non_finite,
    model::{
        Encoded, SpeechToText,
        decoder::{DecoderState, Feed},
    },
};

/// The decoder of the model as a [`StepDecoder`].
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a SpeechToText,
    state: DecoderState,
}

impl<'a> ModelDecoder<'a> {
    /// A decoder for the clips in `encoded`, with caches for the beams and tokens that `config` allows; `prompt` is the length
    /// of the prompts.
    pub fn new(model: &'a SpeechToText, encoded: &Encoded, config: &GenerationConfig, prompt: usize) -> Self {
        Self { model, state: start(model, encoded, config, prompt) }
    }

    /// Feeds tokens to each hypothesis and replaces `logits` by those after the last one.
    fn feed(&mut self, tokens: &[u32], logits: &mut Vec<f32>) -> Result<()> {
        let vocabulary = self.model.vocabulary();
        if let Some(&id) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: "decoder input".to_owned(), id, vocabulary });
        }
        feed_together(self.model, &mut [Feed { state: &mut self.state, tokens }], logits)?;
        check(logits, vocabulary)
    }
}

impl StepDecoder for ModelDecoder<'_> {
    fn prompt(&mut self, tokens: &[u32], logits: &mut Vec<f32>) -> Result<()> {
        self.feed(tokens, logits)
    }

    fn step(&mut self, parents: &[usize], tokens: &[u32], logits: &mut Vec<f32>) -> Result<()> {
        self.state.reorder(parents);
        self.feed(tokens, logits)
    }
}

/// The caches of a search.
pub(super) fn start(model: &SpeechToText, encoded: &Encoded, config: &GenerationConfig, prompt: usize) -> DecoderState {
    let hypotheses = encoded.lengths.len() * config.num_beams;
    model.start(encoded, hypotheses, prompt.saturating_add(config.max_new_tokens))
}

/// Feeds tokens to several decodings and replaces `logits` by those after the last token of each hypothesis, one decoding behind
/// the other, `[hypotheses, vocabulary]`.
///
/// # Errors
///
/// [`Error::Device`].
pub(super) fn feed_together(model: &SpeechToText, feeds: &mut [Feed<'_>], logits: &mut Vec<f32>) -> Result<()> {
    let last = guard(&model.device(), || Ok(last_outputs(model, feeds)))?;
    model.logits_into(&last, logits)
}

/// The decoder's outputs for the last token of each hypothesis, `[1, hypotheses, hidden]`.
fn last_outputs(model: &SpeechToText, feeds: &mut [Feed<'_>]) -> Tensor<3> {
    let hidden = model.decode_together(feeds);
    let [a, b, width] = hidden.dims();
    let hidden: Tensor<3> = hidden.reshape([1, a * b, width]);
    let (mut last, mut first) = (Vec::new(), 0);
    for feed in feeds.iter() {
        let (rows, tokens) = (feed.state.hypotheses(), feed.tokens.len());
        let time = tokens / rows.max(1);
        let of_feed = hidden.clone().narrow(1, first, tokens).reshape([rows, time, width]);
        last.push(of_feed.narrow(1, time - 1, 1).reshape([1, rows, width]));
        first += tokens;
    }
    match last.len() {
        1 => last.swap_remove(0),
        _ => Tensor::cat(last, 1),
    }
}

/// Checks logits, `[rows, vocabulary]`.
///
/// # Errors
///
/// [`Error::NonFiniteLogit`]: NaN from damaged weights reaches the logits, as no kernel turns it into a number.
pub(super) fn check(logits: &[f32], vocabulary: usize) -> Result<()> {
    match first_non_finite(logits) {
        None => Ok(()),
        Some(place) => Err(Error::NonFiniteLogit { token: (place % vocabulary) as u32, value: logits[place] }),
    }
}
