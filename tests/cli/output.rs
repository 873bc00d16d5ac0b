//! `transcribe --output`: files and folders of results, and what is never overwritten.

use std::{fs, path::PathBuf};

use crate::{clip, common, copy, files, read, run, stderr, stdout, transcribe};

#[test]
fn output_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("out.txt");
    let target = file.to_str().expect("path");
    let output = run(&["--output", target], &[clip()]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
    assert_eq!(read(&file), "please the weather today\n");

    // If nothing could be transcribed, the existing file stays.
    let output = run(&["--overwrite", "--output", target], &[dir.path().join("nothing.wav")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read(&file), "please the weather today\n");

    let output = run(&["--lang", "hin", "--overwrite", "--output", target], &[clip()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(read(&file), "कृपया आज का मौसम\n");

    let missing = dir.path().join("no/such/folder/out.txt");
    let mut command = transcribe();
    let output =
        command.args(["--model", "/no/such/model", "--output"]).arg(&missing).arg(clip()).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no/such/folder/out.txt"), "before any work: {}", stderr(&output));

    assert_eq!(files(dir.path()), ["out.txt"], "nothing may be left beside it");
}

/// Refused before any work: there is no such model.
fn is_refused(arguments: &[&str], inputs: &[PathBuf], wanted: &str) {
    let mut command = transcribe();
    let output = command.args(["--model", "/no/such/model"]).args(arguments).args(inputs).output().expect("run");
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{}", stderr(&output));
    assert!(stderr(&output).contains(wanted), "{wanted}: {}", stderr(&output));
}

#[test]
fn an_existing_file_needs_overwrite() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("out.txt");
    fs::write(&file, "my notes").expect("file");
    let target = file.to_str().expect("path");
    is_refused(&["--output", target], &[clip()], "out.txt, which exists, found, wanted a new file, or --overwrite");
    assert_eq!(read(&file), "my notes");

    // Standard input is another recording each time.
    let results = dir.path().join("results");
    fs::create_dir(&results).expect("folder");
    fs::write(results.join("stdin.eng.txt"), "my notes").expect("file");
    is_refused(&["--output", results.to_str().expect("path")], &["-".into()], "stdin.eng.txt, which exists,");
}

#[test]
fn a_recording_is_never_overwritten() {
    let dir = tempfile::tempdir().expect("folder");
    let (first, second) = (dir.path().join("a.wav"), dir.path().join("b.wav"));
    copy("hindi-1.wav", &first);
    copy("hindi-2.flac", &second);
    let before = fs::read(&first).expect("file");
    let name = first.to_str().expect("path");
    let around = dir.path().join("../").join(dir.path().file_name().expect("name")).join("./a.wav");
    let mut names = vec![name.to_owned(), around.display().to_string()];
    #[cfg(unix)]
    {
        let (link, hard) = (dir.path().join("link.txt"), dir.path().join("hard.txt"));
        std::os::unix::fs::symlink(&first, &link).expect("link");
        fs::hard_link(&first, &hard).expect("link");
        names.extend([link.display().to_string(), hard.display().to_string()]);
    }
    for target in &names {
        for overwrite in [&["--overwrite"] as &[&str], &[]] {
            let wanted = format!("{target}, which is the recording {name},");
            is_refused(&[overwrite, &["--output", target]].concat(), &[first.clone(), second.clone()], &wanted);
        }
    }
    // `--output *.wav`
    is_refused(&["--output", name], std::slice::from_ref(&second), "a.wav, which exists,");

    // A result in a folder.
    #[cfg(unix)]
    {
        let results = dir.path().join("results");
        fs::create_dir(&results).expect("folder");
        std::os::unix::fs::symlink(&first, results.join("b.eng.txt")).expect("link");
        let folder = results.to_str().expect("path");
        let wanted = format!("b.eng.txt, which is the recording {name},");
        is_refused(&["--overwrite", "--output", folder], &[first.clone(), second.clone()], &wanted);
    }
    assert_eq!(fs::read(&first).expect("file"), before);
    assert_eq!(run(&["--overwrite"], &[clip()]).status.code(), Some(2), "nothing to overwrite");
}

#[test]
fn a_folder_gets_a_result_for_each_file_and_is_finished_on_the_next_run() {
    let dir = tempfile::tempdir().expect("folder");
    let bad = dir.path().join("bad.wav");
    fs::write(&bad, b"RIFF, they said").expect("file");
    let results = dir.path().join("results");
    let folder = format!("{}/", results.display());
    let (first, second) = (common::example("hindi-1.wav"), common::example("tamil-2.flac"));
    let inputs = [first.clone(), bad.clone(), second.clone()];

    let output = run(&["--lang", "hin", "--output", &folder], &inputs);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
    assert_eq!(files(&results), ["hindi-1.hin.txt", "tamil-2.hin.txt"]);
    assert_eq!(read(results.join("hindi-1.hin.txt")), "कृपया आज का मौसम\n");
    let summary = stderr(&output);
    assert!(
        summary.contains("2 transcribed") && summary.contains("0 skipped") && summary.contains("1 failed"),
        "{summary}"
    );
    assert!(summary.contains(&format!("failed: {}", bad.display())), "{summary}");

    // Existing results are kept, whatever they contain.
    fs::write(results.join("hindi-1.hin.txt"), "kept").expect("file");
    fs::remove_file(&bad).expect("file");
    copy("english-2.flac", &bad);
    let output = run(&["--lang", "hin", "--output", &folder], &inputs);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 transcribed") && stderr(&output).contains("2 skipped"), "{}", stderr(&output));
    assert_eq!(read(results.join("hindi-1.hin.txt")), "kept");
    assert_eq!(files(&results), ["bad.hin.txt", "hindi-1.hin.txt", "tamil-2.hin.txt"]);

    let output = run(&["--lang", "hin", "--overwrite", "--output", &folder], &inputs[..1]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(read(results.join("hindi-1.hin.txt")), "कृपया आज का मौसम\n");

    // Subtitles of many recordings, each in a file of its own.
    let output = run(&["--format", "vtt", "--output", &folder], &[first, second]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(read(results.join("tamil-2.eng.vtt")).starts_with("WEBVTT\n"));
}

/// Whatever is there under the name of a result is the whole result.
#[cfg(unix)]
#[test]
fn a_killed_run_leaves_no_half_result() {
    let dir = tempfile::tempdir().expect("folder");
    let results = dir.path().join("results");
    let inputs = dir.path().join("recordings");
    for number in 0..20 {
        copy("hindi-1.wav", &inputs.join(format!("{number:02}.wav")));
    }
    let mut command = transcribe();
    command.args(["--model", "demo", "--lang", "hin", "--output"]).arg(format!("{}/", results.display())).arg(&inputs);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("run");
    while !results.join("00.hin.txt").exists() {
        assert!(child.try_wait().expect("child").is_none(), "ended without a result");
        std::thread::yield_now();
    }
    // SIGKILL.
    child.kill().expect("kill");
    child.wait().expect("child");
    let named = files(&results).into_iter().filter(|name| name.ends_with(".txt"));
    let texts: Vec<String> = named.map(|name| read(results.join(name))).collect();
    assert!((1..=20).contains(&texts.len()), "{texts:?}");
    assert!(texts.iter().all(|text| text == "कृपया आज का मौसम\n"), "{texts:?}");
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
