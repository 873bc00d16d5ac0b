//! A hub and the host that stores its large files, as the real ones and their mirrors behave.

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use indic_seamless::checkpoint::HubModel;
use rustls::ServerConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    INDEX,
    state::State,
    wire::{Request, accept},
};

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The store of large files, not the hub.
    pub(crate) elsewhere: bool,
    pub(crate) request: Request,
}

pub(crate) struct Hub {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny-bf16-sharded/model")
}

impl Hub {
    pub(crate) fn start() -> Self {
        Self::with_tls(None)
    }

    pub(crate) fn with_tls(tls: Option<&Arc<ServerConfig>>) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(golden()).unwrap() {
            let path = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        }
        // A model that can do more: its other parts lie in a shard of their own.
        let mut index: Value = serde_json::from_slice(&files[INDEX]).unwrap();
        index["weight_map"]["vocoder.conv_pre.weight"] = "model-00004.safetensors".into();
        files.insert(INDEX.to_owned(), serde_json::to_vec(&index).unwrap());
        for name in ["model-00004.safetensors", "README.md", "pytorch_model.bin"] {
            files.insert(name.to_owned(), b"not wanted".to_vec());
        }
        let state = Arc::new(Mutex::new(State::new(files)));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [endpoint, store] =
            listeners.each_ref().map(|listener| format!("{scheme}://{}", listener.local_addr().unwrap()));
        for (listener, elsewhere) in listeners.into_iter().zip([false, true]) {
            let (state, store, tls) = (Arc::clone(&state), store.clone(), tls.cloned());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (state, store, tls) = (Arc::clone(&state), store.clone(), tls.clone());
                    // A client that hangs up early is no concern of the hub.
                    thread::spawn(move || serve(stream.unwrap(), tls.as_ref(), &state, elsewhere, &store).ok());
                }
            });
        }
        Self { endpoint, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The model on this hub, without anything from the environment.
    pub(crate) fn model(&self, cache: &TempDir) -> HubModel {
        crate::model(&self.endpoint, cache)
    }

    /// All requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen = std::mem::take(&mut self.state().seen);
        check(&seen);
        seen.retain(|seen| seen.request.path != "/");
        seen
    }

    /// The files whose content was asked for since the last call, one for each request that was answered with it.
    pub(crate) fn fetched(&self) -> Vec<String> {
        let content = |seen: &Seen| {
            let Seen { elsewhere, request } = seen;
            let large = request.path.split('?').next().unwrap().ends_with(".safetensors");
            request.method == "GET" && !request.path.starts_with("/api/models/") && *elsewhere == large
        };
        let name = |seen: &Seen| seen.request.path.split('?').next()?.rsplit('/').next().map(str::to_owned);
        let mut names: Vec<_> = self.seen().iter().filter(|seen| content(seen)).filter_map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if !thread::panicking() {
            check(&self.state().seen);
        }
    }
}

/// What holds for every request of every test: the token goes to the hub alone, and nothing is to be compressed.
fn check(seen: &[Seen]) {
    for Seen { elsewhere, request } in seen {
        assert!(!elsewhere || request.header("authorization").is_empty(), "the token was sent on: {request:?}");
        if request.header("user-agent").starts_with("indic-seamless/") {
            assert_eq!(request.header("accept-encoding"), "identity", "{request:?}");
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    state: &Mutex<State>,
    elsewhere: bool,
    store: &str,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(accept(stream, tls)?);
    while let Some(request) = Request::read(&mut stream)? {
        let answer = {
            let mut state = lock(state);
            state.seen.push(Seen { elsewhere, request: request.clone() });
            if elsewhere { state.stored(&request) } else { state.answer(&request, store) }
        };
        let again = answer.send(stream.get_mut(), request.method == "HEAD")?;
        if answer.stalls {
            thread::sleep(Duration::from_secs(20));
        }
        if !again {
            break;
        }
    }
    Ok(())
}
