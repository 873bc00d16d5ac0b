//! Greedy search.

use super::{
    GenerationConfig, Hypothesis, Observer, Result, StepDecoder, TokenEvent,
    processors::processors,
    scores::{argmax, log_sum_exp},
};

/// The most likely token at each step. Items that have ended leave the batch.
pub(super) fn search(
    decoder: &mut dyn StepDecoder,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
    observer: &mut Observer<'_>,
) -> Result<Vec<Vec<Hypothesis>>> {
    let processors = processors(config, prompts[0].len());
    let mut all: Vec<Hypothesis> =
        prompts.iter().map(|prompt| Hypothesis { tokens: prompt.clone(), score: 0.0, logprobs: Vec::new() }).collect();
    // The items still running, in the order of the decoder's hypotheses.
    let mut running: Vec<usize> = (0..prompts.len()).collect();
    observer.cancel.check()?;
    let mut logits = Vec::new();
    decoder.prompt(&prompts.concat(), &mut logits);
    for step in 0..config.max_new_tokens {
        let vocabulary = logits.len() / running.len();
        let mut parents = Vec::with_capacity(running.len());
        let mut tokens = Vec::with_capacity(running.len());
        for (row, (logits, &item)) in logits.chunks_exact_mut(vocabulary).zip(&running).enumerate() {
            let hypothesis = &mut all[item];
            processors.iter().for_each(|processor| processor.process(&hypothesis.tokens, logits));
            let best = argmax(logits);
            let (token, logprob) = (best as u32, logits[best] - log_sum_exp(logits));
            hypothesis.tokens.push(token);
            hypothesis.logprobs.push(logprob);
            (observer.on_token)(TokenEvent { item, step, token, logprob });
            if !config.eos_token_id.contains(&token) {
                parents.push(row);
                tokens.push(token);
            }
        }
        running = parents.iter().map(|&row| running[row]).collect();
        if running.is_empty() || step + 1 == config.max_new_tokens {
            break;
        }
        observer.cancel.check()?;
        decoder.step(&parents, &tokens, &mut logits);
    }
    all.iter_mut().for_each(|hypothesis| hypothesis.score = hypothesis.avg_logprob());
    Ok(all.into_iter().map(|hypothesis| vec![hypothesis]).collect())
}
