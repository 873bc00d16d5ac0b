//! [`Reader`]: reads the headers and packets of a container.

use std::{
    borrow::BorrowMut,
    io::{BufRead, BufReader, ErrorKind, Read, Seek},
};

use super::{error::AudioError, source::AudioSource};

/// A walk over the headers of a container.
pub(super) type Scan<'a> = Reader<&'a mut AudioSource>;

/// A buffered reader that knows its position and how much is left.
#[derive(Debug)]
pub(super) struct Reader<S> {
    reader: BufReader<S>,
    pos: u64,
    length: u64,
}

impl<S: Read + Seek + BorrowMut<AudioSource>> Reader<S> {
    /// Reads `source` from its start.
    pub(super) fn new(mut source: S) -> Result<Self, AudioError> {
        source.rewind()?;
        let inner: &mut AudioSource = source.borrow_mut();
        let length = inner.length();
        // Bytes of a pipe that are read ahead would be lost to the demuxer.
        let buffer = if inner.is_pipe() { 0 } else { 1 << 16 };
        Ok(Self { reader: BufReader::with_capacity(buffer, source), pos: 0, length })
    }
}

impl<S: Read + Seek> Reader<S> {
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
            .map_err(|_| AudioError::damaged(format!("it points to byte {pos} of {}", self.length)))?;
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

    /// The next `size` bytes, or as many of them as there are.
    pub(super) fn data(&mut self, size: u64) -> Result<Vec<u8>, AudioError> {
        let size = size.min(self.left());
        let mut bytes = Vec::new();
        self.reader.by_ref().take(size).read_to_end(&mut bytes)?;
        self.pos += bytes.len() as u64;
        Ok(bytes)
    }

    /// Goes to the next place from here on at which `pattern` stands. Without one, it goes to the end.
    pub(super) fn find<const N: usize>(&mut self, pattern: [u8; N]) -> Result<bool, AudioError> {
        let mut last = [0; N];
        let mut seen = 0;
        loop {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            if bytes.is_empty() {
                return Ok(false);
            }
            for (i, &byte) in bytes.iter().enumerate() {
                last.rotate_left(1);
                if let Some(end) = last.last_mut() {
                    *end = byte;
                }
                seen += 1;
                if seen >= N && last == pattern {
                    self.reader.consume(i + 1);
                    self.pos += i as u64 + 1;
                    return self.goto(self.pos - N as u64).map(|()| true);
                }
            }
            let count = bytes.len();
            self.reader.consume(count);
            self.pos += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_it_looks_for() {
        let mut bytes = vec![b'a'; 200_000];
        bytes[150_001..150_005].copy_from_slice(b"data");
        let mut source = AudioSource::from_bytes(bytes);
        let mut scan = Scan::new(&mut source).expect("bytes");
        assert!(scan.find(*b"data").expect("bytes"));
        assert_eq!((scan.pos(), scan.data(4).expect("bytes").as_slice()), (150_001, &b"data"[..]));
        scan.goto(150_000).expect("bytes");
        assert!(scan.find(*b"data").expect("bytes"));
        scan.goto(150_002).expect("bytes");
        assert!(!scan.find(*b"data").expect("bytes"));
        assert_eq!(scan.left(), 0);
    }
}
