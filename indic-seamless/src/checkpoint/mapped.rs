//! Weight files: mapped where they lie, or copied into memory.

use std::{
    fmt,
    fs::{File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use memmap2::{Mmap, MmapMut};

use crate::error::{Error, Result};

/// How weight files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WeightAccess {
    /// Mapped: nothing is read before it is needed, and processes share it. While they are in use the files must not be
    /// written to or cut short. A change is noticed before each step and is an error then; but a file that is cut short
    /// in the middle of a step ends the process (`SIGBUS`). Replace a checkpoint by renaming, which is always safe.
    #[default]
    Map,
    /// Read whole into memory, for folders that others may write to at any time, such as shared network drives.
    Copy,
}

/// The bytes of a weight file.
pub(super) struct FileBytes {
    bytes: Bytes,
    /// The mapped file, as it was when it was opened.
    mapped: Option<(File, PathBuf, Stamp)>,
    /// Whether a tensor of the model lies in the mapping.
    in_use: AtomicBool,
}

impl FileBytes {
    pub(super) fn in_memory(bytes: Bytes) -> Self {
        Self { bytes, mapped: None, in_use: AtomicBool::new(false) }
    }

    /// Opens a file that lies on disk.
    pub(super) fn open(path: &Path, access: WeightAccess) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io("read", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        match access {
            WeightAccess::Map => {
                let bytes = map(&file).map_err(Error::io("map", path))?;
                let mapped = Some((file, path.to_owned(), Stamp::of(&metadata)));
                Ok(Self { bytes, mapped, in_use: AtomicBool::new(false) })
            }
            WeightAccess::Copy => {
                let bytes = copy(&mut file, metadata.len()).map_err(Error::io("read", path))?;
                Ok(Self::in_memory(bytes))
            }
        }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A part that the model will read where it lies, as long as it lives.
    pub(super) fn in_place(&self, range: std::ops::Range<usize>) -> Bytes {
        self.in_use.store(true, Ordering::Relaxed);
        self.bytes.slice(range)
    }

    /// # Errors
    ///
    /// [`Error::FileChanged`] if the model reads from a mapping whose file was written to since it was opened.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let (true, Some((file, path, then))) = (self.in_use.load(Ordering::Relaxed), &self.mapped) else {
            return Ok(());
        };
        let now = Stamp::of(&file.metadata().map_err(Error::io("read", path))?);
        if now == *then {
            return Ok(());
        }
        Err(Error::FileChanged { path: path.clone(), found: now.to_string(), wanted: then.to_string() })
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mapped = self.mapped.as_ref().map(|(_, path, _)| path);
        f.debug_struct("FileBytes").field("len", &self.bytes.len()).field("mapped", &mapped).finish_non_exhaustive()
    }
}

/// What tells that a file was written to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)?;
        match self.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            Some(time) => write!(f, " of {}.{:03}", time.as_secs(), time.subsec_millis()),
            None => Ok(()),
        }
    }
}

/// The first `length` bytes of a file, in a mapping of its own, which is aligned for every type of number.
fn copy(file: &mut File, length: u64) -> io::Result<Bytes> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    let mut bytes = MmapMut::map_anon(usize::try_from(length).map_err(io::Error::other)?)?;
    file.read_exact(&mut bytes)?;
    Ok(Bytes::from_owner(bytes))
}

/// Maps a file for reading. Its pages come from the system's cache when they are touched, and other processes that map
/// the file share them.
#[allow(unsafe_code, reason = "no crate offers file mappings without it")]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the mapping is shared and read-only, and only ever seen as bytes, of which any value is valid. Nothing relies
    // on the bytes staying the same after they were checked, except that floats would be other floats; the caller looks
    // for such changes before each step. A file that is cut short while a step reads it ends the process, which
    // `WeightAccess::Map` documents.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}
