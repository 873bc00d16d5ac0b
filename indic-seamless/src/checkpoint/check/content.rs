//! Files that are read in pieces.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::PathBuf,
};

use bytes::Bytes;

use crate::{
    checkpoint::source::Source,
    error::{Error, Result},
};

/// A file of a checkpoint. A file on disk is read, not mapped: it is needed once, and mapped pages would stay in memory.
#[derive(Debug)]
pub(super) enum Content {
    Disk { path: PathBuf, len: usize },
    Memory(Bytes),
}

impl Content {
    /// `None` if the file does not exist.
    pub(super) fn open(source: &Source, name: &str) -> Result<Option<Self>> {
        if !source.has(name) {
            return Ok(None);
        }
        if source.is_in_memory() {
            return source.read(name).map(|bytes| Some(Self::Memory(bytes)));
        }
        let path = source.path(name);
        let len = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
        let len = usize::try_from(len)
            .map_err(|_| Error::InvalidFile { path: path.clone(), reason: "too large for this machine".to_owned() })?;
        Ok(Some(Self::Disk { path, len }))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Disk { len, .. } => *len,
            Self::Memory(bytes) => bytes.len(),
        }
    }

    /// Where the bytes begin in memory, as far as that matters for alignment: a mapping begins at a page.
    pub(super) fn base(&self) -> usize {
        match self {
            Self::Disk { .. } => 0,
            Self::Memory(bytes) => bytes.as_ptr() as usize,
        }
    }

    /// The bytes of `range`, which must lie within the file.
    pub(super) fn read(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(&bytes[range])),
            Self::Disk { path, .. } => {
                let read = || {
                    let mut file = File::open(path)?;
                    file.seek(SeekFrom::Start(range.start as u64))?;
                    let mut bytes = vec![0; range.len()];
                    file.read_exact(&mut bytes)?;
                    Ok(Cow::Owned(bytes))
                };
                read().map_err(Error::io("read", path))
            }
        }
    }

    /// The SHA-256 by the name of the blob, if the file is a link to a large file in the cache of the hub.
    pub(super) fn blob_name(&self) -> Option<String> {
        let Self::Disk { path, .. } = self else { return None };
        let name = fs::canonicalize(path).ok()?.file_name()?.to_str()?.to_ascii_lowercase();
        (name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(name)
    }
}
