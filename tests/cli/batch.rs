//! `transcribe --manifest`: rows and shards, what is checked before any work, exit codes, runs that are repeated.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use indic_seamless::Script;
use serde_json::Value;

use crate::{common, copy, files, read, stderr, stdout, transcribe};

const HINDI: &str = "कृपया आज का मौसम\n";
const NUMBERS: &str = "आठ पाँच दो\n";
/// The variables of array jobs.
const ARRAYS: [&str; 5] = [
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "AWS_BATCH_JOB_ARRAY_SIZE",
    "JOB_COMPLETION_INDEX",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
];

/// A run over `dir/manifest`, with results in `dir/out`.
fn batch(dir: &Path, manifest: &str, arguments: &[&str]) -> Command {
    let mut command = transcribe();
    for name in ARRAYS {
        command.env_remove(name);
    }
    command.env("INDIC_SEAMLESS_MODEL", "demo").args(["--lang", "hin", "--manifest"]).arg(dir.join(manifest));
    command.arg("--output").arg(dir.join("out")).args(arguments).stdin(Stdio::null());
    command
}

fn run(dir: &Path, manifest: &str, arguments: &[&str]) -> Output {
    batch(dir, manifest, arguments).output().expect("run")
}

fn succeeds(output: &Output) {
    assert_eq!((output.status.code(), stdout(output)), (Some(0), String::new()), "{}", stderr(output));
}

fn summary(dir: &Path, name: &str) -> Value {
    serde_json::from_str(&read(dir.join("out/_summary").join(name))).expect("JSON")
}

/// A folder with a manifest of `count` rows, by turns of two recordings.
fn many(count: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("folder");
    copy("hindi-1.wav", &dir.path().join("a.wav"));
    copy("hindi-2.flac", &dir.path().join("b.flac"));
    let row = |number: usize| {
        let audio = if number.is_multiple_of(2) { "a.wav" } else { "b.flac" };
        format!("{{\"audio\":\"{audio}\",\"id\":\"{number:03}\"}}\n")
    };
    fs::write(dir.path().join("m.jsonl"), (0..count).map(row).collect::<String>()).expect("file");
    dir
}

/// The results, by name.
fn results(dir: &Path) -> Vec<(String, String)> {
    let names = files(&dir.join("out")).into_iter().filter(|name| !name.starts_with("_summary/"));
    names.map(|name| (name.clone(), read(dir.join("out").join(name)))).collect()
}

fn text(number: usize) -> &'static str {
    if number.is_multiple_of(2) { HINDI } else { NUMBERS }
}

fn wanted(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("{number:03}.hin.txt"), text(number).to_owned())).collect()
}

#[test]
fn rows_have_names_and_options_of_their_own() {
    let dir = tempfile::tempdir().expect("folder");
    copy("hindi-1.wav", &dir.path().join("calls/may/a.wav"));
    let manifest = format!(
        "audio,lang,id,duration,num_beams\ncalls/may/a.wav,,,,\ncalls/may/a.wav,Tamil,,,\n{},tam,one/two,,3\n\
         calls/may/a.wav,hin,part,0.4,\n",
        common::example("tamil-1.wav").display()
    );
    fs::write(dir.path().join("m.csv"), manifest).expect("file");
    succeeds(&run(dir.path(), "m.csv", &["--format", "json,text"]));
    let out = dir.path().join("out");
    let names = ["calls/may/a.hin", "calls/may/a.tam", "one/two.tam", "part.hin"];
    let mut all: Vec<String> = names.iter().flat_map(|name| [format!("{name}.json"), format!("{name}.txt")]).collect();
    all.insert(0, "_summary/shard-0-of-1.json".to_owned());
    assert_eq!(files(&out), all);
    assert_eq!(read(out.join("calls/may/a.hin.txt")), HINDI);
    assert_eq!(read(out.join("one/two.tam.txt")), "தயவுசெய்து கதவைத் திற\n");
    let json: Value = serde_json::from_str(&read(out.join("one/two.tam.json"))).expect("JSON");
    assert_eq!((json["id"].as_str(), json["language"].as_str()), (Some("one/two"), Some("tam")));
    let part: Value = serde_json::from_str(&read(out.join("part.hin.json"))).expect("JSON");
    assert!(part["segments"][0]["end"].as_f64() <= Some(0.41), "{part}");
    let beams: Value = serde_json::from_str(&read(out.join("one/two.tam.json"))).expect("JSON");
    assert!(beams["segments"][0]["score"].is_number());

    let summary = summary(dir.path(), "shard-0-of-1.json");
    let count = |key: &str| summary[key].as_u64();
    assert_eq!(
        (count("rows"), count("transcribed"), count("skipped"), count("failed")),
        (Some(4), Some(4), Some(0), Some(0))
    );
    assert!(summary["audio_s"].as_f64() > Some(4.0) && summary["wall_s"].as_f64() > Some(0.0), "{summary}");

    // From standard input, with paths from the current folder on.
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin", "--manifest", "-", "--output", "piped"]).current_dir(dir.path());
    command.stdin(fs::File::open(dir.path().join("m.csv")).expect("file"));
    succeeds(&command.output().expect("run"));
    assert_eq!(read(dir.path().join("piped/calls/may/a.hin.txt")), HINDI);
}

#[test]
fn a_row_may_have_a_script_of_its_own() {
    let dir = many(1);
    let rows = "{\"audio\":\"a.wav\",\"id\":\"all\"}\n{\"audio\":\"a.wav\",\"id\":\"any\",\"script\":\"any\"}\n\
                {\"audio\":\"a.wav\",\"id\":\"own\",\"script\":\"latin\"}\n";
    fs::write(dir.path().join("scripts.jsonl"), rows).expect("file");
    succeeds(&run(dir.path(), "scripts.jsonl", &["--script", "tamil"]));
    let text = |id: &str| read(dir.path().join(format!("out/{id}.hin.txt")));
    assert_eq!(text("any"), HINDI);
    for (id, script) in [("all", "tamil"), ("own", "latin")] {
        let (text, script) = (text(id), script.parse::<Script>().expect("a script"));
        assert!(script.writes(&text) && text.chars().any(char::is_alphabetic), "{id}: {text}");
    }
}

#[test]
fn the_results_of_all_shards_are_those_of_one_run() {
    let (whole, parts) = (many(7), many(7));
    succeeds(&run(whole.path(), "m.jsonl", &[]));
    assert_eq!(results(whole.path()), wanted(7));

    succeeds(&run(parts.path(), "m.jsonl", &["--shard", "1/2"]));
    assert_eq!(results(parts.path()), [1, 3, 5].map(|number| wanted(7)[number].clone()));
    let mut array = batch(parts.path(), "m.jsonl", &["--shard", "auto/2"]);
    succeeds(&array.env("JOB_COMPLETION_INDEX", "0").output().expect("run"));
    assert_eq!(results(parts.path()), wanted(7));
    let rows = |name: &str| summary(parts.path(), name)["transcribed"].as_u64();
    assert_eq!((rows("shard-0-of-2.json"), rows("shard-1-of-2.json")), (Some(4), Some(3)));

    // More shards than rows: nothing to do, and no model is needed for that.
    let mut none = batch(parts.path(), "m.jsonl", &["--shard", "auto", "--model", "/no/such/model"]);
    none.env("AWS_BATCH_JOB_ARRAY_INDEX", "8").env("AWS_BATCH_JOB_ARRAY_SIZE", "9");
    succeeds(&none.output().expect("run"));
    assert_eq!(summary(parts.path(), "shard-8-of-9.json")["rows"], 0);
}

/// Refused before any work: there is no such model, and no folder of results is made.
fn is_refused(dir: &Path, manifest: &str, arguments: &[&str], wanted: &str) {
    let output = run(dir, manifest, &[&["--model", "/no/such/model"], arguments].concat());
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{}", stderr(&output));
    assert!(stderr(&output).contains(wanted), "{wanted}: {}", stderr(&output));
    assert!(!dir.join("out").exists());
}

#[test]
fn wrong_manifests_and_shards_are_refused_before_any_work() {
    let dir = many(3);
    let write = |text: &str| fs::write(dir.path().join("wrong.jsonl"), text).expect("file");
    for shard in ["3/3", "0/0", "x", "1", "auto/0"] {
        is_refused(dir.path(), "m.jsonl", &["--shard", shard], "--shard");
    }
    is_refused(
        dir.path(),
        "m.jsonl",
        &["--shard", "auto"],
        "option shard: auto, outside an array job, found, wanted I/N",
    );
    write("{\"audio\":\"a.wav\"}\n{\"audio\":\"b.w");
    let name = dir.path().join("wrong.jsonl");
    let half = format!("error: manifest {}: line 2: a JSON object without an end found, wanted one", name.display());
    is_refused(dir.path(), "wrong.jsonl", &[], &half);
    // All shards refuse what one of them would stumble over.
    is_refused(dir.path(), "wrong.jsonl", &["--shard", "0/2"], &half);
    write("{\"audio\":\"a.wav\",\"lang\":\"klingon\"}\n{\"audio\":\"b.wav\",\"lang\":\"Hindy\"}\n");
    is_refused(dir.path(), "wrong.jsonl", &[], "line 2: lang \"Hindy\" found, wanted a language, such as hin (Hindi)");
    write("{\"audio\":\"a.wav\"}\n{\"audio\":\"a.mp3\"}\n");
    is_refused(
        dir.path(),
        "wrong.jsonl",
        &[],
        "line 2: the result a.hin, which is that of line 1, found, wanted another id",
    );
    write("");
    is_refused(dir.path(), "wrong.jsonl", &[], "line 1: no row found, wanted at least one");
    write("{\"audio\":\"a.wav\",\"channel\":1}\n");
    is_refused(dir.path(), "wrong.jsonl", &["--channels", "split"], "split, and a channel in line 1 of");
    write("{\"audio\":\"https://example.com/a.wav\"}\n");
    is_refused(dir.path(), "wrong.jsonl", &[], "wanted a path, or s3://BUCKET/KEY");

    is_refused(dir.path(), "none.jsonl", &[], "none.jsonl");
    // Usage.
    let m = dir.path().join("m.jsonl");
    for arguments in [
        vec!["--manifest", m.to_str().expect("path")],
        vec!["--shard", "0/2", "a.wav"],
        vec!["--manifest", m.to_str().expect("path"), "--output", "out", "a.wav"],
        vec!["s3://speech/a.wav"],
        vec!["a.wav", "--output", "s3://speech/texts/"],
    ] {
        let output = transcribe().args(&arguments).args(["--model", "/no/such/model"]).output().expect("run");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    }
}

/// Not row by row.
#[test]
fn what_the_model_cannot_do_is_refused_before_any_row() {
    let dir = many(1);
    for (cell, wanted) in [("\"script\":\"thai\"", "option script: thai found"), ("\"lang\":\"fra\"", "fra")] {
        let rows = format!("{{\"audio\":\"a.wav\"}}\n{{\"audio\":\"b.flac\",{cell}}}\n");
        fs::write(dir.path().join("wrong.jsonl"), rows).expect("file");
        let output = run(dir.path(), "wrong.jsonl", &[]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{}", stderr(&output));
        assert!(stderr(&output).contains(wanted), "{wanted}: {}", stderr(&output));
        assert!(!dir.path().join("out/a.hin.txt").exists());
    }
}

#[test]
fn what_failed_for_good_is_listed_and_the_rest_is_done() {
    let dir = many(2);
    fs::write(dir.path().join("bad.wav"), "these are notes").expect("file");
    let rows = "{\"audio\":\"bad.wav\"}\n{\"audio\":\"a.wav\",\"id\":\"good\"}\n{\"audio\":\"missing.wav\"}\n\
                {\"audio\":\"a.wav\",\"id\":\"channel\",\"channel\":9}\n";
    fs::write(dir.path().join("mixed.jsonl"), rows).expect("file");
    let output = run(dir.path(), "mixed.jsonl", &["--shard", "0/1"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{}", stderr(&output));
    assert_eq!(results(dir.path()), [("good.hin.txt".to_owned(), HINDI.to_owned())]);
    let summary = summary(dir.path(), "shard-0-of-1.json");
    assert_eq!((&summary["transcribed"], &summary["failed"]), (&1.into(), &3.into()));
    let failures = summary["failures"].as_array().expect("list");
    let told = |number: usize, key: &str| failures[number][key].as_str().expect("text").to_owned();
    assert_eq!([0, 1, 2].map(|number| failures[number]["line"].as_u64()), [Some(1), Some(3), Some(4)]);
    assert!(failures.iter().all(|failure| failure["retry"] == false), "{failures:?}");
    assert!(told(0, "error").contains("bad.wav: unsupported audio"), "{failures:?}");
    assert_eq!(told(1, "id"), "missing");
    assert!(told(1, "error").contains("missing.wav"), "{failures:?}");
    assert!(told(2, "error").contains("channel 9 wanted"), "{failures:?}");

    // Another run tries them again, and nothing else.
    copy("hindi-2.flac", &dir.path().join("bad.wav"));
    copy("hindi-2.flac", &dir.path().join("missing.wav"));
    fs::write(dir.path().join("out/good.hin.txt"), "corrected").expect("file");
    let output = run(dir.path(), "mixed.jsonl", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("2 transcribed") && stderr(&output).contains("1 skipped"), "{}", stderr(&output));
    assert_eq!(read(dir.path().join("out/good.hin.txt")), "corrected");
    let output = run(dir.path(), "mixed.jsonl", &["--overwrite"]);
    assert!(stderr(&output).contains("3 transcribed"), "{}", stderr(&output));
    assert_eq!(read(dir.path().join("out/good.hin.txt")), HINDI);
}

#[test]
fn a_recording_is_never_overwritten() {
    let dir = tempfile::tempdir().expect("folder");
    let recording = dir.path().join("out/a.hin.txt");
    copy("hindi-1.wav", &recording);
    let before = fs::read(&recording).expect("file");
    fs::write(dir.path().join("m.csv"), "audio,id\nout/a.hin.txt,a\n").expect("file");
    let output = run(dir.path(), "m.csv", &["--overwrite", "--model", "/no/such/model"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("which is the recording"), "{}", stderr(&output));
    assert_eq!(fs::read(&recording).expect("file"), before);
}

/// Nothing is lost, nothing is done twice, and whatever is there under the name of a result is the whole result.
#[cfg(unix)]
#[test]
fn a_killed_run_is_finished_by_the_next() {
    let dir = many(40);
    let mut child = batch(dir.path(), "m.jsonl", &["--recordings", "4"]).stderr(Stdio::null()).spawn().expect("run");
    while !dir.path().join("out/005.hin.txt").exists() {
        assert!(child.try_wait().expect("child").is_none(), "ended without a result");
        std::thread::yield_now();
    }
    // SIGKILL.
    child.kill().expect("kill");
    child.wait().expect("child");
    let whole = |(name, _): &(String, String)| !name.contains("/.tmp") && !name.starts_with(".tmp");
    let first: Vec<_> = results(dir.path()).into_iter().filter(whole).collect();
    assert!((1..40).contains(&first.len()), "{}", first.len());
    assert!(first.iter().all(|result| wanted(40).contains(result)), "{first:?}");
    assert!(!dir.path().join("out/_summary/shard-0-of-1.json").exists());

    let time =
        |name: &str| fs::metadata(dir.path().join("out").join(name)).and_then(|about| about.modified()).expect("time");
    let times: Vec<_> = first.iter().map(|(name, _)| time(name)).collect();
    let output = run(dir.path(), "m.jsonl", &[]);
    succeeds(&output);
    assert_eq!(results(dir.path()).into_iter().filter(whole).collect::<Vec<_>>(), wanted(40));
    assert_eq!(first.iter().map(|(name, _)| time(name)).collect::<Vec<_>>(), times, "done once");
    let summary = summary(dir.path(), "shard-0-of-1.json");
    assert_eq!(
        (summary["skipped"].as_u64(), summary["transcribed"].as_u64()),
        (Some(first.len() as u64), Some(40 - first.len() as u64))
    );
}

/// The folder of results cannot be made where there is a file.
#[test]
fn a_place_that_cannot_be_written_is_found_before_the_model() {
    let dir = many(2);
    fs::write(dir.path().join("out"), "a file").expect("file");
    let output = run(dir.path(), "m.jsonl", &["--model", "/no/such/model"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("out"), "{}", stderr(&output));
}
