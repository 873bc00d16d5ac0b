//! Shortens what answers and logs quote: whatever is sent, an answer is a few lines.

use std::borrow::Cow;

/// The longest value that is quoted, in bytes. No valid value of a field or a header is longer.
const QUOTE: usize = 100;
/// The longest detail of a problem, in bytes. The longest of this service lists all formats of recordings.
const DETAIL: usize = 2_000;

/// A value from a request, to be quoted.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    shortened(text, QUOTE)
}

/// The detail of a problem.
pub(super) fn detail(text: String) -> String {
    match shortened(&text, DETAIL) {
        Cow::Owned(short) => short,
        Cow::Borrowed(_) => text,
    }
}

fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.get(..text.floor_char_boundary(most)) {
        Some(head) if head.len() < text.len() => format!("{head}… ({} bytes)", text.len()).into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(quoted("हिन्दी"), "हिन्दी");
        assert_eq!(quoted(&"x".repeat(QUOTE)), "x".repeat(QUOTE));
        assert_eq!(quoted(&"é".repeat(1_000)), format!("{}… (2000 bytes)", "é".repeat(50)));
        // One byte before a boundary.
        assert_eq!(quoted(&format!("x{}", "é".repeat(1_000))), format!("x{}… (2001 bytes)", "é".repeat(49)));
        assert!(detail("y".repeat(50_000_000)).len() < DETAIL + 30);
    }
}
