//! Words of decoded text and the tokens that they are made of.

use std::ops::Range;

use super::{Tokenizer, charsmap::BLANK, tokenizer::DecodeOptions};
use crate::{error::Result, script};

/// A word and its tokens, from [`Tokenizer::words`].
///
/// ```
/// let word = indic_seamless::text::WordTokens { text: "मौसम".to_owned(), tokens: 5..6 };
/// assert_eq!(word.tokens.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTokens {
    /// The word, with the punctuation that belongs to it.
    pub text: String,
    /// The places of its tokens in the sequence that was decoded.
    pub tokens: Range<usize>,
}

impl Tokenizer {
    /// The words of `ids` without special tokens. Words are separated by blanks; in scripts without blanks, they are those that
    /// a dictionary finds.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let transcriber = Transcriber::demo()?;
    /// let tokenizer = transcriber.checkpoint().tokenizer();
    /// let words = tokenizer.words(&tokenizer.encode_target("please the weather", Language::ENGLISH)?)?;
    /// assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["please", "the", "weather"]);
    /// // The first two tokens are `</s>` and the language.
    /// assert_eq!(words[0].tokens.start, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TokenOutOfRange`](crate::Error::TokenOutOfRange) for an id beyond the vocabulary.
    pub fn words(&self, ids: &[u32]) -> Result<Vec<WordTokens>> {
        let mut words: Vec<Run> = Vec::new();
        for (place, &id) in ids.iter().enumerate() {
            if self.is_special(id) {
                continue;
            }
            let begins = self.piece(id).unwrap_or_default().starts_with(BLANK);
            // A blank alone belongs to the word after it.
            if begins && words.last().is_none_or(|word| !word.text.is_empty()) || words.is_empty() {
                words.push(Run { text: String::new(), first: place, tokens: Vec::new() });
            }
            if let Some(word) = words.last_mut() {
                word.tokens.push((word.text.len(), place));
                word.text = self.decode(ids.get(word.first..=place).unwrap_or_default(), DecodeOptions::default())?;
            }
        }
        Ok(words.iter().flat_map(Run::words).collect())
    }
}

/// Text between two blanks.
struct Run {
    text: String,
    /// The place of its first token.
    first: usize,
    /// For each token, where in the text it begins, and its place.
    tokens: Vec<(usize, usize)>,
}

impl Run {
    /// The words of the text. A word ends where a token does: if a token belongs to two words, they stay together.
    fn words(&self) -> Vec<WordTokens> {
        let breaks = script::breaks(&self.text);
        let begin = self.tokens.iter().filter(|(at, _)| breaks.binary_search(at).is_ok()).copied();
        let starts: Vec<(usize, usize)> = [(0, self.first)].into_iter().chain(begin).collect();
        let end = (self.text.len(), self.tokens.last().map_or(self.first, |(_, last)| last + 1));
        let ends = starts.iter().skip(1).copied().chain([end]);
        let word = |(&(from, first), (to, last)): (&(usize, usize), (usize, usize))| {
            let text = self.text.get(from..to).unwrap_or_default().to_owned();
            (!text.is_empty()).then_some(WordTokens { text, tokens: first..last })
        };
        starts.iter().zip(ends).filter_map(word).collect()
    }
}
