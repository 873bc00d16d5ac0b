//! Checkpoints from the Hugging Face hub, kept in the cache that the other programs of Hugging Face use as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fmt, fs, io,
    path::{Component, Path, PathBuf},
    thread,
    time::Duration,
};

use hf_hub::{
    Cache, CacheRepo, Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError, ApiRepo},
    },
};
use serde::Deserialize;

use super::weights::{INDEX, SINGLE as WEIGHTS, is_needed};
use crate::{Error, Result};

const ENDPOINT: &str = "https://huggingface.co";
const CONFIG: &str = "config.json";
const PIECES: &str = "sentencepiece.bpe.model";
const TOKENIZER: &str = "tokenizer.json";
/// Small files that are fetched if the model has them.
const OTHERS: [&str; 5] = [
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
];

/// How often the caller hears of a download, in bytes.
const REPORT_EVERY: u64 = 1 << 20;

/// A model on the Hugging Face hub, and how to get it.
///
/// What is not set here comes from the environment, as in Hugging Face's own library: `HF_TOKEN` (or the file that
/// `HF_TOKEN_PATH` names, or `token` in `HF_HOME`), `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT` and `HF_HUB_OFFLINE`.
///
/// ```no_run
/// use indic_seamless::checkpoint::HubModel;
///
/// # fn main() -> indic_seamless::Result<()> {
/// let dir = HubModel::new("ai4bharat/indic-seamless").download(&mut |progress| {
///     eprintln!("{}: {} of {} bytes", progress.file, progress.done, progress.size);
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HubModel {
    id: String,
    revision: String,
    token: Option<String>,
    cache_dir: Option<PathBuf>,
    endpoint: Option<String>,
    offline: Option<bool>,
    retries: u32,
}

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

impl HubModel {
    /// The model with this id (`owner/name`), at its revision `main`.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            revision: "main".to_owned(),
            token: None,
            cache_dir: None,
            endpoint: None,
            offline: None,
            retries: 4,
        }
    }

    /// A branch, a tag or, for a model that never changes, a commit.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = revision.into();
        self
    }

    /// The access token for gated models; an empty one for none, even if the environment has one.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The folder that holds `models--owner--name`, instead of `~/.cache/huggingface/hub`.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// The hub's address, instead of `https://huggingface.co`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Whether to use only what is in the cache already.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = Some(offline);
        self
    }

    /// How often a file's download is taken up again after the connection broke; 4 by default, with pauses of half a
    /// second, then twice as long each time.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Downloads what speech-to-text needs of the model and is not in the cache yet; the folder that holds the files.
    ///
    /// A model that is complete in the cache is used without the network when offline, when the hub cannot be reached,
    /// and when the revision is a commit. A download that broke off is resumed by the next one. A file gets its name
    /// only when all of it is here.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for an id, revision or endpoint that cannot be one; [`Error::Hub`] for everything that
    /// goes wrong with the hub or the cache, with what to do about it.
    pub fn download(&self, progress: OnDownload<'_>) -> Result<PathBuf> {
        self.validate()?;
        let place = Place::new(self, &|name| env::var_os(name), env::home_dir().as_deref())?;
        let cached = place.cached_commit().map(|commit| place.files.pointer_path(&commit));
        let cached = cached.filter(|dir| is_complete(dir));
        if let (Some(dir), true) = (&cached, place.offline || is_commit(&self.revision)) {
            return Ok(dir.clone());
        }
        if place.offline {
            return Err(self.error(&place, &Failure::Offline));
        }
        match place.fetch(self, progress) {
            Ok(dir) => Ok(dir),
            Err(failure) => match (failure, cached) {
                (Failure::Network(reason), Some(dir)) => {
                    tracing::warn!(model = self.id, %reason, "hub out of reach; using the model in the cache");
                    Ok(dir)
                }
                (failure, _) => Err(self.error(&place, &failure)),
            },
        }
    }

    fn validate(&self) -> Result<()> {
        let name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let invalid = |option, found: &str, wanted: &str| Error::InvalidOption {
            option,
            found: format!("{found:?}"),
            wanted: wanted.to_owned(),
        };
        if !self.id.split_once('/').is_some_and(|(owner, model)| name(owner) && name(model)) {
            return Err(invalid("model", &self.id, "an id like ai4bharat/indic-seamless, or a folder that exists"));
        }
        let part = |part: &str| !part.is_empty() && !part.starts_with('.');
        let graphic = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%' | '\\' | ':');
        if !(self.revision.chars().all(graphic) && self.revision.split('/').all(part)) {
            return Err(invalid("revision", &self.revision, "a branch, tag or commit"));
        }
        Ok(())
    }

    /// The public error: what happened, and what can be done.
    fn error(&self, place: &Place, failure: &Failure) -> Error {
        let Self { id, revision, .. } = self;
        let page = format!("{}/{id}", place.endpoint);
        let by_hand = format!(
            "or download the files of {page}/tree/{revision} by hand into a folder and name that instead (`--model DIR`)"
        );
        let reason = match failure {
            Failure::Offline => format!(
                "not (completely) in the cache {}, and offline mode forbids the download; allow the network once, {by_hand}",
                place.dir.display()
            ),
            Failure::Network(reason) => {
                format!("the hub cannot be reached ({reason}) and the model is not in the cache; try again, {by_hand}")
            }
            Failure::Status(401, what) if place.token.is_some() => format!(
                "the hub does not accept the token for {what} (401): it may have expired, or there is no such model; \
                 accept the licence at {page} and set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
            ),
            Failure::Status(401, what) => format!(
                "the hub wants a token for {what} (401), or there is no such model; accept the licence at {page} and \
                 set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
            ),
            Failure::Status(403, what) => format!(
                "the hub refuses {what} (403); accept the licence at {page} with the account of the token, and set \
                 HF_TOKEN to a token that may read gated models"
            ),
            Failure::Status(404, what) => format!("the hub has no {what} (404); see {page}"),
            Failure::Status(status, what) => format!("the hub answers {status} for {what}"),
            Failure::Disk(reason) => {
                format!(
                    "cannot write to the cache {}: {reason}; set HF_HOME to a folder elsewhere",
                    place.dir.display()
                )
            }
            Failure::Busy(file) => {
                format!("another program is downloading {file} already; try again when it is done")
            }
            Failure::Content(reason) => reason.clone(),
        };
        Error::Hub { id: id.clone(), revision: revision.clone(), reason }
    }
}

impl fmt::Debug for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubModel")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("cache_dir", &self.cache_dir)
            .field("endpoint", &self.endpoint)
            .field("offline", &self.offline)
            .field("retries", &self.retries)
            .finish()
    }
}

/// What kept a model from being downloaded.
#[derive(Debug)]
enum Failure {
    Offline,
    /// It may work later.
    Network(String),
    /// The hub's answer to the request for something.
    Status(u16, String),
    Disk(String),
    Busy(String),
    /// The hub has something else than what is wanted.
    Content(String),
}

impl Failure {
    fn new(error: &ApiError, what: &str) -> Self {
        match error {
            ApiError::RequestError(error) => match **error {
                ureq::Error::StatusCode(status @ (408 | 429 | 500..)) => {
                    Self::Network(format!("it answers {status} for {what}"))
                }
                ureq::Error::StatusCode(status) => Self::Status(status, what.to_owned()),
                _ => Self::Network(error.to_string()),
            },
            ApiError::IoError(error) => match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::Unsupported => Self::Disk(error.to_string()),
                _ => Self::Network(format!("{what}: {error}")),
            },
            ApiError::LockAcquisition(_) => Self::Busy(what.to_owned()),
            error => Self::Content(format!("the hub's answer for {what} makes no sense: {error}")),
        }
    }
}

/// Where a model comes from and goes to, after builder and environment have been asked.
struct Place {
    endpoint: String,
    token: Option<String>,
    dir: PathBuf,
    offline: bool,
    revision: String,
    cache: Cache,
    files: CacheRepo,
}

impl Place {
    fn new(model: &HubModel, variable: &dyn Fn(&str) -> Option<OsString>, home: Option<&Path>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(|value| expanded(PathBuf::from(value), home));
        let hf_home = path("HF_HOME").or_else(|| {
            let cache = path("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")))?;
            Some(cache.join("huggingface"))
        });
        let dir =
            model.cache_dir.clone().or_else(|| path("HF_HUB_CACHE")).or_else(|| Some(hf_home.as_ref()?.join("hub")));
        let invalid = |option, found: &str, wanted: &str| Error::InvalidOption {
            option,
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        };
        let dir =
            dir.ok_or_else(|| invalid("cache_dir", "none", "a folder, by HF_HOME where there is no home folder"))?;
        let dir = std::path::absolute(&dir).map_err(Error::io("use", dir))?;

        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let endpoint = model.endpoint.clone().or_else(|| text("HF_ENDPOINT")).unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        if !(endpoint.starts_with("https://") || endpoint.starts_with("http://")) {
            return Err(invalid("endpoint", &endpoint, "an address that starts with https://"));
        }
        let token_file = || {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(hf_home.as_ref()?.join("token")))?;
            fs::read_to_string(file).ok()
        };
        let token = model.token.clone();
        let token = token.or_else(|| text("HF_TOKEN")).or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(token_file);
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let is_true = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str());
        let offline = model.offline.or_else(|| text("HF_HUB_OFFLINE").map(is_true)).unwrap_or(false);

        let cache = Cache::new(dir.clone());
        let repo = Repo::with_revision(model.id.clone(), RepoType::Model, model.revision.clone());
        let revision = model.revision.clone();
        Ok(Self { endpoint, token, dir, offline, revision, files: cache.repo(repo), cache })
    }

    /// The commit that the revision was at when it was last downloaded.
    fn cached_commit(&self) -> Option<String> {
        // A commit is its own name; else the file of the revision names it.
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        let snapshots = self.files.pointer_path("");
        let commit = fs::read_to_string(snapshots.parent()?.join("refs").join(&self.revision)).ok()?;
        let commit = commit.trim().to_owned();
        is_plain(&commit).then_some(commit)
    }

    fn fetch(&self, model: &HubModel, progress: OnDownload<'_>) -> Result<PathBuf, Failure> {
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

/// `~` at the start of a path is the home folder.
fn expanded(path: PathBuf, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

/// Whether a revision is a whole commit hash: what it names never changes.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a name that came from elsewhere stays in its folder.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(part)), None) if part == name)
        && !name.contains('\\')
}

/// The files to get, but for shards.
fn first_files(there: &BTreeSet<&str>) -> Result<Vec<String>, String> {
    let mut names = vec![CONFIG];
    names.extend(OTHERS.into_iter().filter(|name| there.contains(name)));
    let either = |preferred: &'static str, other: &'static str| {
        let found = [preferred, other].into_iter().find(|name| there.contains(name));
        found.ok_or_else(|| format!("the model has neither {preferred} nor {other}"))
    };
    names.push(either(PIECES, TOKENIZER)?);
    names.push(either(INDEX, WEIGHTS)?);
    match names.iter().find(|name| !there.contains(*name)) {
        Some(missing) => Err(format!("the model has no {missing}")),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// The shards that hold tensors of speech-to-text; the other parts of a full model may lie elsewhere.
fn needed_shards(index: &Path) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let json = fs::read(index).map_err(|error| format!("cannot read {}: {error}", index.display()))?;
    let index: Index = serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", index.display()))?;
    let shards = index.weight_map.into_iter().filter(|(tensor, _)| is_needed(tensor)).map(|(_, shard)| shard);
    let shards: BTreeSet<String> = shards.collect();
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(shard) => Err(format!("the model's index names {shard:?}, wanted a file of the same folder")),
        None if shards.is_empty() => Err("the model's index names no tensor of a speech-to-text model".to_owned()),
        None => Ok(shards),
    }
}

/// Whether a folder of the cache has all that a model needs.
fn is_complete(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).exists();
    let weights = if has(INDEX) {
        needed_shards(&dir.join(INDEX)).is_ok_and(|shards| shards.iter().all(|shard| has(shard)))
    } else {
        has(WEIGHTS)
    };
    has(CONFIG) && (has(PIECES) || has(TOKENIZER)) && weights
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    fn place(model: &HubModel, environment: &[(&str, &str)]) -> Place {
        let variable = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Place::new(model, &variable, Some(Path::new("/home/me"))).unwrap()
    }

    #[test]
    fn the_environment_is_read_as_by_the_python_library() {
        let model = HubModel::new("a/b");
        let none = place(&model, &[]);
        assert_eq!(none.dir, Path::new("/home/me/.cache/huggingface/hub"));
        assert_eq!((none.endpoint.as_str(), none.offline, none.token), (ENDPOINT, false, None));
        assert_eq!(place(&model, &[("XDG_CACHE_HOME", "/c")]).dir, Path::new("/c/huggingface/hub"));
        assert_eq!(place(&model, &[("HF_HOME", "~/h")]).dir, Path::new("/home/me/h/hub"));
        assert_eq!(place(&model, &[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/x/y")]).dir, Path::new("/x/y"));
        assert_eq!(place(&model, &[("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
        for (value, offline) in [("1", true), ("true", true), ("Yes", true), ("on", true), ("0", false), ("", false)] {
            assert_eq!(place(&model, &[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
        }

        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("token"), "hf_file\n").unwrap();
        fs::write(home.path().join("other"), "hf_other\n").unwrap();
        let at_home = ("HF_HOME", home.path().to_str().unwrap());
        let other = home.path().join("other");
        let other = ("HF_TOKEN_PATH", other.to_str().unwrap());
        assert_eq!(place(&model, &[at_home]).token.unwrap(), "hf_file");
        assert_eq!(place(&model, &[at_home, other]).token.unwrap(), "hf_other");
        assert_eq!(place(&model, &[at_home, ("HF_TOKEN", " hf_set ")]).token.unwrap(), "hf_set");
        assert_eq!(place(&model.clone().token("mine"), &[at_home, ("HF_TOKEN", "hf_set")]).token.unwrap(), "mine");
        assert_eq!(place(&model.clone().token(""), &[at_home]).token, None);

        let explicit = model.cache_dir("/mine").endpoint("http://here").offline(false);
        let explicit = place(&explicit, &[at_home, ("HF_ENDPOINT", "http://m"), ("HF_HUB_OFFLINE", "1")]);
        assert_eq!((explicit.dir.as_path(), explicit.offline), (Path::new("/mine"), false));
        assert_eq!(explicit.endpoint, "http://here");
    }

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        for name in ["", ".", "..", "/a", "a/b", "../a", "a/", "a\\b", "./a"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("model-00001-of-00002.safetensors"));
    }

    #[test]
    fn only_what_speech_to_text_needs() {
        let files = |there: &[&'static str]| first_files(&there.iter().copied().collect());
        let all = files(&[CONFIG, PIECES, TOKENIZER, INDEX, WEIGHTS, "README.md", "added_tokens.json"]).unwrap();
        assert_eq!(all, [CONFIG, "added_tokens.json", PIECES, INDEX]);
        assert_eq!(files(&[CONFIG, TOKENIZER, WEIGHTS]).unwrap(), [CONFIG, TOKENIZER, WEIGHTS]);
        assert!(files(&[TOKENIZER, WEIGHTS]).unwrap_err().contains(CONFIG));
        assert!(files(&[CONFIG, WEIGHTS]).unwrap_err().contains(PIECES));
        assert!(files(&[CONFIG, PIECES]).unwrap_err().contains(INDEX));

        let dir = tempfile::tempdir().unwrap();
        let shards = |json: &str| {
            fs::write(dir.path().join(INDEX), json).unwrap();
            needed_shards(&dir.path().join(INDEX))
        };
        let full = r#"{"weight_map": {"speech_encoder.a": "1", "text_decoder.b": "1", "shared.weight": "2",
            "vocoder.c": "3", "t2u_model.d": "2", "text_encoder.e": "4"}}"#;
        assert_eq!(shards(full).unwrap().into_iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(shards(r#"{"weight_map": {"shared.weight": "../x"}}"#).unwrap_err().contains("same folder"));
        assert!(shards(r#"{"weight_map": {"vocoder.c": "3"}}"#).unwrap_err().contains("no tensor"));
        assert!(shards("[]").is_err());
    }
}
