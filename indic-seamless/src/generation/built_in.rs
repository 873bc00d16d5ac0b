//! The built-in logits processors, in the order in which transformers applies them.
//!
//! To add one, write it here and add a row to [`BUILT_IN`].
//! <https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/generation/logits_process.py>

use super::{GenerationConfig, LogitsContext, LogitsProcessor};

/// A processor for a configuration and the length of the prompt; `None` if the configuration does not ask for it.
type Row = fn(&GenerationConfig, usize) -> Option<Box<dyn LogitsProcessor>>;

/// The order is that of `_get_logits_processor` in transformers.
/// <https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/generation/utils.py>
const BUILT_IN: &[Row] = &[
    RepetitionPenalty::from_config,
    NoRepeatNgram::from_config,
    MinLength::from_config,
    Forced::bos,
    Forced::eos,
    Suppress::always,
    Suppress::at_begin,
];

/// The processors that `config` asks for, for prompts of `prompt` tokens.
pub(super) fn of(config: &GenerationConfig, prompt: usize) -> Vec<Box<dyn LogitsProcessor>> {
    BUILT_IN.iter().filter_map(|row| row(config, prompt)).collect()
}

const NEVER: f32 = f32::NEG_INFINITY;

/// Divides the positive scores of tokens in the sequence by the penalty, and multiplies the negative ones with it.
struct RepetitionPenalty(f32);

impl RepetitionPenalty {
    fn from_config(config: &GenerationConfig, _: usize) -> Option<Box<dyn LogitsProcessor>> {
        let penalty = config.repetition_penalty;
        (penalty != 1.0).then(|| Box::new(Self(penalty)) as _)
    }
}

impl LogitsProcessor for RepetitionPenalty {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        let mut seen = context.tokens.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(score) = scores.get_mut(token as usize) {
                *score = if *score < 0.0 { *score * self.0 } else { *score / self.0 };
            }
        }
    }
}

/// Forbids tokens that would complete a sequence of so many tokens a second time.
struct NoRepeatNgram(usize);

impl NoRepeatNgram {
    fn from_config(config: &GenerationConfig, _: usize) -> Option<Box<dyn LogitsProcessor>> {
        let size = config.no_repeat_ngram_size;
        (size > 0).then(|| Box::new(Self(size)) as _)
    }
}

impl LogitsProcessor for NoRepeatNgram {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        let tokens = context.tokens;
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

impl MinLength {
    fn from_config(config: &GenerationConfig, prompt: usize) -> Option<Box<dyn LogitsProcessor>> {
        let least = config.min_new_tokens;
        (least > 0).then(|| Box::new(Self { length: prompt + least, eos: config.eos_token_id.clone() }) as _)
    }
}

impl LogitsProcessor for MinLength {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        if context.tokens.len() < self.length {
            suppress(&self.eos, scores);
        }
    }
}

/// Allows only `tokens` after a sequence of `length` tokens.
struct Forced {
    length: usize,
    tokens: Vec<u32>,
}

impl Forced {
    fn bos(config: &GenerationConfig, _: usize) -> Option<Box<dyn LogitsProcessor>> {
        let token = config.forced_bos_token_id?;
        Some(Box::new(Self { length: 1, tokens: vec![token] }))
    }

    fn eos(config: &GenerationConfig, prompt: usize) -> Option<Box<dyn LogitsProcessor>> {
        let tokens = config.forced_eos_token_id.clone();
        let length = (prompt + config.max_new_tokens).saturating_sub(1);
        (!tokens.is_empty()).then(|| Box::new(Self { length, tokens }) as _)
    }
}

impl LogitsProcessor for Forced {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        if context.tokens.len() == self.length {
            scores.fill(NEVER);
            for &token in &self.tokens {
                if let Some(score) = scores.get_mut(token as usize) {
                    *score = 0.0;
                }
            }
        }
    }
}

/// Forbids `tokens`: after a sequence of `length` tokens, or always.
struct Suppress {
    length: Option<usize>,
    tokens: Vec<u32>,
}

impl Suppress {
    fn always(config: &GenerationConfig, _: usize) -> Option<Box<dyn LogitsProcessor>> {
        let tokens = config.suppress_tokens.clone();
        (!tokens.is_empty()).then(|| Box::new(Self { length: None, tokens }) as _)
    }

    fn at_begin(config: &GenerationConfig, prompt: usize) -> Option<Box<dyn LogitsProcessor>> {
        let tokens = config.begin_suppress_tokens.clone();
        // A forced token comes first and stays.
        let begin = if prompt == 1 && config.forced_bos_token_id.is_some() { 2 } else { prompt };
        (!tokens.is_empty()).then(|| Box::new(Self { length: Some(begin), tokens }) as _)
    }
}

impl LogitsProcessor for Suppress {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        if self.length.is_none_or(|length| context.tokens.len() == length) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(config: &GenerationConfig, tokens: &[u32], scores: &[f32]) -> Vec<f32> {
        let mut scores = scores.to_vec();
        let context = LogitsContext { tokens, prompt_len: 2, item: 0 };
        of(config, 2).iter().for_each(|processor| processor.process(&context, &mut scores));
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
