//! The text of an item as it grows.
//!
//! A `delta` can only add text. So it has words on which two successive guesses at the clip under way agree, and all words once the
//! clip is done. The present guess is told beside it.

use unicode_segmentation::UnicodeSegmentation;

use crate::transcript::append;

/// The text of an item.
#[derive(Debug, Default)]
pub(super) struct Captions {
    /// The text of the clips that are done.
    settled: String,
    /// The last guess at the clip under way.
    guess: String,
    /// What the deltas make up.
    sent: String,
    /// The whole text that was told last.
    shown: String,
}

/// What to tell of the text.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// What follows the text of the deltas before it.
    pub(super) delta: String,
    /// The whole text at present, with words that may still change.
    pub(super) hypothesis: String,
}

impl Captions {
    /// The text of the clips that are done.
    pub(super) fn text(&self) -> &str {
        &self.settled
    }

    /// Takes another guess at the clip under way.
    pub(super) fn guess(&mut self, guess: &str) -> Option<Change> {
        let agreed = agreed(&self.guess, guess).to_owned();
        guess.clone_into(&mut self.guess);
        let (certain, whole) = (self.followed_by(&agreed), self.followed_by(guess));
        self.change(certain, whole)
    }

    /// Takes the text of the clip under way, which is done.
    pub(super) fn settle(&mut self, text: &str) -> Option<Change> {
        self.guess.clear();
        append(&mut self.settled, text);
        let change = self.change(self.settled.clone(), self.settled.clone());
        // What comes next follows it, even if the guesses were wrong.
        self.settled.clone_into(&mut self.sent);
        change
    }

    fn followed_by(&self, text: &str) -> String {
        let mut whole = self.settled.clone();
        append(&mut whole, text);
        whole
    }

    fn change(&mut self, certain: String, whole: String) -> Option<Change> {
        let delta = certain.strip_prefix(&self.sent).unwrap_or_default().to_owned();
        if !delta.is_empty() {
            self.sent = certain;
        }
        if delta.is_empty() && whole == self.shown {
            return None;
        }
        whole.clone_into(&mut self.shown);
        Some(Change { delta, hypothesis: whole })
    }
}

/// The words with which both texts begin, without blanks at their end.
fn agreed<'a>(before: &str, now: &'a str) -> &'a str {
    let same = before.split_word_bounds().zip(now.split_word_bounds()).take_while(|(before, now)| before == now);
    let end = same.map(|(_, word)| word.len()).sum();
    now.get(..end).unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(delta: &str, hypothesis: &str) -> Option<Change> {
        Some(Change { delta: delta.to_owned(), hypothesis: hypothesis.to_owned() })
    }

    #[test]
    fn words_are_told_once_two_guesses_agree() {
        let mut captions = Captions::default();
        assert_eq!(captions.guess("कृपया"), change("", "कृपया"));
        assert_eq!(captions.guess("कृपया आज"), change("कृपया", "कृपया आज"));
        assert_eq!(captions.guess("कृपया आज"), change(" आज", "कृपया आज"));
        assert_eq!(captions.guess("कृपया आज"), None);
        assert_eq!(captions.guess("कृपया कल का"), change("", "कृपया कल का"));
        assert_eq!(captions.guess("कृपया आज का"), change("", "कृपया आज का"));
        assert_eq!(captions.settle("कृपया आज का मौसम"), change(" का मौसम", "कृपया आज का मौसम"));
        assert_eq!(captions.text(), "कृपया आज का मौसम");
    }

    #[test]
    fn a_wrong_guess_is_not_repaired_but_what_follows_is_told() {
        let mut captions = Captions::default();
        captions.guess("eleven");
        assert_eq!(captions.guess("eleven"), change("eleven", "eleven"));
        assert_eq!(captions.settle("seven"), change("", "seven"));
        assert_eq!(captions.guess("eight"), change("", "seven eight"));
        assert_eq!(captions.settle("eight"), change(" eight", "seven eight"));
        assert_eq!(captions.settle(""), None);
        assert_eq!(captions.text(), "seven eight");
    }

    #[test]
    fn part_of_a_word_is_no_word() {
        assert_eq!(agreed("week", "weekend"), "");
        assert_eq!(agreed("the week", "the weekend"), "the");
        assert_eq!(agreed("one, two", "one, three"), "one,");
        assert_eq!(agreed("今天天气", "今天天晴"), "今天天");
        assert_eq!(agreed("", "one"), "");
    }
}
