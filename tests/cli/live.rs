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

    // The pipe breaks in the middle of a sample: the text before is kept, with a warning, unless damage is refused.
    let broken = [&live[..], &[0]].concat();
    let output = run_with_input(&["--lang", "hin", "--format", "json"], broken.clone());
    let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(line["segments"].as_array().map(Vec::len), Some(2), "{}", stderr(&output));
    assert_eq!(line["damage"][0]["kind"], "cut_short");
    assert!(stderr(&output).contains("warning: -: damaged at "), "{}", stderr(&output));
    let output = run_with_input(&["--lang", "hin", "--damage", "refuse", "--format", "json"], broken);
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(line["segments"].as_array().map(Vec::len), Some(2), "{}", stderr(&output));

    // The same without a header.
    let output = run_with_input(&["--pcm", "16000", "--format", "srt"], live[44..].to_vec());
    assert!(stdout(&output).contains("\n\n2\n00:00:0"), "{} {}", stdout(&output), stderr(&output));

    // From a telephone, as A-law: a sign, an exponent and four bits, every other bit inverted.
    let alaw = |sample: f32| {
        let (sign, size) = (u8::from(sample >= 0.0) << 7, (sample.abs() * 32_767.0) as u16);
        let exponent = (size >> 8).checked_ilog2().map_or(0, |log| log as u8 + 1);
        (sign | exponent << 4 | (size >> (exponent.max(1) + 3) & 15) as u8) ^ 0x55
    };
    let telephone: Vec<u8> = clips[0].samples().iter().map(|&sample| alaw(sample)).collect();
    let arguments = ["--lang", "hin", "--pcm", "alaw,16000,1"];
    assert_eq!(stdout(&run_with_input(&arguments, telephone.clone())), "कृपया आज का मौसम\n");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("call.al");
    fs::write(&file, telephone).expect("a file");
    assert_eq!(stdout(&crate::run(&arguments, &[file])), "कृपया आज का मौसम\n");

    let output = run_with_input(&["--lang", "auto"], Vec::new());
    assert_eq!(output.status.code(), Some(2), "it can be read only once");
    let output = run_with_input(&[], Vec::new());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no audio"), "{}", stderr(&output));
}

/// Speaks into a pipe that stays open, interrupts the program, and returns what it wrote.
#[cfg(unix)]
fn interrupted(arguments: &[&str], silent_s: f32) -> Output {
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin"]).args(arguments).arg("-");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let clips = ["hindi-1.wav", "hindi-2.flac"].map(|clip| Waveform::open(common::example(clip)).expect("clip"));
    let silence = vec![0.0; (silent_s * 16_000.0) as usize];
    let mut live = common::wav(&[clips[0].samples(), &[0.0; 24_000], clips[1].samples(), &silence].concat());
    live[4..8].fill(0xff);
    live[40..44].fill(0xff);
    let mut pipe = child.stdin.take().expect("pipe");
    pipe.write_all(&live).expect("written");
    // The program has loaded its model and read all of it by then.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let output = child.wait_with_output().expect("run");
    drop(pipe);
    output
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_live_speech_with_all_that_was_said() {
    let words = ["कृपया आज का मौसम", "आठ पाँच दो"];
    // In the middle of an utterance as well as behind it.
    for silent_s in [0.0, 1.5] {
        let output = interrupted(&[], silent_s);
        assert_eq!(stdout(&output), format!("{}\n{}\n", words[0], words[1]), "{}", stderr(&output));
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let line: Value = serde_json::from_str(&stdout(&interrupted(&["--format", "json"], 0.0))).expect("JSON");
    assert_eq!(line["text"], words.join(" "));
    let srt = stdout(&interrupted(&["--format", "srt"], 0.0));
    assert!(words.iter().all(|text| srt.contains(text)) && srt.ends_with("\n\n"), "{srt}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_pipe_that_never_pauses() {
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin", "--pcm", "16000", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run");
    let mut pipe = child.stdin.take().expect("pipe");
    let speech = common::wav(Waveform::open(clip()).expect("clip").samples())[44..].to_vec();
    let writer = std::thread::spawn(move || {
        pipe.write_all(&speech).expect("written");
        while pipe.write_all(&[0; 1 << 16]).is_ok() {}
    });
    std::thread::sleep(std::time::Duration::from_secs(2));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let output = child.wait_with_output().expect("run");
    writer.join().expect("writer");
    assert_eq!(stdout(&output), "कृपया आज का मौसम\n", "{}", stderr(&output));
    assert!(output.status.success(), "{}", stderr(&output));
}
