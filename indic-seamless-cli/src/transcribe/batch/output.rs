//! `--output` of a manifest: a folder, or a prefix in S3, with results under the names of their rows.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use indic_seamless::{Error, OutputFormat, Result};

use super::{
    buckets::Buckets,
    location::{Location, S3Url},
    summary::SUMMARIES,
};
use crate::transcribe::results;

/// Where results go.
pub(super) struct Output {
    place: Place,
    overwrite: bool,
}

enum Place {
    Folder(PathBuf),
    Prefix(S3Url, Arc<Buckets>),
}

impl Output {
    /// Opens the folder, which is created, or the bucket.
    ///
    /// # Errors
    ///
    /// That results cannot be written, as far as that can be known.
    pub(super) fn open(path: &Path, overwrite: bool, buckets: &Arc<Buckets>) -> Result<Self> {
        let wrong = |wanted: &str| Error::InvalidOption {
            option: "output",
            found: path.display().to_string(),
            wanted: wanted.to_owned(),
        };
        let place = match Location::parse(path.to_str().ok_or_else(|| wrong("a path in UTF-8"))?) {
            Ok(Location::File(folder)) => {
                let summaries = folder.join(SUMMARIES);
                let create = |source| Error::Io { action: "create", path: summaries.clone(), source };
                fs::create_dir_all(&summaries).map_err(create)?;
                let write = |source| Error::Io { action: "write", path: summaries.clone(), source };
                tempfile::tempfile_in(&summaries).map_err(write)?;
                Place::Folder(folder)
            }
            Ok(Location::Object(url)) => {
                let folder = url.into_folder();
                buckets.probe_folder(&folder.join(SUMMARIES))?;
                Place::Prefix(folder, Arc::clone(buckets))
            }
            Err(wanted) => return Err(wrong(wanted)),
        };
        Ok(Self { place, overwrite })
    }

    /// The file of a result, if it is one.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(folder) => Some(folder.join(name)),
            Place::Prefix(..) => None,
        }
    }

    /// Which results there are that may not be replaced, each in its place.
    pub(super) fn has(&self, names: &[String]) -> Result<Vec<bool>> {
        if self.overwrite {
            return Ok(vec![false; names.len()]);
        }
        match &self.place {
            Place::Folder(folder) => {
                Ok(names.iter().map(|name| fs::symlink_metadata(folder.join(name)).is_ok()).collect())
            }
            Place::Prefix(folder, buckets) => buckets.exist(folder, names),
        }
    }

    /// Writes a result, completely or not at all. If another run wrote it in the meantime, it stays: it is the same.
    pub(super) fn put(&self, name: &str, text: String, format: OutputFormat) -> Result<()> {
        self.write(name, text, format, self.overwrite)
    }

    /// Writes something in place of an older one.
    pub(super) fn replace(&self, name: &str, text: String, format: OutputFormat) -> Result<()> {
        self.write(name, text, format, true)
    }

    fn write(&self, name: &str, text: String, format: OutputFormat, replace: bool) -> Result<()> {
        match &self.place {
            Place::Prefix(folder, buckets) => {
                buckets.put(&folder.join(name), text.into_bytes(), format.media_type(), replace)
            }
            Place::Folder(folder) => {
                let path = folder.join(name);
                if !replace && fs::symlink_metadata(&path).is_ok() {
                    return Ok(());
                }
                if let Some(parent) = path.parent() {
                    let create = |source| Error::Io { action: "create", path: parent.to_owned(), source };
                    fs::create_dir_all(parent).map_err(create)?;
                }
                results::write(&path, text.as_bytes(), true)
            }
        }
    }
}
