//! [`Error`], the one error type of the crate.

use std::{io, path::PathBuf};

use crate::{generation::StopReason, transcript::Transcript};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whatever can go wrong between a recording and its transcript.
///
/// Each variant names the file, tensor or option at fault, what was found there and what was wanted. `source_name` is
/// the path of a recording, or `"audio"` for bytes and samples handed over in memory.
///
/// ```
/// use indic_seamless::{Error, Language};
///
/// let error = "klingon".parse::<Language>().unwrap_err();
/// assert!(matches!(error, Error::UnknownLanguage { ref found, .. } if found == "klingon"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `"read"`, `"write"`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },

    /// Unsupported container or codec.
    #[error("{source_name}: unsupported audio: {found}; supported: {wanted}")]
    UnsupportedAudio {
        /// The recording.
        source_name: String,
        /// What the bytes look like.
        found: String,
        /// The formats that are supported, with their codecs: [`audio::formats`](crate::audio::formats).
        wanted: String,
    },

    /// The container or codec data is broken or stops early.
    #[error("{source_name}: damaged audio: {reason}")]
    DamagedAudio {
        /// The recording.
        source_name: String,
        /// Where and how it breaks; for a file cut short, how much was found and how much was promised.
        reason: String,
    },

    /// There is nothing to hear: no bytes, no audio track, no channel or no sample.
    #[error("{source_name}: no audio: {reason}")]
    NoAudio {
        /// The recording.
        source_name: String,
        /// What is missing.
        reason: String,
    },

    /// The clip is shorter than the shortest that the model can take.
    #[error("{source_name}: {samples} samples at 16 kHz are too short, wanted at least {wanted} ({} ms)", wanted / 16)]
    AudioTooShort {
        /// The recording.
        source_name: String,
        /// Its length in samples at 16 kHz.
        samples: usize,
        /// The least length in samples at 16 kHz.
        wanted: usize,
    },

    /// The recording decodes to more than the limit that was set.
    #[error("{source_name}: longer than the limit of {limit_s} s; raise the limit or cut the recording")]
    AudioTooLong {
        /// The recording.
        source_name: String,
        /// The limit in seconds.
        limit_s: f64,
    },

    /// A channel was asked for that the recording does not have.
    #[error("{source_name}: channel {wanted} wanted, but there are {found} (counted from 0)")]
    NoSuchChannel {
        /// The recording.
        source_name: String,
        /// The channel asked for, from 0.
        wanted: usize,
        /// How many channels there are.
        found: usize,
    },

    /// A sample is not a finite number.
    #[error("{source_name}: sample {index} is {value}, wanted a finite number")]
    InvalidSample {
        /// The recording.
        source_name: String,
        /// Which sample, from 0.
        index: usize,
        /// Its value: NaN or an infinity.
        value: f32,
    },

    /// A language that neither this crate nor the checkpoint knows.
    #[error("unknown language {found:?}; known: {}", known.join(" "))]
    UnknownLanguage {
        /// What was asked for.
        found: String,
        /// The codes that would have been understood.
        known: Vec<String>,
    },

    /// An option has a value that makes no sense.
    #[error("option {option}: {found} found, wanted {wanted}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        wanted: String,
    },

    /// A checkpoint folder lacks a file.
    #[error("{}: {wanted} is missing", dir.display())]
    MissingFile {
        /// The checkpoint folder.
        dir: PathBuf,
        /// The file, or the alternatives, looked for.
        wanted: String,
    },

    /// A checkpoint's file is not what its name says: broken JSON, a broken header, a shard cut short.
    #[error("{}: {reason}", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A configuration value is outside what the model can be built with, or contradicts another one.
    #[error("{}: {key} is {found}, wanted {wanted}", path.display())]
    InvalidConfig {
        /// The configuration file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// What would be accepted.
        wanted: String,
    },

    /// The model needs a tensor that no file of the checkpoint holds.
    #[error("{}: tensor {name} {wanted:?} is missing", dir.display())]
    MissingTensor {
        /// The checkpoint folder.
        dir: PathBuf,
        /// The tensor.
        name: String,
        /// The shape it should have.
        wanted: Vec<usize>,
    },

    /// A tensor's shape contradicts config.json.
    #[error("{}: tensor {name} has shape {found:?}, wanted {wanted:?} by config.json", path.display())]
    TensorShape {
        /// The file that holds it.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that config.json asks for.
        wanted: Vec<usize>,
    },

    /// A tensor's element type is none that weights can be read from.
    #[error("{}: tensor {name} is of type {found}, wanted F32, F16, BF16 or, for the weight of a product, packed I8", path.display())]
    TensorType {
        /// The file that holds it.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its element type in the file.
        found: String,
    },

    /// A weight is not a finite number: the file is damaged, or its training diverged.
    #[error("{}: tensor {name} has {value} at element {index}, wanted finite numbers", path.display())]
    NonFiniteWeight {
        /// The file that holds it.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Which element, row after row from 0.
        index: usize,
        /// Its value: NaN or an infinity.
        value: f32,
    },

    /// The model gave a score that is not a finite number: some weight is not one, or far too large.
    #[error("the model's score of token {token} is {value}, wanted a finite number: the checkpoint is damaged")]
    NonFiniteLogit {
        /// The token.
        token: u32,
        /// Its score: NaN or an infinity.
        value: f32,
    },

    /// A file of the checkpoint was written to or cut short after it was opened. What the model computes is no longer
    /// defined; load the checkpoint again.
    #[error("{}: changed since it was opened ({found}, then {wanted}); load the checkpoint again", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// Its size and time of change now.
        found: String,
        /// Those when it was opened.
        wanted: String,
    },

    /// Something is in the place where a result should go.
    #[error("{}: exists already; nothing was written", path.display())]
    AlreadyExists {
        /// What is in the way.
        path: PathBuf,
    },

    /// The disk is too full for what should be written.
    #[error("{}: {found} bytes free, wanted {wanted}", path.display())]
    NoSpace {
        /// The folder to write into.
        path: PathBuf,
        /// The bytes that are free.
        found: u64,
        /// The bytes needed.
        wanted: u64,
    },

    /// A token id beyond the vocabulary.
    #[error("{what}: token id {id} found, wanted one below {vocabulary}")]
    TokenOutOfRange {
        /// Where the id comes from.
        what: String,
        /// The id.
        id: u32,
        /// The size of the vocabulary.
        vocabulary: usize,
    },

    /// The model could not be got from the hub.
    #[error("model {id} (revision {revision}): {reason}")]
    Hub {
        /// What kind of failure it is.
        kind: HubErrorKind,
        /// The model's id on the hub.
        id: String,
        /// The revision asked for.
        revision: String,
        /// What happened, and what to do about it.
        reason: String,
    },

    /// The work was stopped before its end, by a [`CancelToken`](crate::CancelToken) or at a deadline.
    #[error("{reason}{}", partial.as_ref().map_or_else(String::new, |partial| format!(", after {} segments", partial.segments.len())))]
    Stopped {
        /// By what.
        reason: StopReason,
        /// The segments that were finished; `None` where there are no segments, as in
        /// [`generate`](crate::generation::generate).
        partial: Option<Box<Transcript>>,
    },
}

/// Why a model could not be got from the hub; the `kind` of [`Error::Hub`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HubErrorKind {
    /// The hub wants a token and got none, or does not accept the one it got (401).
    Unauthorized,
    /// The account of the token may not read the model: its licence is not accepted yet, or the token lacks the
    /// permission (403).
    NotAccepted,
    /// There is no such model, or it is private.
    ModelNotFound,
    /// The model has no such branch, tag or commit.
    RevisionNotFound,
    /// The model lacks a file that is needed.
    FileNotFound,
    /// Offline mode forbids the download, and the cache does not hold all files.
    Offline,
    /// The hub, or the host that stores its files, cannot be reached, is overloaded or stopped sending.
    Network,
    /// The cache cannot be written. A disk that is too full for the model is [`Error::NoSpace`], found before the
    /// download.
    Disk,
    /// Another program is downloading the same file and makes no progress.
    Locked,
    /// Answers that do not fit together: a wrong size or checksum, a proxy's page in place of a file, a server that is
    /// no hub.
    InvalidAnswer,
}

/// The one of `all` whose name is `text`.
///
/// # Errors
///
/// [`Error::InvalidOption`] with all names.
pub(crate) fn by_name<T: Copy>(
    option: &'static str,
    text: &str,
    all: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Result<T> {
    let mut names = Vec::new();
    for one in all {
        if name(one) == text {
            return Ok(one);
        }
        names.push(name(one));
    }
    let wanted = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    };
    Err(Error::InvalidOption { option, found: text.to_owned(), wanted })
}

impl Error {
    /// An [`Error::Io`], for use in `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
