//! Files in memory without reading them.

use std::{fs::File, path::Path};

use bytes::Bytes;
use memmap2::Mmap;

use crate::error::{Error, Result};

/// Maps a file for reading. Its pages come from the system's cache when they are touched, and other processes that map
/// the file share them.
///
/// The file must not be cut short while it is mapped, or the process ends with a bus error: replace a checkpoint by
/// renaming, do not write into it.
#[allow(unsafe_code, reason = "no crate offers file mappings without it")]
pub(super) fn map(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    // SAFETY: the mapping is private and read-only, and only ever seen as bytes, of which any value is valid. That others
    // do not change the file meanwhile is the caller's duty, as documented; nothing here relies on the bytes staying the
    // same after they were checked, except that floats would be other floats.
    let map = unsafe { Mmap::map(&file) }.map_err(Error::io("map", path))?;
    Ok(Bytes::from_owner(map))
}
