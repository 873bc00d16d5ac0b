//! A folder that gets its name when everything in it is on the disk.

use std::{
    fs::{self, File},
    path::Path,
};

use tempfile::TempDir;

use super::durable::{sync_file, sync_folder};
use crate::error::{Error, Result};

/// An unfinished folder beside the place of the finished one. It is removed when it is dropped; after a crash, by the next run
/// that makes a folder of the same name.
pub(super) struct PartialFolder {
    dir: TempDir,
    /// Held as long as the folder is in use; `None` where folders cannot be locked.
    lock: Option<File>,
}

impl PartialFolder {
    /// Begins the folder `name` in `parent`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no folder can be created there.
    pub(super) fn new(parent: &Path, name: &str) -> Result<Self> {
        let prefix = format!(".{name}.partial-");
        remove_abandoned(parent, &prefix);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new folder; the umask applies.
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        loop {
            let dir = builder.tempdir_in(parent).map_err(Error::io("create a folder in", parent))?;
            let lock = File::open(dir.path()).ok().filter(|folder| folder.lock().is_ok());
            // Another run may have taken it for abandoned before it was locked.
            if dir.path().exists() {
                return Ok(Self { dir, lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path().join(name);
        fs::write(&path, bytes).and_then(|()| sync_file(&path)).map_err(Error::io("write", path))
    }

    /// Gives the folder its name. Its files have been written to the disk.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn finish(self, name: &Path) -> Result<()> {
        let Self { dir, lock } = self;
        sync_folder(dir.path()).map_err(Error::io("write", dir.path()))?;
        fs::rename(dir.path(), name).map_err(Error::io("rename", name))?;
        // It has its final name: do not remove it.
        let _ = dir.keep();
        drop(lock);
        name.parent().map_or(Ok(()), |parent| sync_folder(parent).map_err(Error::io("write", parent)))
    }
}

/// Removes the folders of runs that were killed: those that nobody holds.
fn remove_abandoned(parent: &Path, prefix: &str) {
    let is_partial = |name: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_partial)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            // What cannot be removed is only in the way of space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().expect("folder");
        let names = [".model.partial-Ab12Cd", ".model.partial-x.partial-Ab12Cd", ".other.partial-Ab12Cd", "model"];
        for name in names {
            fs::create_dir(parent.path().join(name)).expect("folder");
            fs::write(parent.path().join(name).join("weights"), "some").expect("file");
        }
        let held = PartialFolder::new(parent.path(), "model").expect("begun");
        held.write("weights", b"more").expect("written");
        let second = PartialFolder::new(parent.path(), "model").expect("begun");
        assert!(held.path().join("weights").exists() && second.path().exists());
        assert!(!parent.path().join(names[0]).exists());
        assert!(names[1..].iter().all(|name| parent.path().join(name).join("weights").exists()));

        drop(second);
        held.finish(&parent.path().join("new")).expect("finished");
        assert_eq!(fs::read(parent.path().join("new/weights")).expect("read"), b"more");
        assert_eq!(fs::read_dir(parent.path()).expect("listed").count(), 4);
    }
}
