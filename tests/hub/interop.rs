//! One cache with Python's `huggingface_hub`: what one has downloaded, the other finds; what one began, the other ends.
//!
//! `HF_HUB_PYTHON` names Pythons that have it, separated by colons.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{ID, NEEDED, NOWHERE, SHARD, assert_complete, blob, download, folder, model, names, reason, server::Hub};

/// The start of each script: the files that are needed, and one of them.
const PRELUDE: &str = "import sys
from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.utils import EntryNotFoundError
model, shard, *needed = sys.argv[1:]
";

struct Python {
    program: String,
}

impl Python {
    /// Those to test with.
    fn all() -> Vec<Self> {
        let list = env::var("HF_HUB_PYTHON").expect("HF_HUB_PYTHON names Pythons with huggingface_hub");
        list.split(':').map(|program| Self { program: program.to_owned() }).collect()
    }

    fn command(&self, script: &str, endpoint: &str, cache: &TempDir) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-c", &format!("{PRELUDE}{script}"), ID, SHARD]).args(NEEDED);
        command
            .env("HF_ENDPOINT", endpoint)
            .env("HF_HUB_CACHE", cache.path())
            .env("HF_HOME", cache.path().join("home"));
        command
            .env("HF_HUB_DISABLE_XET", "1")
            .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
            .env("HF_HUB_DISABLE_TELEMETRY", "1");
        for variable in ["HF_TOKEN", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
            command.env_remove(variable);
        }
        command
    }

    /// What a script prints.
    fn run(&self, script: &str, endpoint: &str, cache: &TempDir) -> String {
        let output = self.command(script, endpoint, cache).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}: {text}{}", self.program, String::from_utf8_lossy(&output.stderr));
        text.trim().to_owned()
    }

    /// Whether this version resumes; in current ones each process writes a file of its own and removes it.
    fn resumes(&self) -> bool {
        let script = "
import inspect, huggingface_hub.file_download as library
print('uuid' not in inspect.getsource(library._download_to_tmp_and_move))";
        self.run(script, NOWHERE, &TempDir::new().unwrap()) == "True"
    }
}

fn hub() -> Hub {
    let hub = Hub::start();
    // No content in place of that which was asked for; and no other protocol.
    (hub.state().gzip, hub.state().xet) = (false, false);
    hub
}

#[test]
#[ignore = "needs HF_HUB_PYTHON"]
fn python_finds_what_was_downloaded_here() {
    for python in Python::all() {
        let (hub, cache) = (hub(), TempDir::new().unwrap());
        hub.state().files.remove("added_tokens.json");
        let dir = download(&hub.model(&cache)).unwrap();
        hub.seen();
        let offline = "
here = [name for name in needed if name != 'added_tokens.json']
for name in here:
    hf_hub_download(model, name, local_files_only=True)
assert type(try_to_load_from_cache(model, 'added_tokens.json')) is object, 'is known to be absent'
print(snapshot_download(model, local_files_only=True))";
        assert_eq!(python.run(offline, NOWHERE, &cache), dir.to_str().unwrap());
        // With the hub at hand it asks for no content again.
        let online = "
for name in needed:
    if name != 'added_tokens.json': hf_hub_download(model, name)
print(snapshot_download(model, allow_patterns=needed))";
        assert_eq!(python.run(online, &hub.endpoint, &cache), dir.to_str().unwrap());
        assert_eq!(hub.fetched(), [""; 0], "{}", python.program);
    }
}

#[test]
#[ignore = "needs HF_HUB_PYTHON"]
fn what_python_downloaded_is_found_here() {
    for python in Python::all() {
        let (hub, cache) = (hub(), TempDir::new().unwrap());
        let dir = python.run("print(snapshot_download(model, allow_patterns=needed))", &hub.endpoint, &cache);
        hub.seen();
        assert_eq!(download(&model(NOWHERE, &cache).offline(true)).unwrap(), Path::new(&dir));
        assert_eq!(download(&hub.model(&cache)).unwrap(), Path::new(&dir));
        assert_eq!(hub.fetched(), [""; 0]);
        assert_complete(Path::new(&dir), &hub);

        // A file that the model lacks, as the library notes it.
        let cache = TempDir::new().unwrap();
        hub.state().files.remove("generation_config.json");
        let one_by_one = "
for name in needed:
    try: hf_hub_download(model, name)
    except EntryNotFoundError: print(name)";
        assert_eq!(python.run(one_by_one, &hub.endpoint, &cache), "generation_config.json");
        download(&model(NOWHERE, &cache).offline(true)).unwrap();
    }
}

#[test]
#[ignore = "needs HF_HUB_PYTHON"]
fn what_was_begun_here_is_ended_by_python() {
    for python in Python::all() {
        let (hub, cache) = (hub(), TempDir::new().unwrap());
        hub.state().cut = Some((SHARD, 1));
        reason(download(&hub.model(&cache)));
        hub.seen();
        let file = python.run("print(hf_hub_download(model, shard))", &hub.endpoint, &cache);
        assert_eq!(fs::read(file).unwrap(), hub.state().files[SHARD]);
        let ranges: Vec<_> = hub.seen().into_iter().filter(|seen| seen.elsewhere).collect();
        let from = hub.state().files[SHARD].len() / 2;
        let range = if python.resumes() { format!("bytes={from}-") } else { String::new() };
        assert_eq!(ranges[0].request.header("range"), range, "{}", python.program);
        assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    }
}

#[test]
#[ignore = "needs HF_HUB_PYTHON"]
fn what_python_began_is_ended_here() {
    for python in Python::all() {
        let (hub, cache) = (hub(), TempDir::new().unwrap());
        {
            // The library writes pieces of 10 MB.
            let mut state = hub.state();
            state.files.insert(SHARD.to_owned(), (0..30_000_000_u32).map(|i| (i >> 5) as u8).collect());
            state.stall = Some((SHARD, 1));
        }
        let mut command = python.command("hf_hub_download(model, shard)", &hub.endpoint, &cache);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let blobs = folder(&cache).join("blobs");
        let start = Instant::now();
        let partial = loop {
            let found = names(&blobs).into_iter().find(|name| name.ends_with(".incomplete"));
            match found.filter(|name| fs::metadata(blobs.join(name)).is_ok_and(|file| file.len() >= 10_000_000)) {
                Some(name) => break name,
                None => assert!(start.elapsed() < Duration::from_secs(15), "{}", python.program),
            }
            thread::sleep(Duration::from_millis(50));
        };
        // It holds the lock and stands still, which is no reason to touch its file.
        let impatient = hub.model(&cache).stall_timeout(Duration::from_millis(300));
        assert!(reason(download(&impatient)).contains("another program"));
        child.kill().unwrap();
        child.wait().unwrap();
        let length = fs::metadata(blobs.join(partial)).unwrap().len();
        hub.seen();
        assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
        let ranges: Vec<_> = hub.seen().into_iter().filter(|seen| seen.elsewhere).collect();
        let range = format!("bytes={length}-");
        assert!(ranges.iter().any(|seen| seen.request.header("range") == range), "{range}: {ranges:?}");
        assert!(blob(&cache, &hub, SHARD).exists());
    }
}
