//! `transcribe -`: recordings and live speech on standard input.

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use indic_seamless::Waveform;
use serde_json::Value;

use crate::{clip, common, stderr, stdout, transcribe};

/// Runs with `input` on standard input.
fn run_with_input(arguments: &[&str], input: Vec<u8>) -> Output {
    let mut command = transcribe();
    command.args(["--model", "demo"]).args(arguments).arg("-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut pipe = child.stdin.take().expect("pipe");
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("run");
    // The program may stop before it has read all input.
    let _ = writer.join().expect("writer");
    output
}

#[test]
fn the_standard_input_is_a_recording() {
    // A file, whose header tells its length.
    let wav = fs::read(clip()).expect("file");
    assert_eq!(stdout(&run_with_input(&["--lang", "hin"], wav)), "कृपया आज का मौसम\n");
    let flac = fs::read(common::example("hindi-2.flac")).expect("file");
    assert_eq!(stdout(&run_with_input(&["--lang", "hin"], flac)), "आठ पाँच दो\n");

    // A microphone: two utterances with a pause between them are two lines, or two segments.
    let clips = ["hindi-1.wav", "hindi-2.flac"].map(|clip| Waveform::open(common::example(clip)).expect("clip"));
    let speech = [clips[0].samples(), &[0.0; 24_000], clips[1].samples()].concat();
    let mut live = common::wav(&speech);
    live[4..8].fill(0xff);
    live[40..44].fill(0xff);
    let output = run_with_input(&["--lang", "hin"], live.clone());
    assert_eq!(stdout(&output), "कृपया आज का मौसम\nआठ पाँच दो\n", "{}", stderr(&output));
    let output = run_with_input(&["--lang", "hin", "--format", "json"], live.clone());
    let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!((&line["file"], &line["text"]), (&"-".into(), &"कृपया आज का मौसम आठ पाँच दो".into()));
    assert_eq!(line["segments"].as_array().map(Vec::len), Some(2));
    assert!(line["segments"][1]["start"].as_f64() > line["segments"][0]["end"].as_f64());

    // The pipe breaks in the middle of a sample: the text before is kept.
    let broken = [&live[..], &[0]].concat();
    let output = run_with_input(&["--lang", "hin", "--format", "json"], broken);
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(line["segments"].as_array().map(Vec::len), Some(2), "{}", stderr(&output));

    // The same without a header.
    let output = run_with_input(&["--pcm", "16000", "--format", "srt"], live[44..].to_vec());
    assert!(stdout(&output).contains("\n\n2\n00:00:0"), "{} {}", stdout(&output), stderr(&output));

    let output = run_with_input(&["--lang", "auto"], Vec::new());
    assert_eq!(output.status.code(), Some(2), "it can be read only once");
    let output = run_with_input(&[], Vec::new());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no audio"), "{}", stderr(&output));
}
