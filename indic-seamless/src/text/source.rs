//! The content that a tokenizer is made from.

use std::{borrow::Cow, path::PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// The content of a file, with the path that errors give.
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Cow<'static, [u8]>,
}

impl Named {
    /// Parses JSON.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.invalid(error))
    }

    /// The error for broken content.
    pub(super) fn invalid(&self, reason: impl ToString) -> Error {
        Error::invalid_file(&self.path)(reason)
    }
}

/// Where the pieces come from.
pub(crate) enum PieceSource {
    /// A `SentencePiece` model.
    SentencePiece(Named),
    /// `tokenizer.json` of the `tokenizers` library.
    Json(Named),
}

impl PieceSource {
    pub(super) fn file(&self) -> &Named {
        match self {
            Self::SentencePiece(file) | Self::Json(file) => file,
        }
    }
}

/// All that a tokenizer is made from.
pub(crate) struct TokenizerSource {
    pub(crate) pieces: PieceSource,
    /// `tokenizer.json` beside a `SentencePiece` model; only its added tokens count.
    pub(crate) json: Option<Named>,
    /// The list of added tokens.
    pub(crate) added_tokens: Option<Named>,
    /// The tokenizer's configuration.
    pub(crate) config: Option<Named>,
}
