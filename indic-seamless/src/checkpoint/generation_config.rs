//! `generation_config.json`: the defaults of the search, and the tokens of the languages.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    generation::{GenerationConfig, Limits, PROMPT},
    language::Language,
    model::config::ModelConfig,
    text::Tokenizer,
};

/// The key of the map from languages to tokens.
pub(super) const LANGUAGES: &str = "text_decoder_lang_to_code_id";

/// The content of `generation_config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CheckpointGeneration {
    /// The defaults of the search.
    pub(super) config: GenerationConfig,
    /// Language code -> token, [`LANGUAGES`]; empty if the file has no such map.
    pub(super) languages: BTreeMap<String, u32>,
    /// Keys that change the search of transformers and are not supported here, each with its value.
    pub(super) ignored: Vec<String>,
}

/// Keys of Hugging Face's `GenerationConfig` that change the result of its search and are not supported here, each with its
/// neutral value. `null` is neutral for all of them.
/// <https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/generation/configuration_utils.py>
const UNSUPPORTED: [(&str, &str); 22] = [
    ("do_sample", "false"),
    ("num_beam_groups", "1"),
    ("diversity_penalty", "0"),
    ("penalty_alpha", "0"),
    ("encoder_repetition_penalty", "1"),
    ("encoder_no_repeat_ngram_size", "0"),
    ("renormalize_logits", "false"),
    ("remove_invalid_values", "false"),
    ("guidance_scale", "1"),
    ("token_healing", "false"),
    ("bad_words_ids", "null"),
    ("force_words_ids", "null"),
    ("constraints", "null"),
    ("sequence_bias", "null"),
    ("exponential_decay_length_penalty", "null"),
    ("forced_decoder_ids", "null"),
    ("stop_strings", "null"),
    ("max_time", "null"),
    ("watermarking_config", "null"),
    ("dola_layers", "null"),
    ("prompt_lookup_num_tokens", "null"),
    ("assistant_early_exit", "null"),
];

/// The [`UNSUPPORTED`] keys of a file that do not have their neutral value.
fn unsupported(keys: &Map<String, Value>) -> Vec<String> {
    let found = UNSUPPORTED.iter().filter_map(|&(key, neutral)| Some((key, neutral, keys.get(key)?)));
    let active = found.filter(|(_, neutral, value)| match value {
        Value::Null => false,
        Value::Bool(value) => neutral.parse() != Ok(*value),
        Value::Number(value) => value.as_f64() != neutral.parse().ok(),
        _ => true,
    });
    active.map(|(key, _, value)| format!("{key}: {value}")).collect()
}

/// The keys of the file without `id_to_text` and `char_to_id`, which are nearly all of its 10 MB and not needed.
struct Keys(Map<String, Value>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Keys, A::Error> {
                let mut keys = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    if ["id_to_text", "char_to_id"].contains(&key.as_str()) {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        keys.insert(key, map.next_value()?);
                    }
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl CheckpointGeneration {
    /// Reads `generation_config.json`. Keys that it leaves out come from `model`. transformers does so only where there is no
    /// such file; with one that names no length, it stops after 20 tokens.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if it is not such JSON, [`Error::InvalidConfig`] for values that no search can use, and
    /// [`Error::TokenOutOfRange`].
    pub(super) fn from_json(json: &[u8], path: &Path, model: &ModelConfig) -> Result<Self> {
        let invalid = |error: serde_json::Error| Error::invalid_file(path)(error);
        let Keys(mut keys) = serde_json::from_slice(json).map_err(invalid)?;
        let ignored = unsupported(&keys);
        keys.retain(|_, value| !value.is_null());
        // These two count the prompt.
        for (total, new) in [("min_length", "min_new_tokens"), ("max_length", "max_new_tokens")] {
            if let (false, Some(length)) = (keys.contains_key(new), keys.remove(total)) {
                let length: usize = serde_json::from_value(length).map_err(invalid)?;
                keys.insert(new.to_owned(), length.saturating_sub(PROMPT).into());
            }
        }
        let defaults = [
            ("max_new_tokens", model.max_new_tokens as u64),
            ("eos_token_id", model.eos_token_id.into()),
            ("decoder_start_token_id", model.decoder_start_token_id.into()),
        ];
        for (key, value) in defaults {
            keys.entry(key).or_insert_with(|| value.into());
        }
        let languages = keys.remove(LANGUAGES).map_or(Ok(BTreeMap::new()), serde_json::from_value).map_err(invalid)?;
        let mut config: GenerationConfig = serde_json::from_value(Value::Object(keys)).map_err(invalid)?;
        if config.eos_token_id.is_empty() {
            config.eos_token_id.push(model.eos_token_id);
        }
        let generation = Self { config, languages, ignored };
        generation.check(path, &Limits::of(model))?;
        Ok(generation)
    }

    /// Checks that the model has the tokens and positions that the search needs.
    fn check(&self, path: &Path, limits: &Limits) -> Result<()> {
        let vocabulary = limits.vocabulary;
        let languages = self.languages.values().map(|&id| (LANGUAGES, id));
        if let Some((key, id)) = self.config.ids().chain(languages).find(|&(_, id)| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: format!("{}: {key}", path.display()), id, vocabulary });
        }
        let invalid =
            |key: &str, found, wanted| Error::InvalidConfig { path: path.into(), key: key.to_owned(), found, wanted };
        let most = limits.new_tokens();
        if self.config.max_new_tokens > most {
            let wanted = format!("at most {most}: max_position_embeddings less the prompt");
            return Err(invalid("max_new_tokens", self.config.max_new_tokens.to_string(), wanted));
        }
        self.config.check().map_err(|error| match error {
            Error::InvalidOption { option, found, wanted } => invalid(option, found, wanted),
            other => other,
        })
    }

    /// Compares the languages with those of the tokenizer, and takes the tokenizer's if the file has none. A language that
    /// only one of them has is logged.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a language that has another token in the tokenizer.
    pub(super) fn compare_languages(&mut self, tokenizer: &Tokenizer, path: &Path) -> Result<()> {
        if self.languages.is_empty() {
            let known = |language| Some((Language::code(language).to_owned(), tokenizer.language_id(language)?));
            self.languages = tokenizer.languages().filter_map(known).collect();
            return Ok(());
        }
        let (mut only_here, mut only_tokenizer) = (Vec::new(), Vec::new());
        for language in Language::all() {
            let code = language.code();
            match (self.languages.get(code), tokenizer.language_id(language)) {
                (Some(found), Some(wanted)) if *found != wanted => {
                    return Err(Error::InvalidConfig {
                        path: path.into(),
                        key: format!("{LANGUAGES}.{code}"),
                        found: found.to_string(),
                        wanted: format!("{wanted}, the id of {} in the tokenizer", language.token()),
                    });
                }
                (Some(_), None) => only_here.push(code),
                (None, Some(_)) => only_tokenizer.push(code),
                _ => {}
            }
        }
        let path = path.display();
        if !only_here.is_empty() {
            tracing::warn!(%path, languages = only_here.join(" "), "the tokenizer has no tokens for these languages");
        }
        if !only_tokenizer.is_empty() {
            let languages = only_tokenizer.join(" ");
            tracing::debug!(%path, languages, "{LANGUAGES} lacks these languages, which the tokenizer has");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CheckpointGeneration> {
        CheckpointGeneration::from_json(json.as_bytes(), Path::new("generation_config.json"), &ModelConfig::default())
    }

    #[test]
    fn unsupported_keys_are_reported_unless_neutral() {
        let neutral = r#"{"do_sample": false, "num_beam_groups": 1, "diversity_penalty": 0.0, "bad_words_ids": null,
            "guidance_scale": 1.0, "temperature": 0.7, "id_to_text": {"0": "<pad>"}, "transformers_version": "4.40"}"#;
        assert_eq!(read(neutral).unwrap().ignored, [""; 0]);
        let acting = r#"{"do_sample": true, "bad_words_ids": [[5]], "num_beam_groups": 2, "renormalize_logits": true}"#;
        let wanted = ["do_sample: true", "num_beam_groups: 2", "renormalize_logits: true", "bad_words_ids: [[5]]"];
        assert_eq!(read(acting).unwrap().ignored, wanted);
    }

    #[test]
    fn lengths_and_ids_beyond_the_model_are_refused() {
        assert_eq!(read(r#"{"max_length": 4096}"#).unwrap().config.max_new_tokens, 4094);
        for json in [r#"{"max_new_tokens": 2000000000}"#, r#"{"max_length": 4097}"#] {
            assert!(matches!(read(json), Err(Error::InvalidConfig { key, .. }) if key == "max_new_tokens"), "{json}");
        }
        for json in [r#"{"decoder_start_token_id": 300000}"#, r#"{"forced_eos_token_id": [256102]}"#] {
            assert!(matches!(read(json), Err(Error::TokenOutOfRange { .. })), "{json}");
        }
        for json in [r#"{"max_new_tokens": -1}"#, r#"{"num_beams": "many"}"#, "[]", "{"] {
            assert!(matches!(read(json), Err(Error::InvalidFile { .. })), "{json}");
        }
    }
}
