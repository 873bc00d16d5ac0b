//! [`GenerationConfig`]: the options of a search.

use serde::{Deserialize, Deserializer, de};

use crate::error::{Error, Result};

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

impl<'de> Deserialize<'de> for EarlyStopping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Found {
            Flag(bool),
            Word(String),
        }
        let word = match Found::deserialize(deserializer)? {
            Found::Flag(flag) => flag.to_string(),
            Found::Word(word) => word,
        };
        word.parse().map_err(de::Error::custom)
    }
}

/// The options of a search, with the names, meanings and defaults of Hugging Face
/// [`GenerationConfig`](https://huggingface.co/docs/transformers/main_classes/text_generation#transformers.GenerationConfig).
///
/// It deserialises from the same keys; those that are missing have their defaults, others are ignored, `null` is an error.
///
/// ```
/// use indic_seamless::GenerationConfig;
///
/// let config = GenerationConfig { num_beams: 5, no_repeat_ngram_size: 4, ..GenerationConfig::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct GenerationConfig {
    /// The number of beams; 1 is greedy search.
    pub num_beams: usize,
    /// The score of a finished hypothesis is its sum of log-probabilities divided by `length^length_penalty`.
    pub length_penalty: f64,
    /// When beam search ends.
    pub early_stopping: EarlyStopping,
    /// No sequence of this many tokens occurs twice; 0 for no such limit.
    pub no_repeat_ngram_size: usize,
    /// Above 1, makes tokens that the sequence already contains less likely; 1 for no change.
    pub repetition_penalty: f32,
    /// A sequence does not end before it has this many tokens after the prompt.
    pub min_new_tokens: usize,
    /// A sequence ends after this many tokens after the prompt; at least 1.
    pub max_new_tokens: usize,
    /// The number of hypotheses to return, at most `num_beams`.
    pub num_return_sequences: usize,
    /// Tokens that are never chosen.
    pub suppress_tokens: Vec<u32>,
    /// Tokens that are not chosen directly after the prompt.
    pub begin_suppress_tokens: Vec<u32>,
    /// The token that must follow a prompt of one token.
    pub forced_bos_token_id: Option<u32>,
    /// The last token must be one of these if `max_new_tokens` is reached.
    #[serde(deserialize_with = "one_or_many")]
    pub forced_eos_token_id: Vec<u32>,
    /// The tokens that end a sequence.
    #[serde(deserialize_with = "one_or_many")]
    pub eos_token_id: Vec<u32>,
    /// The first token of the decoder's sequence.
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
    /// Checks the values, each by itself and against each other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for the first that cannot be used.
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
        wanted(self.max_new_tokens >= 1, "max_new_tokens", &self.max_new_tokens, "at least 1")?;
        let least = self.min_new_tokens;
        wanted(
            least <= self.max_new_tokens,
            "min_new_tokens",
            &least,
            &format!("at most max_new_tokens, {}", self.max_new_tokens),
        )
    }
}

/// Reads a token, or a list of tokens.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ids {
        One(u32),
        Many(Vec<u32>),
    }
    Ok(match Ids::deserialize(deserializer)? {
        Ids::One(id) => vec![id],
        Ids::Many(ids) => ids,
    })
}
