//! The text of segments in pieces that no line break divides, with the times at which they are spoken.

use unicode_segmentation::UnicodeSegmentation;

use super::ms;
use crate::{
    script::{self, is_unspaced},
    transcript::{Segment, Word},
};

/// A word; in scripts without blanks, as much as stays together.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Its length in graphemes; wide ones count as two.
    pub(super) width: usize,
    /// When it begins, in milliseconds. Pieces are in order.
    pub(super) start: u64,
    /// When it ends, in milliseconds.
    pub(super) end: u64,
    /// Whether a blank stands between it and the piece before, if they are on one line.
    pub(super) spaced: bool,
    /// What ends with it.
    pub(super) ends: Ending,
}

/// What ends with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Word,
    Clause,
    Sentence,
}

/// The pieces of all segments.
pub(super) fn pieces<'a>(segments: &[&'a Segment]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    for segment in segments {
        let clock = Clock::new(segment);
        let mut said = 0;
        let mut separator = pieces.last().map_or(" ", |before| script::separator(before.text, segment.text.trim()));
        for spaced in segment.text.split_whitespace() {
            let mut from = 0;
            for to in script::breaks(spaced).into_iter().chain([spaced.len()]) {
                let text = spaced.get(from..to).unwrap_or_default();
                let count = text.chars().count();
                let (start, end) = clock.times(said, said + count);
                // Times that go backwards would make cues overlap.
                let start = ms(start).max(pieces.last().map_or(0, |before| before.start));
                if let Some(before) = pieces.last_mut() {
                    before.ends = ending(before.text, text, separator);
                }
                let ends = ending(text, "", "");
                let (width, end) = (width(text), ms(end).max(start));
                pieces.push(Piece { text, width, start, end, spaced: !separator.is_empty(), ends });
                said += count;
                separator = "";
                from = to;
            }
            separator = " ";
        }
    }
    pieces
}

/// What ends with `text`, if `next` follows after `separator`.
fn ending(text: &str, next: &str, separator: &str) -> Ending {
    let closing =
        |c| matches!(c, '"' | '\'' | '”' | '’' | '»' | '›' | ')' | ']' | '}' | '」' | '』' | '）' | '】' | '》' | '〉');
    match text.trim_end_matches(closing).chars().next_back() {
        // As in `bread, milk etc. and more` and `"Will it rain?" she asked.`
        Some('.' | '?' | '!' | '…') if next.starts_with(char::is_lowercase) => Ending::Clause,
        Some('.' | '?' | '!' | '…' | '।' | '॥' | '؟' | '۔' | '။' | '។' | '៕' | '。' | '．' | '｡' | '！' | '？') => {
            Ending::Sentence
        }
        Some(',' | ';' | ':' | '–' | '—' | '،' | '؛' | '၊' | '、' | '，' | '；' | '：') => Ending::Clause,
        // In these scripts a blank is what a comma is elsewhere.
        Some(last) if !separator.is_empty() && is_unspaced(last) && next.starts_with(is_unspaced) => Ending::Clause,
        _ => Ending::Word,
    }
}

/// The length of a text in graphemes; wide ones count as two.
fn width(text: &str) -> usize {
    let wide = |grapheme: &str| {
        grapheme.starts_with(|c| {
            matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
                | '\u{ff01}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
        })
    };
    text.graphemes(true).map(|grapheme| 1 + usize::from(wide(grapheme))).sum()
}

/// The characters of a text without its blanks.
fn characters(text: &str) -> impl Iterator<Item = char> {
    text.split_whitespace().flat_map(str::chars)
}

/// When the characters of a segment are spoken. Blanks do not count.
struct Clock {
    /// For each word, the number of characters up to its end, its start and its end.
    words: Vec<(usize, f64, f64)>,
}

impl Clock {
    /// By the words of the segment; if it lists none, or others than its text has, by its own start and end.
    fn new(segment: &Segment) -> Self {
        let texts: String = segment.words.iter().map(|word| word.text.as_str()).collect();
        let finite = segment.words.iter().all(|word| word.start.is_finite() && word.end.is_finite());
        if !finite || !characters(&texts).eq(characters(&segment.text)) {
            return Self { words: vec![(characters(&segment.text).count(), segment.start, segment.end)] };
        }
        let mut all = 0;
        let word = |word: &Word| {
            all += characters(&word.text).count();
            (all, word.start, word.end)
        };
        Self { words: segment.words.iter().map(word).collect() }
    }

    /// When the characters from `from` to `to` are spoken, in seconds. A part of a word has its share of the word's time.
    fn times(&self, from: usize, to: usize) -> (f64, f64) {
        let at = |character: usize, share: usize| {
            let place = self.words.partition_point(|&(end, ..)| end <= character);
            let Some(&(end, start_s, end_s)) = self.words.get(place) else { return 0.0 };
            let begin = place.checked_sub(1).and_then(|before| self.words.get(before)).map_or(0, |&(end, ..)| end);
            start_s + (end_s - start_s) * (character + share - begin) as f64 / (end - begin) as f64
        };
        (at(from, 0), at(to.saturating_sub(1), 1))
    }
}
