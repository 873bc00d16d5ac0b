//! Parts of a recording: `--start`, `--duration`, `--channels`; and damaged recordings.

use std::{fs, path::Path, process::Output};

use indic_seamless::Waveform;
use serde_json::Value;

use crate::{common, stderr, stdout};

const WORDS: [&str; 2] = ["कृपया आज का मौसम", "आठ पाँच दो"];

fn run(arguments: &[&str]) -> Output {
    crate::run(arguments, &[])
}

/// The samples of two clips.
fn clips() -> [Vec<f32>; 2] {
    ["hindi-1.wav", "hindi-2.flac"].map(|clip| Waveform::open(common::example(clip)).expect("clip").into_samples())
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

fn json(arguments: &[&str]) -> Value {
    let output = run(&[&["--lang", "hin", "--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// A WAV file of two channels.
fn stereo(left: &[f32], right: &[f32]) -> Vec<u8> {
    let mut wav = common::wav(&left.iter().zip(right).flat_map(|(&left, &right)| [left, right]).collect::<Vec<_>>());
    wav[22] = 2;
    wav[28..32].copy_from_slice(&64_000_u32.to_le_bytes());
    wav[32] = 4;
    wav
}

#[test]
fn a_part_keeps_the_times_of_the_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = clips();
    let pause = vec![0.0; 32_000];
    let whole = write(dir.path(), "whole.wav", &common::wav(&[&first[..], &pause, &second].concat()));
    let all = json(&[&whole]);
    assert_eq!(all["text"], WORDS.join(" "));
    let start = all["segments"][1]["start"].as_f64().expect("a time");

    let middle = (first.len() as f64 / 16_000.0 + 1.0).to_string();
    let behind = json(&["--start", &middle, &whole]);
    assert_eq!(behind["text"], WORDS[1]);
    let late = behind["segments"][0]["start"].as_f64().expect("a time");
    assert!((late - start).abs() < 0.1, "{late} for {start}");
    assert_eq!(json(&["--duration", &middle, &whole])["text"], WORDS[0]);

    let output = run(&["--start", "100", &whole]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ends before 100 s"), "{}", stderr(&output));
    assert_eq!(run(&["--start", "-1", &whole]).status.code(), Some(2));
}

#[test]
fn a_track_that_there_is_not_is_refused() {
    let clip = common::example("hindi-1.wav").display().to_string();
    assert_eq!(json(&["--track", "1", &clip])["text"], WORDS[0]);
    let output = run(&["--track", "2", &clip]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("sound track 2 wanted, but there are: 1"), "{}", stderr(&output));
    assert_eq!(run(&["--track", "0", &clip]).status.code(), Some(2));
}

#[test]
fn speakers_on_two_channels_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = clips();
    let (before, after) = (vec![0.0; first.len() + 16_000], vec![0.0; second.len() + 16_000]);
    let call = stereo(&[&first[..], &after].concat(), &[&before[..], &second].concat());
    let call = write(dir.path(), "call.wav", &call);
    let transcript = json(&["--channels", "split", &call]);
    assert_eq!(transcript["text"], format!("1: {}\n2: {}", WORDS[0], WORDS[1]));
    let speakers: Vec<_> = (0..2).map(|i| transcript["segments"][i]["speaker"].clone()).collect();
    assert_eq!(speakers, [1, 2]);
    for (format, marks) in [("srt", ["1: ", "2: "]), ("vtt", ["<v 1>", "<v 2>"])] {
        let output = run(&["--lang", "hin", "--channels", "split", "--format", format, &call]);
        let text = stdout(&output);
        let said = marks.iter().zip(WORDS).all(|(mark, word)| text.contains(&format!("{mark}{word}")));
        assert!(said, "{text} {}", stderr(&output));
    }
    // Among others, each turn is a line with the name of its recording.
    let silent = write(dir.path(), "silent.wav", &stereo(&before, &before));
    let output = run(&["--lang", "hin", "--channels", "split", &call, &silent]);
    let wanted = format!("{call}\t1: {}\n{call}\t2: {}\n{silent}\t\n", WORDS[0], WORDS[1]);
    assert_eq!(stdout(&output), wanted, "{}", stderr(&output));
    // Without it, all are one speaker, who is not named.
    assert!(json(&[&call])["segments"][0].get("speaker").is_none());
    let output = run(&["--channels", "split", "-"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_all_speakers_said_before_an_error_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = clips();
    let (pause, before) = (vec![0.0; 32_000], vec![0.0; first.len() + 16_000]);
    let after = vec![0.0; second.len() + 16_000];
    let left = [&first[..], &after, &pause, &[0.0], &pause].concat();
    let right = [&before[..], &second, &pause, &[f32::NAN], &pause].concat();
    let data: Vec<u8> =
        left.iter().zip(&right).flat_map(|(l, r)| [l.to_le_bytes(), r.to_le_bytes()].concat()).collect();
    let mut wav = stereo(&[], &[]);
    // 32-bit floats.
    (wav[20], wav[32], wav[34]) = (3, 8, 32);
    wav[28..32].copy_from_slice(&128_000_u32.to_le_bytes());
    wav[4..8].copy_from_slice(&(data.len() as u32 + 36).to_le_bytes());
    wav[40..44].copy_from_slice(&(data.len() as u32).to_le_bytes());
    let call = write(dir.path(), "call.wav", &[wav, data].concat());
    let output = run(&["--lang", "hin", "--channels", "split", "--damage", "refuse", &call]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), format!("1: {}\n2: {}\n", WORDS[0], WORDS[1]), "{}", stderr(&output));
}

#[test]
fn inverted_sides_are_heard() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, _] = clips();
    let inverted: Vec<f32> = first.iter().map(|x| -x).collect();
    let path = write(dir.path(), "inverted.wav", &stereo(&first, &inverted));
    let output = run(&["--lang", "hin", &path]);
    assert_eq!(stdout(&output), format!("{}\n", WORDS[0]));
    assert!(stderr(&output).contains("cancel each other"), "{}", stderr(&output));
}

#[test]
fn damage_is_named_and_the_rest_is_transcribed() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = clips();
    let mut wav = common::wav(&[&first[..], &[0.0; 32_000], &second].concat());
    wav.truncate(wav.len() - second.len());
    let cut = write(dir.path(), "cut.wav", &wav);
    let transcript = json(&[&cut]);
    assert!(transcript["text"].as_str().expect("text").starts_with(WORDS[0]), "{transcript}");
    let damage = &transcript["damage"];
    assert_eq!((damage.as_array().map(Vec::len), &damage[0]["kind"]), (Some(1), &"cut_short".into()));
    let at_s = damage[0]["at_s"].as_f64().expect("a time");
    assert!((at_s - (wav.len() - 44) as f64 / 32_000.0).abs() < 0.01, "{at_s}");

    let output = run(&["--damage", "refuse", &cut]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cut short"), "{}", stderr(&output));
}
