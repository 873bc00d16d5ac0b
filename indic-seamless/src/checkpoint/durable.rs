//! What must outlast a loss of power: a file is written to the disk before it gets its name, and then its folder.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Writes the bytes of a file that is complete to its disk. Else a system that crashes soon may come back with a file of that
/// name and length but other bytes, or none.
pub(super) fn sync_file(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Writes the names in a folder to its disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    // Some systems cannot open folders, or one that may not be listed.
    let Ok(folder) = File::open(path) else { return Ok(()) };
    match folder.sync_all() {
        // Some file systems have no such operation.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}
