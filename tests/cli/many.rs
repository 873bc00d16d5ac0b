//! `transcribe` with many recordings: names of results, several formats, which line is whose.

use std::fs;

use serde_json::Value;

use crate::{clip, common, copy, files, read, run, stderr, stdout, transcribe};

const HINDI: &str = "कृपया आज का मौसम\n";
const NUMBERS: &str = "आठ पाँच दो\n";

#[test]
fn equal_names_get_results_of_their_own() {
    let dir = tempfile::tempdir().expect("folder");
    let results = dir.path().join("results");
    let at = |name: &str| dir.path().join(name);
    copy("hindi-1.wav", &at("d1/call.wav"));
    copy("hindi-2.flac", &at("d2/call.wav"));
    copy("hindi-1.wav", &at("d1/a.mp3"));
    copy("hindi-2.flac", &at("d1/a.wav"));
    copy("hindi-2.flac", &at("d1/b.wav"));
    let folder = format!("{}/", results.display());
    let inputs = ["d1/call.wav", "d2/call.wav", "d1/a.mp3", "d1/a.wav", "d1/b.wav"].map(at);
    let output = run(&["--lang", "hin", "--output", &folder], &inputs);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let wanted =
        [("a.mp3.hin.txt", HINDI), ("a.wav.hin.txt", NUMBERS), ("b.hin.txt", NUMBERS), ("d1/call.hin.txt", HINDI)];
    assert_eq!(files(&results)[..4], wanted.map(|(name, _)| name));
    for (name, text) in wanted {
        assert_eq!(read(results.join(name)), text, "{name}");
    }
    assert_eq!(read(results.join("d2/call.hin.txt")), NUMBERS);
    assert_eq!(files(&results).len(), 5);

    // A recording that is named twice is transcribed once.
    let output = run(&["--lang", "tam", "--output", &folder], &[at("d1/b.wav"), at("d2/../d1/b.wav")]);
    assert!(stderr(&output).contains("1 transcribed"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn another_language_or_format_does_its_work() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = format!("{}/", dir.path().join("results").display());
    let run = |options: &[&str]| {
        let output = run(&[options, &["--output", &folder]].concat(), &[clip()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let skipped = stderr(&output).contains("0 transcribed (0 s of audio in 0 s), 1 skipped");
        assert_eq!(skipped, stderr(&output).contains("1 skipped"));
        skipped
    };
    let read = |name: &str| read(dir.path().join("results").join(name));
    assert!(!run(&["--lang", "hin"]));
    assert!(!run(&["--lang", "tam"]));
    assert_eq!(
        (read("hindi-1.hin.txt"), read("hindi-1.tam.txt")),
        (HINDI.to_owned(), "தயவுசெய்து இன்றைய வானிலை\n".to_owned())
    );
    assert!(!run(&["--lang", "hin", "--format", "srt"]));
    assert!(run(&["--lang", "hi-IN"]), "the same language by another name");
    assert!(!run(&["--lang", "auto"]));
    assert_eq!(read("hindi-1.auto.txt"), HINDI);

    // One decoding writes what is lacking, and leaves what is there.
    fs::write(dir.path().join("results/hindi-1.hin.txt"), "corrected by hand").expect("file");
    assert!(!run(&["--lang", "hin", "--format", "text,json,srt"]));
    assert_eq!(read("hindi-1.hin.txt"), "corrected by hand");
    let json: Value = serde_json::from_str(&read("hindi-1.hin.json")).expect("JSON");
    assert_eq!(json["text"], HINDI.trim_end());
    assert!(read("hindi-1.hin.srt").starts_with("1\n00:00:00,"));
    assert!(run(&["--lang", "hin", "--format", "json,text,json"]));
    assert!(!run(&["--lang", "hin", "--format", "json,text", "--overwrite"]));
    assert_eq!(read("hindi-1.hin.txt"), HINDI);
}

#[test]
fn several_formats_need_a_folder() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("out.txt");
    for target in [&[] as &[&str], &["--output", file.to_str().expect("path")]] {
        let output = run(&[target, &["--format", "text,srt"]].concat(), &[clip()]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        assert!(stderr(&output).contains("2 formats found, wanted one"), "{}", stderr(&output));
    }
    // The same one twice is one.
    let output = run(&["--lang", "hin", "--format", "text,text"], &[clip()]);
    assert_eq!(stdout(&output), HINDI);
}

/// The texts of several recordings have their paths before them, wherever they go; JSON has them as `file`.
#[test]
fn lines_belong_to_their_files() {
    let dir = tempfile::tempdir().expect("folder");
    let bad = dir.path().join("bad.wav");
    fs::write(&bad, b"RIFF, they said").expect("file");
    let (first, last) = (clip(), common::example("hindi-2.flac"));
    let inputs = [first.clone(), bad.clone(), last.clone()];
    let wanted = format!("{}\t{HINDI}{}\t{NUMBERS}", first.display(), last.display());
    let output = run(&["--lang", "hin"], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), wanted.clone()));

    let file = dir.path().join("out.txt");
    let output = run(&["--lang", "hin", "--output", file.to_str().expect("path")], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert_eq!(read(&file), wanted);

    let output = run(&["--lang", "hin", "--format", "json"], &inputs);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let pairs: Vec<_> = lines.iter().map(|line| (line["file"].as_str(), line["text"].as_str())).collect();
    assert_eq!(pairs, [(first.to_str(), Some(HINDI.trim_end())), (last.to_str(), Some(NUMBERS.trim_end()))]);
}

#[test]
fn errors_name_their_file_once() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("file");
        path
    };
    let inputs = [
        at("words.txt", b"these are notes, not a recording\n"),
        at("empty.wav", b""),
        at("short.wav", &common::wav(&[0.25; 100])),
        dir.path().join("missing.wav"),
    ];
    let output = run(&["--segmentation", "none"], &inputs);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    for input in &inputs {
        let name = input.display().to_string();
        let lines: Vec<_> = errors.lines().filter(|line| line.contains(&name)).collect();
        assert_eq!(lines.len(), 1, "{name}: {errors}");
        assert_eq!(lines[0].matches(&name).count(), 1, "{errors}");
        assert!(!lines[0].contains(": audio: "), "{errors}");
    }

    // A pipe has no other name.
    let mut command = transcribe();
    let command = command.args(["--model", "demo", "-"]).stdin(std::process::Stdio::null());
    assert!(stderr(&command.output().expect("run")).starts_with("error: -: no audio: "));
}
