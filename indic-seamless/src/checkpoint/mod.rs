//! The files of a checkpoint: in a folder with the layout of Hugging Face, in memory, or from the hub.
//!
//! A folder holds `config.json`, `generation_config.json`, the tokenizer's files, and the weights as `model.safetensors`
//! or as shards with `model.safetensors.index.json`. Weights are mapped into memory. They are used in place if they have the
//! wanted type; else they are converted or quantised tensor by tensor. Tensors that speech-to-text does not need are ignored.

pub mod check;
mod durable;
mod generation_config;
#[cfg(feature = "hub")]
mod hub;
#[cfg(target_os = "linux")]
mod huge_pages;
mod layout;
mod load;
mod lost_pages;
mod mapped;
mod packing;
mod partial;
mod quantize;
mod read_ahead;
mod shards;
mod source;
mod tokenizer_files;
mod weights;

use std::{borrow::Cow, path::Path, sync::Arc};

use burn::tensor::Device;
use serde::Deserialize;

#[cfg(feature = "hub")]
pub use hub::{DownloadProgress, HubModel, OnDownload};
pub use mapped::WeightAccess;
pub use tokenizer_files::TokenizerFiles;

use self::{
    generation_config::CheckpointGeneration,
    layout::{CONFIG, GENERATION, PREPROCESSOR},
    source::Source,
    weights::Weights,
};
use crate::{
    backend::Precision,
    error::{Error, Result},
    generation::GenerationConfig,
    language::Language,
    model::{SpeechToText, config::ModelConfig},
    text::Tokenizer,
};

/// The demo model's files.
#[cfg(feature = "demo")]
const DEMO: [(&str, &[u8]); 6] = [
    (layout::CONFIG, include_bytes!("../../demo/config.json")),
    (layout::GENERATION, include_bytes!("../../demo/generation_config.json")),
    (layout::WEIGHTS, include_bytes!("../../demo/model.safetensors")),
    (layout::PREPROCESSOR, include_bytes!("../../demo/preprocessor_config.json")),
    (layout::SENTENCEPIECE, include_bytes!("../../demo/sentencepiece.bpe.model")),
    (layout::TOKENIZER_CONFIG, include_bytes!("../../demo/tokenizer_config.json")),
];

/// Called with the bytes of weights read so far and in all.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64);

/// A checkpoint's configuration, tokenizer and mapped weights.
#[derive(Debug)]
pub struct Checkpoint {
    source: Arc<Source>,
    config: ModelConfig,
    generation: CheckpointGeneration,
    padding_value: f32,
    tokenizer: Tokenizer,
    weights: Weights,
}

/// The keys of `preprocessor_config.json` that are used.
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

impl Preprocessor {
    /// The values with which features cannot be computed.
    fn faults(&self, path: &Path) -> Vec<Error> {
        let wanted = Self::default();
        let keys = [
            ("sampling_rate", self.sampling_rate as usize, wanted.sampling_rate as usize),
            ("num_mel_bins", self.num_mel_bins, wanted.num_mel_bins),
            ("stride", self.stride, wanted.stride),
        ];
        let fault = |(key, found, wanted): (&str, usize, usize)| Error::InvalidConfig {
            path: path.into(),
            key: key.to_owned(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        };
        keys.into_iter().filter(|(_, found, wanted)| found != wanted).map(fault).collect()
    }
}

impl Checkpoint {
    /// Reads the small files of a folder and maps the weights: [`open_with`](Self::open_with) [`WeightAccess::Map`].
    ///
    /// The weight files must not be written to or truncated while they are in use. A change ends transcriptions with
    /// [`Error::FileChanged`] at their next step.
    ///
    /// # Errors
    ///
    /// What is missing, broken or contradictory, with the name of the file. Among them is a language whose token in
    /// `generation_config.json` is another one than in the tokenizer: [`Error::InvalidConfig`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, WeightAccess::default())
    }

    /// Reads the small files of a folder; maps the weights, or copies them.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(dir: impl AsRef<Path>, access: WeightAccess) -> Result<Self> {
        Self::from_source(Source::folder(dir.as_ref(), access)?)
    }

    /// A checkpoint in memory: the files of the folder by name. Errors call it `name`.
    ///
    /// ```
    /// use indic_seamless::{Error, checkpoint::Checkpoint};
    ///
    /// let files = [("config.json".to_owned(), b"{}".as_slice().into())];
    /// let error = Checkpoint::from_files("half", files).unwrap_err();
    /// assert!(matches!(error, Error::MissingFile { wanted, .. } if wanted == "generation_config.json"));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_files(name: &str, files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Result<Self> {
        Self::from_source(Source::memory(name, files))
    }

    /// The demo model, which is part of the crate: see [`Transcriber::demo`](crate::Transcriber::demo).
    ///
    /// # Errors
    ///
    /// None, unless the crate was built with other files.
    #[cfg(feature = "demo")]
    pub fn demo() -> Result<Self> {
        let files = DEMO.iter().map(|&(name, content)| (name.to_owned(), Cow::Borrowed(content)));
        Self::from_files("demo", files)
    }

    fn from_source(source: Source) -> Result<Self> {
        let source = Arc::new(source);
        let config = ModelConfig::from_json(&source.read(CONFIG)?, &source.path(CONFIG))?;
        let path = source.path(GENERATION);
        let mut generation = CheckpointGeneration::from_json(&source.read(GENERATION)?, &path, &config)?;
        if !generation.ignored.is_empty() {
            let (path, keys) = (path.display(), generation.ignored.join(", "));
            tracing::warn!(%path, keys, "keys that change the search of transformers are not supported");
        }
        let preprocessor = match source.read_if_there(PREPROCESSOR)? {
            Some(json) => preprocessor(&json, &source.path(PREPROCESSOR))?,
            None => Preprocessor::default(),
        };
        let tokenizer = TokenizerFiles::from_source(&source)?.tokenizer(source.dir())?;
        let (tokens, texts) = (config.vocab_size, tokenizer.vocab_size());
        if texts < tokens {
            return Err(Error::InvalidConfig {
                path: source.path(CONFIG),
                key: "vocab_size".to_owned(),
                found: tokens.to_string(),
                wanted: format!("at most {texts}, the number of tokens of the tokenizer"),
            });
        }
        generation.compare_languages(&tokenizer, &path)?;
        Ok(Self {
            tokenizer,
            weights: Weights::open(Arc::clone(&source))?,
            padding_value: preprocessor.padding_value,
            source,
            config,
            generation,
        })
    }

    /// Builds the model on `device` from the weights.
    ///
    /// # Errors
    ///
    /// The first tensor that is missing or has the wrong shape or type; [`Error::FileChanged`] if a file is written to meanwhile.
    pub fn load(&self, precision: Precision, device: &Device, progress: OnProgress<'_>) -> Result<SpeechToText> {
        let is_eager = self.source.reads_ahead();
        if is_eager {
            self.weights.read_ahead();
        }
        let model = load::load(&self.config, &self.weights, precision, device, progress)?;
        // Else the weights are not used as they lie in the files.
        #[cfg(target_os = "linux")]
        if is_eager && *device == Device::flex() && [Precision::Auto, self.precision()].contains(&precision) {
            self.weights.move_to_huge_pages();
        }
        Ok(model)
    }

    /// The type of most of the stored weights; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.weights.precision()
    }

    /// The folder, or the name of a checkpoint in memory.
    pub fn dir(&self) -> &Path {
        self.source.dir()
    }

    /// The model's sizes.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The defaults of the search in this checkpoint.
    pub fn generation(&self) -> &GenerationConfig {
        &self.generation.config
    }

    /// Keys of `generation_config.json`, with their values, that change the search of transformers and are not supported
    /// here, such as `bad_words_ids`.
    pub fn unsupported_options(&self) -> &[String] {
        &self.generation.ignored
    }

    /// # Errors
    ///
    /// [`Error::FileChanged`] if a file that a loaded model reads from was written to since it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        self.weights.check_unchanged()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The value of padded features.
    pub fn padding_value(&self) -> f32 {
        self.padding_value
    }

    /// The codes of the languages that the checkpoint can write: those of `generation_config.json`, or of the tokenizer if
    /// that file has none.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.generation.languages.keys().map(String::as_str)
    }

    /// The [`languages`](Self::languages) that this crate knows.
    pub(crate) fn known_languages(&self) -> impl Iterator<Item = Language> {
        self.languages().filter_map(Language::of_code)
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
            similar: Vec::new(),
            known: self.languages().map(str::to_owned).collect(),
        })
    }
}

fn preprocessor(json: &[u8], path: &Path) -> Result<Preprocessor> {
    let found: Preprocessor = serde_json::from_slice(json).map_err(Error::invalid_file(path))?;
    match found.faults(path).into_iter().next() {
        Some(error) => Err(error),
        None => Ok(found),
    }
}
