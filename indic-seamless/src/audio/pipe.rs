//! Recordings from a pipe, and raw samples from a file.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    time::Duration,
};

use super::{
    container::{self, SNIFFED},
    error::AudioError,
    resample,
    source::AudioSource,
};
use crate::error::{Error, Result};

/// The most bytes of a pipe that are kept: 1 GiB.
pub(super) const MAX_KEPT: u64 = 1 << 30;
/// The most channels of raw samples, as many as a WAV file can have.
const MAX_CHANNELS: u16 = 26;

/// The format of the bytes in a pipe, or in a file without a header.
///
/// ```
/// use indic_seamless::audio::PipeFormat;
///
/// // As from `arecord -t raw -f S16_LE -r 8000`.
/// let telephone = PipeFormat::Pcm16 { rate: 8_000, channels: 1 };
/// assert_ne!(telephone, PipeFormat::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeFormat {
    /// Any of the supported formats, detected from the bytes.
    #[default]
    Detect,
    /// Raw signed 16-bit little-endian PCM, interleaved.
    Pcm16 {
        /// The sample rate in Hz.
        rate: u32,
        /// The number of channels, 1 to 26.
        channels: u16,
    },
    /// Raw A-law (G.711), interleaved: telephony outside of North America and Japan.
    Alaw {
        /// The sample rate in Hz, usually 8,000.
        rate: u32,
        /// The number of channels, 1 to 26.
        channels: u16,
    },
    /// Raw mu-law (G.711), interleaved: telephony in North America and Japan.
    Mulaw {
        /// The sample rate in Hz, usually 8,000.
        rate: u32,
        /// The number of channels, 1 to 26.
        channels: u16,
    },
}

impl PipeFormat {
    /// The header of a WAV file of raw samples; `None` where the bytes have one of their own.
    fn header(self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Detect => Ok(None),
            Self::Pcm16 { rate, channels } => raw_header(1, 16, rate, channels).map(Some),
            Self::Alaw { rate, channels } => raw_header(6, 8, rate, channels).map(Some),
            Self::Mulaw { rate, channels } => raw_header(7, 8, rate, channels).map(Some),
        }
    }

    /// The bytes of a second of raw samples.
    fn bytes_per_second(self) -> Option<u64> {
        let (each, rate, channels) = match self {
            Self::Detect => return None,
            Self::Pcm16 { rate, channels } => (2, rate, channels),
            Self::Alaw { rate, channels } | Self::Mulaw { rate, channels } => (1, rate, channels),
        };
        Some(each * u64::from(rate) * u64::from(channels)).filter(|&bytes| bytes > 0)
    }

    /// The length of so many bytes of raw samples.
    pub(super) fn length(self, bytes: u64) -> Option<Duration> {
        Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second()? as f64).ok()
    }
}

/// A file of raw samples as the source of a recording; `None` where the format is to be detected.
pub(super) fn open_raw(path: &Path, format: PipeFormat) -> Result<Option<AudioSource>> {
    let Some(head) = format.header()? else { return Ok(None) };
    let file = File::open(path).map_err(Error::io("open", path))?;
    Ok(Some(AudioSource::from_headless(head, file)))
}

/// A pipe as the source of a recording.
///
/// A container that can be decoded while it is written, and raw samples, are read as they arrive. Any other format is
/// read to its end first, because its checks and its demuxer seek.
pub(super) fn open(mut input: impl Read + Send + 'static, format: PipeFormat) -> Result<AudioSource, AudioError> {
    let head = match format.header().map_err(AudioError::Option)? {
        Some(head) => head,
        None => {
            let mut head = Vec::new();
            input.by_ref().take(SNIFFED as u64).read_to_end(&mut head).map_err(AudioError::Io)?;
            match container::sniff(&head) {
                Some(row) if row.streams() => head,
                // It may start with a tag.
                None if !head.is_empty() && !head.starts_with(b"ID3") => {
                    let more = container::HEAD.saturating_sub(head.len()) as u64;
                    input.by_ref().take(more).read_to_end(&mut head).map_err(AudioError::Io)?;
                    return Err(container::unknown(&head));
                }
                _ => return keep(head, input, MAX_KEPT).map(AudioSource::from_bytes),
            }
        }
    };
    Ok(AudioSource::from_pipe(head, input))
}

/// Reads all bytes, up to a limit.
pub(super) fn keep(mut bytes: Vec<u8>, input: impl Read, limit: u64) -> Result<Vec<u8>, AudioError> {
    let most = limit - bytes.len() as u64 + 1;
    input.take(most).read_to_end(&mut bytes).map_err(AudioError::Io)?;
    if bytes.len() as u64 > limit {
        let reason = format!("more than {limit} bytes; save it to a file, which may be of any size");
        return Err(AudioError::Io(io::Error::new(ErrorKind::FileTooLarge, reason)));
    }
    Ok(bytes)
}

/// The header of a WAV file of raw samples.
fn raw_header(tag: u16, bits: u16, rate: u32, channels: u16) -> Result<Vec<u8>> {
    resample::check_rate(rate)?;
    if !(1..=MAX_CHANNELS).contains(&channels) {
        let wanted = format!("1 to {MAX_CHANNELS}");
        return Err(Error::InvalidOption { option: "channels", found: channels.to_string(), wanted });
    }
    Ok(container::wav_header(tag, rate, channels, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_the_limit() {
        assert_eq!(keep(vec![1], io::repeat(2).take(3), 4).expect("4 bytes"), [1, 2, 2, 2]);
        let refused = keep(vec![1], io::repeat(2), 4).expect_err("5 bytes");
        assert!(matches!(&refused, AudioError::Io(error) if error.kind() == ErrorKind::FileTooLarge), "{refused:?}");
    }
}
