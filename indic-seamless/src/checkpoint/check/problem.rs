//! [`CheckProblem`]: one fault of a checkpoint.

use std::fmt;

use crate::error::Error;

/// One fault of a checkpoint: the file, the tensor or key, what was found, and what was wanted.
///
/// ```
/// use indic_seamless::checkpoint::check::{CheckProblem, CheckProblemKind};
///
/// let problem = CheckProblem {
///     kind: CheckProblemKind::TensorShape,
///     file: "model.safetensors".to_owned(),
///     place: Some("shared.weight".to_owned()),
///     found: "[8, 4]".to_owned(),
///     wanted: "[16, 4]".to_owned(),
/// };
/// assert_eq!(problem.to_string(), "model.safetensors: shared.weight: [8, 4] found, wanted [16, 4]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckProblem {
    /// The kind.
    pub kind: CheckProblemKind,
    /// The file's name; empty for the folder.
    pub file: String,
    /// The tensor or the key.
    pub place: Option<String>,
    /// What was found.
    pub found: String,
    /// What was wanted.
    pub wanted: String,
}

/// Kinds of problems, in the order of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CheckProblemKind {
    /// A file does not exist.
    MissingFile,
    /// A file cannot be read, is truncated, or has another format.
    InvalidFile,
    /// The bytes of a file are not those on the hub.
    Checksum,
    /// A value of a configuration file is impossible, or contradicts another one.
    Config,
    /// A token id is outside of the vocabulary.
    TokenId,
    /// The tokenizer does not fit the model.
    Tokenizer,
    /// The tokenizer has another token for a language.
    Language,
    /// A tensor does not exist.
    MissingTensor,
    /// A tensor has another shape than `config.json` asks for.
    TensorShape,
    /// The element type of a tensor is not supported for weights.
    TensorType,
    /// int8 weights have an unknown layout, or a byte of -128.
    Quantization,
    /// A weight is NaN or infinite.
    NonFinite,
}

impl CheckProblem {
    /// The problem for an error of this crate; `file` is used if the error names no file.
    pub(super) fn from_error(file: &str, error: &Error) -> Self {
        // The tokenizer has several files.
        let named = match error {
            Error::InvalidFile { path, .. } | Error::Io { path, .. } | Error::InvalidConfig { path, .. } => {
                path.file_name()
            }
            _ => None,
        };
        let file = named.and_then(|name| name.to_str()).unwrap_or(file);
        let problem = |kind, place: Option<&str>, found: &str, wanted: &str| Self {
            kind,
            file: file.to_owned(),
            place: place.map(str::to_owned),
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        };
        match error {
            Error::MissingFile { wanted, .. } => {
                let wanted = if wanted == file { "the file" } else { wanted };
                problem(CheckProblemKind::MissingFile, None, "nothing", wanted)
            }
            Error::InvalidFile { reason, .. } => {
                problem(CheckProblemKind::InvalidFile, None, reason, "a file that can be read")
            }
            Error::Io { source, .. } => {
                problem(CheckProblemKind::InvalidFile, None, &source.to_string(), "a file that can be read")
            }
            Error::InvalidConfig { key, found, wanted, .. } => {
                problem(CheckProblemKind::Config, Some(key), found, wanted)
            }
            Error::InvalidOption { option, found, wanted } => {
                problem(CheckProblemKind::Config, Some(option), found, wanted)
            }
            Error::TokenOutOfRange { id, vocabulary, .. } => {
                problem(CheckProblemKind::TokenId, None, &id.to_string(), &format!("below vocab_size, {vocabulary}"))
            }
            other => problem(CheckProblemKind::InvalidFile, None, &other.to_string(), "a file that can be used"),
        }
    }
}

impl fmt::Display for CheckProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{} found, wanted {}", self.found, self.wanted)
    }
}
