//! `transcribe FOLDER`: which files are taken, and where their results go.

use std::fs;

use crate::{clip, copy, files, read, run, stderr, stdout, transcribe};

const HINDI: &str = "कृपया आज का मौसम";
const NUMBERS: &str = "आठ पाँच दो";

#[test]
fn a_folder_gives_its_recordings_and_results_mirror_it() {
    let dir = tempfile::tempdir().expect("folder");
    let (recordings, results) = (dir.path().join("recordings"), dir.path().join("results"));
    copy("hindi-1.wav", &recordings.join("b.WAV"));
    copy("hindi-2.flac", &recordings.join("may/1/a.flac"));
    // What is no recording, and what is hidden.
    copy("hindi-1.wav", &recordings.join(".b.wav"));
    copy("hindi-1.wav", &recordings.join(".trash/c.wav"));
    fs::write(recordings.join("notes.txt"), "notes").expect("file");
    fs::write(recordings.join("may/wav"), "no extension").expect("file");

    let folder = format!("{}/", results.display());
    let output = run(&["--lang", "hin", "--output", &folder], std::slice::from_ref(&recordings));
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
    assert_eq!(files(&results), ["b.hin.txt", "may/1/a.hin.txt"]);
    assert_eq!(read(results.join("may/1/a.hin.txt")), format!("{NUMBERS}\n"));

    // On standard output, in the order of names.
    let output = run(&["--lang", "hin"], std::slice::from_ref(&recordings));
    let place = recordings.display();
    assert_eq!(stdout(&output), format!("{place}/b.WAV\t{HINDI}\n{place}/may/1/a.flac\t{NUMBERS}\n"));
}

#[test]
fn a_recording_in_a_folder_that_cannot_be_read_is_an_error_of_its_own() {
    let dir = tempfile::tempdir().expect("folder");
    copy("hindi-1.wav", &dir.path().join("a.wav"));
    fs::write(dir.path().join("voice.wma"), "no sound").expect("file");
    let output = run(&["--lang", "hin"], &[dir.path().to_owned()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).ends_with(&format!("a.wav\t{HINDI}\n")), "{}", stdout(&output));
    let errors = stderr(&output);
    assert!(errors.contains("voice.wma: ") && errors.contains("1 of 2 files failed"), "{errors}");
}

#[test]
fn a_folder_without_recordings_is_an_error_and_the_others_are_done() {
    let dir = tempfile::tempdir().expect("folder");
    fs::write(dir.path().join("notes.txt"), "notes").expect("file");
    let empty = dir.path().to_owned();
    let output = run(&["--lang", "hin"], &[empty.clone(), clip()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), format!("{}\t{HINDI}\n", clip().display()));
    let message = format!("error: {}: no audio: no file in this folder ends in wav, w64, ", empty.display());
    assert!(stderr(&output).contains(&message), "{}", stderr(&output));

    // Nothing to do: no model is looked for.
    let output = transcribe().args(["--model", "/no/such/model"]).arg(&empty).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains("/no/such/model"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_circles_end() {
    let dir = tempfile::tempdir().expect("folder");
    let recordings = dir.path().join("recordings");
    copy("hindi-1.wav", &dir.path().join("elsewhere/a.wav"));
    fs::create_dir(&recordings).expect("folder");
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), recordings.join("linked")).expect("link");
    std::os::unix::fs::symlink(&recordings, recordings.join("again")).expect("link");
    // Links to nothing, which are no recordings.
    for name in ["notes.txt", ".#a.wav"] {
        std::os::unix::fs::symlink(dir.path().join("nothing"), recordings.join(name)).expect("link");
    }
    let output = run(&["--lang", "hin"], std::slice::from_ref(&recordings));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{}/linked/a.wav\t{HINDI}\n", recordings.display()));

    let lost = recordings.join("lost.wav");
    std::os::unix::fs::symlink(dir.path().join("nothing"), &lost).expect("link");
    let output = run(&["--lang", "hin"], std::slice::from_ref(&recordings));
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(1), 1));
    assert_eq!(stderr(&output).matches(lost.to_str().expect("path")).count(), 1, "{}", stderr(&output));
}
