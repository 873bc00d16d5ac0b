//! Checkpoints from the Hugging Face hub, in the cache that all programs of Hugging Face share.

mod address;
mod cache;
mod client;
mod digest;
mod download;
mod error;
mod files;
mod metadata;
mod network;
mod place;
mod transfer;

use std::{env, fmt, path::PathBuf, time::Duration};

pub use self::download::{DownloadProgress, OnDownload};
use self::{
    error::HubError,
    files::is_complete,
    place::{Place, is_commit},
};
use crate::{Error, Result};

/// A model on the Hugging Face hub, and the settings of its download.
///
/// Settings that are not given come from the environment, as in Hugging Face's own library: `HF_TOKEN` (or the file that
/// `HF_TOKEN_PATH` names, or `token` in `HF_HOME`), `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and
/// `HF_HUB_DOWNLOAD_TIMEOUT`; also the proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and the
/// certificates of `SSL_CERT_FILE` (or `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`), which are trusted in addition to Mozilla's.
///
/// The token is sent only to the scheme, host and port of the hub.
///
/// ```no_run
/// use indic_seamless::checkpoint::HubModel;
///
/// # fn main() -> indic_seamless::Result<()> {
/// let dir = HubModel::new("ai4bharat/indic-seamless").download(&mut |progress| {
///     eprintln!("{}: {} of {} bytes", progress.file, progress.total_done, progress.total_size);
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
    stall_timeout: Option<Duration>,
}

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
            stall_timeout: None,
        }
    }

    /// Whether a name has the form of an id on the hub, `owner/name`: one slash, and no start of a path.
    ///
    /// A folder may have such a name, too; programs that take both look for the folder first.
    ///
    /// ```
    /// use indic_seamless::checkpoint::HubModel;
    ///
    /// assert!(HubModel::is_id("ai4bharat/indic-seamless"));
    /// assert!(["model", "./model", "~/model", "/model", "models/", "a/b/c"].iter().all(|name| !HubModel::is_id(name)));
    /// ```
    #[must_use]
    pub fn is_id(name: &str) -> bool {
        let parts = name.split_once('/').filter(|(owner, name)| !owner.is_empty() && !name.is_empty());
        parts.is_some_and(|(owner, name)| !owner.starts_with(['.', '~']) && !name.contains('/'))
    }

    /// A branch, a tag, or a commit, which never changes.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = revision.into();
        self
    }

    /// The access token for gated models. An empty one means none, even if the environment has one.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The folder of the cache, which holds `models--owner--name`, instead of `~/.cache/huggingface/hub`.
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

    /// Whether to use the cache only.
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = Some(offline);
        self
    }

    /// The number of retries after the connection broke or the hub was overloaded; 4 by default. The first pause is half a
    /// second, each further one twice as long, unless the hub asks for another. The count starts again after each MiB.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long a server may send nothing before the connection is closed, and how long another program that downloads the
    /// same file may make no progress; 30 seconds by default.
    #[must_use]
    pub fn stall_timeout(mut self, time: Duration) -> Self {
        self.stall_timeout = Some(time);
        self
    }

    /// Downloads the files that speech-to-text needs and that are not in the cache yet. Returns the folder of the files.
    ///
    /// A complete model in the cache is used without the network if offline mode is on, if the hub is out of reach, or if the
    /// revision is a commit. An interrupted download is resumed by the next one, even if another program started it. A file
    /// gets its name only after it is complete and its checksum is right.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for an invalid id, revision or endpoint, [`Error::NoSpace`] if the disk is too full, and
    /// [`Error::Hub`] for all other errors of the hub or the cache, with the kind and what to do about it.
    pub fn download(&self, progress: OnDownload<'_>) -> Result<PathBuf> {
        self.validate()?;
        let place = Place::new(self, &|name| env::var_os(name), env::home_dir().as_deref())?;
        let cached = place.cached_commit().and_then(|commit| {
            let dir = place.cache.snapshot(&commit);
            is_complete(&dir, |name| place.cache.is_absent(&commit, name)).then_some(dir)
        });
        if let (Some(dir), true) = (&cached, place.offline || is_commit(&self.revision)) {
            return Ok(dir.clone());
        }
        if place.offline {
            return Err(HubError::Offline.error(self, &place));
        }
        match place.fetch(self, cached.is_some(), progress) {
            Ok(dir) => Ok(dir),
            Err(failure) => match cached {
                Some(dir) if failure.leaves_cached() => {
                    tracing::warn!(model = self.id, ?failure, "hub out of reach; using the model in the cache");
                    Ok(dir)
                }
                _ => Err(failure.error(self, &place)),
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
            .field("stall_timeout", &self.stall_timeout)
            .finish()
    }
}
