//! Checkpoints from the Hugging Face hub, kept in the cache that the other programs of Hugging Face use as well.

mod download;
mod failure;
mod files;
mod place;

use std::{env, fmt, path::PathBuf};

pub use self::download::{DownloadProgress, OnDownload};
use self::{
    failure::Failure,
    files::is_complete,
    place::{Place, is_commit},
};
use crate::{Error, Result};

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
            return Err(Failure::Offline.error(self, &place));
        }
        match place.fetch(self, progress) {
            Ok(dir) => Ok(dir),
            Err(failure) => match (failure, cached) {
                (Failure::Network(reason), Some(dir)) => {
                    tracing::warn!(model = self.id, %reason, "hub out of reach; using the model in the cache");
                    Ok(dir)
                }
                (failure, _) => Err(failure.error(self, &place)),
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
            .finish()
    }
}
