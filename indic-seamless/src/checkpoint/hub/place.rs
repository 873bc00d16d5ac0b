//! Settings of a download, from the builder or else from the environment.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ureq::http::Uri;

use super::{HubModel, cache::Cache, network::Network};
use crate::{Error, Result};

const ENDPOINT: &str = "https://huggingface.co";
/// How long a server may send nothing.
const STALL: Duration = Duration::from_secs(30);

/// The hub and the cache, from the builder or else from the environment.
pub(super) struct Place {
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
    pub(super) dir: PathBuf,
    pub(super) offline: bool,
    pub(super) revision: String,
    /// How long a server may send nothing, and how long another program's download may make no progress.
    pub(super) stall: Duration,
    pub(super) network: Network,
    pub(super) cache: Cache,
}

impl Place {
    pub(super) fn new(
        model: &HubModel,
        variable: &dyn Fn(&str) -> Option<OsString>,
        home: Option<&Path>,
    ) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(|value| expanded(PathBuf::from(value), home));
        let hf_home = path("HF_HOME").or_else(|| {
            let cache = path("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")))?;
            Some(cache.join("huggingface"))
        });
        let dir = model.cache_dir.clone().or_else(|| path("HF_HUB_CACHE")).or_else(|| path("HUGGINGFACE_HUB_CACHE"));
        let dir = dir.or_else(|| Some(hf_home.as_ref()?.join("hub")));
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
        let is_address = |address: Uri| address.host().is_some_and(|host| !host.is_empty());
        if !(endpoint.starts_with("https://") || endpoint.starts_with("http://"))
            || !endpoint.parse().is_ok_and(is_address)
        {
            return Err(invalid("endpoint", &endpoint, "an address that starts with https://"));
        }
        let token_file = || {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(hf_home.as_ref()?.join("token")))?;
            fs::read_to_string(file).ok()
        };
        let token = model.token.clone();
        let token = token.or_else(|| text("HF_TOKEN")).or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(token_file);
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(invalid(
                "token",
                "characters that no token has",
                "one line of letters and digits, as in hf_...",
            ));
        }
        let is_true = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str());
        let offline = text("HF_HUB_OFFLINE").or_else(|| text("TRANSFORMERS_OFFLINE"));
        let offline = model.offline.or_else(|| offline.map(is_true)).unwrap_or(false);
        let seconds = text("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|seconds| seconds.trim().parse().ok());
        let stall = model.stall_timeout.or_else(|| seconds.filter(|&s| s > 0).map(Duration::from_secs));

        let (cache, network) = (Cache::new(&dir, &model.id), Network::new(variable));
        let (revision, stall) = (model.revision.clone(), stall.unwrap_or(STALL));
        Ok(Self { endpoint, token, dir, offline, revision, stall, network, cache })
    }

    /// The commit that the revision was at when it was last downloaded.
    pub(super) fn cached_commit(&self) -> Option<String> {
        // The revision is a commit itself, or the cache has a file with its commit.
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        self.cache.commit(&self.revision)
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
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
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
        assert_eq!((none.endpoint.as_str(), none.offline, &none.token), (ENDPOINT, false, &None));
        assert_eq!(place(&model, &[("XDG_CACHE_HOME", "/c")]).dir, Path::new("/c/huggingface/hub"));
        assert_eq!(place(&model, &[("HF_HOME", "~/h")]).dir, Path::new("/home/me/h/hub"));
        assert_eq!(place(&model, &[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/x/y")]).dir, Path::new("/x/y"));
        assert_eq!(place(&model, &[("HUGGINGFACE_HUB_CACHE", "/old")]).dir, Path::new("/old"));
        assert_eq!(place(&model, &[("HF_ENDPOINT", "http://mirror/")]).endpoint, "http://mirror");
        for (value, offline) in [("1", true), ("true", true), ("Yes", true), ("on", true), ("0", false), ("", false)] {
            assert_eq!(place(&model, &[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
        }
        assert!(place(&model, &[("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(!place(&model, &[("TRANSFORMERS_OFFLINE", "1"), ("HF_HUB_OFFLINE", "0")]).offline);
        assert_eq!(place(&model, &[]).stall, STALL);
        assert_eq!(place(&model, &[("HF_HUB_DOWNLOAD_TIMEOUT", "5")]).stall, Duration::from_secs(5));

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
}
