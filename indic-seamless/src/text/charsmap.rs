//! The normaliser of `SentencePiece`: replaces characters by its compiled rules, and joins blanks.

use std::str;

/// The character for a blank in pieces.
pub(crate) const BLANK: char = '\u{2581}';

/// `precompiled_charsmap` of `SentencePiece`: a double-array trie that maps text to the offset of its replacement in a list of
/// strings with a zero byte at their ends.
/// <https://github.com/google/sentencepiece/blob/v0.2.0/src/normalizer.cc>
///
/// Every index is checked, so broken rules replace nothing.
#[derive(Debug, Default)]
pub(crate) struct CharsMap {
    trie: Vec<u32>,
    replacements: String,
}

impl CharsMap {
    /// Reads the rules. Without bytes there are no rules. `None` if they are broken.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (trie, replacements) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        let (units, odd) = trie.as_chunks::<4>();
        if !odd.is_empty() {
            return None;
        }
        let trie = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { trie, replacements: str::from_utf8(replacements).ok()?.to_owned() })
    }

    /// Normalises `text` and writes its blanks as [`BLANK`]. With `one_blank`, runs of blanks become one, and those at the
    /// start and end are removed; with `keep_first`, one at the start stays.
    pub(crate) fn normalise(&self, text: &str, one_blank: bool, keep_first: bool) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        let mut after_blank = one_blank && !keep_first;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (length, replacement) = self.longest(rest).unwrap_or((c.len_utf8(), &rest[..c.len_utf8()]));
            rest = &rest[length..];
            let added = if after_blank { replacement.trim_start_matches(' ') } else { replacement };
            out.extend(added.chars().map(|c| if c == ' ' { BLANK } else { c }));
            // Text that is replaced by nothing does not separate two blanks.
            after_blank = one_blank && if added.is_empty() { after_blank } else { added.ends_with(' ') };
        }
        if one_blank {
            out.truncate(out.trim_end_matches(BLANK).len());
        }
        out
    }

    /// The longest prefix of `text` with a rule: its length in bytes, and its replacement.
    fn longest<'a>(&'a self, text: &str) -> Option<(usize, &'a str)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut at = offset(*self.trie.first()?);
        let mut found = None;
        for (i, byte) in text.bytes().enumerate() {
            at ^= usize::from(byte);
            let Some(&unit) = self.trie.get(at) else { break };
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if unit & (1 << 8) != 0 {
                found = self.trie.get(at).map(|value| (i + 1, (value & !(1 << 31)) as usize));
            }
        }
        let (length, start) = found?;
        let replacement = self.replacements.get(start..)?;
        let end = replacement.find('\0').unwrap_or(replacement.len());
        text.is_char_boundary(length).then_some((length, &replacement[..end]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn blanks_without_rules() {
        let map = CharsMap::parse(&[]).unwrap();
        assert_eq!(map.normalise("  a   b  ", true, false), "a▁b");
        assert_eq!(map.normalise("  a b ", true, true), "▁a▁b");
        assert_eq!(map.normalise(" a  ", false, true), "▁a▁▁");
        assert_eq!(map.normalise("   ", true, true), "");
    }

    #[test]
    fn broken_rules_are_refused_or_replace_nothing() {
        assert!(CharsMap::parse(&[1, 0]).is_none());
        assert!(CharsMap::parse(&[8, 0, 0, 0, 1, 2, 3, 4]).is_none());
        assert!(CharsMap::parse(&[3, 0, 0, 0, 1, 2, 3]).is_none());
        assert!(CharsMap::parse(&[0, 0, 0, 0, 0xff]).is_none());
        let mut state = 1_u32;
        for _ in 0..2000 {
            let mut bytes = vec![64, 0, 0, 0];
            bytes.extend((0..96).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8 & 0x7f
            }));
            CharsMap::parse(&bytes).unwrap().normalise("abc हिन्दी\u{7f}", true, false);
        }
    }
}
