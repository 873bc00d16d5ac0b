//! Words of decoded text and the tokens that they are made of.

use std::ops::Range;

use super::{Tokenizer, charsmap::BLANK, tokenizer::DecodeOptions};
use crate::error::Result;

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
    /// The words of `ids` without special tokens. A word begins at a blank; in scripts without blanks, at each token.
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
        let mut words: Vec<WordTokens> = Vec::new();
        let text = |tokens: &[u32]| self.decode(tokens, DecodeOptions::default());
        for (place, &id) in ids.iter().enumerate() {
            if self.is_special(id) {
                continue;
            }
            let piece = self.piece(id).unwrap_or_default();
            let begins = piece.starts_with(BLANK) || piece.starts_with(is_unspaced);
            match words.last_mut() {
                // A blank alone belongs to the word after it.
                Some(word) if !begins || word.text.is_empty() => word.tokens.end = place + 1,
                _ => words.push(WordTokens { text: String::new(), tokens: place..place + 1 }),
            }
            if let Some(word) = words.last_mut() {
                word.text = text(&ids[word.tokens.clone()])?;
            }
        }
        words.retain(|word| !word.text.is_empty());
        Ok(words)
    }
}

/// Whether a script is written without blanks between words: Han, Kana, Thai, Lao, Myanmar, Khmer. Signs that belong to the
/// letter before them do not begin a word.
fn is_unspaced(c: char) -> bool {
    let letter = matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
    let sign = matches!(c, '\u{0e31}' | '\u{0e34}'..='\u{0e3a}' | '\u{0e47}'..='\u{0e4e}' | '\u{0eb1}'
        | '\u{0eb4}'..='\u{0ebc}' | '\u{0ec8}'..='\u{0ece}' | '\u{102b}'..='\u{103e}' | '\u{1056}'..='\u{1059}'
        | '\u{17b4}'..='\u{17d3}');
    letter && !sign
}
