//! `transcribe --output`: files and folders of results.

use std::{fs, path::Path};

use crate::{clip, common, run, stderr, stdout, transcribe};

#[test]
fn output_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("out.txt");
    let output = run(&["--output", file.to_str().expect("path")], &[clip()]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&file).expect("file"), "please the weather today\n");

    // If nothing could be transcribed, the existing file stays.
    let output = run(&["--output", file.to_str().expect("path")], &[dir.path().join("nothing.wav")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).expect("file"), "please the weather today\n");

    let missing = dir.path().join("no/such/folder/out.txt");
    let output = run(&["--output", missing.to_str().expect("path")], &[clip()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no/such/folder/out.txt"), "{}", stderr(&output));

    assert_eq!(names(dir.path()), ["out.txt"], "nothing may be left beside it");
}

/// What is in a folder.
fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("entry").file_name().into_string().expect("UTF-8");
    let mut names: Vec<String> = fs::read_dir(dir).expect("folder").map(name).collect();
    names.sort();
    names
}

#[test]
fn a_folder_gets_a_result_for_each_file_and_is_finished_on_the_next_run() {
    let dir = tempfile::tempdir().expect("folder");
    let bad = dir.path().join("bad.wav");
    fs::write(&bad, b"RIFF, they said").expect("file");
    let results = dir.path().join("results");
    let folder = format!("{}/", results.display());
    let (first, second) = (common::example("hindi-1.wav"), common::example("tamil-2.flac"));
    let files = [first.clone(), bad.clone(), second.clone()];

    let output = run(&["--lang", "hin", "--output", &folder], &files);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert_eq!(names(&results), ["hindi-1.txt", "tamil-2.txt"]);
    assert_eq!(fs::read_to_string(results.join("hindi-1.txt")).expect("file"), "कृपया आज का मौसम\n");
    let summary = stderr(&output);
    assert!(
        summary.contains("2 transcribed") && summary.contains("0 skipped") && summary.contains("1 failed"),
        "{summary}"
    );
    assert!(summary.contains(&format!("failed: {}", bad.display())), "{summary}");

    // Existing results are kept, whatever they contain.
    fs::write(results.join("hindi-1.txt"), "kept").expect("file");
    fs::remove_file(&bad).expect("file");
    fs::copy(common::example("english-2.flac"), dir.path().join("bad.wav")).expect("file");
    let output = run(&["--lang", "hin", "--output", &folder], &files);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 transcribed") && stderr(&output).contains("2 skipped"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(results.join("hindi-1.txt")).expect("file"), "kept");
    assert_eq!(names(&results), ["bad.txt", "hindi-1.txt", "tamil-2.txt"]);

    let output = run(&["--lang", "hin", "--overwrite", "--output", &folder], &files[..1]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_to_string(results.join("hindi-1.txt")).expect("file"), "कृपया आज का मौसम\n");

    // Subtitles of many recordings, each in a file of its own.
    let output = run(&["--format", "vtt", "--words", "--output", &folder], &[first.clone(), second]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(fs::read_to_string(results.join("tamil-2.vtt")).expect("file").starts_with("WEBVTT\n"));

    // Two recordings cannot share a result file.
    let other = dir.path().join("hindi-1.mp3");
    let output = run(&["--output", &folder], &[first, other]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hindi-1.mp3"), "{}", stderr(&output));
}

/// `/dev/full` refuses every byte, like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut command = transcribe();
    let output = command.args(["--model", "demo"]).arg(clip()).stdout(full).output();
    let output = output.expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write standard output"), "{}", stderr(&output));
}
