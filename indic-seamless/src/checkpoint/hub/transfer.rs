//! The transfer of one file: resumed after an interruption, checked, and renamed when it is complete.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use ureq::http::StatusCode;

use super::{
    cache::Cache,
    client::{Answer, Attempts, Client, Method},
    digest::{Digest, Sha256, sha1},
    error::{Again, HubError},
    metadata::Remote,
};
use crate::checkpoint::durable::sync_file;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;
/// Pieces that may wait to be hashed.
const PIECES: usize = 8;
/// After this many bytes the attempts are counted anew.
const PROGRESS: u64 = 1 << 20;

/// Downloads files of one commit.
pub(super) struct Transfer<'a> {
    pub(super) client: &'a Client,
    pub(super) cache: &'a Cache,
    pub(super) commit: &'a str,
    pub(super) stall: Duration,
}

impl Transfer<'_> {
    /// Downloads one file. `report` gets the number of bytes so far.
    pub(super) fn get(&self, file: &Remote, report: &mut dyn FnMut(u64)) -> Result<(), HubError> {
        let blob = self.cache.blob(&file.etag);
        let disk = |error: io::Error| HubError::disk("write", &blob, &error);
        // The file of another commit may have the same content.
        if !is_whole(&blob, file.size) {
            if let Some(parent) = blob.parent() {
                fs::create_dir_all(parent).map_err(disk)?;
            }
            let _lock = self.cache.lock(&file.etag, &file.name, self.stall, self.client)?;
            // Another program may have finished it meanwhile.
            if !is_whole(&blob, file.size) {
                let partial = self.partial(&file.etag).map_err(disk)?;
                self.checked(file, &partial, report)?;
                finish(&partial, &blob, file.size).map_err(disk)?;
            }
            self.cache.remove_partial(&file.etag);
        }
        self.cache.link(&file.etag, self.commit, &file.name)
    }

    /// Removes partial downloads of a file that is complete by now.
    pub(super) fn tidy(&self, name: &str) {
        let Ok(blob) = fs::canonicalize(self.cache.snapshot(self.commit).join(name)) else { return };
        let Some(etag) = blob.file_name().and_then(|etag| etag.to_str()) else { return };
        if !self.cache.partial(etag).is_empty()
            && let Ok(_lock) = self.cache.lock(etag, name, Duration::ZERO, self.client)
        {
            self.cache.remove_partial(etag);
        }
    }

    /// The path for a partial download: the largest existing one, or a new one.
    fn partial(&self, etag: &str) -> io::Result<PathBuf> {
        let path = self.cache.blob(&format!("{etag}.incomplete"));
        let length = |path: &PathBuf| path.metadata().map_or(0, |file| file.len());
        match self.cache.partial(etag).into_iter().max_by_key(length) {
            Some(longest) if longest != path => fs::rename(longest, &path)?,
            _ => {}
        }
        Ok(path)
    }

    /// Downloads the content. If its checksum is wrong, it is downloaded once more.
    fn checked(&self, file: &Remote, partial: &Path, report: &mut dyn FnMut(u64)) -> Result<(), HubError> {
        for attempt in 0.. {
            let found = match self.content(file, partial, report)? {
                Ok(()) => return Ok(()),
                Err(found) => found,
            };
            fs::remove_file(partial).map_err(|error| HubError::disk("remove", partial, &error))?;
            if attempt > 0 {
                return Err(HubError::Content(format!(
                    "{} arrived twice with wrong content (checksum {found}, wanted {}); a proxy or mirror may have changed \
                     it, try again on another network or without HF_ENDPOINT",
                    file.name, file.etag
                )));
            }
            tracing::warn!(file = file.name, found, wanted = file.etag, "wrong checksum; downloading again");
        }
        Ok(())
    }

    /// Downloads the content. A wrong checksum is the inner error.
    fn content(
        &self,
        file: &Remote,
        partial: &Path,
        report: &mut dyn FnMut(u64),
    ) -> Result<Result<(), String>, HubError> {
        let disk = |error: io::Error| HubError::disk("write", partial, &error);
        let digest = Digest::of(&file.etag);
        let mut options = OpenOptions::new();
        let out = options.read(true).write(true).create(true).truncate(false).open(partial).map_err(disk)?;
        let length = out.metadata().map_err(disk)?.len();
        let found = thread::scope(|scope| {
            let (pieces, received) = sync_channel(PIECES);
            let (spent, free) = channel();
            let hash = (digest == Digest::Sha256).then(|| scope.spawn(move || hash(partial, &received, &spent)));
            let pieces = hash.is_some().then_some(pieces);
            let mut sink = Sink { file: out, at: 0, pieces, free };
            // A file that is too long cannot be resumed.
            let from = if file.size.is_some_and(|size| length > size) { 0 } else { length };
            sink.resume(from).map_err(disk)?;
            self.all(file, &mut sink, report)?;
            sink.file.set_len(sink.at).map_err(disk)?;
            drop(sink);
            match hash {
                Some(hash) => hash.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).map(Some).map_err(disk),
                None => Ok(None),
            }
        })?;
        Ok(match (found, digest) {
            (Some(found), _) if !found.eq_ignore_ascii_case(&file.etag) => Err(found),
            (None, Digest::Sha1) => {
                let found = sha1(partial).map_err(disk)?;
                let [object, _] = &found;
                if found.iter().any(|found| found.eq_ignore_ascii_case(&file.etag)) {
                    Ok(())
                } else {
                    Err(object.clone())
                }
            }
            _ => Ok(()),
        })
    }

    /// All bytes of a file, in as many attempts as it takes.
    fn all(&self, file: &Remote, sink: &mut Sink, report: &mut dyn FnMut(u64)) -> Result<(), HubError> {
        let mut attempts = Attempts::new(self.client.retries);
        let mut restarted = false;
        report(sink.at);
        while file.size.is_none_or(|size| sink.at < size) {
            let before = sink.at;
            match self.attempt(file, sink, report) {
                Ok(true) => return Ok(()),
                // The server cannot resume here.
                Ok(false) if !restarted => {
                    restarted = true;
                    sink.resume(0).map_err(|error| HubError::disk("write", Path::new(&file.name), &error))?;
                }
                Ok(false) => return Err(HubError::Content(format!("the server refuses every range of {}", file.name))),
                Err(failure) => {
                    if sink.at.saturating_sub(before) >= PROGRESS {
                        attempts.reset();
                    }
                    self.client.pause(attempts.next(failure, &file.name)?)?;
                }
            }
        }
        Ok(())
    }

    /// Transfers bytes until the end of the file or an error; false if the server cannot resume there.
    fn attempt(&self, file: &Remote, sink: &mut Sink, report: &mut dyn FnMut(u64)) -> Result<bool, HubError> {
        let name = &file.name;
        let disk = |error: io::Error| HubError::disk("write", Path::new(name), &error);
        let path = self.client.file(self.commit, name);
        let answer = self.client.request(Method::Get(sink.at), &path, name)?;
        let host = answer.host();
        let encoding = answer.header("content-encoding");
        if !matches!(encoding, "" | "identity") {
            return Err(HubError::Content(format!("{host} sends {name} as {encoding:?}, wanted it as it is")));
        }
        // The hub never sends HTML for a file, but portals and proxies do, some without its length.
        if answer.header("content-type").starts_with("text/html") {
            return Err(HubError::Content(format!(
                "{host} sends a web page in place of {name}; does a proxy ask for a login?"
            )));
        }
        let (from, size) = match answer.status() {
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(false),
            StatusCode::PARTIAL_CONTENT => match range(&answer) {
                Some((from, size)) if from == sink.at => (from, size),
                _ => return Ok(false),
            },
            _ => (0, answer.header("content-length").parse().ok()),
        };
        // Checked before anything is overwritten: it may be the page of a proxy.
        if let (Some(found), Some(wanted)) = (size, file.size)
            && found != wanted
        {
            return Err(HubError::Content(format!("{host} has {found} bytes for {name}, wanted {wanted}")));
        }
        let size = file.size.or(size);
        if from != sink.at {
            sink.resume(from).map_err(disk)?;
        }
        // One byte more than wanted, to detect a file that is too long.
        let most = size.map_or(u64::MAX, |size| size - sink.at + 1);
        let mut body = answer.response.into_body().into_with_config().limit(u64::MAX).reader().take(most);
        loop {
            if self.client.stopped.load(Ordering::Relaxed) {
                return Err(HubError::Stopped);
            }
            let mut buffer = sink.buffer();
            let count = match body.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(HubError::broken(&error, &format!("{host}, sending {name}"))),
            };
            if size.is_some_and(|size| sink.at + count as u64 > size) {
                return Err(HubError::Content(format!("{host} sends more of {name} than it has announced")));
            }
            if count == 0 {
                return match size {
                    Some(size) if sink.at < size => Err(HubError::Network {
                        reason: format!("{host} has sent {} bytes of {name}, wanted {size}", sink.at),
                        again: Again::Soon,
                    }),
                    _ => Ok(true),
                };
            }
            sink.write(buffer, count).map_err(disk)?;
            report(sink.at);
            if Some(sink.at) == size {
                return Ok(true);
            }
        }
    }
}

/// Start and total of a `Content-Range`.
fn range(answer: &Answer) -> Option<(u64, Option<u64>)> {
    let (range, total) = answer.header("content-range").strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Gives a file its name, when all of it is on the disk. Where locks do not work, another program may have been faster.
fn finish(partial: &Path, blob: &Path, size: Option<u64>) -> io::Result<()> {
    let named = sync_file(partial).and_then(|()| fs::rename(partial, blob));
    named.or_else(|error| if is_whole(blob, size) { Ok(()) } else { Err(error) })
}

fn is_whole(blob: &Path, size: Option<u64>) -> bool {
    blob.metadata().is_ok_and(|file| size.is_none_or(|size| file.len() == size))
}

/// A file that is hashed while it is written.
struct Sink {
    file: File,
    /// The number of bytes so far.
    at: u64,
    pieces: Option<SyncSender<Piece>>,
    /// Buffers to use again.
    free: Receiver<Vec<u8>>,
}

/// Work for the hash.
enum Piece {
    /// Starts again with this many bytes from the start of the file.
    Stored(u64),
    /// The next bytes, and their number.
    Bytes(Vec<u8>, usize),
}

impl Sink {
    /// Continues at this byte, after the bytes in the file.
    ///
    /// The file is not truncated: where locks do not work, another program may write the same bytes to the same places.
    fn resume(&mut self, at: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.at = at;
        self.hash(Piece::Stored(at));
        Ok(())
    }

    fn buffer(&self) -> Vec<u8> {
        self.free.try_recv().unwrap_or_else(|_| vec![0; BUFFER])
    }

    fn write(&mut self, buffer: Vec<u8>, count: usize) -> io::Result<()> {
        self.file.write_all(&buffer[..count])?;
        self.at += count as u64;
        self.hash(Piece::Bytes(buffer, count));
        Ok(())
    }

    fn hash(&self, piece: Piece) {
        if let Some(pieces) = &self.pieces {
            // If the thread has ended, its result says why.
            let _ = pieces.send(piece);
        }
    }
}

/// Hashes the bytes that it receives.
fn hash(path: &Path, pieces: &Receiver<Piece>, spent: &Sender<Vec<u8>>) -> io::Result<String> {
    let mut hash = Sha256::new();
    for piece in pieces {
        match piece {
            Piece::Stored(length) => {
                hash = Sha256::new();
                hash.update_from(path, length)?;
            }
            Piece::Bytes(buffer, count) => {
                hash.update(&buffer[..count]);
                let _ = spent.send(buffer);
            }
        }
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_another_program_has_finished_is_complete() {
        let dir = tempfile::tempdir().expect("folder");
        let (partial, blob) = (dir.path().join("a.incomplete"), dir.path().join("a"));
        fs::write(&partial, "weights").expect("written");
        finish(&partial, &blob, Some(7)).expect("named");
        // The other program, on a file system without locks.
        for size in [Some(7), None] {
            finish(&partial, &blob, size).expect("there already");
        }
        assert_eq!(fs::read(&blob).expect("read"), b"weights");
        finish(&partial, &blob, Some(8)).expect_err("only a part");
        finish(&partial, &dir.path().join("b"), None).expect_err("nothing there");
    }
}
