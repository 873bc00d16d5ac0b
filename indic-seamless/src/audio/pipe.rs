//! Recordings that come through a pipe.

use std::{
    fmt,
    io::{self, Cursor, ErrorKind, Read},
    sync::{Mutex, PoisonError},
};

use super::{
    container::{self, Container, SNIFFED},
    fault::{Fault, Refused},
    resample,
    source::Source,
};
use crate::error::{Error, Result};

/// The most bytes of a pipe that are kept: 1 GiB.
const MAX_KEPT: u64 = 1 << 30;
/// The most channels of raw samples, as many as a WAV file can have.
const MAX_CHANNELS: u16 = 26;

/// What comes through a pipe.
///
/// ```
/// use indic_seamless::audio::PipeFormat;
///
/// // As from `arecord -t raw -f S16_LE -r 8000`.
/// let telephone = PipeFormat::Pcm16 { rate: 8_000, channels: 1 };
/// assert_ne!(telephone, PipeFormat::default());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PipeFormat {
    /// A file of any of the formats that are read; the bytes say which.
    #[default]
    Detect,
    /// Bare samples, signed, of 16 bits, the low byte first, those of the channels taking turns.
    Pcm16 {
        /// Samples per second and channel, in Hz.
        rate: u32,
        /// How many channels there are, 1 to 26.
        channels: u16,
    },
}

/// A pipe as a source of a recording.
///
/// Samples are decoded as they come. Any other format is read to its end first: its checks and its decoder go back and
/// forth in it.
pub(super) fn source(mut input: impl Read + Send + 'static, format: PipeFormat) -> Result<Source, Fault> {
    let head = match format {
        PipeFormat::Pcm16 { rate, channels } => raw_header(rate, channels).map_err(Fault::Option)?,
        PipeFormat::Detect => {
            let mut head = Vec::new();
            input.by_ref().take(SNIFFED as u64).read_to_end(&mut head).map_err(Fault::Io)?;
            let container = container::sniff(&head);
            if container != Some(Container::Wav) {
                if container.is_none() && !head.is_empty() && !head.starts_with(b"ID3") {
                    return Err(container::unknown(&head));
                }
                return keep(head, input, MAX_KEPT).map(Source::from_bytes);
            }
            head
        }
    };
    Ok(Source::from_pipe(Pipe { input: Mutex::new(Box::new(Cursor::new(head).chain(input))), at: 0 }))
}

/// All bytes, up to a limit.
fn keep(mut bytes: Vec<u8>, input: impl Read, limit: u64) -> Result<Vec<u8>, Fault> {
    let most = limit - bytes.len() as u64 + 1;
    input.take(most).read_to_end(&mut bytes).map_err(Fault::Io)?;
    if bytes.len() as u64 > limit {
        let reason = format!("more than {limit} bytes; save it to a file, which may be of any size");
        return Err(Fault::Io(io::Error::new(ErrorKind::FileTooLarge, reason)));
    }
    Ok(bytes)
}

/// The header of a WAV file of such samples.
fn raw_header(rate: u32, channels: u16) -> Result<Vec<u8>> {
    resample::check_rate(rate)?;
    if !(1..=MAX_CHANNELS).contains(&channels) {
        let wanted = format!("1 to {MAX_CHANNELS}");
        return Err(Error::InvalidOption { option: "channels", found: channels.to_string(), wanted });
    }
    let block = channels * 2;
    let mut format = vec![1, 0];
    format.extend(channels.to_le_bytes());
    format.extend(rate.to_le_bytes());
    format.extend((rate * u32::from(block)).to_le_bytes());
    format.extend(block.to_le_bytes());
    format.extend(16_u16.to_le_bytes());
    Ok(container::header(&format))
}

/// Bytes that come one after the other.
pub(super) struct Pipe {
    /// Never locked: a source has to be shareable, a pipe need not be.
    input: Mutex<Box<dyn Read + Send>>,
    at: u64,
}

impl Pipe {
    /// Reads from the byte `at` on, which cannot lie before what has been read.
    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let skip = at.checked_sub(self.at).ok_or(ErrorKind::NotSeekable)?;
        let input = self.input.get_mut().unwrap_or_else(PoisonError::into_inner);
        let refused = |error: io::Error| match error.kind() {
            // Those who read try again.
            ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, Refused(error)),
        };
        if skip > 0 {
            self.at += io::copy(&mut input.take(skip), &mut io::sink()).map_err(refused)?;
            if self.at < at {
                return Ok(0);
            }
        }
        let count = input.read(buffer).map_err(refused)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({} bytes so far)", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_the_limit() {
        assert_eq!(keep(vec![1], io::repeat(2).take(3), 4).expect("4 bytes"), [1, 2, 2, 2]);
        let refused = keep(vec![1], io::repeat(2), 4).expect_err("5 bytes");
        assert!(matches!(&refused, Fault::Io(error) if error.kind() == ErrorKind::FileTooLarge), "{refused:?}");
    }
}
