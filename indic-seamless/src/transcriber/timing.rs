//! When each word of a clip begins and ends: the attention tells the positions, which are 160 ms apart; where the sound comes up
//! and dies away, and how long the words are, tell the rest.
//!
//! The constants were chosen on speech of a synthesiser that tells when it says each word. Of 3,200 words that the demo model
//! recognises, 98 of 100 begin and end within 0.15 s of that. Before its attention was taught to follow words, 93 began so, by
//! the recipe of the model's authors 71: with another checkpoint, expect something between.

use std::ops::Range;

use crate::features::{FRAME_LENGTH, FRAME_SHIFT};

/// A frame is loud that is this far above the quietest tenth, on the way to the loudest twentieth, in decibels.
const LOUD: f32 = 0.12;
/// What is further below the loudest frames is silence, in dB.
const RANGE: f32 = 60.0;
/// How far a start is moved to where the sound comes up, in frames: back and forth.
const BACK: usize = 10;
const FORTH: usize = 20;
/// Words with a shorter gap between them are spoken without a pause, in seconds.
const PAUSE_S: f64 = 0.12;
/// How much of the border between words without a pause is told by their lengths instead of by the attention.
const BY_LENGTH: f64 = 0.5;

/// Moves words, given in seconds of `samples` and by their text, to where they are heard. They stay in order.
pub(super) fn refine(samples: &[f32], words: &[Range<f64>], texts: &[&str]) -> Vec<Range<f64>> {
    let loud = loud(samples);
    let length = samples.len() as f64 / (100 * FRAME_SHIFT) as f64;
    if loud.is_empty() {
        return words.to_vec();
    }
    let mut refined: Vec<Range<f64>> = Vec::with_capacity(words.len());
    for word in words {
        let earliest = refined.last().map_or(0.0, |before| before.start);
        let start = onset(&loud, word.start).clamp(earliest, length.max(earliest));
        refined.push(start..word.end);
    }
    for place in 0..refined.len() {
        let next = refined.get(place + 1).map_or(length, |next| next.start);
        let word = &mut refined[place];
        word.end = offset(&loud, word.start, word.end.min(next), next).clamp(word.start, next.max(word.start));
    }
    let mut start = 0;
    for place in 1..=refined.len() {
        if place == refined.len() || refined[place].start - refined[place - 1].end >= PAUSE_S {
            share(&mut refined[start..place], &texts[start..place]);
            start = place;
        }
    }
    refined
}

/// Which frames are loud.
fn loud(samples: &[f32]) -> Vec<bool> {
    let level = |frame: &[f32]| {
        let mean = frame.iter().sum::<f32>() / FRAME_LENGTH as f32;
        10.0 * (frame.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / FRAME_LENGTH as f32 + 1e-10).log10()
    };
    let levels: Vec<f32> = samples.windows(FRAME_LENGTH).step_by(FRAME_SHIFT).map(level).collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let (Some(&quiet), Some(&most)) = (sorted.get(sorted.len() / 10), sorted.get(sorted.len() * 19 / 20)) else {
        return Vec::new();
    };
    let quiet = quiet.max(most - RANGE);
    levels.into_iter().map(|level| level > quiet + LOUD * (most - quiet)).collect()
}

/// The frame whose middle lies at `time`.
fn frame(loud: &[bool], time: f64) -> usize {
    // The middle of a frame is 12.5 ms behind its start.
    ((time * 100.0 - 1.0).round().max(0.0) as usize).min(loud.len() - 1)
}

/// Where the sound comes up near `time`, or `time` if it does not.
fn onset(loud: &[bool], time: f64) -> f64 {
    let at = frame(loud, time);
    let found = if loud[at] {
        (at.saturating_sub(BACK) + 1..=at).rev().find(|&frame| !loud[frame - 1])
    } else {
        (at..loud.len().min(at + FORTH + 1)).find(|&frame| loud[frame])
    };
    found.filter(|&frame| frame != at).map_or(time, |frame| frame as f64 / 100.0 + 0.01)
}

/// Where the sound of a word that begins at `start` dies away: after `end` if it is still loud there, up to `next`; else before.
fn offset(loud: &[bool], start: f64, end: f64, next: f64) -> f64 {
    let at = frame(loud, end);
    if loud[at] {
        let last = frame(loud, next);
        return (at..last).find(|&frame| !loud[frame]).map_or(next, |frame| frame as f64 / 100.0 + 0.01);
    }
    (frame(loud, start)..at).rev().find(|&frame| loud[frame]).map_or(end, |frame| frame as f64 / 100.0 + 0.02)
}

/// Moves the borders between words without a pause towards where they would be if each letter took as long.
fn share(words: &mut [Range<f64>], texts: &[&str]) {
    let before = words.to_vec();
    for place in 1..words.len() {
        let (left, right) = (letters(texts[place - 1]), letters(texts[place]));
        let (first, border) = (before[place - 1].start, before[place].start);
        // A word ends where the next one begins, or the last one where it ends.
        let last = before.get(place + 1).map_or(before[place].end, |next| next.start);
        let by_length = first + (last - first) * left / (left + right);
        let border = border + BY_LENGTH * (by_length - border);
        words[place - 1].end = border;
        words[place].start = border;
    }
}

/// How long a word takes to say: its letters, with half of one for each sign on a letter, as the vowels of Indian scripts are.
fn letters(text: &str) -> f64 {
    let sign = |c: &char| !c.is_alphabetic() && !c.is_ascii() && !c.is_whitespace();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    (letters as f64 + 0.5 * text.chars().filter(sign).count() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise where somebody speaks, seconds apart from silence.
    fn sound(spoken: &[Range<f64>], length: f64) -> Vec<f32> {
        let mut state = 1u32;
        (0..(length * 16_000.0) as usize)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state as f32 / u32::MAX as f32 - 0.5;
                let time = i as f64 / 16_000.0;
                noise * if spoken.iter().any(|word| word.contains(&time)) { 0.5 } else { 0.001 }
            })
            .collect()
    }

    fn near(found: &[Range<f64>], wanted: &[Range<f64>]) {
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(
                (found.start - wanted.start).abs() < 0.03 && (found.end - wanted.end).abs() < 0.03,
                "{found:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn words_begin_and_end_with_their_sound() {
        let spoken = [0.5..1.0, 1.6..2.3];
        let found = refine(&sound(&spoken, 3.0), &[0.42..0.8, 1.66..2.6], &["one", "two"]);
        near(&found, &spoken);
    }

    #[test]
    fn words_without_a_pause_share_the_time_by_their_letters() {
        let found = refine(&sound(&[0.5..2.5], 3.0), &[0.5..1.1, 1.1..2.5], &["sixletters", "ten"]);
        let border = 0.5 + 2.0 * 10.0 / 13.0;
        near(&found, &[0.5..(1.1 + border) / 2.0, (1.1 + border) / 2.0..2.5]);
    }

    #[test]
    fn nothing_to_hear_changes_nothing_and_order_is_kept() {
        assert_eq!(refine(&[0.0; 100], &[0.1..0.2], &["x"]), [0.1..0.2]);
        assert!(refine(&[0.0; 16_000], &[], &[]).is_empty());
        let found = refine(&sound(&[0.2..0.9], 1.0), &[0.6..0.7, 0.3..5.0, 0.1..0.2], &["a", "b", "c"]);
        assert!(found.windows(2).all(|pair| pair[0].start <= pair[1].start), "{found:?}");
        assert!(found.iter().all(|word| word.start <= word.end && word.end <= 1.0), "{found:?}");
    }
}
