//! Transfers that break off, are resumed by whoever comes next, and are checked.

use std::{fs, time::Duration};

use indic_seamless::HubErrorKind as Kind;
use tempfile::TempDir;

use crate::{
    SHARD, assert_complete, assert_same_files, blob, download, failure, folder, names, partial, reason, server::Hub,
};

/// The ranges that were asked for of a file in the store.
fn ranges(hub: &Hub, name: &str) -> Vec<String> {
    let seen = hub.seen().into_iter().filter(|seen| seen.elsewhere && seen.request.path.contains(name));
    seen.map(|seen| seen.request.header("range").to_owned()).collect()
}

#[test]
fn a_transfer_that_breaks_off_leaves_nothing_under_the_final_name_and_is_resumed() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 1));
    let (kind, broken) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::Network && broken.contains(SHARD) && broken.contains("--model DIR"), "{broken}");
    let dir = folder(&cache).join("snapshots").join(&hub.state().commit);
    let content = hub.state().files[SHARD].clone();
    assert!(!dir.join(SHARD).exists() && !blob(&cache, &hub, SHARD).exists());
    assert!(!folder(&cache).join("refs/main").exists());
    assert_eq!(fs::metadata(partial(&cache, &hub, SHARD)).unwrap().len() as usize, content.len() / 2);
    assert!(reason(download(&hub.model(&cache).offline(true))).contains("offline"));

    hub.seen();
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
    assert_eq!(ranges(&hub, SHARD), [format!("bytes={}-", content.len() / 2)]);
    assert_complete(&dir, &hub);
}

#[test]
fn broken_transfers_are_taken_up_again_by_themselves() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 2));
    let dir = download(&hub.model(&cache).retries(2)).unwrap();
    assert_complete(&dir, &hub);
}

#[test]
fn attempts_are_counted_anew_while_there_is_progress() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    {
        let mut state = hub.state();
        state.files.insert(SHARD.to_owned(), (0..5_000_000_u32).map(|i| (i >> 7) as u8).collect());
        (state.cut, state.cut_after) = (Some((SHARD, 3)), Some(1_200_000));
    }
    let dir = download(&hub.model(&cache).retries(1)).unwrap();
    assert_complete(&dir, &hub);
    assert_eq!(ranges(&hub, SHARD), ["", "bytes=1200000-", "bytes=2400000-", "bytes=3600000-"]);
}

#[test]
fn a_mirror_that_cannot_resume_costs_a_start_from_the_beginning_and_no_more() {
    for behave in [
        (|hub: &Hub| hub.state().whole = Some(SHARD)) as fn(&Hub),
        |hub| hub.state().odd_range = Some(SHARD),
        |hub| hub.state().no_range = 1,
    ] {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().cut = Some((SHARD, 1));
        reason(download(&hub.model(&cache)));
        behave(&hub);
        let mut last = 0;
        let dir = hub.model(&cache).download(&mut |progress| {
            assert!(progress.total_done >= last && progress.total_done <= progress.total_size, "{progress:?}");
            last = progress.total_done;
        });
        assert_complete(&dir.unwrap(), &hub);
    }
}

#[test]
fn a_part_that_is_whole_but_has_no_name_yet_is_no_obstacle() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let content = hub.state().files[SHARD].clone();
    fs::create_dir_all(folder(&cache).join("blobs")).unwrap();
    fs::write(partial(&cache, &hub, SHARD), &content).unwrap();
    assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    assert!(!hub.fetched().contains(&SHARD.to_owned()));
}

#[test]
fn what_other_programs_left_is_resumed_and_cleared_away() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let content = hub.state().files[SHARD].clone();
    fs::create_dir_all(folder(&cache).join("blobs")).unwrap();
    let blob = blob(&cache, &hub, SHARD);
    // By the Python library, now and before, and by the library for Rust.
    for (extension, length) in [("0a1b2c3d.incomplete", 3000), ("incomplete", 1000), ("part", 2000)] {
        fs::write(blob.with_extension(extension), &content[..length]).unwrap();
    }
    assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    assert_eq!(ranges(&hub, SHARD), ["bytes=3000-"]);
}

#[test]
fn a_part_with_wrong_content_is_got_anew() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    fs::create_dir_all(folder(&cache).join("blobs")).unwrap();
    let size = hub.state().files[SHARD].len();
    for length in [1000, size, size + 1] {
        fs::write(partial(&cache, &hub, SHARD), vec![0; length]).unwrap();
        let dir = download(&hub.model(&cache)).unwrap();
        assert_complete(&dir, &hub);
        fs::remove_dir_all(folder(&cache).join("blobs")).unwrap();
        fs::create_dir(folder(&cache).join("blobs")).unwrap();
    }
}

#[test]
fn a_blob_of_the_wrong_length_is_got_anew() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    fs::create_dir_all(folder(&cache).join("blobs")).unwrap();
    fs::write(blob(&cache, &hub, SHARD), "cut off").unwrap();
    assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
}

#[test]
fn content_with_a_wrong_checksum_is_got_once_more_and_then_refused() {
    for name in [SHARD, "config.json"] {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().corrupt = Some((name, 1));
        assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);

        let cache = TempDir::new().unwrap();
        hub.state().corrupt = Some((name, 2));
        let (kind, wrong) = failure(download(&hub.model(&cache)));
        assert!(kind == Kind::InvalidAnswer && wrong.contains(name) && wrong.contains("checksum"), "{wrong}");
        assert!(!blob(&cache, &hub, name).exists() && !partial(&cache, &hub, name).exists());
        let dir = folder(&cache).join("snapshots").join(&hub.state().commit);
        assert!(!names(&dir).contains(&name.to_owned()));
        assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    }
}

#[test]
fn a_resumed_file_is_checked_from_its_first_byte() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().cut = Some((SHARD, 1));
    reason(download(&hub.model(&cache)));
    let partial = partial(&cache, &hub, SHARD);
    let mut bytes = fs::read(&partial).unwrap();
    bytes[0] ^= 1;
    fs::write(&partial, bytes).unwrap();
    hub.seen();
    assert_complete(&download(&hub.model(&cache)).unwrap(), &hub);
    // Once resumed, then all of it.
    assert_eq!(ranges(&hub, SHARD).len(), 2);
}

#[test]
fn never_more_bytes_than_announced() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().longer = Some(SHARD);
    let (kind, longer) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::InvalidAnswer && longer.contains("more"), "{longer}");
    let size = hub.state().files[SHARD].len() as u64;
    assert!(fs::metadata(partial(&cache, &hub, SHARD)).map_or(0, |file| file.len()) <= size);
}

#[test]
fn a_login_page_is_no_file_and_costs_nothing_that_is_there() {
    for (name, no_length) in [("config.json", false), (SHARD, false), (SHARD, true)] {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().no_length = no_length;
        hub.state().cut = Some((SHARD, 1));
        reason(download(&hub.model(&cache)));
        hub.state().login = Some(name);
        let before = fs::read(partial(&cache, &hub, SHARD)).unwrap();
        // The small file is there already.
        fs::remove_dir_all(folder(&cache).join("snapshots")).unwrap();
        fs::remove_file(blob(&cache, &hub, "config.json")).unwrap();
        let (kind, page) = failure(download(&hub.model(&cache)));
        assert!(kind == Kind::InvalidAnswer && page.contains(name), "{page}");
        if name == SHARD {
            assert_eq!(fs::read(partial(&cache, &hub, SHARD)).unwrap(), before);
        }
        hub.state().login = None;
        assert_same_files(&download(&hub.model(&cache)).unwrap(), &hub);
    }
}

#[test]
fn a_transfer_that_stands_still_is_given_up_and_resumed() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().stall = Some((SHARD, 1));
    let quick = hub.model(&cache).stall_timeout(Duration::from_millis(500));
    let (kind, stalled) = failure(download(&quick));
    assert!(kind == Kind::Network && stalled.contains("stopped sending") && stalled.contains(SHARD), "{stalled}");
    hub.state().stall = Some((SHARD, 1));
    assert_complete(&download(&quick.retries(1)).unwrap(), &hub);
}
