//! What can go wrong in a recording whose name the code at hand does not know.

use std::{io, path::Path};

use symphonia::core::errors::Error as Symphonia;

use crate::error::Error;

/// An [`Error`] without the name of the recording.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Unsupported(String),
    Damaged(String),
    NoAudio(String),
    TooLong { limit_s: f64 },
    NoSuchChannel { wanted: usize, found: usize },
    InvalidSample { index: usize, value: f32 },
    Option(Error),
}

impl Fault {
    /// The error for the recording at `path`, or in memory.
    pub(super) fn of(self, path: Option<&Path>) -> Error {
        let source_name = path.map_or_else(|| "audio".to_owned(), |path| path.display().to_string());
        match self {
            Self::Io(source) => Error::Io { action: "read", path: path.unwrap_or(Path::new("audio")).into(), source },
            Self::Unsupported(found) => Error::UnsupportedAudio { source_name, found },
            Self::Damaged(reason) => Error::DamagedAudio { source_name, reason },
            Self::NoAudio(reason) => Error::NoAudio { source_name, reason },
            Self::TooLong { limit_s } => Error::AudioTooLong { source_name, limit_s },
            Self::NoSuchChannel { wanted, found } => Error::NoSuchChannel { source_name, wanted, found },
            Self::InvalidSample { index, value } => Error::InvalidSample { source_name, index, value },
            Self::Option(error) => error,
        }
    }

    /// A container that promises `wanted` bytes, frames, ... of which only `found` are there.
    pub(super) fn cut(what: &str, found: u64, wanted: u64) -> Self {
        Self::Damaged(format!("cut short: {found} of {wanted} {what} are there"))
    }
}

/// What a pipe says when it cannot be read, in the shape of an [`io::Error`] that no decoder makes.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Refused(pub(super) io::Error);

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Refused>() {
            Ok(Refused(error)) => return Self::Io(error),
            Err(error) => error,
        };
        // The decoders, too, report the end of a packet or of the file this way; only the system's refusals have a
        // number.
        match error.kind() {
            _ if error.raw_os_error().is_some() => Self::Io(error),
            io::ErrorKind::UnexpectedEof => Self::Damaged("cut short: it ends in the middle of something".to_owned()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

impl From<Symphonia> for Fault {
    fn from(error: Symphonia) -> Self {
        match error {
            Symphonia::IoError(error) => error.into(),
            Symphonia::Unsupported(what) => Self::Unsupported(what.to_owned()),
            other => Self::Damaged(other.to_string()),
        }
    }
}
