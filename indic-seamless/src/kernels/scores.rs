//! Log-softmax and the best of many scores.

use rayon::prelude::*;

use super::{isa::vectorise, lanes, math::exp};

/// Scores that are looked at together.
const LANES: usize = 32;
/// Scores per task; they stay in the second-level cache from one pass to the next.
const CHUNK: usize = 1024 * LANES;

/// `ln Σ exp(scores)`
pub(crate) fn log_sum_exp(scores: &[f32]) -> f32 {
    let of_chunk = |chunk: &[f32]| {
        let (mut max, mut sum) = (0.0, 0.0);
        vectorise(
            #[inline(always)]
            || {
                max = lanes::max(chunk, |x| x);
                sum = if max == f32::NEG_INFINITY { 0.0 } else { lanes::sum(chunk, |x| exp(x - max)) };
            },
        );
        (max, sum)
    };
    let chunks: Vec<(f32, f32)> = scores.par_chunks(CHUNK).map(of_chunk).collect();
    let max = chunks.iter().fold(f32::NEG_INFINITY, |max, chunk| max.max(chunk.0));
    if max == f32::NEG_INFINITY {
        return max;
    }
    max + chunks.iter().map(|(chunk_max, sum)| sum * (chunk_max - max).exp()).sum::<f32>().ln()
}

/// The first of the largest scores; 0 if none is above minus infinity.
pub(crate) fn argmax(scores: &[f32]) -> usize {
    let max = vectorise(
        #[inline(always)]
        || lanes::max(scores, |x| x),
    );
    scores.iter().position(|&score| score == max).unwrap_or(0)
}

/// Takes `total` off all scores: with their [`log_sum_exp`], logits become log-probabilities.
pub(crate) fn subtract(scores: &mut [f32], total: f32) {
    vectorise(
        #[inline(always)]
        || scores.iter_mut().for_each(|x| *x -= total),
    );
}

/// The `count` largest of `score - less + more`, with their places; of equals the first come first.
pub(crate) fn largest(scores: &[f32], less: f32, more: f32, count: usize) -> Vec<(f32, usize)> {
    let chunks = scores.par_chunks(CHUNK).map(|chunk| largest_of_chunk(chunk, less, more, count));
    let chunks = chunks
        .enumerate()
        .flat_map_iter(|(number, best)| best.into_iter().map(move |(score, place)| (score, number * CHUNK + place)));
    let mut best: Vec<(f32, usize)> = chunks.collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    best.truncate(count);
    best
}

fn largest_of_chunk(scores: &[f32], less: f32, more: f32, count: usize) -> Vec<(f32, usize)> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(count + 1);
    vectorise(
        #[inline(always)]
        || {
            for (number, chunk) in scores.chunks(LANES).enumerate() {
                if let (true, Some(&(least, _))) = (best.len() == count, best.last()) {
                    // Most chunks hold nothing; a test without branches vectorises.
                    if !chunk.iter().fold(false, |any, &score| any | (score - less + more > least)) {
                        continue;
                    }
                }
                for (i, &score) in chunk.iter().enumerate() {
                    let score = score - less + more;
                    if best.len() < count || best.last().is_some_and(|&(least, _)| score > least) {
                        let at = best.partition_point(|&(other, _)| other >= score);
                        best.insert(at, (score, number * LANES + i));
                        best.truncate(count);
                    }
                }
            }
        },
    );
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_chunks_are_as_one() {
        let scores: Vec<f32> = (0..3 * CHUNK + 5).map(|i| ((i * 7919 % 100_003) as f32 * 0.1).sin() * 5.0).collect();
        let exact: f64 = scores.iter().map(|&x| f64::from(x).exp()).sum();
        assert!((f64::from(log_sum_exp(&scores)) - exact.ln()).abs() < 1e-5);
        let mut places: Vec<usize> = (0..scores.len()).collect();
        places.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let wanted: Vec<(f32, usize)> = places[..9].iter().map(|&place| (scores[place] - 0.5 + 2.0, place)).collect();
        assert_eq!(largest(&scores, 0.5, 2.0, 9), wanted);
    }

    #[test]
    fn largest_keeps_the_order_of_equals() {
        let mut scores = vec![0.0; 100];
        scores[70] = 2.0;
        scores[99] = 1.0;
        scores[40] = 1.0;
        assert_eq!(largest(&scores, 0.0, 0.5, 4), [(2.5, 70), (1.5, 40), (1.5, 99), (0.5, 0)]);
        assert_eq!(argmax(&[0.0, 3.0, 3.0]), 1);
    }

    #[test]
    fn log_probabilities_sum_to_one() {
        let mut scores: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin() * 9.0).collect();
        scores[5] = f32::NEG_INFINITY;
        let total = log_sum_exp(&scores);
        subtract(&mut scores, total);
        let sum: f64 = scores.iter().map(|&x| f64::from(x).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(scores[5], f32::NEG_INFINITY);
    }
}
