//! Signs of a failed search: loops, and more tokens than anybody can say in the time.

/// The `no_repeat_ngram_size` of a second search after a failed one; the value that the authors of the model use.
pub(crate) const NO_REPEAT: usize = 4;

/// The longest period of a loop.
const LONGEST: usize = 16;

/// How often a sequence of `period` tokens must follow itself to count as a loop. A short word may well be said five times.
fn repeats(period: usize) -> usize {
    if period <= 2 { 8 } else { 5 }
}

/// Whether `tokens` contain a loop.
pub(crate) fn is_loop(tokens: &[u32]) -> bool {
    (1..=LONGEST).any(|period| {
        let wanted = period * (repeats(period) - 1);
        let mut equal = 0;
        tokens.iter().zip(tokens.iter().skip(period)).any(|(before, now)| {
            equal = if before == now { equal + 1 } else { 0 };
            equal >= wanted
        })
    })
}

/// The most tokens that `seconds` of speech can have. The fastest speakers say eight syllables a second, and a token is
/// seldom shorter than half a syllable.
pub(crate) fn most_tokens(seconds: f64) -> usize {
    (32.0 + 20.0 * seconds) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_of_any_length_are_found_anywhere() {
        for period in 1..=LONGEST as u32 {
            let once: Vec<u32> = (100..100 + period).collect();
            let enough = once.repeat(repeats(period as usize));
            assert!(is_loop(&enough), "{period}");
            assert!(is_loop(&[[1, 2, 3].as_slice(), &enough, &[4, 5]].concat()), "{period}");
            assert!(!is_loop(&enough[1..]), "{period}");
        }
    }

    #[test]
    fn speech_that_repeats_itself_is_no_loop() {
        assert!(!is_loop(&[]));
        assert!(!is_loop(&[7; 7]));
        // "one two three" four times, with something else in between.
        assert!(!is_loop(&[1, 2, 3, 1, 2, 3, 9, 1, 2, 3, 1, 2, 3]));
    }
}
