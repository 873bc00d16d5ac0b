//! [`AudioError`]: an error in a recording, raised where the recording's name is not known.

use std::{io, ops::Range, path::Path};

use symphonia::core::errors::Error as Symphonia;

use super::fault::Fault;
use crate::{damage::DamageKind, error::Error};

/// What errors call a recording that has no path.
pub(super) const IN_MEMORY: &str = "audio";

/// An [`Error`] without the name of the recording.
#[derive(Debug)]
pub(super) enum AudioError {
    Io(io::Error),
    Unsupported(String),
    /// A container or codec that only other programs decode.
    Foreign(String),
    Damaged(Fault),
    NoAudio(String),
    TooLong {
        limit_s: f64,
    },
    TooManySamples {
        limit: u64,
    },
    NoSuchChannel {
        wanted: usize,
        found: usize,
    },
    NoSuchTrack {
        wanted: usize,
        found: String,
    },
    InvalidSample {
        index: usize,
        value: f32,
    },
    Option(Error),
}

impl AudioError {
    /// The error for the recording at `path`, or for one in memory. `supported` lists the formats that are read.
    pub(super) fn of(self, path: Option<&Path>, supported: impl FnOnce() -> String) -> Error {
        let source_name = path.map_or_else(|| IN_MEMORY.to_owned(), |path| path.display().to_string());
        match self {
            Self::Foreign(name) => {
                let found = format!("{name}; convert it: ffmpeg -i FILE -f wav - | indic-seamless transcribe -");
                Error::UnsupportedAudio { source_name, found, wanted: supported() }
            }
            Self::Io(source) => Error::Io { action: "read", path: path.unwrap_or(Path::new(IN_MEMORY)).into(), source },
            Self::Unsupported(found) => Error::UnsupportedAudio { source_name, found, wanted: supported() },
            Self::Damaged(Fault { reason, .. }) => Error::DamagedAudio { source_name, reason },
            Self::NoAudio(reason) => Error::NoAudio { source_name, reason },
            Self::TooLong { limit_s } => Error::AudioTooLong { source_name, limit_s },
            Self::TooManySamples { limit } => Error::TooManySamples { source_name, limit },
            Self::NoSuchChannel { wanted, found } => Error::NoSuchChannel { source_name, wanted, found },
            Self::NoSuchTrack { wanted, found } => Error::NoSuchTrack { source_name, wanted, found },
            Self::InvalidSample { index, value } => Error::InvalidSample { source_name, index, value },
            Self::Option(error) => error,
        }
    }

    /// A container or codec that only other programs decode.
    pub(super) fn foreign(name: &str) -> Self {
        Self::Foreign(name.to_owned())
    }

    /// Bytes that cannot be understood.
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(Fault::new(DamageKind::Corrupt, reason))
    }

    /// A recording of which a part, in seconds, holds no sample.
    pub(super) fn nothing_in(part: &Range<f64>) -> Self {
        Self::NoAudio(if part.is_empty() {
            format!("a part of {} s is wanted", part.end - part.start)
        } else if part.end.is_finite() {
            // It may go on behind the part: what is read ends with it.
            format!("it has no sample from {} s to {} s", part.start, part.end)
        } else {
            format!("it ends before {} s, where it was to start", part.start)
        })
    }

    /// A recording that promises `wanted` bytes, frames, … and holds only `found`.
    pub(super) fn cut(what: &str, found: u64, wanted: u64) -> Self {
        Self::Damaged(Fault::cut(what, found, wanted))
    }
}

/// A read error of a pipe, wrapped so that it can be told from the [`io::Error`]s that demuxers and decoders make.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct PipeReadError(pub(super) io::Error);

impl From<io::Error> for AudioError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<PipeReadError>() {
            Ok(PipeReadError(error)) => return Self::Io(error),
            Err(error) => error,
        };
        // Demuxers and decoders also report the end of a packet or of the file as `io::Error`; only errors of the
        // operating system have a number.
        match error.kind() {
            _ if error.raw_os_error().is_some() => Self::Io(error),
            io::ErrorKind::UnexpectedEof => {
                Self::Damaged(Fault::new(DamageKind::CutShort, "cut short: it ends in the middle of something"))
            }
            _ => Self::damaged(error.to_string()),
        }
    }
}

impl From<Symphonia> for AudioError {
    fn from(error: Symphonia) -> Self {
        match error {
            Symphonia::IoError(error) => error.into(),
            Symphonia::Unsupported(what) => Self::Unsupported(what.to_owned()),
            other => Self::damaged(other.to_string()),
        }
    }
}
