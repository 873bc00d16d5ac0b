//! Without the feature `s3` there are no buckets.

use indic_seamless::{Error, Result};
use tempfile::NamedTempFile;

use super::location::S3Url;

/// The buckets of a run, of which there are none.
pub(super) struct Buckets;

#[allow(clippy::unused_self, reason = "they are called as those of a build with the feature")]
impl Buckets {
    pub(super) fn new() -> Result<Self> {
        Ok(Self)
    }

    pub(super) fn read(&self, url: &S3Url, _: u64) -> Result<Vec<u8>> {
        refuse(url)
    }

    pub(super) fn copy(&self, url: &S3Url) -> Result<NamedTempFile> {
        refuse(url)
    }

    pub(super) fn probe(&self, url: &S3Url) -> Result<()> {
        refuse(url)
    }

    pub(super) fn exist(&self, folder: &S3Url, _: &[String]) -> Result<Vec<bool>> {
        refuse(folder)
    }

    pub(super) fn probe_folder(&self, folder: &S3Url) -> Result<()> {
        refuse(folder)
    }

    pub(super) fn put(&self, url: &S3Url, _: Vec<u8>, _: &'static str, _: bool) -> Result<()> {
        refuse(url)
    }
}

fn refuse<T>(url: &S3Url) -> Result<T> {
    let wanted = "a file or folder (this build has no `s3` feature)".to_owned();
    Err(Error::InvalidOption { option: "manifest", found: url.to_string(), wanted })
}
