//! Where a model comes from and where it goes: the builder's word, then the environment's.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use hf_hub::{Cache, CacheRepo, Repo, RepoType};

use super::{HubModel, files::is_plain};
use crate::{Error, Result};

const ENDPOINT: &str = "https://huggingface.co";

/// Where a model comes from and goes to, after builder and environment have been asked.
pub(super) struct Place {
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
    pub(super) dir: PathBuf,
    pub(super) offline: bool,
    pub(super) revision: String,
    pub(super) cache: Cache,
    pub(super) files: CacheRepo,
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
    pub(super) fn cached_commit(&self) -> Option<String> {
        // A commit is its own name; else the file of the revision names it.
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        let snapshots = self.files.pointer_path("");
        let commit = fs::read_to_string(snapshots.parent()?.join("refs").join(&self.revision)).ok()?;
        let commit = commit.trim().to_owned();
        is_plain(&commit).then_some(commit)
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
}
