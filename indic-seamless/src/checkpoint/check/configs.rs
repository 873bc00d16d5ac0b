//! The small files, each by itself and against `config.json`.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{CheckReport, Problem, ProblemKind};
use crate::{
    checkpoint::{
        Preprocessor,
        source::{CONFIG, PIECES, Source, TOKENIZER},
    },
    error::{Error, Result},
    generation::CheckpointGeneration,
    model::config::ModelConfig,
    text::{Tokenizer, TokenizerFiles},
};

pub(super) const GENERATION: &str = "generation_config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
pub(super) const LANGUAGES: &str = "text_decoder_lang_to_code_id";
/// Keys of `generation_config.json` that hold a token or a list of tokens.
const TOKENS: [&str; 6] = [
    "decoder_start_token_id",
    "eos_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
];

/// What could be read of the small files.
#[derive(Debug, Default)]
pub(super) struct Configs {
    /// The model's sizes, if a model can be built with them.
    pub(super) model: Option<ModelConfig>,
    /// Language code -> token; `None` if there is no such map.
    pub(super) languages: Option<BTreeMap<String, u64>>,
    pub(super) tokenizer: Option<Tokenizer>,
    /// The file that the tokenizer's pieces come from.
    pub(super) tokenizer_file: &'static str,
}

/// `generation_config.json` without the texts of all tokens: 10 MB of the published file.
#[derive(Deserialize)]
struct GenerationFile {
    #[serde(default, rename = "id_to_text")]
    _id_to_text: IgnoredAny,
    #[serde(default, rename = "char_to_id")]
    _char_to_id: IgnoredAny,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Configs {
    pub(super) fn read(source: &Source, report: &mut CheckReport) -> Self {
        let mut configs = Self { tokenizer_file: PIECES, ..Self::default() };
        let vocabulary = configs.model(source, report);
        configs.generation(source, vocabulary, report);
        preprocessor(source, report);
        configs.tokenizer(source, vocabulary, report);
        configs
    }

    /// Reads `config.json`; returns the vocabulary's size.
    fn model(&mut self, source: &Source, report: &mut CheckReport) -> Option<usize> {
        let path = source.path(CONFIG);
        let config = match source.read(CONFIG).and_then(|json| ModelConfig::parse(&json, &path)) {
            Ok(config) => config,
            Err(error) => {
                report.problem(CONFIG, &error);
                return None;
            }
        };
        let mut possible = true;
        for error in config.faults(&path) {
            // A wrong token stops no one from looking at the tensors.
            possible &= matches!(&error, Error::InvalidConfig { key, .. } if key.ends_with("_token_id"));
            report.problem(CONFIG, &error);
        }
        let vocabulary = config.vocab_size;
        self.model = possible.then_some(config);
        Some(vocabulary)
    }

    fn generation(&mut self, source: &Source, vocabulary: Option<usize>, report: &mut CheckReport) {
        let path = source.path(GENERATION);
        let read = || -> Result<(Map<String, Value>, Vec<String>)> {
            let json = source.read(GENERATION)?;
            // For values of a wrong type or out of range. Whether ids are in the vocabulary is seen to below, for all of them.
            let any = ModelConfig { vocab_size: usize::MAX, ..ModelConfig::default() };
            let generation = CheckpointGeneration::from_json(&json, &path, &any)?;
            let file: GenerationFile = serde_json::from_slice(&json)
                .map_err(|error| Error::InvalidFile { path: path.clone(), reason: error.to_string() })?;
            Ok((file.rest, generation.ignored))
        };
        let (file, ignored) = match read() {
            Ok(read) => read,
            Err(error) => return report.problem(GENERATION, &error),
        };
        let vocabulary = vocabulary.map_or(u64::MAX, |vocabulary| vocabulary as u64);
        let mut check = |place: String, id: u64| {
            if id >= vocabulary {
                report.problems.push(Problem {
                    kind: ProblemKind::TokenId,
                    file: GENERATION.to_owned(),
                    place: Some(place),
                    found: id.to_string(),
                    wanted: format!("below vocab_size, {vocabulary}"),
                });
            }
        };
        for key in TOKENS {
            let ids =
                file.get(key).map_or(&[][..], |ids| ids.as_array().map_or(std::slice::from_ref(ids), Vec::as_slice));
            ids.iter().filter_map(Value::as_u64).for_each(|id| check(key.to_owned(), id));
        }
        if let Some(Value::Object(languages)) = file.get(LANGUAGES) {
            let languages = languages.iter().filter_map(|(code, id)| Some((code.clone(), id.as_u64()?)));
            let languages: BTreeMap<String, u64> = languages.collect();
            languages.iter().for_each(|(code, &id)| check(format!("{LANGUAGES}.{code}"), id));
            self.languages = Some(languages);
        }
        let unsupported =
            |option| format!("{GENERATION}: {option} is not supported: transformers would search otherwise");
        report.warnings.extend(ignored.into_iter().map(unsupported));
    }

    fn tokenizer(&mut self, source: &Source, vocabulary: Option<usize>, report: &mut CheckReport) {
        if !source.has(PIECES) && source.has(TOKENIZER) {
            self.tokenizer_file = TOKENIZER;
        }
        let read = |name: &str| Ok(source.read_if_there(name)?.map(|bytes| Cow::Owned(bytes.into())));
        let files = TokenizerFiles::read_with(source.dir(), read);
        match files.and_then(|files| Tokenizer::load(files, source.dir())) {
            Ok(tokenizer) => self.tokenizer = Some(tokenizer),
            Err(error) => return report.problem(self.tokenizer_file, &error),
        }
        let (Some(tokenizer), Some(wanted)) = (&self.tokenizer, vocabulary) else { return };
        let found = tokenizer.vocab_size();
        report.tokenizer_size = Some(found);
        if found < wanted {
            report.problems.push(Problem {
                kind: ProblemKind::Tokenizer,
                file: self.tokenizer_file.to_owned(),
                place: Some("vocabulary".to_owned()),
                found: format!("{found} tokens"),
                wanted: format!("{wanted}, the vocab_size of config.json"),
            });
        } else if found > wanted {
            report.warnings.push(format!(
                "{}: {found} tokens, but vocab_size of config.json is {wanted}: the model never writes the last {}",
                self.tokenizer_file,
                found - wanted
            ));
        }
    }
}

fn preprocessor(source: &Source, report: &mut CheckReport) {
    let path = source.path(PREPROCESSOR);
    let json = match source.read_if_there(PREPROCESSOR) {
        Ok(Some(json)) => json,
        Ok(None) => return report.notes.push(format!("no {PREPROCESSOR}: features are computed as usual")),
        Err(error) => return report.problem(PREPROCESSOR, &error),
    };
    match serde_json::from_slice::<Preprocessor>(&json) {
        Ok(found) => found.faults(&path).iter().for_each(|error| report.problem(PREPROCESSOR, error)),
        Err(error) => report.problem(PREPROCESSOR, &Error::InvalidFile { path, reason: error.to_string() }),
    }
}
