//! Where the bytes of a recording come from: a file that is read while it is decoded, memory, or a pipe.

use std::{
    fmt,
    fs::File,
    io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use symphonia::core::io::MediaSource;

use super::{container::supported, error::PipeReadError, pipe};
use crate::error::Error;

/// A range of bytes of a file, of memory or of a pipe.
#[derive(Debug)]
pub(super) struct AudioSource {
    inner: Inner,
    start: u64,
    end: u64,
    pos: u64,
    /// Whether a demuxer may know the length and seek.
    seekable: bool,
    /// Whether more of it may have to be waited for.
    live: bool,
    /// The most samples of all channels that may be decoded of it.
    pub(super) max_samples: u64,
}

#[derive(Debug)]
enum Inner {
    File(File),
    Bytes(Cursor<Bytes>),
    Pipe(Pipe),
}

impl AudioSource {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        Self::open_within(path, pipe::MAX_KEPT)
    }

    /// Opens a file. Of one that cannot be read twice, such as a named pipe, at most `limit` bytes are kept in memory.
    fn open_within(path: &Path, limit: u64) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let meta = file.metadata().map_err(Error::io("read", path))?;
        if meta.is_file() {
            return Ok(Self::new(Inner::File(file), meta.len()));
        }
        // A named pipe cannot be read twice, and reading a folder is an error.
        let bytes = pipe::keep(Vec::new(), file, limit).map_err(|error| error.of(Some(path), supported))?;
        Ok(Self::from_bytes(bytes))
    }

    pub(super) fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self::new(Inner::Bytes(Cursor::new(bytes)), length)
    }

    /// A pipe from which `head` has been read already. Only these first bytes can be read more than once.
    pub(super) fn from_pipe(head: Vec<u8>, input: impl Read + Send + 'static) -> Self {
        let at = head.len() as u64;
        Self { live: true, ..Self::new(Inner::Pipe(Pipe { head, input: Mutex::new(Box::new(input)), at }), u64::MAX) }
    }

    /// A file that lacks its header, which is `head`. It is read once, like a pipe.
    pub(super) fn from_headless(head: Vec<u8>, file: File) -> Self {
        Self { live: false, ..Self::from_pipe(head, file) }
    }

    fn new(inner: Inner, end: u64) -> Self {
        Self { inner, start: 0, end, pos: 0, seekable: true, live: false, max_samples: u64::MAX }
    }

    /// The length in bytes; [`u64::MAX`] for a pipe.
    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether the length is unknown and only the first bytes can be read twice.
    pub(super) fn is_pipe(&self) -> bool {
        matches!(self.inner, Inner::Pipe(_))
    }

    /// Whether more of it may have to be waited for.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// Keeps only the bytes from `start` to `end`.
    pub(super) fn narrow(&mut self, start: u64, end: u64) {
        let end = self.end.min(self.start.saturating_add(end));
        self.start = end.min(self.start.saturating_add(start));
        self.end = end;
        self.pos = 0;
    }

    /// Hides the length from the demuxer and makes it read from start to end.
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
}

impl Read for AudioSource {
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

impl Seek for AudioSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let pos = match to {
            SeekFrom::Start(pos) => Some(pos),
            SeekFrom::End(offset) => self.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.pos.checked_add_signed(offset),
        };
        self.pos = pos.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.pos)
    }
}

impl MediaSource for AudioSource {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then(|| self.length())
    }
}

/// A pipe: it has no length and only goes forward.
struct Pipe {
    /// The first bytes, kept so that the format can be detected.
    head: Vec<u8>,
    /// Everything behind `head`. Never locked: a [`MediaSource`] has to be `Sync`, which the input need not be.
    input: Mutex<Box<dyn Read + Send>>,
    /// The position of `input`, counted from the start of `head`.
    at: u64,
}

impl Pipe {
    /// Reads from byte `at` on, which lies in `head` or not before the position of `input`.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let head = usize::try_from(at).ok().and_then(|at| self.head.get(at..));
        if let Some(mut head) = head.filter(|head| !head.is_empty()) {
            return head.read(buffer);
        }
        let skip = at.checked_sub(self.at).ok_or(ErrorKind::NotSeekable)?;
        let input = self.input.get_mut().unwrap_or_else(PoisonError::into_inner);
        let refused = |error: io::Error| match error.kind() {
            // The caller retries.
            ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, PipeReadError(error)),
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
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_of_a_device_than_the_limit() {
        let refused = AudioSource::open_within(Path::new("/dev/zero"), 1_000).expect_err("it does not end");
        assert!(
            matches!(&refused, Error::Io { path, source, .. }
                if path == Path::new("/dev/zero") && source.kind() == ErrorKind::FileTooLarge),
            "{refused:?}"
        );
    }
}
