//! The search for NaN and infinities.

use super::isa::vectorise;

/// Values that are tested together; the place is searched only in a block that holds a bad one.
const BLOCK: usize = 1024;

/// The index of the first NaN or infinity.
pub(crate) fn first_non_finite(values: &[f32]) -> Option<usize> {
    first_bad(values, |value| !value.is_finite())
}

/// The index of the first NaN or plus infinity. Minus infinity is allowed, as in scores, where it forbids a token.
pub(crate) fn first_invalid_score(scores: &[f32]) -> Option<usize> {
    first_bad(scores, |score| score.is_nan() || *score == f32::INFINITY)
}

/// The index of the first value that is bad.
fn first_bad(values: &[f32], is_bad: impl Fn(&f32) -> bool) -> Option<usize> {
    values.chunks(BLOCK).enumerate().find_map(|(number, block)| {
        // Without branches, so that it vectorises.
        let any = vectorise(
            #[inline(always)]
            || block.iter().fold(false, |any, value| any | is_bad(value)),
        );
        if any { block.iter().position(&is_bad).map(|place| number * BLOCK + place) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        let mut values = vec![f32::MAX; 3 * BLOCK + 7];
        assert_eq!(first_non_finite(&values), None);
        for (place, bad) in [(3 * BLOCK + 6, f32::NAN), (BLOCK, f32::INFINITY), (BLOCK - 1, f32::NEG_INFINITY)] {
            values[place] = bad;
            assert_eq!(first_non_finite(&values), Some(place));
        }
    }

    #[test]
    fn minus_infinity_is_a_valid_score() {
        let mut scores = vec![f32::NEG_INFINITY; BLOCK + 7];
        assert_eq!(first_invalid_score(&scores), None);
        for (place, bad) in [(BLOCK + 6, f32::NAN), (BLOCK, f32::INFINITY)] {
            scores[place] = bad;
            assert_eq!(first_invalid_score(&scores), Some(place));
        }
    }
}
