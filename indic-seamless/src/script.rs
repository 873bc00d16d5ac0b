//! What a text needs to know about its script: its name, where words end without blanks, and which way it is read.

mod named;

use icu_segmenter::{LineSegmenter, WordSegmenter};
use unicode_segmentation::GraphemeCursor;

pub use self::named::{Script, ScriptChoice};

/// Whether a character belongs to a script that is written without blanks between words: Han, Kana, Thai, Lao, Myanmar,
/// Khmer, and the punctuation of Chinese and Japanese.
pub(crate) fn is_unspaced(c: char) -> bool {
    is_of_south_east_asia(c)
        || matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3000}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff9f}'
            | '\u{20000}'..='\u{3ffff}')
}

/// Thai, Lao, Myanmar, Khmer.
fn is_of_south_east_asia(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{a9e0}'..='\u{a9ff}'
        | '\u{aa60}'..='\u{aa7f}')
}

/// The script of Japanese particles and endings.
fn is_hiragana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309f}')
}

/// The punctuation of Chinese and Japanese, which has its own blank built in.
fn is_wide_mark(c: char) -> bool {
    matches!(c, '\u{3001}'..='\u{303f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
}

/// Where a text may be broken although it has no blank there, in bytes: between words of scripts that are written without
/// blanks, as far as punctuation and graphemes allow.
pub(crate) fn breaks(text: &str) -> Vec<usize> {
    if !text.contains(is_unspaced) {
        return Vec::new();
    }
    let words: Vec<usize> = WordSegmenter::new_dictionary(Default::default()).segment_str(text).collect();
    // Words alone would allow a full stop at the start of a line; lines alone would allow a break inside a Chinese word.
    let lines = LineSegmenter::new_dictionary(Default::default()).segment_str(text);
    let breaks: Vec<usize> =
        lines.filter(|at| words.binary_search(at).is_ok() && is_between_words(text, *at)).collect();
    // What the dictionary does not know comes in single letters. No word of these scripts is one.
    let ends = breaks.iter().copied().chain([text.len()]);
    let starts = [0].into_iter().chain(breaks.iter().copied());
    let is_letter = |(start, end): (usize, usize)| {
        let part = text.get(start..end).unwrap_or_default();
        part.starts_with(is_of_south_east_asia) && part.chars().count() == 1
    };
    let letters: Vec<bool> = starts.zip(ends).map(is_letter).collect();
    let apart = |(_, pair): &(usize, &[bool])| !pair.contains(&true);
    breaks.into_iter().zip(letters.windows(2)).filter(apart).map(|(at, _)| at).collect()
}

/// Whether a place is inside a text, between two graphemes, at a character of a script without blanks, and not before an
/// ending or particle.
fn is_between_words(text: &str, at: usize) -> bool {
    let Some((before, after)) = text.split_at_checked(at) else { return false };
    let (Some(last), Some(first)) = (before.chars().next_back(), after.chars().next()) else { return false };
    (is_unspaced(last) || is_unspaced(first))
        && (is_wide_mark(last) || !is_hiragana(first))
        && GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0) == Ok(true)
}

/// What is written between two texts that follow each other: nothing in scripts without blanks, else a blank.
pub(crate) fn separator(before: &str, after: &str) -> &'static str {
    let last = before.chars().rfind(|c| c.is_alphanumeric());
    let first = after.chars().find(|c| c.is_alphanumeric());
    let unspaced = [last, first].iter().all(|c| c.is_some_and(is_unspaced));
    let marked = before.ends_with(is_wide_mark) || after.starts_with(is_wide_mark);
    if unspaced || marked { "" } else { " " }
}

/// How many letters of a text are of scripts that are read from right to left, from 0 to 1: Arabic, Hebrew, Syriac, Thaana,
/// N'Ko, Adlam and others. 0 for a text without letters.
pub(crate) fn right_to_left_share(text: &str) -> f64 {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (all, leftward) = letters.fold((0, 0), |(all, leftward), c| {
        let is = matches!(c, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
        (all + 1, leftward + u32::from(is))
    });
    f64::from(leftward) / f64::from(all.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        let mut from = 0;
        let ends = breaks(text).into_iter().chain([text.len()]);
        ends.map(|end| &text[std::mem::replace(&mut from, end)..end]).collect()
    }

    #[test]
    fn words_are_found_without_blanks() {
        let of = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        for wanted in [
            "今天|天气|很好，|我们|去|公园|玩|吧。",
            "今日はとても|天気がいいです。|明日は|東京へ|行きますが、|お茶を|飲みます",
            "วัน|นี้|อากาศ|ดีมาก",
            "พรุ่ง|นี้|เรา|จะ|ไป|เที่ยว|สวน|สาธารณะ",
            "ມື້ອື່ນ|ພວກ|ເຮົາ|ຈະ|ໄປ|ວຽງຈັນ",
            "ខ្ញុំ|ស្រលាញ់|ប្រទេស|កម្ពុជា។",
            "ယနေ့|ရာသီဥတု|အလွန်|ကောင်း|သည်။",
            "我|用|Rust|写|程序",
            "「你好」，|他|说",
        ] {
            assert_eq!(parts(&wanted.replace('|', "")).join("|"), of(wanted).join("|"));
        }
    }

    #[test]
    fn words_with_blanks_are_not_divided() {
        for text in ["well-known", "कल।", "ہے؟", "don't", "3.5", "한국어입니다", "ab,cd", "", "नमस्ते"]
        {
            assert_eq!(breaks(text), [0; 0], "{text}");
        }
        assert_eq!(parts("他说well-known吧").concat(), "他说well-known吧");
        assert!(parts("他说well-known吧").contains(&"well-known"));
    }

    #[test]
    fn texts_are_joined_as_their_script_wants() {
        for (before, after, wanted) in [
            ("one", "two", " "),
            ("今天天气很好。", "明天下雨", ""),
            ("今天!", "明天", ""),
            ("好的。", "OK", ""),
            ("我用", "Rust", " "),
            ("ครับ", "แล้ว", ""),
            ("ຂ້ອຍ", "ຮັກ", ""),
            ("ខ្ញុំ", "ស្រលាញ់", ""),
            ("ကောင်းသည်။", "ယနေ့", ""),
            ("कल बारिश।", "धन्यवाद", " "),
            ("한국어", "입니다", " "),
            ("", "", " "),
        ] {
            assert_eq!(separator(before, after), wanted, "{before} {after}");
        }
    }

    #[test]
    fn letters_from_right_to_left_are_known() {
        for text in ["کل بارش ہوگی۔", "שלום, עולם!", "ڪالهه", "ދިވެހި", "١٢ کتابیں", "ߞߏ", "𞤀𞤁"]
        {
            assert_eq!(right_to_left_share(text), 1.0, "{text}");
        }
        for text in ["", "12", "hello", "नमस्ते", "你好"] {
            assert_eq!(right_to_left_share(text), 0.0, "{text}");
        }
        assert_eq!(right_to_left_share("ab کل"), 0.5);
    }
}
