//! `indic-seamless fetch` as its users run it.

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::{ID, NOWHERE, assert_complete, partial, server::Hub};

/// Runs `indic-seamless fetch` with nothing but this in its environment.
fn fetch(endpoint: &str, cache: &TempDir, token: &str, revision: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_indic-seamless"));
    command.args(["fetch", "--model", ID, "--revision", revision]).env_clear();
    command.env("HF_ENDPOINT", endpoint).env("HF_HUB_CACHE", cache.path()).env("HF_TOKEN", token);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn fetch_prints_the_folder_or_one_line_that_says_what_to_do() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().gate = Some("hf_secret");
    for (token, revision, wanted) in [
        ("", "main", "set HF_TOKEN"),
        ("hf_other", "main", "accept the licence"),
        ("hf_secret", "v9", "has no model someone/tiny at revision v9"),
    ] {
        let (code, printed, error) = fetch(&hub.endpoint, &cache, token, revision);
        assert_eq!((code, printed.as_str(), error.lines().count()), (Some(1), "", 1), "{error}");
        assert!(error.contains(wanted), "{error}");
    }
    // An interrupted download is resumed.
    let content = hub.state().files[crate::SHARD].clone();
    fs::create_dir_all(crate::folder(&cache).join("blobs")).unwrap();
    fs::write(partial(&cache, &hub, crate::SHARD), &content[..999]).unwrap();
    let (code, dir, error) = fetch(&hub.endpoint, &cache, "hf_secret", "main");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_complete(dir.as_ref(), &hub);
    assert!(hub.seen().iter().any(|seen| seen.request.header("range") == "bytes=999-"));
    // Without the hub the cached files are used, with a warning.
    let (code, again, warning) = fetch(NOWHERE, &cache, "", "main");
    assert_eq!((code, again), (Some(0), dir));
    assert!(warning.contains("out of reach") && warning.lines().count() == 1, "{warning}");
}
