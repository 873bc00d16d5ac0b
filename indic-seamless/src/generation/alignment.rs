//! Aligns words with positions of the encoder's output by cross-attention.

use std::ops::Range;

/// A position with less attention than this does not belong to a word.
const LEAST: f32 = 0.08;

/// For each word, given by its rows of `weights`, the interval of positions of the encoder's output that it was read from.
/// Intervals begin in order, and may begin and end between two positions. One may begin up to half a position before the end
/// of the one before, where both words look at the same position.
///
/// `weights` is `[tokens, positions]`, row after row: the cross-attention of the last layer, averaged over its heads, as
/// the authors of the model use it. They take the position with the most attention for each token and keep the longest
/// increasing sequence. This function finds the intervals with the largest total attention instead, so that no word is left
/// out; their edges are where the attention rises and falls.
pub(crate) fn align(weights: &[f32], positions: usize, words: &[Range<usize>]) -> Vec<Range<f64>> {
    let attention: Vec<Vec<f32>> = words.iter().map(|tokens| mean(weights, positions, tokens)).collect();
    let Some(intervals) = best(&attention, positions) else {
        // More words than positions cannot be speech.
        let each = positions as f64 / words.len().max(1) as f64;
        return (0..words.len()).map(|word| word as f64 * each - 0.5..(word + 1) as f64 * each - 0.5).collect();
    };
    attention.iter().zip(intervals).map(|(row, interval)| edges(row, interval)).collect()
}

/// The mean of some rows.
fn mean(weights: &[f32], positions: usize, rows: &Range<usize>) -> Vec<f32> {
    let mut sum = vec![0.0; positions];
    for row in weights.chunks_exact(positions.max(1)).take(rows.end).skip(rows.start) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / rows.len() as f32);
    }
    sum
}

/// One non-empty interval per word, in order, with the largest sum of attention above [`LEAST`]; `None` if there are too few
/// positions.
///
/// States are the gap before word 0, word 0, the gap before word 1, and so on, and the gap after the last word.
fn best(attention: &[Vec<f32>], positions: usize) -> Option<Vec<Range<usize>>> {
    let states = 2 * attention.len() + 1;
    let mut sums = vec![f32::NEG_INFINITY; states];
    *sums.first_mut()? = 0.0;
    let mut before: Vec<Vec<usize>> = Vec::with_capacity(positions);
    let columns = (0..positions).map(|position| attention.iter().map(|row| row[position]).collect::<Vec<f32>>());
    for column in columns {
        let step = |state: usize| {
            // Two words may have no gap between them.
            let first = if state % 2 == 1 { state.saturating_sub(2) } else { state.saturating_sub(1) };
            let from = (first..=state).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(state);
            let gain = if state % 2 == 1 { column[state / 2] - LEAST } else { 0.0 };
            (sums[from] + gain, from)
        };
        let (next, from) = (0..states).map(step).unzip();
        sums = next;
        before.push(from);
    }
    let mut state = if sums[states - 1] >= sums[states.saturating_sub(2)] { states - 1 } else { states - 2 };
    if !sums[state].is_finite() {
        return None;
    }
    let mut intervals = vec![0..0; attention.len()];
    for position in (0..positions).rev() {
        if state % 2 == 1 {
            let interval = &mut intervals[state / 2];
            interval.end = interval.end.max(position + 1);
            interval.start = position;
        }
        state = before[position][state];
    }
    Some(intervals)
}

/// The exact start and end of an interval: at the outer edges of its first and last position if these have the full
/// attention, further in if they have less.
fn edges(row: &[f32], interval: Range<usize>) -> Range<f64> {
    let most = row[interval.clone()].iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let share = |position: usize| f64::from((row[position] / most).min(1.0));
    let mut start = interval.start as f64 - 0.5 * share(interval.start);
    if let Some(before) = interval.start.checked_sub(1) {
        start -= 0.5 * share(before);
    }
    let end = (interval.end - 1) as f64 + 0.5 * share(interval.end - 1);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of ten positions with attention at some of them.
    fn rows(at: &[&[(usize, f32)]]) -> Vec<f32> {
        let mut rows = vec![0.0; at.len() * 10];
        for (row, places) in rows.chunks_exact_mut(10).zip(at) {
            places.iter().for_each(|&(place, weight)| row[place] = weight);
        }
        rows
    }

    #[test]
    fn words_are_where_the_attention_is() {
        // The first word has two tokens.
        let weights = rows(&[&[(1, 0.5), (2, 0.5)], &[(2, 1.0)], &[(3, 0.6), (4, 0.4)], &[(8, 1.0)]]);
        let found = align(&weights, 10, &[0..2, 2..3, 3..4]);
        let wanted = [0.83..2.5, 2.5..4.33, 7.5..8.5];
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((found.start - wanted.start).abs() < 0.01 && (found.end - wanted.end).abs() < 0.01, "{found:?}");
        }
    }

    #[test]
    fn words_keep_their_order_whatever_the_attention() {
        let weights = rows(&[&[(7, 1.0)], &[(2, 1.0)], &[], &[(9, 0.1)]]);
        let found = align(&weights, 10, &[0..1, 1..2, 2..3, 3..4]);
        assert!(found.windows(2).all(|pair| pair[0].start < pair[1].start), "{found:?}");
        assert_eq!(align(&weights, 10, &[]), []);
        // Twelve words at ten positions.
        let crowd = align(&[0.1; 120], 10, &(0..12).map(|word| word..word + 1).collect::<Vec<_>>());
        assert!(crowd.windows(2).all(|pair| pair[0].end <= pair[1].start + 1e-9));
        assert_eq!((crowd[0].start, crowd[11].end), (-0.5, 9.5));
    }
}
