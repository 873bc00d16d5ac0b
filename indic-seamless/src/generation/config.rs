//! `generation_config.json`, and what may be changed of it.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::limits::{Limits, PROMPT};
use crate::{
    error::{Error, Result},
    model::config::ModelConfig,
};

/// When beam search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyStopping {
    /// `false`: when the best running beam, at its present length, cannot beat the worst finished hypothesis.
    #[default]
    Heuristic,
    /// `true`: as soon as there are as many finished hypotheses as beams.
    AsSoonAsFinished,
    /// `"never"`: when no running beam could still win at any length.
    Never,
}

impl std::str::FromStr for EarlyStopping {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "false" => Ok(Self::Heuristic),
            "true" => Ok(Self::AsSoonAsFinished),
            "never" => Ok(Self::Never),
            _ => Err(Error::InvalidOption {
                option: "early_stopping",
                found: text.to_owned(),
                wanted: "true, false or never".to_owned(),
            }),
        }
    }
}

/// How sequences are searched. The names and meanings are those of Hugging Face `GenerationConfig`; so are the defaults.
///
/// ```
/// use indic_seamless::GenerationConfig;
///
/// let config = GenerationConfig { num_beams: 5, no_repeat_ngram_size: 4, ..GenerationConfig::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Beams; 1 is greedy search.
    pub num_beams: usize,
    /// Scores of beams are divided by `length^length_penalty`.
    pub length_penalty: f64,
    /// When beam search ends.
    pub early_stopping: EarlyStopping,
    /// No sequence of this many tokens comes twice; 0 for no limit.
    pub no_repeat_ngram_size: usize,
    /// Makes tokens that are there already less likely; 1 for no change.
    pub repetition_penalty: f32,
    /// `</s>` is not chosen before this many tokens.
    pub min_new_tokens: usize,
    /// The search ends after this many tokens.
    pub max_new_tokens: usize,
    /// How many of the best hypotheses are returned, at most `num_beams`.
    pub num_return_sequences: usize,
    /// Tokens that are never chosen.
    pub suppress_tokens: Vec<u32>,
    /// Tokens that are not chosen first.
    pub begin_suppress_tokens: Vec<u32>,
    /// The token after a prompt of one token.
    pub forced_bos_token_id: Option<u32>,
    /// The tokens to choose from when the length limit is reached.
    pub forced_eos_token_id: Vec<u32>,
    /// The tokens that end a sequence.
    pub eos_token_id: Vec<u32>,
    /// The token that begins the decoder's sequence.
    pub decoder_start_token_id: u32,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            num_beams: 1,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::default(),
            no_repeat_ngram_size: 0,
            repetition_penalty: 1.0,
            min_new_tokens: 0,
            max_new_tokens: 256,
            num_return_sequences: 1,
            suppress_tokens: Vec::new(),
            begin_suppress_tokens: Vec::new(),
            forced_bos_token_id: None,
            forced_eos_token_id: Vec::new(),
            eos_token_id: vec![3],
            decoder_start_token_id: 3,
        }
    }
}

impl GenerationConfig {
    /// Whether the values make sense, alone and together.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for the first that does not.
    pub fn check(&self) -> Result<()> {
        let wanted = |ok: bool, option, found: &dyn ToString, wanted: &str| {
            if ok {
                return Ok(());
            }
            Err(Error::InvalidOption { option, found: found.to_string(), wanted: wanted.to_owned() })
        };
        wanted(self.num_beams >= 1, "num_beams", &self.num_beams, "at least 1")?;
        wanted(self.length_penalty.is_finite(), "length_penalty", &self.length_penalty, "a finite number")?;
        let penalty = self.repetition_penalty;
        wanted(penalty > 0.0 && penalty.is_finite(), "repetition_penalty", &penalty, "a number above 0")?;
        let returned = self.num_return_sequences;
        wanted(
            (1..=self.num_beams).contains(&returned),
            "num_return_sequences",
            &returned,
            &format!("1 to num_beams, {}", self.num_beams),
        )?;
        let least = self.min_new_tokens;
        wanted(
            least <= self.max_new_tokens,
            "min_new_tokens",
            &least,
            &format!("at most max_new_tokens, {}", self.max_new_tokens),
        )
    }
}

/// What `generation_config.json` says: the defaults of the search, and the languages that the checkpoint knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckpointGeneration {
    pub(crate) config: GenerationConfig,
    /// Language code -> token, `text_decoder_lang_to_code_id`; empty if the file has no such map.
    pub(crate) languages: BTreeMap<String, u32>,
    /// Keys that would change the reference's search and are not followed here, each with its value.
    pub(crate) ignored: Vec<String>,
}

/// The keys of the file that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    num_beams: Option<usize>,
    length_penalty: Option<f64>,
    early_stopping: Option<Early>,
    no_repeat_ngram_size: Option<usize>,
    repetition_penalty: Option<f32>,
    min_length: Option<usize>,
    min_new_tokens: Option<usize>,
    max_length: Option<usize>,
    max_new_tokens: Option<usize>,
    num_return_sequences: Option<usize>,
    suppress_tokens: Option<Vec<u32>>,
    begin_suppress_tokens: Option<Vec<u32>>,
    forced_bos_token_id: Option<u32>,
    #[serde(deserialize_with = "one_or_many")]
    forced_eos_token_id: Vec<u32>,
    #[serde(deserialize_with = "one_or_many")]
    eos_token_id: Vec<u32>,
    decoder_start_token_id: Option<u32>,
    text_decoder_lang_to_code_id: BTreeMap<String, u32>,
}

/// Keys of Hugging Face's `GenerationConfig` that change what its search finds, and that this crate does not know, with the
/// value at which they do nothing; `null` does nothing for any.
/// <https://github.com/huggingface/transformers/blob/v4.57.6/src/transformers/generation/configuration_utils.py>
const NOT_FOLLOWED: [(&str, &str); 22] = [
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

/// Those of [`NOT_FOLLOWED`] in a file that are not at their neutral value.
fn not_followed(keys: &Map<String, Value>) -> Vec<String> {
    let found = NOT_FOLLOWED.iter().filter_map(|&(key, neutral)| Some((key, neutral, keys.get(key)?)));
    let acts = found.filter(|(_, neutral, value)| match value {
        Value::Null => false,
        Value::Bool(value) => neutral.parse() != Ok(*value),
        Value::Number(value) => value.as_f64() != neutral.parse().ok(),
        _ => true,
    });
    acts.map(|(key, _, value)| format!("{key}: {value}")).collect()
}

/// The keys of the file, but for the maps of every token to its text, which are nearly all of its 10 MB.
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Early {
    Bool(bool),
    Word(String),
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ids {
        One(u32),
        Many(Vec<u32>),
        Null(()),
    }
    Ok(match Ids::deserialize(deserializer)? {
        Ids::One(id) => vec![id],
        Ids::Many(ids) => ids,
        Ids::Null(()) => Vec::new(),
    })
}

impl CheckpointGeneration {
    /// Reads `generation_config.json`; what it leaves out comes from `model`, as in the reference.
    pub(crate) fn from_json(json: &[u8], path: &Path, model: &ModelConfig) -> Result<Self> {
        let invalid = |error: serde_json::Error| Error::InvalidFile { path: path.into(), reason: error.to_string() };
        let Keys(keys) = serde_json::from_slice(json).map_err(invalid)?;
        let ignored = not_followed(&keys);
        let file: File = serde_json::from_value(Value::Object(keys)).map_err(invalid)?;
        let early_stopping = match file.early_stopping {
            None => EarlyStopping::default(),
            Some(Early::Bool(early)) => early.to_string().parse()?,
            Some(Early::Word(word)) => word.parse()?,
        };
        let default = GenerationConfig::default();
        // Lengths that count the prompt.
        let total = |length: usize| length.saturating_sub(PROMPT);
        let config = GenerationConfig {
            num_beams: file.num_beams.unwrap_or(default.num_beams),
            length_penalty: file.length_penalty.unwrap_or(default.length_penalty),
            early_stopping,
            no_repeat_ngram_size: file.no_repeat_ngram_size.unwrap_or(0),
            repetition_penalty: file.repetition_penalty.unwrap_or(default.repetition_penalty),
            min_new_tokens: file.min_new_tokens.or(file.min_length.map(total)).unwrap_or(0),
            max_new_tokens: file.max_new_tokens.or(file.max_length.map(total)).unwrap_or(model.max_new_tokens),
            num_return_sequences: file.num_return_sequences.unwrap_or(default.num_return_sequences),
            suppress_tokens: file.suppress_tokens.unwrap_or_default(),
            begin_suppress_tokens: file.begin_suppress_tokens.unwrap_or_default(),
            forced_bos_token_id: file.forced_bos_token_id,
            forced_eos_token_id: file.forced_eos_token_id,
            eos_token_id: if file.eos_token_id.is_empty() { vec![model.eos_token_id] } else { file.eos_token_id },
            decoder_start_token_id: file.decoder_start_token_id.unwrap_or(model.decoder_start_token_id),
        };
        let generation = Self { config, languages: file.text_decoder_lang_to_code_id, ignored };
        generation.check(path, &model.limits())?;
        Ok(generation)
    }

    /// What the search asks for must exist in the checkpoint.
    fn check(&self, path: &Path, limits: &Limits) -> Result<()> {
        let vocabulary = limits.vocabulary;
        let languages = self.languages.values().map(|&id| ("text_decoder_lang_to_code_id", id));
        if let Some((key, id)) = self.config.ids().chain(languages).find(|&(_, id)| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: format!("{}: {key}", path.display()), id, vocabulary });
        }
        let most = limits.new_tokens();
        if self.config.max_new_tokens > most {
            return Err(Error::InvalidConfig {
                path: path.into(),
                key: "max_new_tokens".to_owned(),
                found: self.config.max_new_tokens.to_string(),
                wanted: format!("at most {most}: max_position_embeddings less the prompt"),
            });
        }
        self.config.check()
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
    fn keys_that_would_change_the_search_are_noticed_unless_they_do_nothing() {
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
