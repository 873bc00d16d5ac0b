//! Downloads from a hub that runs in the test: the small sharded checkpoint, served the way the Hugging Face hub does.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use indic_seamless::{Error, checkpoint::HubModel};
use tempfile::TempDir;

const ID: &str = "someone/tiny";
const SHARD: &str = "model-00002-of-00003.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// What the hub has and how it behaves.
struct State {
    files: BTreeMap<String, Vec<u8>>,
    commit: String,
    /// The token without which files are refused.
    gate: Option<&'static str>,
    /// A file whose transfer breaks off half-way, and how many times more.
    cut: Option<(&'static str, usize)>,
    /// A file that is always sent from its start.
    whole: Option<&'static str>,
    /// Answers to everything.
    status: Option<u16>,
    /// Path, range and authorisation of each request.
    seen: Vec<(String, String, String)>,
}

struct Hub {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

fn hash(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny-bf16-sharded/model")
}

impl Hub {
    fn start() -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(golden()).unwrap() {
            let path = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        }
        // A model that can do more: its other parts lie in a shard of their own.
        let mut index: serde_json::Value = serde_json::from_slice(&files[INDEX]).unwrap();
        index["weight_map"]["vocoder.conv_pre.weight"] = "model-00004.safetensors".into();
        files.insert(INDEX.to_owned(), serde_json::to_vec(&index).unwrap());
        for name in ["model-00004.safetensors", "README.md", "pytorch_model.bin"] {
            files.insert(name.to_owned(), b"not wanted".to_vec());
        }
        let state = State {
            files,
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            gate: None,
            cut: None,
            whole: None,
            status: None,
            seen: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (shared, host) = (Arc::clone(&state), endpoint.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, host) = (Arc::clone(&shared), host.clone());
                // A client that hangs up early is no concern of the hub.
                thread::spawn(move || answer(stream.unwrap(), &shared, &host).ok());
            }
        });
        Self { endpoint, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The model on this hub, without anything from the environment.
    fn model(&self, cache: &TempDir) -> HubModel {
        model(&self.endpoint, cache)
    }

    /// The files whose content was asked for since the last call.
    fn fetched(&self) -> Vec<String> {
        let seen = std::mem::take(&mut self.state().seen);
        let mut names: Vec<_> = seen
            .into_iter()
            .filter(|(path, range, _)| path.contains("/resolve/") && range != "bytes=0-0")
            .filter_map(|(path, ..)| path.rsplit_once('/').map(|(_, name)| name.to_owned()))
            .collect();
        names.sort();
        names
    }
}

fn model(endpoint: &str, cache: &TempDir) -> HubModel {
    HubModel::new(ID).endpoint(endpoint).cache_dir(cache.path()).token("").offline(false).retries(0)
}

/// One request, one answer.
fn answer(mut stream: TcpStream, state: &Mutex<State>, host: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let (range, authorization) = (header("range"), header("authorization"));
    let mut state = state.lock().unwrap();
    state.seen.push((path.clone(), range.clone(), authorization.clone()));
    let plain = |status: u16| {
        let reason = format!("HTTP/1.1 {status} Something\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
        reason.into_bytes()
    };
    if let Some(status) = state.status {
        return stream.write_all(&plain(status));
    }
    let commit = state.commit.clone();
    let known = |revision: &str| ["main", commit.as_str()].contains(&revision);
    if let Some(revision) = path.strip_prefix("/api/models/someone/tiny/revision/") {
        if !known(revision) {
            return stream.write_all(&plain(404));
        }
        let siblings: Vec<_> = state.files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
        let body = serde_json::json!({"sha": commit, "siblings": siblings, "gated": "manual"}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
        return write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
    }
    let resolved = path.strip_prefix("/someone/tiny/resolve/").and_then(|rest| rest.split_once('/'));
    let stored = path.strip_prefix("/cdn/");
    let (name, linked) = match (resolved, stored) {
        (Some((revision, name)), _) if known(revision) => (name, name.ends_with(".safetensors")),
        (_, Some(name)) => (name, false),
        _ => return stream.write_all(&plain(404)),
    };
    let Some(content) = state.files.get(name).cloned() else { return stream.write_all(&plain(404)) };
    if let (Some(token), None) = (state.gate, stored)
        && authorization != format!("Bearer {token}")
    {
        return stream.write_all(&plain(if authorization.is_empty() { 401 } else { 403 }));
    }
    let about = format!("connection: close\r\nx-repo-commit: {commit}\r\n");
    if linked {
        // Large files lie elsewhere.
        let (etag, size) = (hash(&content), content.len());
        let about = format!("{about}x-linked-etag: \"{etag}\"\r\nx-linked-size: {size}\r\netag: \"other\"\r\n");
        let location = format!("location: {host}/cdn/{name}\r\ncontent-length: 0\r\n\r\n");
        return write!(stream, "HTTP/1.1 302 Found\r\n{about}{location}");
    }
    let etag = format!("etag: \"{}\"\r\n", hash(&content));
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let probe = range == "bytes=0-0";
    let (from, to) = match bounds {
        Some((from, to)) if probe || state.whole != Some(name) => {
            (from.parse().unwrap(), to.parse::<usize>().map_or(content.len(), |to| to + 1))
        }
        _ => (0, content.len()),
    };
    if from >= content.len() {
        return stream.write_all(&plain(416));
    }
    let sent = match &mut state.cut {
        Some((file, times)) if *file == name && !probe && *times > 0 => {
            *times -= 1;
            (to - from) / 2
        }
        _ => to - from,
    };
    drop(state);
    let ranged = format!("content-range: bytes {from}-{}/{}\r\n", to - 1, content.len());
    write!(stream, "HTTP/1.1 206 Partial\r\n{about}{etag}{ranged}content-length: {}\r\n\r\n", to - from)?;
    stream.write_all(&content[from..from + sent])
}

fn download(model: &HubModel) -> indic_seamless::Result<PathBuf> {
    model.download(&mut |_| {})
}

fn reason(result: indic_seamless::Result<PathBuf>) -> String {
    match result {
        Err(error @ Error::Hub { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn assert_same_files(dir: &Path, hub: &Hub) {
    for name in names(dir) {
        assert!(fs::read(dir.join(&name)).unwrap() == hub.state().files[&name], "{name}");
    }
}

/// An address where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn what_is_needed_and_no_more_is_downloaded_once() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let (mut files, mut finished) = (0, Vec::new());
    let dir = hub
        .model(&cache)
        .download(&mut |progress| {
            assert!(progress.done <= progress.size && progress.index < progress.files, "{progress:?}");
            files = files.max(progress.files);
            if progress.done == progress.size {
                finished.push(progress.file.to_owned());
            }
        })
        .unwrap();
    let wanted = [
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
    assert_eq!(names(&dir), wanted);
    assert_same_files(&dir, &hub);
    finished.sort();
    assert_eq!((finished, files), (wanted.map(str::to_owned).to_vec(), wanted.len()));
    assert_eq!(hub.fetched(), wanted);
    let commit = hub.state().commit.clone();
    assert_eq!(dir, cache.path().join("models--someone--tiny/snapshots").join(&commit));

    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    assert_eq!(hub.fetched(), [""; 0]);
    // Offline, by commit, and with the hub out of reach or ill, what is in the cache will do.
    assert_eq!(download(&model(NOWHERE, &cache).offline(true)).unwrap(), dir);
    assert_eq!(download(&model(NOWHERE, &cache).revision(commit)).unwrap(), dir);
    assert_eq!(download(&model(NOWHERE, &cache)).unwrap(), dir);
    hub.state().status = Some(503);
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);

    // With a file gone, it is incomplete.
    fs::remove_file(dir.join(SHARD)).unwrap();
    assert!(reason(download(&hub.model(&cache).offline(true))).contains("offline"));
    hub.state().status = None;
    hub.state().seen.clear();
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    // Its content had stayed.
    assert_eq!(hub.fetched(), [""; 0]);
    assert_same_files(&dir, &hub);
}

#[test]
fn one_file_of_weights_and_no_sentencepiece() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().files.retain(|name, _| !name.contains("safetensors") && name != "sentencepiece.bpe.model");
    assert!(
        reason(download(&hub.model(&cache))).contains("neither model.safetensors.index.json nor model.safetensors")
    );
    hub.state().files.insert("model.safetensors".to_owned(), vec![7; 3 << 20]);
    let mut calls = 0;
    let dir = hub.model(&cache).download(&mut |p| calls += usize::from(p.file == "model.safetensors")).unwrap();
    assert!(dir.join("tokenizer.json").exists() && !dir.join(INDEX).exists());
    assert_same_files(&dir, &hub);
    assert!((2..=4).contains(&calls), "{calls}");
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
}

#[test]
fn gated_models_say_what_to_do_and_keep_the_token_to_themselves() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().gate = Some("hf_secret");
    let page = format!("accept the licence at {}/{ID}", hub.endpoint);
    let without = reason(download(&hub.model(&cache)));
    assert!(without.contains(&page) && without.contains("set HF_TOKEN") && without.contains("401"), "{without}");

    let wrong = hub.model(&cache).token("hf_wrong");
    assert!(!format!("{wrong:?}").contains("hf_wrong"));
    let refused = reason(download(&wrong));
    assert!(refused.contains(&page) && refused.contains("HF_TOKEN") && refused.contains("403"), "{refused}");
    assert!(!refused.contains("hf_wrong"));
    assert_eq!(names(&cache.path().join("models--someone--tiny/snapshots")), [""; 0]);

    download(&hub.model(&cache).token(" hf_secret\n")).unwrap();
    hub.state().status = Some(401);
    let expired = reason(download(&hub.model(&cache).token("hf_wrong")));
    assert!(expired.contains("expired") && !expired.contains("hf_wrong"), "{expired}");
}

#[test]
fn what_the_hub_does_not_have() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let none = HubModel::new("someone/else").endpoint(&hub.endpoint).cache_dir(cache.path()).token("").offline(false);
    let none = reason(download(&none));
    assert!(none.contains("has no model someone/else") && none.contains("404"), "{none}");
    let revision = reason(download(&hub.model(&cache).revision("v9")));
    assert!(revision.contains("at revision v9") && revision.contains("404"), "{revision}");
    hub.state().files.remove("config.json");
    assert!(reason(download(&hub.model(&cache))).contains("has no config.json"));
    hub.state().files.insert("config.json".to_owned(), b"{}".to_vec());
    hub.state().files.remove(SHARD);
    assert!(reason(download(&hub.model(&cache))).contains(SHARD));
    hub.state().files.insert(INDEX.to_owned(), br#"{"weight_map": {"shared.weight": "../../up"}}"#.to_vec());
    let cache = TempDir::new().unwrap();
    assert!(reason(download(&hub.model(&cache))).contains("same folder"));
    hub.state().commit = "../../up".to_owned();
    assert!(reason(download(&hub.model(&cache))).contains("wanted a hash"));
}

#[test]
fn a_transfer_that_breaks_off_leaves_nothing_under_the_final_name_and_is_resumed() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 1));
    let broken = reason(download(&hub.model(&cache)));
    assert!(broken.contains(SHARD) && broken.contains("--model DIR"), "{broken}");
    let repo = cache.path().join("models--someone--tiny");
    let dir = repo.join("snapshots").join(&hub.state().commit);
    let content = hub.state().files[SHARD].clone();
    assert!(!dir.join(SHARD).exists() && !repo.join("blobs").join(hash(&content)).exists());
    assert!(!repo.join("refs/main").exists());
    let part = repo.join("blobs").join(hash(&content)).with_extension("part");
    assert_eq!(fs::metadata(part).unwrap().len() as usize, content.len() / 2);
    assert!(reason(download(&hub.model(&cache).offline(true))).contains("offline"));

    hub.state().seen.clear();
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    let range = format!("bytes={}-", content.len() / 2);
    assert!(hub.state().seen.iter().any(|(path, found, _)| path.ends_with(SHARD) && *found == range));
    assert_same_files(&dir, &hub);
    assert!(names(&repo.join("blobs")).iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn broken_transfers_are_taken_up_again_by_themselves() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 2));
    let dir = download(&hub.model(&cache).retries(2)).unwrap();
    assert_same_files(&dir, &hub);
}

#[test]
fn a_server_that_cannot_resume_costs_a_second_try_and_no_more() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 1));
    hub.state().whole = Some(SHARD);
    reason(download(&hub.model(&cache)));
    assert!(reason(download(&hub.model(&cache))).contains("wanted"));
    let dir = download(&hub.model(&cache)).unwrap();
    assert_same_files(&dir, &hub);
}

#[test]
fn a_part_that_is_whole_but_has_no_name_yet_is_no_obstacle() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let content = hub.state().files[SHARD].clone();
    let blobs = cache.path().join("models--someone--tiny/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(hash(&content)).with_extension("part"), &content).unwrap();
    assert_same_files(&download(&hub.model(&cache)).unwrap(), &hub);
}

#[test]
fn a_new_commit_costs_only_what_changed_and_replaces_the_old_one_when_it_is_whole() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let old = download(&hub.model(&cache)).unwrap();
    hub.fetched();
    let new = "f".repeat(40);
    {
        let mut state = hub.state();
        state.commit = new.clone();
        state.files.insert("config.json".to_owned(), b"{\"new\": true}".to_vec());
        state.files.insert(SHARD.to_owned(), vec![9; 100_000]);
        state.cut = Some((SHARD, 1));
    }
    // The hub breaks down on the way: the old version is still whole.
    assert_eq!(download(&hub.model(&cache)).unwrap(), old);
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), old);
    let dir = download(&hub.model(&cache)).unwrap();
    assert!(dir.ends_with(&new) && old.join(SHARD).exists());
    assert_same_files(&dir, &hub);
    assert_eq!(hub.fetched(), ["config.json", SHARD, SHARD]);
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
}

#[test]
fn without_network_or_cache_the_error_tells_the_way_out() {
    let cache = TempDir::new().unwrap();
    let unreachable = reason(download(&model(NOWHERE, &cache)));
    assert!(unreachable.contains("cannot be reached") && unreachable.contains("--model DIR"), "{unreachable}");
    let offline = reason(download(&model(NOWHERE, &cache).offline(true)));
    assert!(offline.contains("offline") && offline.contains("--model DIR"), "{offline}");
    assert!(offline.contains(cache.path().to_str().unwrap()), "{offline}");
    fs::write(cache.path().join("file"), "").unwrap();
    let hub = Hub::start();
    let nested = hub.model(&cache).cache_dir(cache.path().join("file/within"));
    assert!(reason(download(&nested)).contains("cannot write to the cache"));
}

#[test]
fn settings_that_make_no_sense() {
    for id in ["", "tiny", "a/b/c", "/b", "a/", "a b/c", "../b", "a/..", "https://huggingface.co/a/b"] {
        let error = download(&HubModel::new(id).offline(true)).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option: "model", .. }), "{id}: {error}");
    }
    for revision in ["", "../x", "a/../b", "/a", "a b", "a?b", "a//b"] {
        let error = download(&HubModel::new(ID).revision(revision).offline(true)).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option: "revision", .. }), "{revision}: {error}");
    }
    let error = download(&HubModel::new(ID).endpoint("huggingface.co").offline(true)).unwrap_err();
    assert!(matches!(error, Error::InvalidOption { option: "endpoint", .. }), "{error}");
}
