//! Where the bytes of a recording come from: a file read as it is decoded, memory, or a pipe.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use symphonia::core::io::MediaSource;

use super::{fault::Fault, pipe::Pipe};
use crate::error::Error;

/// A stretch of a file or of memory.
#[derive(Debug)]
pub(super) struct Source {
    inner: Inner,
    start: u64,
    end: u64,
    pos: u64,
    /// Whether a demuxer may know the length and seek.
    seekable: bool,
}

#[derive(Debug)]
enum Inner {
    File(File),
    Bytes(Cursor<Vec<u8>>),
    /// Has no length and goes forward only.
    Pipe(Pipe),
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let meta = file.metadata().map_err(Error::io("read", path))?;
        if meta.is_file() {
            return Ok(Self::new(Inner::File(file), meta.len()));
        }
        // A pipe cannot be read twice, a folder not at all.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        Ok(Self::from_bytes(bytes))
    }

    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        Self::new(Inner::Bytes(Cursor::new(bytes)), length)
    }

    pub(super) fn from_pipe(pipe: Pipe) -> Self {
        Self::new(Inner::Pipe(pipe), u64::MAX)
    }

    fn new(inner: Inner, end: u64) -> Self {
        Self { inner, start: 0, end, pos: 0, seekable: true }
    }

    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether nobody knows where it ends, and nothing can be read twice.
    pub(super) fn is_pipe(&self) -> bool {
        matches!(self.inner, Inner::Pipe(_))
    }

    /// Leaves only the bytes from `start` to `end`.
    pub(super) fn narrow(&mut self, start: u64, end: u64) {
        let end = self.end.min(self.start.saturating_add(end));
        self.start = end.min(self.start.saturating_add(start));
        self.end = end;
        self.pos = 0;
    }

    pub(super) fn forbid_seeking(&mut self) {
        self.seekable = false;
    }

    /// Up to `most` bytes from `at` on; fewer only at the end.
    pub(super) fn peek(&mut self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        self.pos = at;
        let mut bytes = Vec::with_capacity(most);
        self.by_ref().take(most as u64).read_to_end(&mut bytes)?;
        self.pos = 0;
        Ok(bytes)
    }

    /// A buffered reader from the start.
    pub(super) fn scan(&mut self) -> Scan<'_> {
        self.pos = 0;
        let length = self.length();
        // What is read from a pipe in advance would be lost.
        let buffer = if self.is_pipe() { 0 } else { 1 << 16 };
        Scan { reader: BufReader::with_capacity(buffer, self), pos: 0, length }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.start.saturating_add(self.pos);
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let count = match &mut self.inner {
            Inner::File(file) => {
                file.seek(SeekFrom::Start(at))?;
                file.read(buffer)?
            }
            Inner::Bytes(bytes) => {
                bytes.set_position(at);
                bytes.read(buffer)?
            }
            Inner::Pipe(pipe) => pipe.read_at(at, buffer)?,
        };
        self.pos += count as u64;
        Ok(count)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let pos = match to {
            SeekFrom::Start(pos) => Some(pos),
            SeekFrom::End(offset) => self.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.pos.checked_add_signed(offset),
        };
        self.pos = pos.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.pos)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then(|| self.length())
    }
}

/// Walks over the headers of a container.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    reader: BufReader<&'a mut Source>,
    pos: u64,
    length: u64,
}

impl Scan<'_> {
    pub(super) fn pos(&self) -> u64 {
        self.pos
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.pos)
    }

    pub(super) fn goto(&mut self, pos: u64) -> Result<(), Fault> {
        let offset = i64::try_from(i128::from(pos) - i128::from(self.pos))
            .map_err(|_| Fault::Damaged(format!("it points to byte {pos} of {}", self.length)))?;
        self.reader.seek_relative(offset)?;
        self.pos = pos;
        Ok(())
    }

    /// The next `N` bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `N` bytes, or `None` where there are fewer.
    pub(super) fn try_bytes<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Fault> {
        if self.left() < N as u64 { Ok(None) } else { self.bytes().map(Some) }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.reader.read_exact(bytes)?;
        self.pos += bytes.len() as u64;
        Ok(())
    }

    /// Whether there are only zeros from here to the end.
    pub(super) fn zeros_to_end(&mut self) -> Result<bool, Fault> {
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
