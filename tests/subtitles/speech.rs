//! Segments whose words have random times.

use indic_seamless::{Segment, Word};
use unicode_segmentation::UnicodeSegmentation;

/// A small generator of numbers (xorshift), the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// How fast somebody speaks.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Like people do: 60 ms a letter, and a pause now and then.
    Natural,
    /// Anything: words of no length and of ten seconds, one upon the other, pauses of minutes.
    Wild,
}

/// What a recogniser takes for words: text between blanks; without blanks, one to four graphemes.
fn words(text: &str, spaced: bool, random: &mut Random) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word.graphemes(true).peekable();
        while rest.peek().is_some() {
            let most = if spaced { usize::MAX } else { 1 + random.below(4) as usize };
            words.push(rest.by_ref().take(most).collect());
        }
    }
    words
}

/// A recording of `text`, in segments of a few words.
pub(crate) fn speech(text: &str, spaced: bool, pace: Pace, seed: u64) -> Vec<Segment> {
    let random = &mut Random::new(seed);
    let parts: Vec<&str> = text.split_inclusive(' ').collect();
    let mut time = random.below(3_000);
    let mut segments = Vec::new();
    let mut rest = &parts[..];
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(2 + random.below(14) as usize));
        rest = after;
        let text = part.concat();
        let start = time;
        let mut said = Vec::new();
        for text in words(&text, spaced, random) {
            let letters = text.graphemes(true).count() as u64;
            let (length, pause) = match pace {
                Pace::Natural => (30 + 60 * letters, random.one_of(&[0, 0, 0, 0, 20, 200, 700, 2_500])),
                Pace::Wild => {
                    (random.one_of(&[0, 1, 90, 400, 1_300, 9_999]), random.one_of(&[0, 0, 1, 499, 501, 90_000]))
                }
            };
            said.push(Word { text, start: seconds(time), end: seconds(time + length), confidence: 0.9 });
            let overlap = matches!(pace, Pace::Wild) && random.below(4) == 0;
            time += if overlap { length / 2 } else { length + pause };
        }
        // Some results list no words.
        let known = matches!(pace, Pace::Natural) || random.below(5) > 0;
        let words = if known { said } else { Vec::new() };
        segments.push(Segment { start: seconds(start), end: seconds(time), text, words, ..Segment::default() });
    }
    segments
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
