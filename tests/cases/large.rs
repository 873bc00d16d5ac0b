//! Files of more than 4 GiB, and an hour.

use std::time::Duration;

use indic_seamless::{AudioOptions, Transcriber};

use crate::{
    folder,
    said::Said,
    table::{HALF_MINUTE, ONCE, ROUND_S},
    transcribe,
};

/// A part of a recording of any length.
fn part(start_s: f64, duration_s: f64) -> AudioOptions {
    AudioOptions::new()
        .max_duration(Duration::from_secs(36_000))
        .start(Duration::from_secs_f64(start_s))
        .duration(Duration::from_secs_f64(duration_s))
}

#[test]
#[ignore = "files of 4 GiB: ci/cases.sh large"]
fn all_of_a_wav_file_beyond_4_gib_is_read() {
    let transcriber = Transcriber::demo().expect("model");
    // 2^32 bytes and a minute of eight channels of 64-bit floats at 48 kHz; the speech at its end is a round long.
    let length_s = (1_u64 << 32) as f64 / (48_000.0 * 64.0) + 60.0;
    let path = folder().join("large_wav.wav");
    let hint = AudioOptions::new().max_duration(Duration::MAX).reader(&path).expect("audio").duration_hint();
    let hint_s = hint.expect("a length").as_secs_f64();
    assert!((hint_s - length_s).abs() < 0.01, "{hint_s} s, not {length_s} s");
    for start_s in [0.0, length_s - ROUND_S] {
        let audio = part((start_s - 1.0).max(0.0), ROUND_S + 1.0).open(&path).expect("audio");
        assert!(audio.damage().is_empty(), "{:?}", audio.damage());
        let problems = Said { later_s: start_s, ..ONCE }.differences(&transcribe(&transcriber, &audio));
        assert!(problems.is_empty(), "{problems:?}");
    }
}

#[test]
#[ignore = "files of 5 GiB: ci/cases.sh large"]
fn an_mp4_file_beyond_4_gib_is_read() {
    let transcriber = Transcriber::demo().expect("model");
    let audio = part(0.0, 60.0).open(folder().join("large_m4a.m4a")).expect("audio");
    assert!(audio.damage().is_empty(), "{:?}", audio.damage());
    let problems = HALF_MINUTE.differences(&transcribe(&transcriber, &audio));
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
#[ignore = "an hour of speech: ci/cases.sh large"]
fn times_are_exact_after_an_hour() {
    let transcriber = Transcriber::demo().expect("model");
    let audio = part(0.0, 3600.0).open(folder().join("large_hour.wav")).expect("audio");
    assert_eq!(audio.duration(), Duration::from_secs(3600));
    let first = ONCE.phrases().remove(0);
    let segments = transcribe(&transcriber, &audio).segments;
    assert_eq!(segments.len(), 60);
    for (minute, segment) in segments.iter().enumerate() {
        let late = segment.start - first.speech.start - 60.0 * minute as f64;
        assert!(segment.text == first.text && late.abs() < 0.1, "minute {minute}: {:?}, {late:+.2} s", segment.text);
    }
}
