//! [`Problem`]: one fault of a checkpoint.

use std::fmt;

use crate::error::Error;

/// One fault of a checkpoint: the file, the tensor or key, what was found, and what was wanted.
///
/// ```
/// use indic_seamless::checkpoint::check::{Problem, ProblemKind};
///
/// let problem = Problem {
///     kind: ProblemKind::TensorShape,
///     file: "model.safetensors".to_owned(),
///     place: Some("shared.weight".to_owned()),
///     found: "[8, 4]".to_owned(),
///     wanted: "[16, 4]".to_owned(),
/// };
/// assert_eq!(problem.to_string(), "model.safetensors: shared.weight: [8, 4] found, wanted [16, 4]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub kind: ProblemKind,
    /// The file's name; empty for the folder.
    pub file: String,
    /// The tensor or the key.
    pub place: Option<String>,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub wanted: String,
}

/// Kinds of problems, in the order of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A file is not there.
    MissingFile,
    /// A file cannot be read, is cut short, or is not what its name says.
    InvalidFile,
    /// The bytes of a file are not those that the hub has.
    Checksum,
    /// A value of a configuration file is impossible, or contradicts another one.
    Config,
    /// A token id is outside of the vocabulary.
    TokenId,
    /// The tokenizer does not fit the model.
    Tokenizer,
    /// The tokenizer has another token for a language.
    Language,
    /// A tensor is not there.
    MissingTensor,
    /// A tensor has another shape than `config.json` asks for.
    TensorShape,
    /// A tensor is of a type that weights are not read from.
    TensorType,
    /// int8 weights are packed in a way that this crate does not know.
    Quantization,
    /// A weight is NaN or infinite.
    NonFinite,
}

impl Problem {
    /// An error of this crate, of which `file` is the name of the file if it does not name one.
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
                problem(ProblemKind::MissingFile, None, "nothing", wanted)
            }
            Error::InvalidFile { reason, .. } => {
                problem(ProblemKind::InvalidFile, None, reason, "a file that can be read")
            }
            Error::Io { source, .. } => {
                problem(ProblemKind::InvalidFile, None, &source.to_string(), "a file that can be read")
            }
            Error::InvalidConfig { key, found, wanted, .. } => problem(ProblemKind::Config, Some(key), found, wanted),
            Error::InvalidOption { option, found, wanted } => problem(ProblemKind::Config, Some(option), found, wanted),
            Error::TokenOutOfRange { id, vocabulary, .. } => {
                problem(ProblemKind::TokenId, None, &id.to_string(), &format!("below vocab_size, {vocabulary}"))
            }
            other => problem(ProblemKind::InvalidFile, None, &other.to_string(), "a file that can be used"),
        }
    }
}

impl fmt::Display for Problem {
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
