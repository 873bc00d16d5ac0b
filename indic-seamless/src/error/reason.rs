//! Why something went wrong, where an error has several reasons: [`StopReason`], [`DeviceErrorKind`], [`HubErrorKind`].

use std::fmt;

/// Why work was stopped; the `reason` of [`Error::Stopped`](crate::Error::Stopped).
///
/// ```
/// assert_eq!(indic_seamless::StopReason::Deadline.to_string(), "deadline exceeded");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// [`CancelToken::cancel`](crate::CancelToken::cancel) was called.
    Cancelled,
    /// The deadline has passed.
    Deadline,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline exceeded",
        })
    }
}

/// What is wrong with a GPU; the `kind` of [`Error::Device`](crate::Error::Device).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceErrorKind {
    /// The backend finds no device, or no driver.
    Missing,
    /// Its memory does not suffice: try shorter segments, fewer recordings at a time, or [`Precision::Int8`](crate::Precision::Int8).
    OutOfMemory,
    /// It was reset or removed, or a kernel was aborted. It works again only in a new process.
    Lost,
    /// An operation failed for another reason.
    Failed,
}

impl fmt::Display for DeviceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "not found",
            Self::OutOfMemory => "out of memory",
            Self::Lost => "lost",
            Self::Failed => "failed",
        })
    }
}

/// Why a model could not be downloaded from the hub; the `kind` of [`Error::Hub`](crate::Error::Hub).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HubErrorKind {
    /// The hub requires a token and got none, or does not accept it (401).
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
    /// The hub, or the host that stores its files, is out of reach, overloaded or stopped sending.
    Network,
    /// The cache cannot be written. A disk that is too full for the model is [`Error::NoSpace`](crate::Error::NoSpace), found before the
    /// download.
    Disk,
    /// Another program holds the lock of a file, and its download makes no progress.
    Locked,
    /// Invalid answers: a wrong size or checksum, the page of a proxy instead of a file, a server that is not a hub.
    InvalidAnswer,
}
