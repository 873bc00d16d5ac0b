//! `transcribe` with files that are transcribed at the same time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant, SystemTime},
};

use indic_seamless::Waveform;
use serde_json::Value;

use crate::{clip, common, files, read, run, stderr, stdout, transcribe, write_long};

const HINDI: &str = "कृपया आज का मौसम";
const NUMBERS: &str = "आठ पाँच दो";

/// The ten examples, with their texts in Hindi.
fn examples() -> Vec<(PathBuf, String)> {
    let texts = common::example_texts();
    texts.into_iter().map(|(name, texts)| (common::example(&name), texts["hin"].clone())).collect()
}

/// A long recording, which says the same again and again.
fn long(dir: &Path, name: &str, clips: usize) -> (PathBuf, String) {
    let path = dir.join(name);
    write_long(&path, 12 * clips);
    (path, vec![HINDI; clips].join(" "))
}

/// A recording that says something, and then has a sample that is no number.
fn broken(dir: &Path, name: &str) -> PathBuf {
    let clip = Waveform::open(clip()).expect("clip").into_samples();
    let samples = [&clip[..], &[0.0; 32_000], &[f32::NAN], &clip].concat();
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut wav = common::wav(&[]);
    // 32-bit floats.
    (wav[20], wav[32], wav[34]) = (3, 4, 32);
    wav[28..32].copy_from_slice(&64_000_u32.to_le_bytes());
    wav[4..8].copy_from_slice(&(data.len() as u32 + 36).to_le_bytes());
    wav[40..44].copy_from_slice(&(data.len() as u32).to_le_bytes());
    let path = dir.join(name);
    fs::write(&path, [wav, data].concat()).expect("file");
    path
}

/// The lines of recordings that share standard output.
fn lines(recordings: &[(PathBuf, String)]) -> String {
    recordings.iter().map(|(path, text)| format!("{}\t{text}\n", path.display())).collect()
}

fn paths(recordings: &[(PathBuf, String)]) -> Vec<PathBuf> {
    recordings.iter().map(|(path, _)| path.clone()).collect()
}

#[test]
fn results_are_in_the_order_of_the_recordings() {
    let dir = tempfile::tempdir().expect("folder");
    let mut recordings = vec![long(dir.path(), "first.wav", 40)];
    recordings.extend(examples());
    recordings.push(long(dir.path(), "middle.wav", 20));
    // More than may be finished before the first.
    recordings.extend((0..8).flat_map(|_| examples()));
    let output = run(&["--lang", "hin"], &paths(&recordings));
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), lines(&recordings)), "{}", stderr(&output));

    let file = dir.path().join("all.txt");
    let output = run(&["--lang", "hin", "--output", file.to_str().expect("path")], &paths(&recordings));
    assert_eq!((output.status.code(), read(&file)), (Some(0), lines(&recordings)), "{}", stderr(&output));
}

#[test]
fn short_recordings_do_not_wait_for_a_long_one() {
    let dir = tempfile::tempdir().expect("folder");
    let (long, text) = long(dir.path(), "long.wav", 60);
    let inputs: Vec<PathBuf> = std::iter::once(long).chain(paths(&examples())).collect();
    // When each result was written, in their order.
    let written = |recordings: &str| {
        let results = dir.path().join(recordings);
        let folder = format!("{}/", results.display());
        let output = run(&["--lang", "hin", "--recordings", recordings, "--output", &folder], &inputs);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(read(results.join("long.hin.txt")), format!("{text}\n"));
        let time = |file: &Path| fs::metadata(file).and_then(|about| about.modified()).expect("time");
        let mut times: Vec<(SystemTime, String)> =
            files(&results).into_iter().map(|name| (time(&results.join(&name)), name)).collect();
        times.sort();
        assert_eq!(times.len(), inputs.len());
        times
    };
    let times = written("16");
    assert_eq!(times[inputs.len() - 1].1, "long.hin.txt", "{times:?}");
    let times = written("1");
    assert_eq!(times[0].1, "long.hin.txt", "{times:?}");

    let output = run(&["--recordings", "0"], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
}

/// What does not depend on others: all but scores, whose last digits do, and times.
fn essence(line: &str) -> Value {
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    for key in ["timings", "peak_rss_bytes"] {
        assert!(line.as_object_mut().expect("object").remove(key).is_some(), "{key}");
    }
    for segment in line["segments"].as_array_mut().expect("segments") {
        for key in ["score", "avg_logprob", "alternatives"] {
            assert!(segment.as_object_mut().expect("object").remove(key).is_some(), "{key}");
        }
    }
    line
}

#[test]
fn each_recording_gives_what_it_gives_alone() {
    let dir = tempfile::tempdir().expect("folder");
    let call = dir.path().join("call.wav");
    let [left, right] =
        ["hindi-1.wav", "hindi-2.flac"].map(|clip| Waveform::open(common::example(clip)).expect("clip").into_samples());
    let samples: Vec<f32> = left.iter().zip(right).flat_map(|(&left, right)| [left, right]).collect();
    let mut wav = common::wav(&samples);
    (wav[22], wav[32]) = (2, 4);
    wav[28..32].copy_from_slice(&64_000_u32.to_le_bytes());
    fs::write(&call, wav).expect("file");
    let inputs = [paths(&examples()), vec![call, long(dir.path(), "long.wav", 5).0]].concat();
    for options in [&["--num-beams", "3"] as &[&str], &["--channels", "split"], &["--start", "0.2", "--duration", "9"]]
    {
        let arguments = [&["--lang", "auto", "--format", "json"], options].concat();
        let together = run(&arguments, &inputs);
        assert_eq!(together.status.code(), Some(0), "{}", stderr(&together));
        let together: Vec<Value> = stdout(&together).lines().map(essence).collect();
        assert_eq!(together.len(), inputs.len());
        let alone = run(&[&arguments[..], &["--recordings", "1"]].concat(), &inputs);
        let alone: Vec<Value> = stdout(&alone).lines().map(essence).collect();
        assert_eq!(together, alone, "{options:?}");
    }
}

#[test]
fn failures_stay_with_their_recordings() {
    let dir = tempfile::tempdir().expect("folder");
    let words = dir.path().join("words.wav");
    fs::write(&words, "these are notes\n").expect("file");
    let mut recordings = examples();
    recordings.insert(3, (broken(dir.path(), "broken.wav"), HINDI.to_owned()));
    let wanted = lines(&recordings);
    let mut inputs = paths(&recordings);
    inputs.insert(2, words.clone());
    inputs.insert(7, dir.path().join("missing.wav"));

    let output = run(&["--lang", "hin", "--damage", "refuse"], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), wanted), "{}", stderr(&output));
    let errors = stderr(&output);
    let named: Vec<&str> =
        ["words.wav", "broken.wav", "missing.wav"].into_iter().filter(|name| errors.contains(name)).collect();
    let mut lines = errors.lines();
    assert!(named.iter().all(|name| lines.next().is_some_and(|line| line.contains(name))), "in their order: {errors}");
    assert_eq!((named.len(), lines.next()), (3, Some("error: 3 of 13 files failed")), "{errors}");

    let results = dir.path().join("results");
    let folder = format!("{}/", results.display());
    let output = run(&["--lang", "hin", "--damage", "refuse", "--output", &folder], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{}", stderr(&output));
    assert_eq!(read(results.join("broken.hin.partial.txt")), format!("{HINDI}\n"));
    assert_eq!(files(&results).len(), 11);
    let errors = stderr(&output);
    let summary: Vec<&str> = errors.lines().skip_while(|line| !line.starts_with("10 transcribed")).collect();
    let failed = ["words.wav", "broken.wav", "missing.wav"].map(|name| dir.path().join(name));
    assert_eq!(summary[1..4], failed.map(|path| format!("  failed: {}", path.display())), "{errors}");

    // Damage is a warning.
    let output = run(&["--lang", "hin"], &inputs[..5]);
    let warning = format!("warning: {}: damaged at 3.", inputs[4].display());
    assert!(stderr(&output).contains(&warning), "{}", stderr(&output));
}

#[test]
fn a_file_of_results_holds_whole_ones_only() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, part) = (dir.path().join("texts.txt"), dir.path().join("texts.partial.txt"));
    let inputs = [broken(dir.path(), "broken.wav"), clip()];
    let strict = |output: &str, more: &[&str], inputs: &[PathBuf]| {
        let output = run(&[&["--lang", "hin", "--damage", "refuse", "--output", output], more].concat(), inputs);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("broken.wav"), "{}", stderr(&output));
        stdout(&output)
    };
    let target = file.to_str().expect("path");
    let line = |path: &Path| format!("{}\t{HINDI}\n", path.display());

    assert_eq!(strict(target, &[], &inputs[..1]), "");
    assert_eq!((file.exists(), read(&part)), (false, format!("{HINDI}\n")), "the next run tries again");
    assert_eq!(strict(target, &[], &inputs), "");
    assert_eq!((read(&file), read(&part)), (line(&inputs[1]), line(&inputs[0])));
    assert_eq!(strict(target, &["--overwrite"], &inputs[..1]), "");
    assert_eq!((read(&file), read(&part)), (line(&inputs[1]), format!("{HINDI}\n")), "a whole one stays");
    if cfg!(target_os = "linux") {
        assert_eq!(strict("/dev/stdout", &[], &inputs[..1]), format!("{HINDI}\n"), "a pipe has all");
    }
}

#[test]
fn a_pipe_has_its_place_among_files() {
    let inputs = [clip(), common::example("hindi-2.flac"), "-".into(), common::example("hindi-2.flac"), clip()];
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin"]).args(&inputs);
    let input = fs::File::open(clip()).expect("file");
    let output = command.stdin(input).output().expect("run");
    let texts = [HINDI, NUMBERS, HINDI, NUMBERS, HINDI].map(str::to_owned);
    let wanted: Vec<_> = inputs.into_iter().zip(texts).collect();
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), lines(&wanted)), "{}", stderr(&output));
}

/// `/dev/full` refuses every byte, like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn the_run_ends_when_nobody_takes_its_results() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let mut command = transcribe();
    command.args(["--model", "demo"]).args(paths(&examples())).stdout(full);
    let output = command.output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert_eq!((errors.lines().count(), errors.matches("cannot write standard output").count()), (1, 1), "{errors}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_files_at_once() {
    let dir = tempfile::tempdir().expect("folder");
    let (long, _) = long(dir.path(), "long.wav", 300);
    let results = dir.path().join("results");
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin", "--output"]).arg(format!("{}/", results.display()));
    let mut child = command.args([long, clip()]).stderr(Stdio::piped()).spawn().expect("run");
    // The long one is under way, too.
    while !results.join("hindi-1.hin.txt").exists() {
        assert!(child.try_wait().expect("child").is_none(), "ended without a result");
        thread::sleep(Duration::from_millis(10));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let interrupted = Instant::now();
    let output = child.wait_with_output().expect("run");
    assert_eq!((output.status.code(), stderr(&output)), (Some(130), String::new()));
    assert!(interrupted.elapsed() < Duration::from_secs(5), "{:?}", interrupted.elapsed());
    assert_eq!(files(&results), ["hindi-1.hin.txt"]);
}

/// Each recording is decoded piece by piece, and few wait: sixteen long ones take little more memory than sixteen short ones.
#[cfg(target_os = "linux")]
#[test]
fn many_long_recordings_take_little_more_memory_than_short_ones() {
    let dir = tempfile::tempdir().expect("folder");
    let peak = |clips: usize| {
        let inputs: Vec<PathBuf> =
            (0..16).map(|number| long(dir.path(), &format!("{clips}-{number}.wav"), clips).0).collect();
        let output = run(&["--lang", "hin", "--format", "json"], &inputs);
        let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let segments: Vec<_> = lines.iter().map(|line| line["segments"].as_array().map_or(0, Vec::len)).collect();
        assert_eq!(segments, [clips; 16], "{}", stderr(&output));
        lines[15]["peak_rss_bytes"].as_u64().expect("bytes")
    };
    let (short, long) = (peak(2), peak(40));
    println!("{} MB for sixteen recordings of 8 minutes, {} MB for 24 s", long / 1_000_000, short / 1_000_000);
    assert!(long < short + 150_000_000, "{long} bytes for long recordings, {short} for short ones");
}
