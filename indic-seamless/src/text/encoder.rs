//! Text to tokens.

use std::{cmp::Reverse, collections::HashMap};

use serde::Deserialize;
use tokenizers::{
    Model,
    models::bpe::{BPE, Merges, Vocab},
};

use super::{
    charsmap::{BLANK, CharsMap},
    pieces::{Algorithm, PieceModel},
    source::Named,
};
use crate::error::{Error, Result};

/// The token for text that no piece covers.
const UNKNOWN: (&str, u32) = ("<unk>", 1);

/// The byte-pair encoder and its normaliser.
#[derive(Debug)]
pub(crate) struct Encoder {
    bpe: BPE,
    charsmap: CharsMap,
    one_blank: bool,
    /// Tokens that are recognised in text by their names, the longest first.
    added: Vec<(String, u32)>,
}

impl Encoder {
    /// From a `SentencePiece` model.
    pub(super) fn from_pieces(file: &Named, added: Vec<(String, u32)>) -> Result<Self> {
        let broken = |reason: &dyn std::fmt::Display| file.invalid(reason);
        let model = PieceModel::parse(&file.bytes).map_err(|error| broken(&error))?;
        if let Algorithm::Other(kind) = model.algorithm {
            return Err(broken(&format_args!("trainer_spec.model_type is {kind}, wanted 2 (BPE) to encode text")));
        }
        let ids: HashMap<&str, u32> =
            model.pieces.iter().zip(1..).skip(3).map(|(piece, id)| (piece.text, id)).collect();
        let mut merges = Vec::new();
        for piece in model.pieces.iter().skip(3).filter(|piece| piece.normal) {
            let mut splits: Vec<_> = piece
                .text
                .char_indices()
                .skip(1)
                .filter_map(|(at, _)| {
                    let (left, right) = piece.text.split_at(at);
                    Some((*ids.get(left)?, *ids.get(right)?, left, right))
                })
                .collect();
            splits.sort_unstable_by_key(|&(left, right, ..)| (left, right));
            merges.extend(splits.into_iter().map(|(_, _, left, right)| (piece.score, left, right)));
        }
        // The order of transformers, descending: by score, then by the lengths of the parts; the sort is stable.
        merges.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| lengths(b).cmp(&lengths(a))));
        let merges = merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect();
        let vocabulary = ids.into_iter().map(|(text, id)| (text.to_owned(), id)).collect();
        let charsmap = CharsMap::parse(model.charsmap).ok_or_else(|| broken(&"broken precompiled_charsmap"))?;
        Self::new(vocabulary, merges, charsmap, model.remove_extra_whitespaces, added).map_err(|error| broken(&error))
    }

    /// From `tokenizer.json`.
    pub(super) fn from_json(file: &Named, added: Vec<(String, u32)>) -> Result<Self> {
        #[derive(Deserialize)]
        struct Json {
            #[serde(default)]
            normalizer: serde_json::Value,
            model: Model,
        }
        #[derive(Deserialize)]
        struct Model {
            vocab: HashMap<String, u32>,
            merges: Vec<Merge>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Merge {
            Pair(String, String),
            Line(String),
        }
        let broken = |reason: &dyn std::fmt::Display| file.invalid(reason);
        let json: Json = file.json()?;
        let merges: Option<Merges> = json
            .model
            .merges
            .into_iter()
            .map(|merge| match merge {
                Merge::Pair(left, right) => Some((left, right)),
                Merge::Line(line) => line.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())),
            })
            .collect();
        let merges = merges.ok_or_else(|| broken(&"a merge is not a pair of pieces"))?;
        let vocabulary = json.model.vocab.into_iter().collect();
        let charsmap = match charsmap_text(&json.normalizer) {
            Some(text) => base64(text).and_then(|bytes| CharsMap::parse(&bytes)),
            None => Some(CharsMap::default()),
        };
        let charsmap = charsmap.ok_or_else(|| broken(&"broken precompiled_charsmap"))?;
        Self::new(vocabulary, merges, charsmap, true, added).map_err(|error| broken(&error))
    }

    fn new(
        mut vocabulary: Vocab,
        merges: Merges,
        charsmap: CharsMap,
        one_blank: bool,
        mut added: Vec<(String, u32)>,
    ) -> tokenizers::Result<Self> {
        vocabulary.insert(UNKNOWN.0.to_owned(), UNKNOWN.1);
        let bpe = BPE::builder().vocab_and_merges(vocabulary, merges).unk_token(UNKNOWN.0.to_owned()).fuse_unk(true);
        added.retain(|(text, _)| !text.is_empty());
        added.sort_by_key(|(text, _)| Reverse(text.len()));
        Ok(Self { bpe: bpe.build()?, charsmap, one_blank, added })
    }

    /// The tokens of `text` alone.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        if text.is_empty() {
            return Ok(ids);
        }
        let text = format!("{BLANK}{}", text.replace(BLANK, " "));
        let (mut start, mut at) = (0, 0);
        while let Some(c) = text[at..].chars().next() {
            if let Some((token, id)) = self.added.iter().find(|(token, _)| text[at..].starts_with(token.as_str())) {
                self.encode_plain(&text[start..at], &mut ids)?;
                ids.push(*id);
                at += token.len();
                start = at;
            } else {
                at += c.len_utf8();
            }
        }
        self.encode_plain(&text[start..], &mut ids)?;
        Ok(ids)
    }

    /// The tokens of a text without added tokens.
    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let text = self.charsmap.normalise(text, self.one_blank, text.starts_with([BLANK, ' ']));
        // A piece can have a blank at its start only, so each word is encoded by itself, and repeated words come from a cache.
        let mut start = 0;
        let ends = text.match_indices(BLANK).map(|(at, _)| at).chain([text.len()]);
        for end in ends {
            let tokens = self.bpe.tokenize(&text[start..end]).map_err(|error| Error::InvalidOption {
                option: "text",
                found: error.to_string(),
                wanted: "text that the tokenizer can encode".to_owned(),
            })?;
            ids.extend(tokens.iter().map(|token| token.id));
            start = end;
        }
        Ok(())
    }
}

fn lengths((_, left, right): &(f32, &str, &str)) -> (usize, usize) {
    (left.chars().count(), right.chars().count())
}

/// The rules of the first `Precompiled` normaliser, wherever it is nested.
fn charsmap_text(normalizer: &serde_json::Value) -> Option<&str> {
    normalizer
        .get("precompiled_charsmap")
        .and_then(serde_json::Value::as_str)
        .or_else(|| normalizer.get("normalizers")?.as_array()?.iter().find_map(charsmap_text))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn base64_with_and_without_padding() {
        assert_eq!(base64("Zm9vYmE=").unwrap(), b"fooba");
        assert_eq!(base64("Zm9vYg==").unwrap(), b"foob");
        assert_eq!(base64("+/8A").unwrap(), [0xfb, 0xff, 0]);
        assert!(base64("a b").is_none());
    }
}
