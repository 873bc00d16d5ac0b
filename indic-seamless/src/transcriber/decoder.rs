//! The model as the search sees it.

use burn::tensor::Tensor;

use crate::{
    generation::{GenerationConfig, StepDecoder},
    model::{Encoded, SpeechToText, decoder::DecoderState},
};

/// The model as the search sees it.
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a SpeechToText,
    state: DecoderState,
}

impl<'a> ModelDecoder<'a> {
    /// Prepares the decoder for `encoded`, with room for the beams and tokens that `config` allows after prompts of
    /// `prompt` tokens.
    pub fn new(model: &'a SpeechToText, encoded: &Encoded, config: &GenerationConfig, prompt: usize) -> Self {
        let hypotheses = encoded.lengths.len() * config.num_beams;
        Self { model, state: model.start(encoded, hypotheses, prompt + config.max_new_tokens) }
    }

    /// Feeds tokens to each hypothesis; the logits after the last one.
    fn feed(&mut self, tokens: &[u32], logits: &mut Vec<f32>) {
        let hidden: Tensor<3> = self.model.decode(&mut self.state, tokens);
        let [_, time, _] = hidden.dims();
        self.model.logits_into(&hidden.narrow(1, time - 1, 1), logits);
    }
}

impl StepDecoder for ModelDecoder<'_> {
    fn prompt(&mut self, tokens: &[u32], logits: &mut Vec<f32>) {
        self.feed(tokens, logits);
    }

    fn step(&mut self, parents: &[usize], tokens: &[u32], logits: &mut Vec<f32>) {
        self.state.reorder(parents);
        self.feed(tokens, logits);
    }
}
