//! Where weights come from: a folder in the Hugging Face layout, or the hub.
//!
//! A folder holds `config.json`, `generation_config.json`, the tokenizer's files, and the weights as `model.safetensors`
//! or as shards with `model.safetensors.index.json`. Weights are mapped into memory and used where they lie if they are
//! `f32`; `f16` and `bf16` are converted tensor by tensor. Tensors that speech-to-text does not need are left alone.

#[cfg(feature = "hub")]
mod hub;
mod load;
mod mapped;
mod weights;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Deserialize;

#[cfg(feature = "hub")]
pub use hub::{DownloadProgress, HubModel, OnDownload};

pub use self::weights::Weights;
use crate::{
    error::{Error, Result},
    generation::CheckpointGeneration,
    language::Language,
    model::{SpeechToText, config::ModelConfig},
    text::Tokenizer,
};

/// Called with the bytes of weights read so far and in all.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64);

/// A checkpoint's configuration, tokenizer and mapped weights.
#[derive(Debug)]
pub struct Checkpoint {
    dir: PathBuf,
    config: ModelConfig,
    generation: CheckpointGeneration,
    padding_value: f32,
    tokenizer: Tokenizer,
    weights: Weights,
}

/// The keys of `preprocessor_config.json` that matter here.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Preprocessor {
    padding_value: f32,
    sampling_rate: u32,
    num_mel_bins: usize,
    stride: usize,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self { padding_value: 0.0, sampling_rate: 16_000, num_mel_bins: 80, stride: 2 }
    }
}

impl Checkpoint {
    /// Reads the small files of `dir` and maps the weights.
    ///
    /// # Errors
    ///
    /// What is missing, broken or contradictory, with the file's name.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        if !dir.is_dir() {
            return Err(Error::MissingFile { dir: dir.into(), wanted: "the checkpoint's folder".to_owned() });
        }
        let path = dir.join("config.json");
        let config = ModelConfig::from_json(&read(&path)?, &path)?;
        let path = dir.join("generation_config.json");
        let generation = CheckpointGeneration::from_json(&read(&path)?, &path, &config)?;
        let path = dir.join("preprocessor_config.json");
        let preprocessor = match read(&path) {
            Ok(json) => preprocessor(&json, &path)?,
            Err(Error::MissingFile { .. }) => Preprocessor::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            tokenizer: Tokenizer::from_dir(dir)?,
            weights: Weights::open(dir)?,
            padding_value: preprocessor.padding_value,
            dir: dir.into(),
            config,
            generation,
        })
    }

    /// Builds the model on `device` from the weights.
    ///
    /// # Errors
    ///
    /// The first tensor that is missing or has the wrong shape or type.
    pub fn load(&self, device: &Device, progress: OnProgress<'_>) -> Result<SpeechToText> {
        load::load(self.config.init(device), &self.weights, device, progress)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The model's sizes.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The search that the checkpoint asks for.
    pub fn generation(&self) -> &crate::generation::GenerationConfig {
        &self.generation.config
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The value of padded features.
    pub fn padding_value(&self) -> f32 {
        self.padding_value
    }

    /// The languages that the checkpoint can write, by code.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.generation.languages.keys().map(String::as_str)
    }

    /// The token that asks for `language`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`] if the checkpoint does not know it.
    pub fn language_token(&self, language: Language) -> Result<u32> {
        let code = language.code();
        self.generation.languages.get(code).copied().ok_or_else(|| Error::UnknownLanguage {
            found: code.to_owned(),
            known: self.languages().map(str::to_owned).collect(),
        })
    }
}

fn preprocessor(json: &[u8], path: &Path) -> Result<Preprocessor> {
    let found: Preprocessor = serde_json::from_slice(json)
        .map_err(|error| Error::InvalidFile { path: path.into(), reason: error.to_string() })?;
    let wanted = Preprocessor::default();
    for (key, found, wanted) in [
        ("sampling_rate", found.sampling_rate as usize, wanted.sampling_rate as usize),
        ("num_mel_bins", found.num_mel_bins, wanted.num_mel_bins),
        ("stride", found.stride, wanted.stride),
    ] {
        if found != wanted {
            return Err(Error::InvalidConfig {
                path: path.into(),
                key: key.to_owned(),
                found: found.to_string(),
                wanted: wanted.to_string(),
            });
        }
    }
    Ok(found)
}

/// A whole small file; [`Error::MissingFile`] if it is not there.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| match (error.kind(), path.parent(), path.file_name()) {
        (std::io::ErrorKind::NotFound, Some(dir), Some(name)) => {
            Error::MissingFile { dir: dir.into(), wanted: name.to_string_lossy().into_owned() }
        }
        _ => Error::io("read", path)(error),
    })
}
