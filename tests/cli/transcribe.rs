//! `transcribe`: text, JSON, subtitles, errors and exit codes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indic_seamless::Script;
use serde_json::Value;

use crate::{clip, common, run, run_tiny, stderr, stdout, tiny, transcribe, write_long};

#[test]
fn text_is_all_that_standard_output_gets() {
    for (lang, text) in
        [("hi-IN", "कृपया आज का मौसम\n"), ("தமிழ்", "தயவுசெய்து இன்றைய வானிலை\n"), ("en", "please the weather today\n")]
    {
        let output = run(&["--lang", lang], &[clip()]);
        assert_eq!(stdout(&output), text);
        assert_eq!(output.status.code(), Some(0));
    }
}

/// Without a model, the error says how to get one, and what works without.
#[cfg(feature = "hub")]
#[test]
fn without_a_model_there_is_a_way_on() {
    let home = tempfile::tempdir().expect("folder");
    let mut command = transcribe();
    for variable in ["HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_ENDPOINT"] {
        command.env_remove(variable);
    }
    let output = command.env("HF_HOME", home.path()).env("HF_HUB_OFFLINE", "1").arg(clip()).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    for wanted in ["ai4bharat/indic-seamless", "accept its licence at", "HF_TOKEN", "`--model DIR`", "`--model demo`"] {
        assert!(errors.contains(wanted), "{wanted}: {errors}");
    }
}

#[test]
fn every_container_gives_the_same_text() {
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clips");
    for extension in ["wav", "flac", "mp3", "m4a", "ogg", "opus", "webm"] {
        let output = run_tiny(&[], &[clips.join(format!("hi.{extension}"))]);
        assert_eq!(stdout(&output), "The weather is pleasant today.\n", "{extension}: {}", stderr(&output));
    }
}

#[test]
fn json_follows_its_contract() {
    let clip = tiny("audio/hi_16k.wav");
    let arguments = ["--format", "json", "--num-beams", "5", "--num-return-sequences", "3", "--max-new-tokens", "48"];
    let output = run_tiny(&arguments, &[clip.clone(), clip.clone()]);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    let golden =
        &common::all().into_iter().find(|golden| golden.name() == "tiny").expect("tiny").manifest["clips"]["hi_16k"];
    let wanted = &golden["generate"]["eng/beam5_ret3"];
    for line in &lines {
        assert_eq!(line["file"], clip.to_str().expect("path"));
        assert_eq!(line["language"], "eng");
        assert_eq!(line["text"], "The weather is pleasant today.");
        assert_eq!(line["precision"], "f32");
        assert_eq!(line["backend"], "flex");
        assert!((line["duration_s"].as_f64().expect("duration") - 1.445).abs() < 0.01, "{line}");
        assert!(!cfg!(target_os = "linux") || line["peak_rss_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000));
        let [segment] = &line["segments"].as_array().expect("segments")[..] else { panic!("{line}") };
        assert_eq!(segment["start"], 0.0);
        assert_eq!(segment["end"], line["duration_s"]);
        assert_eq!(segment["text"], line["text"]);
        assert_eq!(segment["end_reason"], "whole");
        let alternatives = segment["alternatives"].as_array().expect("alternatives");
        assert_eq!(alternatives.len(), 2);
        for (i, hypothesis) in std::iter::once(segment).chain(alternatives).enumerate() {
            let mut tokens = wanted["ids"][i].as_array().expect("ids").clone();
            // The reference pads with 3, the end token; here a sequence has only one of them.
            while tokens.ends_with(&[3.into(), 3.into()]) {
                tokens.pop();
            }
            assert_eq!(hypothesis["tokens"], Value::from(tokens));
            assert_eq!(hypothesis["text"], wanted["text"][i]);
            let (found, wanted) = (&hypothesis["score"], &wanted["sequences_scores"][i]);
            assert!((found.as_f64().expect("score") - wanted.as_f64().expect("score")).abs() < 1e-4);
        }
        // With a length penalty of 1 the score of a beam is the mean log-probability.
        let (score, mean) = (segment["score"].as_f64().expect("score"), segment["avg_logprob"].as_f64().expect("mean"));
        assert!((score - mean).abs() < 1e-5);
        let timings = &line["timings"];
        for key in ["load_ms", "audio_ms", "features_ms", "encoder_ms", "generation_ms", "total_ms"] {
            assert!(timings[key].as_f64().is_some_and(|ms| ms > 0.0), "{key}: {timings}");
        }
        assert_eq!(timings["new_tokens"], segment["tokens"].as_array().expect("tokens").len() - 2);
    }
}

#[test]
fn subtitles_of_one_file() {
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/audio/hindi-1.wav");
    let of = |options: &[&str], files: &[&PathBuf]| {
        let output = transcribe().args(["--model", "demo", "--lang", "hin"]).args(options).args(files).output();
        output.expect("run")
    };
    let srt = stdout(&of(&["--format", "srt"], &[&demo]));
    assert_eq!(srt, "1\n00:00:00,080 --> 00:00:01,226\nकृपया आज का मौसम\n\n", "the first word begins after 0.08 s");
    let narrow = ["--format", "vtt", "--max-line-length", "6", "--max-lines", "1"];
    let vtt = stdout(&of(&narrow, &[&demo]));
    let lines: Vec<&str> = vtt.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], "WEBVTT");
    assert!(lines[1].starts_with("00:00:00.080 --> 00:00:0"), "{vtt}");
    let text: Vec<&str> = lines[1..].chunks(2).map(|cue| cue[1]).collect();
    assert_eq!(text.join(" "), "कृपया आज का मौसम");
    assert!(text.len() >= 2, "{vtt}");
    let short = stdout(&of(&["--format", "srt", "--max-cue-duration", "0.5"], &[&demo]));
    assert!(short.starts_with("1\n00:00:00,080 --> 00:00:00,359\nकृपया\n\n"), "{short}");
    let json = stdout(&of(&["--format", "json"], &[&demo]));
    assert!(!json.contains("\"words\""), "{json}");
    let two = of(&["--format", "srt"], &[&demo, &demo]);
    assert_eq!(two.status.code(), Some(2));
    assert!(stderr(&two).contains("one file for subtitles"), "{}", stderr(&two));
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let dir = tempfile::tempdir().expect("folder");
    let bad = dir.path().join("notes.wav");
    fs::write(&bad, "these are notes\n").expect("write");
    let output = run(&[], &[bad, dir.path().join("missing.mp3"), clip()]);
    assert_eq!(stdout(&output), format!("{}\tplease the weather today\n", clip().display()));
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(errors.contains("notes.wav") && errors.contains("missing.mp3") && errors.contains("2 of 3"), "{errors}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let clip = clip();
    let cases: [&[&str]; 28] = [
        &["--lang", "klingon"],
        &["--lang", "pa-Arab"],
        &["--no-such-option"],
        &["--num-beams", "0"],
        &["--num-beams", "2", "--num-return-sequences", "3"],
        &["--early-stopping", "maybe"],
        &["--precision", "f12"],
        &["--backend", "abacus"],
        &["--threads", "0"],
        &["--repetition-penalty=-1"],
        &["--format", "odt"],
        &["--segmentation", "sometimes"],
        &["--max-segment", "0"],
        &["--max-pause", "-1"],
        &["--speech-threshold", "2"],
        &["--segmentation", "none", "--max-segment", "30"],
        &["--segmentation", "none", "--max-pause", "1"],
        &["--segmentation", "none", "--speech-threshold", "0.5"],
        &["--batch-size", "0"],
        &["--retry", "often"],
        &["--pcm", "5"],
        &["--pcm", "alaw"],
        &["--pcm", "opus,8000"],
        &["--pcm", "alaw,8000,0"],
        &["--pcm", "s16,8000,1,1"],
        &["--pcm", "8000", env!("CARGO_MANIFEST_DIR")],
        &["--pcm", ",8000"],
        &["-", "-"],
    ];
    for arguments in cases {
        let output = run(arguments, std::slice::from_ref(&clip));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(!stderr(&output).is_empty());
    }
    assert_eq!(transcribe().output().expect("run").status.code(), Some(2), "no file at all");
}

#[test]
fn what_the_model_cannot_do_is_refused_once_and_before_anything_is_read() {
    let wrong: [&[&str]; 4] = [
        &["--max-new-tokens", "100000"],
        &["--script", "thai"],
        &["--lang", "auto", "--script", "thai"],
        &["--lang", "auto", "--max-new-tokens", "100000"],
    ];
    for arguments in wrong {
        let output = run(arguments, &[clip(), "no-such-file.wav".into()]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()), "{}", stderr(&output));
        let option = arguments[arguments.len() - 2].trim_start_matches('-').replace('-', "_");
        let errors = stderr(&output);
        assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
        assert!(errors.starts_with(&format!("error: option {option}: ")), "{arguments:?}: {errors}");
    }
    let output = run(&["--lang", "auto", "--script", "auto"], &[clip()]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "कृपया आज का मौसम\n".to_owned()));
}

#[test]
fn a_missing_model_is_named() {
    let output = transcribe().args(["--model", "/no/such/model"]).arg(clip()).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/no/such/model"), "{}", stderr(&output));
}

#[test]
fn the_spoken_language_can_be_found_out() {
    let output = run(&["--lang", "auto"], &[common::example("tamil-1.wav"), clip()]);
    let texts: Vec<String> =
        stdout(&output).lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())).collect();
    assert_eq!(texts, ["தயவுசெய்து கதவைத் திற", "कृपया आज का मौसम"], "{}", stderr(&output));
    assert!(stderr(&output).contains("Tamil") && stderr(&output).contains("Hindi"), "{}", stderr(&output));
}

#[test]
fn a_text_keeps_to_the_script_that_is_asked_for() {
    let latin: Script = "latin".parse().expect("a script");
    let output = run(&["--lang", "hin", "--script", "latin"], &[clip()]);
    let text = stdout(&output);
    assert!(latin.writes(&text) && text.chars().any(char::is_alphabetic), "{text}{}", stderr(&output));
}

#[test]
fn a_text_that_runs_away_is_searched_again_if_that_is_asked_for() {
    // More tokens than anybody says in the time of the clip.
    for (retry, wanted) in [("always", true), ("auto", false), ("never", false)] {
        let output = run_tiny(&["--min-new-tokens", "199", "--retry", retry, "--format", "json"], &[clip()]);
        let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        let flags = line["segments"][0]["flags"].as_array().expect("flags");
        assert!(flags.contains(&Value::from("run_away")), "{retry}: {flags:?}");
        assert_eq!(flags.contains(&Value::from("retried")), wanted, "{retry}: {flags:?}");
    }
}

#[test]
fn words_have_times_and_confidence() {
    let output = run(&["--lang", "hin", "--format", "json", "--words"], &[clip()]);
    let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let words = line["segments"][0]["words"].as_array().expect("words");
    let texts: Vec<&str> = words.iter().filter_map(|word| word["text"].as_str()).collect();
    assert_eq!(texts.join(" "), "कृपया आज का मौसम");
    common::schema::validate(&common::schema::published(), &line).expect("as docs/transcript.schema.json says");
    for word in words {
        assert!(word["start"].as_f64() < word["end"].as_f64() && word["confidence"].as_f64() > Some(0.5), "{word}");
    }
}

/// The recording is decoded piece by piece, so that hours take no more memory than seconds.
#[cfg(target_os = "linux")]
#[test]
fn three_hours_take_little_more_memory_than_a_clip() {
    let dir = tempfile::tempdir().expect("folder");
    let file = |name: &str, seconds: usize| {
        let path = dir.path().join(name);
        write_long(&path, seconds);
        path
    };
    let peak = |path: PathBuf| {
        let output = run(&["--lang", "hin", "--format", "json"], &[path]);
        let line: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        let count = line["segments"].as_array().map_or(0, Vec::len);
        (count, line["peak_rss_bytes"].as_u64().expect("bytes"))
    };
    let (_, short) = peak(file("short.wav", 10));
    let (segments, long) = peak(file("long.wav", 3 * 3600));
    assert_eq!(segments, 900);
    assert!(long < short + 150_000_000, "{long} bytes for three hours, {short} for ten seconds");
    println!("{} MB for three hours, {} MB for ten seconds", long / 1_000_000, short / 1_000_000);
}
