//! The cache that all Hugging Face programs share: its folders, links, locks and marker files.
//!
//! ```text
//! models--OWNER--NAME/blobs/ETAG                     the content of a file
//! models--OWNER--NAME/blobs/ETAG.incomplete          its first bytes, while it is downloaded
//! models--OWNER--NAME/snapshots/COMMIT/FILE          a link to the content
//! models--OWNER--NAME/refs/REVISION                  the commit that a revision was at
//! models--OWNER--NAME/.no_exist/COMMIT/FILE          a file that this commit is known to lack
//! models--OWNER--NAME/trees/COMMIT.json              the list of the files of a commit
//! .locks/models--OWNER--NAME/ETAG.lock               held while the content is written
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use hf_hub::{Repo, RepoType};
use serde::{Deserialize, de::IgnoredAny};

use super::{client::Client, error::HubError};
use crate::checkpoint::shards::is_plain;

/// The folder of one model in the cache.
pub(super) struct Cache {
    folder: PathBuf,
    locks: PathBuf,
    snapshots: PathBuf,
}

impl Cache {
    pub(super) fn new(dir: &Path, id: &str) -> Self {
        let repo = Repo::new(id.to_owned(), RepoType::Model);
        let name = repo.folder_name();
        let snapshots = hf_hub::Cache::new(dir.into()).repo(repo).pointer_path("");
        Self { folder: dir.join(&name), locks: dir.join(".locks").join(name), snapshots }
    }

    /// The folder with the files of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots.join(commit)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// The commit that a revision was at when it was last downloaded.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        let commit = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        let commit = commit.trim().to_owned();
        is_plain(&commit).then_some(commit)
    }

    /// Remembers the commit that a revision is at.
    pub(super) fn set_commit(&self, revision: &str, commit: &str) -> io::Result<()> {
        if self.commit(revision).as_deref() == Some(commit) {
            // The cache may be read-only.
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(parent)?;
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        io::Write::write_all(&mut file, commit.as_bytes())?;
        readable(file.path())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Remembers that a commit has no such file, for use offline.
    pub(super) fn set_absent(&self, commit: &str, name: &str) -> io::Result<()> {
        let path = self.folder.join(".no_exist").join(commit).join(name);
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        File::create(path).map(drop)
    }

    /// Whether a commit is known to have no such file.
    pub(super) fn is_absent(&self, commit: &str, name: &str) -> bool {
        #[derive(Deserialize)]
        struct Tree {
            files: BTreeMap<String, IgnoredAny>,
        }
        let listed = || {
            let tree = fs::read(self.folder.join("trees").join(format!("{commit}.json"))).ok()?;
            serde_json::from_slice::<Tree>(&tree).ok()
        };
        self.folder.join(".no_exist").join(commit).join(name).exists()
            || listed().is_some_and(|tree| !tree.files.contains_key(name))
    }

    /// Links content into a snapshot, under a name.
    pub(super) fn link(&self, etag: &str, commit: &str, name: &str) -> Result<(), HubError> {
        let link = self.snapshot(commit).join(name);
        let failure = |error: &io::Error| HubError::disk("write", &link, error);
        if link.exists() {
            return Ok(());
        }
        // A dangling link.
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(|error| failure(&error))?;
        }
        fs::create_dir_all(self.snapshot(commit)).map_err(|error| failure(&error))?;
        match linked(&self.blob(etag), &link) {
            // Another program was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && link.exists() => Ok(()),
            other => other.map_err(|error| failure(&error)),
        }
    }

    /// Partial downloads of some content under the names of Hugging Face's programs: `ETAG.incomplete` can be resumed, one with
    /// another part in the middle belongs to one process, `ETAG.part` is from the library for Rust.
    pub(super) fn partial(&self, etag: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.folder.join("blobs")) else { return Vec::new() };
        let is_partial = |path: &PathBuf| {
            let rest = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(etag));
            rest.is_some_and(|rest| rest == ".part" || rest.starts_with('.') && rest.ends_with(".incomplete"))
        };
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_partial).collect()
    }

    /// The file for complete content.
    pub(super) fn remove_partial(&self, etag: &str) {
        for leftover in self.partial(etag) {
            fs::remove_file(leftover).ok();
        }
    }

    /// Waits until no other program writes the content, and locks it.
    ///
    /// # Errors
    ///
    /// [`HubError::Locked`] if the download of the other program makes no progress for the time `stall`.
    pub(super) fn lock(&self, etag: &str, name: &str, stall: Duration, client: &Client) -> Result<Lock, HubError> {
        let path = self.locks.join(format!("{etag}.lock"));
        let file = open_lock(&path).map_err(|error| HubError::disk("write", &path, &error))?;
        let (mut before, mut since) = (Vec::new(), Instant::now());
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: Some(file) }),
                // On a file system without locks two programs may write the same bytes to the same place.
                Err(TryLockError::Error(error)) => {
                    tracing::debug!(path = %path.display(), %error, "no lock; going on without");
                    return Ok(Lock { _file: None });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let now = self.sizes(etag);
            if now != before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() >= stall {
                return Err(HubError::Locked(name.to_owned()));
            }
            client.pause(Duration::from_millis(100))?;
        }
    }

    fn sizes(&self, etag: &str) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
        let with_size = |path: PathBuf| {
            let metadata = path.metadata().ok()?;
            Some((path, metadata.len(), metadata.modified().ok()))
        };
        self.partial(etag).into_iter().filter_map(with_size).collect()
    }
}

/// The lock of some content, until it is dropped.
pub(super) struct Lock {
    /// The file stays after the lock is released: others may wait for it.
    _file: Option<File>,
}

fn open_lock(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            // Other users may share the cache, so the umask does not apply.
            #[cfg(unix)]
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o664)).ok();
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// Gives a temporary file the permissions of other files.
fn readable(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let _ = path;
    Ok(())
}

/// A link to content, or the content itself on file systems without links.
fn linked(blob: &Path, link: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let name = blob.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        match std::os::unix::fs::symlink(Path::new("../../blobs").join(name), link) {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {}
            other => return other,
        }
    }
    match fs::hard_link(blob, link) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            fs::rename(blob, link)
        }
        other => other,
    }
}
