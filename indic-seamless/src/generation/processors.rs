//! Changes to the scores of the next token, in the order in which the reference applies them.

use super::GenerationConfig;

/// Changes the scores of the next token of one sequence: logits in greedy search, log-probabilities in beam search.
pub(super) trait LogitsProcessor: Send + Sync {
    /// `tokens` is the sequence so far, prompt included; `scores` has one entry per token of the vocabulary.
    fn process(&self, tokens: &[u32], scores: &mut [f32]);
}

const NEVER: f32 = f32::NEG_INFINITY;

struct RepetitionPenalty(f32);

impl LogitsProcessor for RepetitionPenalty {
    fn process(&self, tokens: &[u32], scores: &mut [f32]) {
        let mut seen = tokens.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(score) = scores.get_mut(token as usize) {
                *score = if *score < 0.0 { *score * self.0 } else { *score / self.0 };
            }
        }
    }
}

struct NoRepeatNgram(usize);

impl LogitsProcessor for NoRepeatNgram {
    fn process(&self, tokens: &[u32], scores: &mut [f32]) {
        let Some(start) = (tokens.len() + 1).checked_sub(self.0) else { return };
        let begun = &tokens[start..];
        for ngram in tokens.windows(self.0) {
            if let (true, Some(score)) = (ngram.starts_with(begun), scores.get_mut(ngram[self.0 - 1] as usize)) {
                *score = NEVER;
            }
        }
    }
}

/// Keeps sequences of fewer than `length` tokens from ending.
struct MinLength {
    length: usize,
    eos: Vec<u32>,
}

impl LogitsProcessor for MinLength {
    fn process(&self, tokens: &[u32], scores: &mut [f32]) {
        if tokens.len() < self.length {
            suppress(&self.eos, scores);
        }
    }
}

/// Allows only `tokens` when the sequence has `length`.
struct Forced {
    length: usize,
    tokens: Vec<u32>,
}

impl LogitsProcessor for Forced {
    fn process(&self, tokens: &[u32], scores: &mut [f32]) {
        if tokens.len() == self.length {
            scores.fill(NEVER);
            for &token in &self.tokens {
                if let Some(score) = scores.get_mut(token as usize) {
                    *score = 0.0;
                }
            }
        }
    }
}

/// Never chooses `tokens`, or only not at `length`.
struct Suppress {
    length: Option<usize>,
    tokens: Vec<u32>,
}

impl LogitsProcessor for Suppress {
    fn process(&self, tokens: &[u32], scores: &mut [f32]) {
        if self.length.is_none_or(|length| tokens.len() == length) {
            suppress(&self.tokens, scores);
        }
    }
}

fn suppress(tokens: &[u32], scores: &mut [f32]) {
    for &token in tokens {
        if let Some(score) = scores.get_mut(token as usize) {
            *score = NEVER;
        }
    }
}

/// The processors that `config` asks for, for prompts of `prompt` tokens.
pub(super) fn processors(config: &GenerationConfig, prompt: usize) -> Vec<Box<dyn LogitsProcessor>> {
    let mut all: Vec<Box<dyn LogitsProcessor>> = Vec::new();
    if config.repetition_penalty != 1.0 {
        all.push(Box::new(RepetitionPenalty(config.repetition_penalty)));
    }
    if config.no_repeat_ngram_size > 0 {
        all.push(Box::new(NoRepeatNgram(config.no_repeat_ngram_size)));
    }
    if config.min_new_tokens > 0 {
        all.push(Box::new(MinLength { length: prompt + config.min_new_tokens, eos: config.eos_token_id.clone() }));
    }
    if let Some(token) = config.forced_bos_token_id {
        all.push(Box::new(Forced { length: 1, tokens: vec![token] }));
    }
    if !config.forced_eos_token_id.is_empty() {
        let length = prompt + config.max_new_tokens - 1;
        all.push(Box::new(Forced { length, tokens: config.forced_eos_token_id.clone() }));
    }
    if !config.suppress_tokens.is_empty() {
        all.push(Box::new(Suppress { length: None, tokens: config.suppress_tokens.clone() }));
    }
    if !config.begin_suppress_tokens.is_empty() {
        let begin = if prompt == 1 && config.forced_bos_token_id.is_some() { 2 } else { prompt };
        all.push(Box::new(Suppress { length: Some(begin), tokens: config.begin_suppress_tokens.clone() }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(config: &GenerationConfig, tokens: &[u32], scores: &[f32]) -> Vec<f32> {
        let mut scores = scores.to_vec();
        processors(config, 2).iter().for_each(|p| p.process(tokens, &mut scores));
        scores
    }

    #[test]
    fn repetition_penalty_counts_each_token_once_and_sees_the_prompt() {
        let config = GenerationConfig { repetition_penalty: 2.0, ..Default::default() };
        assert_eq!(run(&config, &[3, 1, 1], &[1.0, 4.0, 1.0, -4.0]), [1.0, 2.0, 1.0, -8.0]);
    }

    #[test]
    fn no_repeat_ngram_bans_what_completes_one() {
        let config = GenerationConfig { no_repeat_ngram_size: 2, ..Default::default() };
        assert_eq!(run(&config, &[3, 1, 2, 1], &[0.0; 4]), [0.0, 0.0, NEVER, 0.0]);
        let config = GenerationConfig { no_repeat_ngram_size: 1, ..Default::default() };
        assert_eq!(run(&config, &[3, 1], &[0.0; 4]), [0.0, NEVER, 0.0, NEVER]);
        let config = GenerationConfig { no_repeat_ngram_size: 9, ..Default::default() };
        assert_eq!(run(&config, &[3, 1], &[0.0; 4]), [0.0; 4]);
    }

    #[test]
    fn forced_and_suppressed_tokens() {
        let config = GenerationConfig {
            forced_eos_token_id: vec![3],
            max_new_tokens: 2,
            suppress_tokens: vec![0],
            begin_suppress_tokens: vec![1],
            ..Default::default()
        };
        assert_eq!(run(&config, &[3, 1], &[0.5; 4]), [NEVER, NEVER, 0.5, 0.5]);
        assert_eq!(run(&config, &[3, 1, 2], &[0.5; 4]), [NEVER, NEVER, NEVER, 0.0]);
    }
}
