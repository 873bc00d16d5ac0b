//! The files of the tokenizer.

use std::{borrow::Cow, fmt, fs, io, path::Path};

use super::{
    layout::{ADDED_TOKENS, SENTENCEPIECE, TOKENIZER_CONFIG, TOKENIZER_JSON},
    source::Source,
};
use crate::{
    error::{Error, Result},
    text::{Named, PieceSource, Tokenizer, TokenizerSource},
};

/// The contents of the files that a tokenizer is made from.
///
/// One of `sentencepiece` and `tokenizer_json` is needed; the first is preferred. Without the other two, the languages are
/// assumed to follow the last piece in the order of their codes.
#[derive(Clone, Default)]
pub struct TokenizerFiles {
    /// `sentencepiece.bpe.model`.
    pub sentencepiece: Option<Cow<'static, [u8]>>,
    /// `tokenizer.json`.
    pub tokenizer_json: Option<Cow<'static, [u8]>>,
    /// `added_tokens.json`.
    pub added_tokens: Option<Cow<'static, [u8]>>,
    /// `tokenizer_config.json`.
    pub config: Option<Cow<'static, [u8]>>,
}

impl fmt::Debug for TokenizerFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |file: &Option<Cow<'static, [u8]>>| file.as_ref().map(|bytes| bytes.len());
        f.debug_struct("TokenizerFiles")
            .field("sentencepiece", &length(&self.sentencepiece))
            .field("tokenizer_json", &length(&self.tokenizer_json))
            .field("added_tokens", &length(&self.added_tokens))
            .field("config", &length(&self.config))
            .finish()
    }
}

impl TokenizerFiles {
    /// Reads the files in the folder of a checkpoint. `tokenizer.json`, by far the largest, is read only if the others leave
    /// something open.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if neither model file exists, [`Error::Io`] if a file cannot be read.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        Self::read_with(dir, |name| {
            let path = dir.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::io("read", path)(error)),
            }
        })
    }

    /// [`read`](Self::read) from the files of a checkpoint, in a folder or in memory.
    pub(super) fn from_source(source: &Source) -> Result<Self> {
        Self::read_with(source.dir(), |name| Ok(source.read_if_there(name)?.map(|bytes| Cow::Owned(bytes.into()))))
    }

    fn read_with(dir: &Path, read: impl Fn(&str) -> Result<Option<Cow<'static, [u8]>>>) -> Result<Self> {
        let sentencepiece = read(SENTENCEPIECE)?;
        let (added_tokens, config) = (read(ADDED_TOKENS)?, read(TOKENIZER_CONFIG)?);
        let key = b"added_tokens_decoder";
        let named = config.as_ref().is_some_and(|config| config.windows(key.len()).any(|window| window == key));
        let complete = sentencepiece.is_some() && (added_tokens.is_some() || named);
        let tokenizer_json = if complete { None } else { read(TOKENIZER_JSON)? };
        if sentencepiece.is_none() && tokenizer_json.is_none() {
            return Err(missing(dir));
        }
        Ok(Self { sentencepiece, tokenizer_json, added_tokens, config })
    }

    /// Makes the tokenizer; `dir` is the folder that errors name.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] without a model file, [`Error::InvalidFile`] for broken content.
    pub(super) fn tokenizer(self, dir: &Path) -> Result<Tokenizer> {
        let named = |name: &str, bytes: Option<_>| bytes.map(|bytes| Named { path: dir.join(name), bytes });
        let json = named(TOKENIZER_JSON, self.tokenizer_json);
        let (pieces, json) = match (named(SENTENCEPIECE, self.sentencepiece), json) {
            (Some(model), json) => (PieceSource::SentencePiece(model), json),
            (None, Some(json)) => (PieceSource::Json(json), None),
            (None, None) => return Err(missing(dir)),
        };
        let added_tokens = named(ADDED_TOKENS, self.added_tokens);
        let config = named(TOKENIZER_CONFIG, self.config);
        Tokenizer::new(TokenizerSource { pieces, json, added_tokens, config })
    }
}

impl Tokenizer {
    /// Reads the tokenizer in the folder of a checkpoint: from `sentencepiece.bpe.model`, or else `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if neither exists, [`Error::InvalidFile`] if a file is broken, [`Error::Io`].
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        TokenizerFiles::read(dir)?.tokenizer(dir)
    }

    /// A tokenizer from the contents of its files.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if there is neither a `SentencePiece` model nor a `tokenizer.json`,
    /// [`Error::InvalidFile`] if one is broken.
    ///
    /// ```
    /// use indic_seamless::{Error, checkpoint::TokenizerFiles, text::Tokenizer};
    ///
    /// let files = TokenizerFiles { sentencepiece: Some(b"not a model".into()), ..TokenizerFiles::default() };
    /// assert!(matches!(Tokenizer::from_files(files), Err(Error::InvalidFile { .. })));
    /// ```
    pub fn from_files(files: TokenizerFiles) -> Result<Self> {
        files.tokenizer(Path::new(""))
    }
}

/// The error for a folder without either model file.
fn missing(dir: &Path) -> Error {
    Error::MissingFile { dir: dir.into(), wanted: format!("{SENTENCEPIECE} or {TOKENIZER_JSON}") }
}
