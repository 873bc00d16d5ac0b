//! Downloads from a hub that runs in the test: the small sharded checkpoint, served as the Hugging Face hub, its mirrors
//! and the proxies between are known to.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]

mod answers;
mod cache;
mod contents;
mod interop;
mod network;
mod program;
mod proxy;
mod refusals;
mod server;
mod speed;
mod state;
mod wire;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use indic_seamless::{Error, HubErrorKind, checkpoint::HubModel};
use tempfile::TempDir;

use self::server::Hub;

const ID: &str = "someone/tiny";
const SHARD: &str = "model-00002-of-00003.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// An address where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";
/// What speech-to-text needs of the model.
const NEEDED: [&str; 11] = [
    "added_tokens.json",
    "config.json",
    "generation_config.json",
    "model-00001-of-00003.safetensors",
    SHARD,
    "model-00003-of-00003.safetensors",
    INDEX,
    "preprocessor_config.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "tokenizer_config.json",
];

fn model(endpoint: &str, cache: &TempDir) -> HubModel {
    let model = HubModel::new(ID).endpoint(endpoint).cache_dir(cache.path()).token("").offline(false);
    model.retries(0).stall_timeout(Duration::from_secs(10))
}

fn download(model: &HubModel) -> indic_seamless::Result<PathBuf> {
    model.download(&mut |_| {})
}

/// What a download ended with: the kind, and all of the text.
fn failure(result: indic_seamless::Result<PathBuf>) -> (HubErrorKind, String) {
    match result {
        Err(Error::Hub { kind, ref reason, .. }) => {
            assert!(!reason.contains('\n'), "{reason}");
            (kind, result.unwrap_err().to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn reason(result: indic_seamless::Result<PathBuf>) -> String {
    failure(result).1
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The folder of the model in a cache.
fn folder(cache: &TempDir) -> PathBuf {
    cache.path().join("models--someone--tiny")
}

/// Where the content of a file lies in a cache.
fn blob(cache: &TempDir, hub: &Hub, name: &str) -> PathBuf {
    folder(cache).join("blobs").join(state::etag(name, &hub.state().files[name]))
}

/// Where its first bytes lie until it is whole.
fn partial(cache: &TempDir, hub: &Hub, name: &str) -> PathBuf {
    let blob = blob(cache, hub, name);
    blob.with_file_name(format!("{}.incomplete", blob.file_name().unwrap().to_str().unwrap()))
}

/// All that is needed is there, with the right content and nothing beside it.
fn assert_complete(dir: &Path, hub: &Hub) {
    assert_eq!(names(dir), NEEDED);
    assert_same_files(dir, hub);
}

fn assert_same_files(dir: &Path, hub: &Hub) {
    for name in names(dir) {
        assert!(fs::read(dir.join(&name)).unwrap() == hub.state().files[&name], "{name}");
    }
    let blobs = dir.join("../../blobs");
    assert!(names(&blobs).iter().all(|name| !name.contains('.')), "{:?}", names(&blobs));
}
