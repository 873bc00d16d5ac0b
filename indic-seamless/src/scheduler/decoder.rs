//! The decoder of the model for searches.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::{
    device::guard,
    error::{Error, Result},
    generation::{GenerationConfig, StepDecoder},
    kernels::{first_invalid_score, first_non_finite},
    model::{
        Encoded, PartialHead, SpeechToText,
        decoder::{DecoderState, Feed},
    },
    nn::one_tensor,
};

/// The decoder of the model as a [`StepDecoder`].
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a SpeechToText,
    state: DecoderState,
    head: Option<Arc<PartialHead>>,
}

impl<'a> ModelDecoder<'a> {
    /// A decoder for the clips in `encoded`, with caches for the beams and tokens that `config` allows; `prompt` is the length
    /// of the prompts.
    pub fn new(model: &'a SpeechToText, encoded: &Encoded, config: &GenerationConfig, prompt: usize) -> Self {
        Self { model, state: start(model, encoded, config, prompt), head: None }
    }

    /// Computes the scores of some tokens only; all others have minus infinity.
    #[must_use]
    pub fn with_head(self, head: Arc<PartialHead>) -> Self {
        Self { head: Some(head), ..self }
    }

    /// Feeds tokens to each hypothesis and replaces `logits` by those after the last one.
    fn feed(&mut self, tokens: &[u32], logits: &mut Vec<f32>) -> Result<()> {
        let vocabulary = self.model.vocabulary();
        if let Some(&id) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: "decoder input".to_owned(), id, vocabulary });
        }
        let feed = Feed { state: &mut self.state, tokens };
        feed_together(self.model, &mut [feed], &[self.head.as_deref()], logits)?;
        check(logits, vocabulary, self.head.is_some())
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
/// the other, `[hypotheses, vocabulary]`. `heads` has the output projection of each decoding, `None` for the whole one.
///
/// # Errors
///
/// [`Error::Device`].
pub(super) fn feed_together(
    model: &SpeechToText,
    feeds: &mut [Feed<'_>],
    heads: &[Option<&PartialHead>],
    logits: &mut Vec<f32>,
) -> Result<()> {
    guard(&model.device(), || project(model, last_outputs(model, feeds), heads, logits))
}

/// The decoder's outputs for the last token of each hypothesis, `[1, hypotheses, hidden]` of each decoding.
fn last_outputs(model: &SpeechToText, feeds: &mut [Feed<'_>]) -> Vec<Tensor<3>> {
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
    last
}

/// The scores after `hidden`, `[1, rows, hidden]` of each decoding. Decodings with the same head share its product.
///
/// # Errors
///
/// [`Error::Device`].
fn project(
    model: &SpeechToText,
    hidden: Vec<Tensor<3>>,
    heads: &[Option<&PartialHead>],
    logits: &mut Vec<f32>,
) -> Result<()> {
    if heads.iter().all(Option::is_none) {
        return model.logits_into(&one_tensor(hidden, 1), logits);
    }
    let vocabulary = model.vocabulary();
    let rows: Vec<usize> = hidden.iter().map(|hidden| hidden.dims()[1]).collect();
    logits.resize(rows.iter().sum::<usize>() * vocabulary, 0.0);
    let mut left = logits.as_mut_slice();
    let mut waiting = Vec::with_capacity(heads.len());
    for ((hidden, head), rows) in hidden.into_iter().zip(heads).zip(rows) {
        let (own, others) = left.split_at_mut(rows * vocabulary);
        left = others;
        waiting.push((*head, hidden, own));
    }
    while let Some(&(head, ..)) = waiting.first() {
        let same = |other: Option<&PartialHead>| other.map(std::ptr::from_ref) == head.map(std::ptr::from_ref);
        let (hidden, own): (Vec<_>, Vec<_>) =
            waiting.extract_if(.., |(other, ..)| same(*other)).map(|(_, hidden, own)| (hidden, own)).unzip();
        let (hidden, rows) = (one_tensor(hidden, 1), own.into_iter().flat_map(|own| own.chunks_exact_mut(vocabulary)));
        match head {
            Some(head) => head.logits_into(&hidden, rows)?,
            None => {
                let mut all = Vec::new();
                model.logits_into(&hidden, &mut all)?;
                rows.zip(all.chunks_exact(vocabulary)).for_each(|(row, all)| row.copy_from_slice(all));
            }
        }
    }
    Ok(())
}

/// Checks logits, `[rows, vocabulary]`, of which those of a partial head may be at minus infinity.
///
/// # Errors
///
/// [`Error::NonFiniteLogit`]: NaN from damaged weights reaches the logits, as no kernel turns it into a number.
pub(super) fn check(logits: &[f32], vocabulary: usize, partial: bool) -> Result<()> {
    match if partial { first_invalid_score(logits) } else { first_non_finite(logits) } {
        None => Ok(()),
        Some(place) => Err(Error::NonFiniteLogit { token: (place % vocabulary) as u32, value: logits[place] }),
    }
}
