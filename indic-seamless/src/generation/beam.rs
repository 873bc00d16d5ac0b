//! Beam search as in transformers 4.50 and later: `_beam_search`, the vectorised form, of
//! <https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/generation/utils.py>.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    EarlyStopping, GenerationConfig, Hypothesis, TokenEvent,
    processors::Processors,
    steps::{Next, Search},
};
use crate::{
    error::Result,
    kernels::scores::{largest, log_sum_exp, subtract},
};

/// The score of an empty place among finished hypotheses. Any running beam that may still win has more. Transformers has -1e9 and
/// loses what is worse, as a negative length penalty makes it.
const EMPTY: f32 = f32::NEG_INFINITY;
/// The score of running beams and candidates that cannot win: the sequence has ended, or a token is forbidden. Transformers
/// gives ended ones -1e9, which makes a difference only if so few tokens are allowed that a beam goes on after its end.
const DEAD: f32 = f32::NEG_INFINITY;

/// A sequence: a running one with the sum of its log-probabilities, or a finished one with its penalised score.
#[derive(Debug, Clone)]
struct Beam {
    score: f32,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    finished: bool,
}

/// A beam's next token.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    score: f32,
    beam: usize,
    token: u32,
    logprob: f32,
    /// Whether the sequence ends with this token.
    ends: bool,
}

/// The search for one item.
#[derive(Debug)]
struct Item {
    config: Arc<GenerationConfig>,
    prompt: usize,
    running: Vec<Beam>,
    done: Vec<Beam>,
}

/// The search for the sequences with the largest sums of log-probabilities. Items that have ended leave the batch.
pub(super) struct Beams {
    processors: Processors,
    beams: usize,
    step: usize,
    items: Vec<Item>,
    /// The items still running, in the order of the decoder's hypotheses.
    running: Vec<usize>,
    /// 1 after the prompt, when all beams of an item share one row of logits.
    rows_per_item: usize,
}

impl Beams {
    pub(super) fn new(prompts: &[Vec<u32>], config: &GenerationConfig, processors: Processors) -> Self {
        let shared = Arc::new(config.clone());
        Self {
            processors,
            beams: config.num_beams,
            step: 0,
            items: prompts.iter().map(|prompt| Item::new(prompt, &shared)).collect(),
            running: (0..prompts.len()).collect(),
            rows_per_item: 1,
        }
    }
}

impl Search for Beams {
    fn advance(&mut self, logits: &mut [f32], on_token: &mut dyn FnMut(TokenEvent)) -> Result<Option<Next>> {
        let rows_per_item = self.rows_per_item;
        let vocabulary = logits.len() / (self.running.len() * rows_per_item);
        let candidates = candidates(&self.items, &self.running, logits, rows_per_item, vocabulary, &self.processors)?;
        let (mut next, mut still_running) = (Next::default(), Vec::new());
        for (place, (&item, candidates)) in self.running.iter().zip(candidates).enumerate() {
            if let Some(&Candidate { score, token, logprob, .. }) = candidates.first() {
                // No running beam may go on: the item ends with its finished hypotheses.
                if score == DEAD && self.items[item].done.iter().any(|beam| beam.finished) {
                    continue;
                }
                self.processors.check_best(&self.items[item].running[0].tokens, token, score)?;
                on_token(TokenEvent { item, step: self.step, token, logprob });
            }
            let (chosen, ended) = self.items[item].advance(&candidates);
            if !ended {
                still_running.push(item);
                next.parents.extend(chosen.iter().map(|c| place * rows_per_item + c.beam.min(rows_per_item - 1)));
                next.tokens.extend(chosen.iter().map(|c| c.token));
            }
        }
        self.running = still_running;
        self.rows_per_item = self.beams;
        self.step += 1;
        Ok((!self.running.is_empty()).then_some(next))
    }

    fn results(self: Box<Self>) -> Vec<Vec<Hypothesis>> {
        self.items.into_iter().map(Item::results).collect()
    }
}

/// The best `max(2, 1 + end tokens) · beams` continuations of each running item, best first.
fn candidates(
    items: &[Item],
    running: &[usize],
    logits: &mut [f32],
    rows_per_item: usize,
    vocabulary: usize,
    processors: &Processors,
) -> Result<Vec<Vec<Candidate>>> {
    let log_probabilities = |(row, logits): (usize, &mut [f32])| {
        let total = log_sum_exp(logits);
        if processors.is_empty() {
            // `largest` subtracts it, which saves a pass over the logits.
            return Ok(total);
        }
        let item = running[row / rows_per_item];
        let beam = &items[item].running[row % rows_per_item];
        // A dead beam has tokens that no processor expects, and stays dead whatever its logits are.
        if beam.score > DEAD {
            subtract(logits, total);
            processors.process(item, &beam.tokens, logits)?;
        }
        Ok(0.0)
    };
    let totals =
        logits.par_chunks_exact_mut(vocabulary).enumerate().map(log_probabilities).collect::<Result<Vec<f32>>>()?;
    let logits = &*logits;
    let of_item = |(place, &item): (usize, &usize)| {
        let item = &items[item];
        let count = (1 + item.config.eos_token_id.len()).max(2) * item.config.num_beams;
        let of_beam = |(number, beam): (usize, &Beam)| {
            let row = place * rows_per_item + number.min(rows_per_item - 1);
            let (logits, total) = (&logits[row * vocabulary..(row + 1) * vocabulary], totals[row]);
            let candidate = move |(score, token): (f32, usize)| Candidate {
                score,
                beam: number,
                token: token as u32,
                logprob: logits[token] - total,
                ends: item.ends(token as u32),
            };
            largest(logits, total, beam.score, count).into_iter().map(candidate)
        };
        let mut all: Vec<Candidate> = item.running.par_iter().enumerate().flat_map_iter(of_beam).collect();
        // The sort is stable: among equals, the first beam and its first token come first.
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(count);
        all
    };
    Ok(running.iter().enumerate().map(of_item).collect())
}

impl Item {
    fn new(prompt: &[u32], config: &Arc<GenerationConfig>) -> Self {
        let beam = |score| Beam { score, tokens: prompt.to_vec(), logprobs: Vec::new(), finished: false };
        let beams = config.num_beams;
        Self {
            config: Arc::clone(config),
            prompt: prompt.len(),
            // All beams but the first are dead at first, else all would stay equal.
            running: (0..beams).map(|i| beam(if i == 0 { 0.0 } else { DEAD })).collect(),
            done: vec![beam(EMPTY); beams],
        }
    }

    fn generated(&self) -> usize {
        self.running[0].tokens.len() - self.prompt
    }

    fn ends(&self, token: u32) -> bool {
        self.config.eos_token_id.contains(&token) || self.generated() + 1 >= self.config.max_new_tokens
    }

    /// `score / length^length_penalty`, which is finite unless the beam is dead: a power out of range must not lose it.
    fn penalised(&self, score: f32, length: usize) -> f32 {
        if score == DEAD {
            return DEAD;
        }
        let power = (length as f64).powf(self.config.length_penalty) as f32;
        (score / power.max(f32::MIN_POSITIVE)).clamp(f32::MIN, f32::MAX)
    }

    /// Takes one step. Returns the candidates that become running beams, and whether the search has ended.
    fn advance(&mut self, candidates: &[Candidate]) -> (Vec<Candidate>, bool) {
        let beams = self.config.num_beams;
        let early = self.config.early_stopping;
        let length = self.generated() + 1;

        // Only the first `beams` candidates may finish; others that end are lost.
        for candidate in candidates.iter().take(beams).filter(|candidate| candidate.ends && candidate.score > DEAD) {
            let score = self.penalised(candidate.score, length);
            let beam = Beam { score, finished: true, ..self.extended(candidate) };
            let at = self.done.partition_point(|other| other.score >= score);
            self.done.insert(at, beam);
        }
        self.done.truncate(beams);

        let mut chosen: Vec<Candidate> = candidates.to_vec();
        chosen.iter_mut().filter(|candidate| candidate.ends).for_each(|candidate| candidate.score = DEAD);
        chosen.sort_by(|a, b| b.score.total_cmp(&a.score));
        chosen.truncate(beams);
        self.running = chosen.iter().map(|candidate| self.extended(candidate)).collect();

        let best_length = match early {
            EarlyStopping::Never if self.config.length_penalty > 0.0 => self.config.max_new_tokens,
            _ => length,
        };
        let best = self.penalised(self.running[0].score, best_length);
        let worst = self.done.iter().map(|beam| beam.score).fold(f32::INFINITY, f32::min);
        let improves = self.done.iter().any(|beam| best > if beam.finished { worst } else { EMPTY });
        let full = early == EarlyStopping::AsSoonAsFinished && self.done.iter().all(|beam| beam.finished);
        (chosen, !improves || full || candidates.iter().all(|candidate| candidate.ends))
    }

    fn extended(&self, candidate: &Candidate) -> Beam {
        let mut beam = self.running[candidate.beam].clone();
        beam.score = candidate.score;
        beam.tokens.push(candidate.token);
        beam.logprobs.push(candidate.logprob);
        beam
    }

    fn results(self) -> Vec<Hypothesis> {
        let finished = self.done.into_iter().filter(|beam| beam.finished).take(self.config.num_return_sequences);
        finished.map(|Beam { score, tokens, logprobs, .. }| Hypothesis { tokens, score, logprobs }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cancel::CancelToken,
        generation::{Observer, StepDecoder, generate},
    };

    /// Finds all of eight tokens equally likely, but for the end.
    struct Even;

    impl StepDecoder for Even {
        fn prompt(&mut self, _: &[u32], logits: &mut Vec<f32>) -> Result<()> {
            self.step(&[0], &[0], logits)
        }

        fn step(&mut self, parents: &[usize], _: &[u32], logits: &mut Vec<f32>) -> Result<()> {
            *logits = [0.0, 0.0, 0.0, -50.0, 0.0, 0.0, 0.0, 0.0].repeat(parents.len());
            Ok(())
        }
    }

    #[test]
    fn no_length_penalty_loses_the_text() {
        let sum = -80.0 * 7f64.ln();
        for (length_penalty, wanted) in [
            (1.0, sum / 80.0),
            (0.0, sum),
            // Below the -1e9 of transformers.
            (-4.0, sum * 80f64.powi(4)),
            // Out of the range of an `f32`, either way.
            (-300.0, f64::from(f32::MIN)),
            (300.0, 0.0),
        ] {
            let config = GenerationConfig {
                num_beams: 2,
                num_return_sequences: 2,
                max_new_tokens: 80,
                length_penalty,
                ..GenerationConfig::default()
            };
            let mut observer = Observer { on_token: &mut |_| {}, cancel: &CancelToken::new() };
            let found = generate(&mut Even, &[vec![3, 5]], &config, &[], &mut observer).expect("a search");
            let lengths: Vec<usize> = found[0].iter().map(|hypothesis| hypothesis.tokens.len()).collect();
            assert_eq!(lengths, [82, 82], "{length_penalty}");
            for Hypothesis { score, .. } in &found[0] {
                let difference = (f64::from(*score) - wanted).abs();
                assert!(difference <= 1e-4 * wanted.abs(), "{length_penalty}: {score}, wanted {wanted}");
            }
        }
    }
}
