//! The short examples, as their headers say to run them.

mod common;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use common::{example, example_program};
use indic_seamless::Waveform;
use serde_json::Value;
use tempfile::TempDir;

const HINDI: &str = "कृपया आज का मौसम";

fn run(command: &mut Command) -> Output {
    command.output().expect("run")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn with_demo(name: &str) -> Command {
    let mut command = example_program(name);
    command.args(["--model", "demo", "--lang", "hin"]);
    command
}

/// A folder with two clips and a file that is not a recording.
fn recordings() -> TempDir {
    let dir = tempfile::tempdir().expect("folder");
    for clip in ["hindi-1.wav", "hindi-2.flac"] {
        fs::copy(example(clip), dir.path().join(clip)).expect("copy");
    }
    fs::write(dir.path().join("notes.md"), "these are notes\n").expect("write");
    dir
}

fn text(path: PathBuf) -> String {
    fs::read_to_string(path).expect("file")
}

#[test]
fn transcribe_prints_every_format() {
    let format = |format| run(with_demo("transcribe").args(["--format", format]).arg(example("hindi-1.wav")));
    assert_eq!(stdout(&format("text")), format!("{HINDI}\n"));
    assert_eq!(stdout(&format("srt")), format!("1\n00:00:00,080 --> 00:00:01,226\n{HINDI}\n\n"));
    assert!(stdout(&format("vtt")).starts_with("WEBVTT\n"));
    let output = format("json");
    let line: Value = serde_json::from_str(stdout(&output)).expect("JSON");
    assert_eq!((&line["text"], &line["language"], &line["backend"]), (&HINDI.into(), &"hin".into(), &"flex".into()));
    assert!(line["file"].as_str().is_some_and(|file| file.ends_with("hindi-1.wav")), "{line}");
    assert!(line["segments"][0]["tokens"].is_array() && line["timings"]["total_ms"].is_number(), "{line}");
}

#[test]
fn transcribe_goes_on_after_a_bad_file_and_knows_wrong_usage() {
    let output = run(with_demo("transcribe").args(["--threads", "1", "no-such-file.wav"]).arg(example("hindi-1.wav")));
    let wanted = format!("{}\t{HINDI}\n", example("hindi-1.wav").display());
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), wanted.as_str()));
    assert!(stderr(&output).contains("no-such-file.wav"), "{}", stderr(&output));
    for wrong in [["--threads", "0"], ["--precision", "f12"], ["--format", "odt"], ["--segmentation", "sometimes"]] {
        let output = run(with_demo("transcribe").args(wrong).arg(example("hindi-1.wav")));
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""), "{wrong:?}: {}", stderr(&output));
    }
}

/// Real speech never goes to the demo model unasked.
#[test]
fn transcribe_without_a_model_says_how_to_get_one() {
    let home = tempfile::tempdir().expect("folder");
    let mut command = example_program("transcribe");
    for variable in ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_ENDPOINT"] {
        command.env_remove(variable);
    }
    let output = run(command.env("HF_HOME", home.path()).env("HF_HUB_OFFLINE", "1").arg(example("hindi-1.wav")));
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    for wanted in ["ai4bharat/indic-seamless", "`--model demo`"] {
        assert!(stderr(&output).contains(wanted), "{wanted}: {}", stderr(&output));
    }
}

#[test]
fn quantize_writes_a_folder_that_loads() {
    let dir = tempfile::tempdir().expect("folder");
    let int8 = dir.path().join("int8");
    let quantize = || {
        let mut command = example_program("quantize");
        run(command.args(["--model", "demo", "--precision", "int8", "--output"]).arg(&int8))
    };
    assert_eq!(quantize().status.code(), Some(0));
    let mut command = example_program("transcribe");
    let output = run(command.arg("--model").arg(&int8).args(["--lang", "hin"]).arg(example("hindi-1.wav")));
    assert_eq!(stdout(&output), format!("{HINDI}\n"), "{}", stderr(&output));
    assert_eq!(quantize().status.code(), Some(1), "an existing folder is not overwritten");
}

#[test]
fn microphone_prints_a_line_for_each_utterance() {
    let clips = ["hindi-1.wav", "hindi-2.flac"].map(|clip| Waveform::open(example(clip)).expect("clip"));
    let speech = [clips[0].samples(), &[0.0; 24_000], clips[1].samples()].concat();
    let pcm: Vec<u8> = speech.iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()).collect();
    let mut child = with_demo("microphone").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run");
    child.stdin.take().expect("pipe").write_all(&pcm).expect("write");
    let output = child.wait_with_output().expect("run");
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with(HINDI) && lines[1].ends_with("आठ पाँच दो"), "{lines:?}");
}

#[test]
fn subtitles_are_written_beside_the_recording() {
    let dir = recordings();
    let output = run(with_demo("subtitles").arg(dir.path().join("hindi-1.wav")));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let srt = text(dir.path().join("hindi-1.srt"));
    assert!(srt.starts_with("1\n00:00:0") && srt.contains(HINDI), "{srt}");
}

#[test]
fn batch_writes_the_missing_texts_of_a_folder() {
    let dir = recordings();
    let path = |name: &str| -> PathBuf { Path::new(dir.path()).join(name) };
    fs::write(path("hindi-2.txt"), "kept").expect("write");
    let output = run(with_demo("batch").arg(dir.path()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("notes.md"), "{}", stderr(&output));
    assert_eq!(text(path("hindi-1.txt")), format!("{HINDI}\n"));
    assert_eq!(text(path("hindi-2.txt")), "kept");
    assert!(!path("notes.txt").exists());
}
