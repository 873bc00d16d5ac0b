//! Greedy search.

use super::{
    GenerationConfig, Hypothesis, TokenEvent,
    processors::Processors,
    steps::{Next, Search},
};
use crate::{
    error::Result,
    kernels::scores::{argmax, log_sum_exp},
};

/// The token with the largest score at each step. Items that have ended leave the batch.
pub(super) struct Greedy {
    processors: Processors,
    eos: Vec<u32>,
    max_new_tokens: usize,
    step: usize,
    all: Vec<Hypothesis>,
    /// The items still running, in the order of the decoder's hypotheses.
    running: Vec<usize>,
}

impl Greedy {
    pub(super) fn new(prompts: &[Vec<u32>], config: &GenerationConfig, processors: Processors) -> Self {
        let empty = |prompt: &Vec<u32>| Hypothesis { tokens: prompt.clone(), score: 0.0, logprobs: Vec::new() };
        Self {
            processors,
            eos: config.eos_token_id.clone(),
            max_new_tokens: config.max_new_tokens,
            step: 0,
            all: prompts.iter().map(empty).collect(),
            running: (0..prompts.len()).collect(),
        }
    }
}

impl Search for Greedy {
    fn advance(&mut self, logits: &mut [f32], on_token: &mut dyn FnMut(TokenEvent)) -> Result<Option<Next>> {
        let vocabulary = logits.len() / self.running.len();
        let mut next = Next::default();
        for (row, (logits, &item)) in logits.chunks_exact_mut(vocabulary).zip(&self.running).enumerate() {
            let hypothesis = &mut self.all[item];
            self.processors.process(item, &hypothesis.tokens, logits)?;
            let best = argmax(logits);
            self.processors.check_best(&hypothesis.tokens, best as u32, logits[best])?;
            let (token, logprob) = (best as u32, logits[best] - log_sum_exp(logits));
            hypothesis.tokens.push(token);
            hypothesis.logprobs.push(logprob);
            on_token(TokenEvent { item, step: self.step, token, logprob });
            if !self.eos.contains(&token) {
                next.parents.push(row);
                next.tokens.push(token);
            }
        }
        self.running = next.parents.iter().map(|&row| self.running[row]).collect();
        self.step += 1;
        Ok((!self.running.is_empty() && self.step < self.max_new_tokens).then_some(next))
    }

    fn results(mut self: Box<Self>) -> Vec<Vec<Hypothesis>> {
        self.all.iter_mut().for_each(|hypothesis| hypothesis.score = hypothesis.avg_logprob());
        self.all.into_iter().map(|hypothesis| vec![hypothesis]).collect()
    }
}
