//! The download: file by file, resumed where it broke off, and complete before it gets its name.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use hf_hub::{
    CacheRepo, Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError, ApiRepo},
    },
};

use super::{
    HubModel,
    failure::Failure,
    files::{first_files, is_plain, needed_shards},
    place::Place,
};
use crate::checkpoint::weights::INDEX;

/// How often the caller hears of a download, in bytes.
const REPORT_EVERY: u64 = 1 << 20;

/// How far the download of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Its bytes that are here.
    pub done: u64,
    /// Its bytes in all.
    pub size: u64,
    /// Its place among the files of the model, from 0.
    pub index: usize,
    /// How many files there are.
    pub files: usize,
}

/// Called while a model is downloaded, at most once per MiB and at the end of each file.
pub type OnDownload<'a> = &'a mut dyn FnMut(&DownloadProgress<'_>);

impl Place {
    /// Gets what is not in the cache yet; the folder of the snapshot.
    pub(super) fn fetch(&self, model: &HubModel, progress: OnDownload<'_>) -> Result<PathBuf, Failure> {
        let builder = ApiBuilder::from_cache(self.cache.clone()).with_endpoint(self.endpoint.clone());
        let builder = builder.with_token(self.token.clone()).with_progress(false);
        let api = builder.build().map_err(|error| Failure::new(&error, "the connection"))?;
        let named = Repo::with_revision(model.id.clone(), RepoType::Model, self.revision.clone());
        let what = format!("model {} at revision {}", model.id, self.revision);
        let info = api.repo(named).info().map_err(|error| Failure::new(&error, &what))?;
        if !is_plain(&info.sha) {
            return Err(Failure::Content(format!("the hub names a commit {:?}, wanted a hash", info.sha)));
        }
        let there: BTreeSet<&str> = info.siblings.iter().map(|file| file.rfilename.as_str()).collect();

        // Everything is asked for by commit, so that no change on the hub can mix two versions in one folder.
        let pinned = Repo::with_revision(model.id.clone(), RepoType::Model, info.sha.clone());
        let mut download = Download {
            repo: api.repo(pinned.clone()),
            files: self.cache.repo(pinned),
            dir: self.files.pointer_path(&info.sha),
            api,
            retries: model.retries,
            index: 0,
            count: 0,
            progress,
        };
        let mut names = first_files(&there).map_err(Failure::Content)?;
        download.count = names.len();
        if there.contains(INDEX) {
            download.file(INDEX)?;
            let shards = needed_shards(&download.dir.join(INDEX)).map_err(Failure::Content)?;
            if let Some(missing) = shards.iter().find(|shard| !there.contains(shard.as_str())) {
                return Err(Failure::Content(format!("the model's index names {missing}, which the model lacks")));
            }
            download.count += shards.len();
            names.extend(shards);
        }
        for name in names.iter().filter(|name| *name != INDEX) {
            download.file(name)?;
        }
        let dir = download.dir;
        if self.revision != info.sha {
            // Only now: until then the revision stands for the version that is complete.
            self.files.create_ref(&info.sha).map_err(|error| Failure::Disk(error.to_string()))?;
        }
        Ok(dir)
    }
}

/// The download of one model.
struct Download<'a> {
    api: Api,
    repo: ApiRepo,
    files: CacheRepo,
    /// The folder of links to the files.
    dir: PathBuf,
    retries: u32,
    index: usize,
    count: usize,
    progress: OnDownload<'a>,
}

impl Download<'_> {
    /// Gets one file unless it is there already.
    fn file(&mut self, name: &str) -> Result<(), Failure> {
        let mut pause = Duration::from_millis(500);
        for attempt in 0.. {
            match self.attempt(name) {
                Err(Failure::Network(reason)) if attempt < self.retries => {
                    tracing::warn!(file = name, %reason, "download broke off; trying again");
                    thread::sleep(pause);
                    pause *= 2;
                }
                other => {
                    self.index += 1;
                    return other;
                }
            }
        }
        Ok(())
    }

    fn attempt(&mut self, name: &str) -> Result<(), Failure> {
        let link = self.dir.join(name);
        if link.exists() {
            return Ok(());
        }
        let failure = |error: &ApiError| Failure::new(error, name);
        let disk = |error: io::Error| Failure::Disk(error.to_string());
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(disk)?;
        }
        let metadata = self.api.metadata(&self.repo.url(name)).map_err(|error| failure(&error))?;
        if !is_plain(metadata.etag()) || !is_plain(metadata.commit_hash()) {
            return Err(Failure::Content(format!("the hub's answer for {name} has a broken etag or commit")));
        }
        let size = metadata.size() as u64;
        let blob = self.files.blob_path(metadata.etag());
        let length = |path: &Path| fs::metadata(path).ok().map(|file| file.len());
        // The file of another commit may have the same content.
        if length(&blob) == Some(size) && linked(&blob, &link).is_ok() {
            return Ok(());
        }
        // All of it there but for its name, or more than all: nothing that could be resumed.
        let part = blob.with_extension("part");
        if length(&part).is_some_and(|length| length >= size) {
            fs::remove_file(&part).map_err(disk)?;
        }
        let reporter = Reporter {
            on: &mut *self.progress,
            now: DownloadProgress { file: name, done: 0, size, index: self.index, files: self.count },
            told: 0,
        };
        let got = self.repo.download_with_progress(name, reporter).map_err(|error| failure(&error))?;
        // A server that ignores where to resume, or ends early without saying so, leaves the wrong length.
        match length(&got) {
            Some(length) if length == size => Ok(()),
            length => {
                for path in [&got, &blob] {
                    fs::remove_file(path).ok();
                }
                let length = length.unwrap_or(0);
                Err(Failure::Network(format!("{length} bytes of {name} arrived, wanted {size}")))
            }
        }
    }
}

/// Puts a file that is in the cache already into a snapshot.
fn linked(blob: &Path, link: &Path) -> io::Result<()> {
    let parent = link.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    #[cfg(unix)]
    {
        let name = blob.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        std::os::unix::fs::symlink(Path::new("../../blobs").join(name), link)
    }
    #[cfg(not(unix))]
    {
        fs::hard_link(blob, link)
    }
}

/// Hands the progress of one file on.
struct Reporter<'a> {
    on: OnDownload<'a>,
    now: DownloadProgress<'a>,
    told: u64,
}

impl Progress for Reporter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        // Called again when the transfer itself starts.
        self.now.size = size as u64;
        self.now.done = 0;
        self.told = 0;
    }

    fn update(&mut self, bytes: usize) {
        self.now.done += bytes as u64;
        if self.now.done - self.told >= REPORT_EVERY {
            self.told = self.now.done;
            (self.on)(&self.now);
        }
    }

    fn finish(&mut self) {
        (self.on)(&self.now);
    }
}
