//! `tokenizer.json` of the `tokenizers` library: the parts that decoding needs.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::source::Named;
use crate::error::Result;

/// The added tokens and the vocabulary.
#[derive(Debug, Deserialize)]
pub(super) struct TokenizerJson<'a> {
    #[serde(default)]
    pub(super) added_tokens: Vec<JsonToken>,
    #[serde(borrow)]
    pub(super) model: JsonModel<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonToken {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default = "yes")]
    pub(super) special: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
pub(super) struct JsonModel<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow, deserialize_with = "vocabulary")]
    pub(super) vocab: Vec<(Cow<'a, str>, u32)>,
}

impl<'a> TokenizerJson<'a> {
    pub(super) fn parse(file: &'a Named) -> Result<Self> {
        let json: Self = file.json()?;
        match json.model.kind.as_deref() {
            None | Some("BPE") => Ok(json),
            Some(kind) => Err(file.invalid(format_args!("model.type is {kind}, wanted BPE"))),
        }
    }
}

/// Reads a map as a list: its 256 000 entries are sorted later and need no hashing.
fn vocabulary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Cow<'de, str>, u32)>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Cow<'de, str>, u32)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from pieces to ids")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(Text(piece)) = map.next_key()? {
                entries.push((piece, map.next_value()?));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries)
}

/// A string that is borrowed unless it has escapes. Serde always copies the string of a bare `Cow`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
