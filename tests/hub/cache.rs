//! What is downloaded, what is kept, and how it lies in the cache.

use std::{
    fs,
    fs::File,
    thread,
    time::{Duration, Instant},
};

use indic_seamless::{Error, HubErrorKind as Kind};
use tempfile::TempDir;

use crate::{
    INDEX, NEEDED, NOWHERE, SHARD, assert_complete, assert_same_files, blob, download, failure, folder, model, names,
    partial, reason, server::Hub, state::etag,
};

#[test]
fn what_is_needed_and_no_more_is_downloaded_once() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let (mut files, mut finished, mut last) = (0, Vec::new(), 0);
    let dir = hub
        .model(&cache)
        .download(&mut |progress| {
            assert!(progress.done <= progress.size && progress.index < progress.files, "{progress:?}");
            assert!(progress.total_done >= last && progress.total_done <= progress.total_size, "{progress:?}");
            (files, last) = (files.max(progress.files), progress.total_done);
            if progress.done == progress.size {
                finished.push(progress.file.to_owned());
            }
        })
        .unwrap();
    assert_complete(&dir, &hub);
    finished.sort();
    assert_eq!((finished, files), (NEEDED.map(str::to_owned).to_vec(), NEEDED.len()));
    assert_eq!(last, NEEDED.iter().map(|name| hub.state().files[*name].len() as u64).sum::<u64>());
    assert_eq!(hub.fetched(), NEEDED);
    let commit = hub.state().commit.clone();
    assert_eq!(dir, folder(&cache).join("snapshots").join(&commit));

    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    // The list alone.
    assert_eq!(hub.seen().len(), 1);
    // Offline, by commit, and with the hub out of reach or ill, what is in the cache will do.
    assert_eq!(download(&model(NOWHERE, &cache).offline(true)).unwrap(), dir);
    assert_eq!(download(&model(NOWHERE, &cache).revision(commit)).unwrap(), dir);
    assert_eq!(download(&model(NOWHERE, &cache)).unwrap(), dir);
    hub.state().status = Some(503);
    let start = Instant::now();
    assert_eq!(download(&hub.model(&cache).retries(4)).unwrap(), dir);
    assert!(start.elapsed() < Duration::from_millis(400), "nobody waits for what is there");

    // With a file gone, it is incomplete.
    fs::remove_file(dir.join(SHARD)).unwrap();
    let (kind, offline) = failure(download(&hub.model(&cache).offline(true)));
    assert!(kind == Kind::Offline && offline.contains("offline"), "{offline}");
    hub.state().status = None;
    hub.seen();
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    // Its content had stayed.
    assert_eq!(hub.fetched(), [""; 0]);
    assert_same_files(&dir, &hub);
}

#[test]
fn the_layout_is_that_of_all_programs_of_hugging_face() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().files.remove("added_tokens.json");
    let dir = download(&hub.model(&cache).revision("refs/pr/1")).unwrap();
    let commit = hub.state().commit.clone();
    assert_eq!(fs::read_to_string(folder(&cache).join("refs/refs/pr/1")).unwrap(), commit);
    assert_eq!(names(&folder(&cache).join(".no_exist").join(&commit)), ["added_tokens.json"]);
    let etags: Vec<_> = names(&dir).iter().map(|name| etag(name, &hub.state().files[name])).collect();
    let mut locks: Vec<_> = etags.iter().map(|etag| format!("{etag}.lock")).collect();
    locks.sort();
    locks.dedup();
    assert_eq!(names(&cache.path().join(".locks/models--someone--tiny")), locks);
    #[cfg(unix)]
    for (name, etag) in names(&dir).iter().zip(&etags) {
        assert_eq!(fs::read_link(dir.join(name)).unwrap(), std::path::Path::new("../../blobs").join(etag));
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(dir.join(name)).unwrap());
        assert_eq!(mode & 0o600, 0o600);
    }
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    assert_eq!(fs::read_to_string(folder(&cache).join("refs/main")).unwrap(), commit);
}

#[test]
fn one_file_of_weights_and_no_sentencepiece() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().files.retain(|name, _| !name.contains("safetensors") && name != "sentencepiece.bpe.model");
    let (kind, none) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::FileNotFound && none.contains("neither model.safetensors nor model.safetensors.index.json"));
    hub.state().files.insert("model.safetensors".to_owned(), vec![7; 3 << 20]);
    let mut calls = 0;
    let dir = hub.model(&cache).download(&mut |p| calls += usize::from(p.file == "model.safetensors")).unwrap();
    assert!(dir.join("tokenizer.json").exists() && !dir.join(INDEX).exists());
    assert_same_files(&dir, &hub);
    assert!((2..=4).contains(&calls), "{calls}");
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
}

#[test]
fn a_single_file_beside_an_index_is_what_is_used() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().files.insert("model.safetensors".to_owned(), vec![7; 1000]);
    let dir = download(&hub.model(&cache)).unwrap();
    assert!(dir.join("model.safetensors").exists() && !dir.join(INDEX).exists() && !dir.join(SHARD).exists());
    // A stale index, whose shards are not there.
    fs::write(dir.join(INDEX), r#"{"weight_map": {"shared.weight": "gone"}}"#).unwrap();
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
}

#[test]
fn a_snapshot_without_settings_of_the_search_is_incomplete_unless_the_model_has_none() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let dir = download(&hub.model(&cache)).unwrap();
    fs::remove_file(dir.join("generation_config.json")).unwrap();
    assert_eq!(failure(download(&hub.model(&cache).offline(true))).0, Kind::Offline);
    // As the Python library has it: the list of the commit's files.
    let trees = folder(&cache).join("trees");
    fs::create_dir(&trees).unwrap();
    let tree = trees.join(format!("{}.json", hub.state().commit));
    fs::write(&tree, r#"{"format_version": 1, "files": {"config.json": {"size": 1, "blob_id": "0"}}}"#).unwrap();
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);

    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().files.remove("generation_config.json");
    let dir = download(&hub.model(&cache)).unwrap();
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
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
    let mut fetched = hub.fetched();
    assert_eq!(fetched.iter().filter(|name| *name == SHARD).count(), 2);
    // Where the machine is busy, the other file is broken off with the first attempt.
    fetched.dedup();
    assert_eq!(fetched, ["config.json", SHARD]);
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
}

#[test]
fn a_cache_that_can_only_be_read_serves_what_is_in_it() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let dir = download(&hub.model(&cache)).unwrap();
    // In place of the folder of the revisions there is a file: nothing can be written there.
    fs::remove_dir_all(folder(&cache).join("refs")).unwrap();
    fs::write(folder(&cache).join("refs"), "").unwrap();
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
}

#[test]
fn who_comes_second_waits_for_the_lock_and_finds_the_file() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let etag = etag(SHARD, &hub.state().files[SHARD]);
    let locks = cache.path().join(".locks/models--someone--tiny");
    fs::create_dir_all(&locks).unwrap();
    let lock = File::create(locks.join(format!("{etag}.lock"))).unwrap();
    lock.lock().unwrap();
    // The other program makes no progress.
    let (kind, locked) = failure(download(&hub.model(&cache).stall_timeout(Duration::from_millis(300))));
    assert!(kind == Kind::Locked && locked.contains(SHARD), "{locked}");
    assert!(!hub.fetched().contains(&SHARD.to_owned()));

    // It does, and is done after a time that is longer than one may stand still.
    let (path, partial) = (blob(&cache, &hub, SHARD), partial(&cache, &hub, SHARD));
    let content = hub.state().files[SHARD].clone();
    let other = thread::spawn(move || {
        for part in 1..=8 {
            fs::write(&partial, &content[..content.len() * part / 8]).unwrap();
            thread::sleep(Duration::from_millis(200));
        }
        fs::rename(partial, path).unwrap();
        drop(lock);
    });
    let dir = download(&hub.model(&cache).stall_timeout(Duration::from_millis(900))).unwrap();
    other.join().unwrap();
    assert_complete(&dir, &hub);
    assert!(!hub.fetched().contains(&SHARD.to_owned()));
}

#[test]
fn files_with_the_same_content_are_downloaded_once() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let pair = ["added_tokens.json", "special_tokens_map.json"];
    for name in pair {
        hub.state().files.insert(name.to_owned(), b"{}".to_vec());
    }
    assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    assert_eq!(hub.fetched().iter().filter(|name| pair.contains(&name.as_str())).count(), 1);
}

#[test]
fn two_at_once_get_one_copy() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let model = hub.model(&cache);
    thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| download(&model)));
        for one in both {
            assert_complete(&one.join().unwrap().unwrap(), &hub);
        }
    });
    assert_eq!(hub.fetched().iter().filter(|name| *name == SHARD).count(), 1);
}

#[test]
fn a_disk_that_is_too_full_is_found_before_the_download() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().no_length = true;
    hub.state().claimed = Some(1 << 60);
    match download(&hub.model(&cache)) {
        Err(Error::NoSpace { path, found, wanted }) => {
            assert_eq!(path, cache.path());
            assert!(wanted >= 1 << 60 && found < wanted);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(hub.fetched(), [INDEX]);
}

#[test]
fn a_cache_that_cannot_be_written() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    fs::write(cache.path().join("file"), "").unwrap();
    let nested = hub.model(&cache).cache_dir(cache.path().join("file/within"));
    let (kind, disk) = failure(download(&nested));
    assert!(kind == Kind::Disk && disk.contains("cannot write to the cache"), "{disk}");
    assert!(reason(download(&nested)).contains("HF_HOME"));
}
