//! The small files, each by itself and against `config.json`.

use std::collections::BTreeMap;

use super::{CheckProblem, CheckProblemKind, CheckReport};
use crate::{
    checkpoint::{
        Preprocessor, TokenizerFiles,
        generation_config::{CheckpointGeneration, LANGUAGES},
        layout::{CONFIG, GENERATION, PREPROCESSOR, SENTENCEPIECE, TOKENIZER_JSON},
        source::Source,
    },
    error::Error,
    model::config::ModelConfig,
    text::Tokenizer,
};

/// The contents of the small files, as far as they could be read.
#[derive(Debug, Default)]
pub(super) struct Configs {
    /// The model's sizes, if a model can be built with them.
    pub(super) model: Option<ModelConfig>,
    /// Language code -> token; `None` if the map is missing or empty.
    pub(super) languages: Option<BTreeMap<String, u32>>,
    pub(super) tokenizer: Option<Tokenizer>,
    /// The file that the tokenizer's pieces come from.
    pub(super) tokenizer_file: &'static str,
}

impl Configs {
    pub(super) fn read(source: &Source, report: &mut CheckReport) -> Self {
        let mut configs = Self { tokenizer_file: SENTENCEPIECE, ..Self::default() };
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
            // The tensors can be compared even if a token id is wrong.
            possible &= matches!(&error, Error::InvalidConfig { key, .. } if key.ends_with("_token_id"));
            report.problem(CONFIG, &error);
        }
        let vocabulary = config.vocab_size;
        self.model = possible.then_some(config);
        Some(vocabulary)
    }

    fn generation(&mut self, source: &Source, vocabulary: Option<usize>, report: &mut CheckReport) {
        let path = source.path(GENERATION);
        // Finds wrong types and ranges. All token ids are compared with the vocabulary below.
        let any = ModelConfig { vocab_size: usize::MAX, ..self.model.clone().unwrap_or_default() };
        let read = source.read(GENERATION).and_then(|json| CheckpointGeneration::from_json(&json, &path, &any));
        let CheckpointGeneration { config, languages, ignored } = match read {
            Ok(generation) => generation,
            Err(error) => return report.problem(GENERATION, &error),
        };
        let vocabulary = vocabulary.unwrap_or(usize::MAX);
        let ids = config.ids().map(|(option, id)| (option.to_owned(), id));
        let of_languages = languages.iter().map(|(code, &id)| (format!("{LANGUAGES}.{code}"), id));
        for (place, id) in ids.chain(of_languages).filter(|&(_, id)| id as usize >= vocabulary) {
            report.problems.push(CheckProblem {
                kind: CheckProblemKind::TokenId,
                file: GENERATION.to_owned(),
                place: Some(place),
                found: id.to_string(),
                wanted: format!("below vocab_size, {vocabulary}"),
            });
        }
        let unsupported =
            |option| format!("{GENERATION}: {option} is not supported: transformers would search otherwise");
        report.warnings.extend(ignored.into_iter().map(unsupported));
        self.languages = (!languages.is_empty()).then_some(languages);
    }

    fn tokenizer(&mut self, source: &Source, vocabulary: Option<usize>, report: &mut CheckReport) {
        if !source.has(SENTENCEPIECE) && source.has(TOKENIZER_JSON) {
            self.tokenizer_file = TOKENIZER_JSON;
        }
        match TokenizerFiles::from_source(source).and_then(|files| files.tokenizer(source.dir())) {
            Ok(tokenizer) => self.tokenizer = Some(tokenizer),
            Err(error) => return report.problem(self.tokenizer_file, &error),
        }
        let (Some(tokenizer), Some(wanted)) = (&self.tokenizer, vocabulary) else { return };
        let found = tokenizer.vocab_size();
        report.tokenizer_size = Some(found);
        if found < wanted {
            report.problems.push(CheckProblem {
                kind: CheckProblemKind::Tokenizer,
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
        Err(error) => report.problem(PREPROCESSOR, &Error::invalid_file(path)(error)),
    }
}
