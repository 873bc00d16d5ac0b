//! Added tokens and settings of a tokenizer, from its JSON files.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{json::TokenizerJson, source::Named};
use crate::{error::Result, language::Language};

/// A token beside the pieces of text, such as a language or the end of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AddedToken {
    pub(super) text: String,
    /// Whether `skip_special_tokens` drops it.
    pub(super) special: bool,
}

/// The added tokens, and how text is written.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) added: BTreeMap<u32, AddedToken>,
    pub(super) clean_up: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    clean_up_tokenization_spaces: Option<bool>,
    added_tokens_decoder: BTreeMap<u32, Content>,
}

#[derive(Deserialize)]
struct Content {
    content: String,
    #[serde(default = "yes")]
    special: bool,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Takes the added tokens from the first source that has any, in the order of transformers: the configuration, the
    /// list of added tokens, `tokenizer.json`. Without any, the languages follow the last of the `pieces` in the order of
    /// their codes.
    pub(super) fn new(
        config: Option<&Named>,
        added_tokens: Option<&Named>,
        json: Option<&TokenizerJson<'_>>,
        pieces: usize,
    ) -> Result<Self> {
        let config: Config = config.map_or(Ok(Config::default()), Named::json)?;
        let mut added: BTreeMap<u32, AddedToken> = config
            .added_tokens_decoder
            .into_iter()
            .map(|(id, token)| (id, AddedToken { text: token.content, special: token.special }))
            .collect();
        if let (true, Some(file)) = (added.is_empty(), added_tokens) {
            let tokens: BTreeMap<String, u32> = file.json()?;
            added = tokens.into_iter().map(|(text, id)| (id, AddedToken { text, special: true })).collect();
        }
        if let (true, Some(json)) = (added.is_empty(), json) {
            let tokens = json.added_tokens.iter();
            added = tokens.map(|t| (t.id, AddedToken { text: t.content.clone(), special: t.special })).collect();
        }
        if added.is_empty() {
            let ids = pieces as u32..;
            added = ids.zip(Language::all().map(|l| AddedToken { text: l.token(), special: true })).collect();
        }
        for (id, text) in ["<pad>", "<unk>", "<s>", "</s>"].into_iter().enumerate() {
            added.entry(id as u32).or_insert_with(|| AddedToken { text: text.to_owned(), special: true });
        }
        Ok(Self { added, clean_up: config.clean_up_tokenization_spaces.unwrap_or(false) })
    }
}
