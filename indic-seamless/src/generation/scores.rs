//! Log-softmax and the best of many scores.

use pulp::Arch;

use crate::nn::cpu::exp;

const LANES: usize = 32;

/// `ln Σ exp(scores)`
pub(super) fn log_sum_exp(scores: &[f32]) -> f32 {
    let max = max(scores);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let sum = Arch::new().dispatch(
        #[inline(always)]
        || {
            // Independent lanes, since a chain of additions cannot be vectorised.
            let mut sum = [0.0f32; LANES];
            let mut chunks = scores.chunks_exact(LANES);
            for chunk in chunks.by_ref() {
                chunk.iter().zip(&mut sum).for_each(|(&x, sum)| *sum += exp(x - max));
            }
            let tail: f32 = chunks.remainder().iter().map(|&x| exp(x - max)).sum();
            tail + sum.iter().sum::<f32>()
        },
    );
    max + sum.ln()
}

fn max(scores: &[f32]) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut max = [f32::NEG_INFINITY; LANES];
            let mut chunks = scores.chunks_exact(LANES);
            for chunk in chunks.by_ref() {
                chunk.iter().zip(&mut max).for_each(|(&x, max)| *max = if x > *max { x } else { *max });
            }
            max.iter().chain(chunks.remainder()).fold(f32::NEG_INFINITY, |max, &x| max.max(x))
        },
    )
}

/// The first of the largest scores; 0 if none is above minus infinity.
pub(super) fn argmax(scores: &[f32]) -> usize {
    let max = max(scores);
    scores.iter().position(|&score| score == max).unwrap_or(0)
}

/// Turns logits into log-probabilities.
pub(super) fn log_softmax(logits: &mut [f32]) {
    let total = log_sum_exp(logits);
    Arch::new().dispatch(
        #[inline(always)]
        || logits.iter_mut().for_each(|x| *x -= total),
    );
}

/// The `count` largest of `scores`, each plus `add`, with their places; of equals the first come first.
pub(super) fn largest(scores: &[f32], add: f32, count: usize) -> Vec<(f32, usize)> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(count + 1);
    for (number, chunk) in scores.chunks(LANES).enumerate() {
        if let (true, Some(&(least, _))) = (best.len() == count, best.last()) {
            // Most chunks hold nothing; a test without branches vectorises.
            if !chunk.iter().fold(false, |any, &score| any | (score + add > least)) {
                continue;
            }
        }
        for (i, &score) in chunk.iter().enumerate() {
            let score = score + add;
            if best.len() < count || best.last().is_some_and(|&(least, _)| score > least) {
                let at = best.partition_point(|&(other, _)| other >= score);
                best.insert(at, (score, number * LANES + i));
                best.truncate(count);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_keeps_the_order_of_equals() {
        let mut scores = vec![0.0; 100];
        scores[70] = 2.0;
        scores[99] = 1.0;
        scores[40] = 1.0;
        assert_eq!(largest(&scores, 0.5, 4), [(2.5, 70), (1.5, 40), (1.5, 99), (0.5, 0)]);
        assert_eq!(argmax(&[0.0, 3.0, 3.0]), 1);
    }

    #[test]
    fn log_softmax_sums_to_one() {
        let mut scores: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin() * 9.0).collect();
        scores[5] = f32::NEG_INFINITY;
        log_softmax(&mut scores);
        let sum: f64 = scores.iter().map(|&x| f64::from(x).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(scores[5], f32::NEG_INFINITY);
    }
}
