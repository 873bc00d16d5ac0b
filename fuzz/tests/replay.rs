//! Replays the corpora, and every input that was ever found: each within its bounds, and without a panic.

use std::{
    collections::BTreeSet,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use indic_seamless_fuzz::TARGETS;

/// The largest all corpora together may be, in bytes: each clone has them.
const LARGEST: u64 = 300_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files in a folder, in order; none if it does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_is_within_its_bounds() {
    let mut failed = Vec::new();
    for target in TARGETS {
        target.prepare();
        let inputs: Vec<PathBuf> =
            ["corpus", "found"].iter().flat_map(|kind| files(&folder(kind).join(target.name))).collect();
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for input in inputs {
            let data = fs::read(&input).expect("an input");
            // A process that dies or hangs tells where with `-- --nocapture`.
            println!("{}", input.display());
            if panic::catch_unwind(AssertUnwindSafe(|| target.check(&data))).is_err() {
                failed.push(input);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_corpus_has_a_target_and_all_are_small() {
    let known: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(known.len(), TARGETS.len(), "two targets of one name");
    let mut size = 0;
    for folder in ["corpus", "found"].iter().flat_map(|kind| files(&folder(kind))) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(known.contains(name), "{} is of no target", folder.display());
        size += files(&folder).iter().map(|file| fs::metadata(file).expect("a file").len()).sum::<u64>();
    }
    assert!(size <= LARGEST, "{size} bytes");
}
