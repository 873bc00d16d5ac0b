//! [`Scan`]: a walk over the headers of a container.

use std::io::{BufRead, BufReader, Read, Seek};

use super::{error::AudioError, source::AudioSource};

/// A buffered reader that knows its position and how much is left.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    reader: BufReader<&'a mut AudioSource>,
    pos: u64,
    length: u64,
}

impl<'a> Scan<'a> {
    /// A walk from the start of `source`.
    pub(super) fn new(source: &'a mut AudioSource) -> Result<Self, AudioError> {
        source.rewind()?;
        let length = source.length();
        // Bytes of a pipe that are read ahead would be lost to the demuxer.
        let buffer = if source.is_pipe() { 0 } else { 1 << 16 };
        Ok(Self { reader: BufReader::with_capacity(buffer, source), pos: 0, length })
    }

    pub(super) fn pos(&self) -> u64 {
        self.pos
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.pos)
    }

    /// Goes on at byte `pos`, which may lie behind the end.
    pub(super) fn goto(&mut self, pos: u64) -> Result<(), AudioError> {
        let offset = i64::try_from(i128::from(pos) - i128::from(self.pos))
            .map_err(|_| AudioError::Damaged(format!("it points to byte {pos} of {}", self.length)))?;
        self.reader.seek_relative(offset)?;
        self.pos = pos;
        Ok(())
    }

    /// The next `N` bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], AudioError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `N` bytes, or `None` where there are fewer.
    pub(super) fn try_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>, AudioError> {
        if self.left() < N as u64 { Ok(None) } else { self.bytes().map(Some) }
    }

    /// Fills `bytes` with the next ones.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), AudioError> {
        self.reader.read_exact(bytes)?;
        self.pos += bytes.len() as u64;
        Ok(())
    }

    /// Whether there are only zeros from here to the end.
    pub(super) fn zeros_to_end(&mut self) -> Result<bool, AudioError> {
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            let count = bytes.len();
            self.reader.consume(count);
            self.pos += count as u64;
        }
    }
}
