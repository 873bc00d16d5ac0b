//! [`Error`], the one error type of the crate.

mod make;
mod reason;

use std::{io, path::PathBuf};

use self::make::suggestions;
pub(crate) use self::make::{by_name, panic_message};
pub use self::reason::{DeviceErrorKind, HubErrorKind, StopReason};
use crate::{language::Language, transcript::Transcript};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, from opening a checkpoint or recording to its transcript.
///
/// Each variant names the file, tensor or option at fault, what was found there and what was wanted. `source_name` is
/// the path of a recording, or `"audio"` for bytes and samples in memory.
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
    /// The operating system could not read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation: `"read"`, `"write"`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
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

    /// The container or codec data is damaged or truncated.
    #[error("{source_name}: damaged audio: {reason}")]
    DamagedAudio {
        /// The recording.
        source_name: String,
        /// Where and how; for a truncated file, how much was found and how much its header declares.
        reason: String,
    },

    /// The recording has no audio: no bytes, no audio track, no channels or no samples.
    #[error("{source_name}: no audio: {reason}")]
    NoAudio {
        /// The recording.
        source_name: String,
        /// What is missing.
        reason: String,
    },

    /// The clip is too short for the model.
    #[error("{source_name}: {samples} samples at 16 kHz are too short, wanted at least {wanted} ({} ms)", wanted / 16)]
    AudioTooShort {
        /// The recording.
        source_name: String,
        /// Its length in samples at 16 kHz.
        samples: usize,
        /// The least length in samples at 16 kHz.
        wanted: usize,
    },

    /// The recording is longer than the limit.
    #[error("{source_name}: longer than the limit of {limit_s} s; raise the limit or cut the recording")]
    AudioTooLong {
        /// The recording.
        source_name: String,
        /// The limit in seconds.
        limit_s: f64,
    },

    /// The recording has more samples than [`AudioOptions::max_samples`](crate::audio::AudioOptions::max_samples).
    #[error("{source_name}: more than {limit} samples of all channels; fewer channels or a lower rate take less")]
    TooManySamples {
        /// The recording.
        source_name: String,
        /// The limit, in samples of all channels together.
        limit: u64,
    },

    /// The recording does not have the channel.
    #[error("{source_name}: channel {wanted} wanted, but there are {found} (counted from 0)")]
    NoSuchChannel {
        /// The recording.
        source_name: String,
        /// The channel asked for, from 0.
        wanted: usize,
        /// How many channels there are.
        found: usize,
    },

    /// The recording does not have the sound track.
    #[error("{source_name}: sound track {wanted} wanted, but there are: {found}")]
    NoSuchTrack {
        /// The recording.
        source_name: String,
        /// The track asked for, from 1.
        wanted: usize,
        /// The sound tracks that there are, each with its number, codec and language as far as they are known, and which is
        /// the default.
        found: String,
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
    #[error("unknown language {found:?}; {}", suggestions(similar, known))]
    UnknownLanguage {
        /// What was asked for.
        found: String,
        /// Languages whose names or codes are similar, the likeliest first. If there are any, the message names these instead
        /// of all known ones.
        similar: Vec<Language>,
        /// The known codes.
        known: Vec<String>,
    },

    /// A known language in a script that the model does not write it in, such as `pa-Arab`.
    #[error(
        "language {found:?}: the model writes {} in the script {}, not in {script}; for that, ask for {language}",
        language.name(), language.script()
    )]
    UnsupportedScript {
        /// What was asked for.
        found: String,
        /// The language.
        language: Language,
        /// The script that was asked for, by its ISO 15924 code; [`Language::script`] is the other one.
        script: String,
    },

    /// An option has a value that cannot be used.
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
        /// The missing file, or the alternatives.
        wanted: String,
    },

    /// A file of a checkpoint is invalid: broken JSON, a broken header, a truncated shard.
    #[error("{}: {reason}", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A configuration value cannot be used, or contradicts another one.
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

    /// A tensor of the model is in no file of the checkpoint.
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

    /// The element type of a tensor is not supported for weights.
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

    /// The model gave a score that is not a finite number: a weight is NaN, infinite or far too large.
    #[error("the model's score of token {token} is {value}, wanted a finite number: the checkpoint is damaged")]
    NonFiniteLogit {
        /// The token.
        token: u32,
        /// Its score: NaN or an infinity.
        value: f32,
    },

    /// A [`LogitsProcessor`](crate::LogitsProcessor) left a score that is NaN or plus infinity. Minus infinity is
    /// allowed: it forbids the token.
    #[error(
        "after logits processor {processor}: the score of token {token} is {value}, wanted a finite number or -inf"
    )]
    InvalidScore {
        /// The processor's [name](crate::LogitsProcessor::name).
        processor: String,
        /// The first such token.
        token: u32,
        /// Its score.
        value: f32,
    },

    /// Logits processors forbid every token: no score is above minus infinity, and the search has no result yet.
    #[error("logits processors forbid every token after {new_tokens} new tokens, wanted at least one to choose")]
    NoTokenAllowed {
        /// The number of tokens after the prompt in the sequence at that step.
        new_tokens: usize,
    },

    /// A file of the checkpoint was written to or truncated after it was opened. The output of the model is undefined from
    /// then on; load the checkpoint again.
    #[error("{}: changed since it was opened ({found}, then {wanted}); load the checkpoint again", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
        /// Its size and time of change now.
        found: String,
        /// Those when it was opened.
        wanted: String,
    },

    /// The output file or folder exists already.
    #[error("{}: exists already; nothing was written", path.display())]
    AlreadyExists {
        /// The existing file or folder.
        path: PathBuf,
    },

    /// There is too little space on the disk.
    #[error("{}: {found} bytes free, wanted {wanted}", path.display())]
    NoSpace {
        /// The folder to write to.
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

    /// The model could not be downloaded from the hub.
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

    /// The GPU failed, or there is none.
    #[error("device {device}: {kind}: {reason}")]
    Device {
        /// What kind of failure it is.
        kind: DeviceErrorKind,
        /// The device, as Burn names it, or the backend that has none.
        device: String,
        /// What Burn or the driver says.
        reason: String,
    },

    /// The work was stopped before its end, by a [`CancelToken`](crate::CancelToken) or by a deadline.
    #[error("{reason}{}", partial.as_ref().map_or_else(String::new, |partial| format!(", after {} segments", partial.segments.len())))]
    Stopped {
        /// Why.
        reason: StopReason,
        /// The segments that were finished; `None` where there are no segments, as in
        /// [`generate`](crate::generation::generate).
        partial: Option<Box<Transcript>>,
    },

    /// An [`Engine`](crate::engine::Engine) has no room for another recording.
    #[error("{running} recordings are being transcribed and {waiting} are waiting: there is no room for another one")]
    Busy {
        /// Recordings that are being transcribed.
        running: usize,
        /// Recordings that wait.
        waiting: usize,
    },

    /// An error ended a transcription after a part of the recording had been transcribed.
    #[error("{cause}, after {} segments", partial.segments.len())]
    Unfinished {
        /// The error.
        #[source]
        cause: Box<Error>,
        /// What was finished.
        partial: Box<Transcript>,
    },
}

impl Error {
    /// What was transcribed before the error.
    #[must_use]
    pub fn partial(&self) -> Option<&Transcript> {
        match self {
            Self::Stopped { partial, .. } => partial.as_deref(),
            Self::Unfinished { partial, .. } => Some(partial),
            _ => None,
        }
    }

    /// The error that ended a transcription, if this is [`Error::Unfinished`]; else this error.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::Unfinished { cause, .. } => cause.cause(),
            other => other,
        }
    }
}
