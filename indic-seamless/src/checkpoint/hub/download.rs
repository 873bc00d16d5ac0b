//! The download of a model: finds the needed files, then gets several at once.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::{
    HubModel,
    client::Client,
    error::HubError,
    files::{first_files, needed_shards},
    metadata::{Metadata, Remote},
    network::Agents,
    place::Place,
    transfer::Transfer,
};
use crate::checkpoint::{
    layout::{INDEX, OTHERS},
    shards::is_plain,
};

/// Bytes of a file between two progress reports.
const REPORT_EVERY: u64 = 1 << 20;
/// Files at once: one connection seldom uses the full bandwidth.
const AT_ONCE: usize = 4;

/// The progress of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress<'a> {
    /// The name of the file that made progress.
    pub file: &'a str,
    /// Its bytes so far.
    pub done: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its number among the files of the model, from 0.
    pub index: usize,
    /// The number of files.
    pub files: usize,
    /// Bytes of all files so far, including those that were in the cache before.
    pub total_done: u64,
    /// Bytes of all files.
    pub total_size: u64,
}

/// Called while a model is downloaded, on the thread that waits for it: at most once per MiB of a file, and at the end
/// of each file. Several files are downloaded at once, so that calls for them alternate; no number gets smaller.
pub type OnDownload<'a> = &'a mut dyn FnMut(&DownloadProgress<'_>);

impl Place {
    /// Downloads what is not in the cache yet. Returns the folder of the snapshot. If the cache has a `complete` model, there
    /// are no retries for a hub that is out of reach.
    pub(super) fn fetch(
        &self,
        model: &HubModel,
        complete: bool,
        progress: OnDownload<'_>,
    ) -> Result<PathBuf, HubError> {
        let endpoint =
            self.endpoint.parse().map_err(|error| HubError::Content(format!("{}: {error}", self.endpoint)))?;
        let client = Client {
            agents: Agents::new(&self.network, self.stall)?,
            base: self.endpoint.clone(),
            endpoint,
            token: self.token.clone(),
            id: model.id.clone(),
            retries: model.retries,
            stopped: AtomicBool::new(false),
        };
        let info = client.info(&self.revision, false, if complete { 0 } else { model.retries })?;
        let commit = info.sha;
        if !is_plain(&commit) {
            return Err(HubError::Content(format!("the hub names a commit {commit:?}, wanted a hash")));
        }
        let there: BTreeSet<&str> = info.siblings.iter().map(|file| file.name.as_str()).collect();

        // All requests name the commit, so that a change on the hub cannot mix two versions in one folder.
        let dir = self.cache.snapshot(&commit);
        let metadata = Metadata::new(&client, &commit);
        let transfer = Transfer { client: &client, cache: &self.cache, commit: &commit, stall: self.stall };
        let mut names = first_files(&there).map_err(HubError::Missing)?;
        if names.iter().any(|name| name == INDEX) {
            if !dir.join(INDEX).exists() {
                transfer.get(&metadata.of(INDEX)?, &mut |_| {})?;
            }
            let shards = needed_shards(&dir.join(INDEX)).map_err(HubError::Content)?;
            if let Some(missing) = shards.iter().find(|shard| !there.contains(shard.as_str())) {
                return Err(HubError::Missing(format!("the model's index names {missing}, which the model lacks")));
            }
            names.extend(shards);
        }
        let download = Download { transfer, metadata, names: &names };
        download.run(self, &dir, progress)?;

        for name in OTHERS.iter().filter(|name| !there.contains(*name)) {
            // For use offline. Not an error if the cache cannot be written.
            if let Err(error) = self.cache.set_absent(&commit, name) {
                tracing::debug!(name, %error, "cannot note that a file is absent");
            }
        }
        if self.revision != commit {
            // Only now: until then the revision refers to the previous, complete version.
            if let Err(error) = self.cache.set_commit(&self.revision, &commit) {
                tracing::warn!(revision = self.revision, %error, "cannot note the commit of the revision in the cache");
            }
        }
        Ok(dir)
    }
}

/// The download of one model.
struct Download<'a> {
    transfer: Transfer<'a>,
    metadata: Metadata<'a>,
    /// All files that the model needs.
    names: &'a [String],
}

impl Download<'_> {
    fn run(&self, place: &Place, dir: &Path, progress: OnDownload<'_>) -> Result<(), HubError> {
        let size = |name: &String| fs::metadata(dir.join(name)).map(|file| file.len()).ok();
        let there: Vec<Option<u64>> = self.names.iter().map(size).collect();
        let missing: Vec<usize> = (0..self.names.len()).filter(|&index| there[index].is_none()).collect();
        for (name, _) in self.names.iter().zip(&there).filter(|(_, size)| size.is_some()) {
            self.transfer.tidy(name);
        }
        let remotes = self.in_parallel(&missing, |index| self.metadata.of(&self.names[index]))?;
        let files: Vec<(usize, Remote)> = missing.into_iter().zip(remotes).collect();
        self.check_space(place, &files)?;

        let mut totals = Totals {
            done: there.iter().map(|size| size.unwrap_or(0)).collect(),
            size: there.iter().map(|size| size.unwrap_or(0)).collect(),
            names: self.names,
        };
        for (index, file) in &files {
            totals.size[*index] = file.size.unwrap_or(0);
        }
        // The index was downloaded before; it counts like the others.
        if let Some(index) = self.names.iter().position(|name| name == INDEX)
            && there[index].is_some()
            && !files.is_empty()
        {
            totals.report(index, totals.size[index], progress);
        }
        let (sender, reports) = mpsc::channel();
        thread::scope(|scope| {
            let work = scope.spawn(|| {
                // Dropped at the end, which ends the reports.
                let sender = sender;
                self.in_parallel(&files, |(index, file)| {
                    let sender = sender.clone();
                    let mut told = 0;
                    let mut at = 0;
                    let mut report = |done: u64| {
                        at = done;
                        if done >= told + REPORT_EVERY && Some(done) != file.size {
                            told = done;
                            // Nobody listens any more: the caller has given up.
                            if sender.send((index, done)).is_err() {
                                self.transfer.client.stopped.store(true, Ordering::Relaxed);
                            }
                        }
                    };
                    self.transfer.get(&file, &mut report)?;
                    let _ = sender.send((index, file.size.unwrap_or(at)));
                    Ok(())
                })
                .map(drop)
            });
            for (index, done) in reports {
                totals.report(index, done, progress);
            }
            work.join().unwrap_or(Err(HubError::Stopped))
        })
    }

    fn check_space(&self, place: &Place, files: &[(usize, Remote)]) -> Result<(), HubError> {
        let left = |(_, file): &(usize, Remote)| {
            let cache = self.transfer.cache;
            let partial = cache.partial(&file.etag).into_iter();
            let here =
                partial.chain([cache.blob(&file.etag)]).filter_map(|path| Some(path.metadata().ok()?.len())).max();
            file.size.unwrap_or(0).saturating_sub(here.unwrap_or(0))
        };
        let wanted: u64 = files.iter().map(left).sum();
        if wanted == 0 {
            return Ok(());
        }
        fs::create_dir_all(&place.dir).map_err(|error| HubError::disk("create", &place.dir, &error))?;
        match fs4::available_space(&place.dir) {
            Ok(found) if found < wanted => Err(HubError::NoSpace { found, wanted }),
            _ => Ok(()),
        }
    }

    /// The results of `work` for all items, in their order. The first error stops the others.
    fn in_parallel<T: Clone + Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(T) -> Result<R, HubError> + Sync,
    ) -> Result<Vec<R>, HubError> {
        let client = self.transfer.client;
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut results = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return Ok(results) };
                let result = work(item.clone());
                client.stopped.fetch_or(result.is_err(), Ordering::Relaxed);
                results.push((index, result?));
            }
        };
        let ended: Vec<Result<Vec<(usize, R)>, HubError>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE.min(items.len())).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or(Err(HubError::Stopped))).collect()
        });
        let mut results = Vec::new();
        let mut failure = None;
        for end in ended {
            match end {
                Ok(some) => results.extend(some),
                // From threads that stop because of the first error.
                Err(HubError::Stopped) if failure.is_some() => {}
                Err(first) => failure = Some(first),
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        results.sort_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

/// Bytes of each file.
struct Totals<'a> {
    done: Vec<u64>,
    size: Vec<u64>,
    names: &'a [String],
}

impl Totals<'_> {
    fn report(&mut self, index: usize, done: u64, progress: OnDownload<'_>) {
        // A file that starts again is not reported until it is larger than before.
        self.done[index] = self.done[index].max(done);
        self.size[index] = self.size[index].max(self.done[index]);
        progress(&DownloadProgress {
            file: &self.names[index],
            done: self.done[index],
            size: self.size[index],
            index,
            files: self.names.len(),
            total_done: self.done.iter().sum(),
            total_size: self.size.iter().sum(),
        });
    }
}
