//! The decoder of the model for the search.

use burn::tensor::Tensor;

use crate::{
    error::{Error, Result},
    generation::{GenerationConfig, StepDecoder},
    kernels::first_non_finite,
    model::{Encoded, SpeechToText, decoder::DecoderState},
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
        let hypotheses = encoded.lengths.len() * config.num_beams;
        Self { model, state: model.start(encoded, hypotheses, prompt.saturating_add(config.max_new_tokens)) }
    }

    /// Feeds tokens to each hypothesis and replaces `logits` by those after the last one.
    fn feed(&mut self, tokens: &[u32], logits: &mut Vec<f32>) -> Result<()> {
        let vocabulary = self.model.vocabulary();
        if let Some(&id) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: "decoder input".to_owned(), id, vocabulary });
        }
        let hidden: Tensor<3> = self.model.decode(&mut self.state, tokens);
        let [_, time, _] = hidden.dims();
        self.model.logits_into(&hidden.narrow(1, time - 1, 1), logits);
        // NaN from damaged weights reaches the logits: no kernel turns it into a number.
        match first_non_finite(logits) {
            None => Ok(()),
            Some(place) => Err(Error::NonFiniteLogit { token: (place % vocabulary) as u32, value: logits[place] }),
        }
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
