//! The files of a checkpoint: in a folder, or in memory.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::mapped::{FileBytes, WeightAccess};
use crate::error::{Error, Result};

/// The files of a checkpoint.
pub(super) struct Source {
    /// The folder; for files in memory, their name in errors.
    dir: PathBuf,
    memory: Option<BTreeMap<String, Bytes>>,
    access: WeightAccess,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("dir", &self.dir).field("in_memory", &self.memory.is_some()).finish()
    }
}

impl Source {
    pub(super) fn folder(dir: &Path, access: WeightAccess) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Error::MissingFile { dir: dir.into(), wanted: "the checkpoint's folder".to_owned() });
        }
        Ok(Self { dir: dir.into(), memory: None, access })
    }

    pub(super) fn memory(name: &str, files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let bytes = |content| match content {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        };
        let files = files.into_iter().map(|(name, content)| (name, bytes(content))).collect();
        Self { dir: name.into(), memory: Some(files), access: WeightAccess::default() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a file in errors.
    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// Whether mapped files are to be read ahead, and what is read often is to move to huge pages.
    pub(super) fn reads_ahead(&self) -> bool {
        self.memory.is_none() && self.access == WeightAccess::Map
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match &self.memory {
            Some(files) => files.contains_key(name),
            None => self.path(name).is_file(),
        }
    }

    /// The error for a missing file.
    pub(super) fn missing(&self, wanted: impl Into<String>) -> Error {
        Error::MissingFile { dir: self.dir.clone(), wanted: wanted.into() }
    }

    /// The content of a small file; [`Error::MissingFile`] if it does not exist.
    pub(super) fn read(&self, name: &str) -> Result<Bytes> {
        match &self.memory {
            Some(files) => files.get(name).cloned().ok_or_else(|| self.missing(name)),
            None => std::fs::read(self.path(name)).map(Bytes::from).map_err(|error| match error.kind() {
                ErrorKind::NotFound => self.missing(name),
                _ => Error::io("read", self.path(name))(error),
            }),
        }
    }

    /// [`read`](Self::read), or `None` if the file does not exist.
    pub(super) fn read_if_there(&self, name: &str) -> Result<Option<Bytes>> {
        match self.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::MissingFile { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A large file, mapped or copied if it is on disk.
    pub(super) fn open(&self, name: &str) -> Result<FileBytes> {
        match &self.memory {
            None if self.has(name) => FileBytes::open(&self.path(name), self.access),
            None => Err(self.missing(name)),
            Some(_) => self.read(name).map(FileBytes::in_memory),
        }
    }
}
