//! What must hold for all cues, whatever the text, its times and the limits.

use indic_seamless::{
    Segment,
    subtitles::{Cue, SubtitleOptions, cues},
};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    samples::SAMPLES,
    speech::{Pace, Random, speech},
};

/// Whole milliseconds.
fn ms(seconds: f64) -> i64 {
    let ms = (seconds * 1000.0).round();
    assert!((seconds * 1000.0 - ms).abs() < 1e-3, "{seconds} is not a multiple of a millisecond");
    ms as i64
}

/// The length of a line as the documentation defines it.
fn width(line: &str) -> usize {
    let wide = |c: char| matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff60}');
    line.graphemes(true).map(|grapheme| if grapheme.starts_with(wide) { 2 } else { 1 }).sum()
}

/// Checks what depends on the times alone.
fn check_times(cues: &[Cue], options: &SubtitleOptions, place: &str) {
    let limit = |seconds: f64| if seconds == 0.0 { i64::MAX } else { ms(seconds) };
    let (min, max) = (ms(options.min_duration_s), limit(options.max_duration_s));
    for (i, cue) in cues.iter().enumerate() {
        let (start, end) = (ms(cue.start), ms(cue.end));
        let next = cues.get(i + 1).map_or(i64::MAX, |next| ms(next.start));
        assert!(start >= 0 && start < end && end <= next, "{place}: cue {i} {cue:?}, next at {next}");
        assert!(end - start <= max, "{place}: cue {i} lasts {} ms", end - start);
        let least = min.min(max).min(next - start);
        assert!(end - start >= least, "{place}: cue {i} lasts {} ms, next at {next}", end - start);
    }
}

/// Checks the lines, and that they are the text.
fn check_text(cues: &[Cue], segments: &[Segment], spaced: bool, options: &SubtitleOptions, place: &str) {
    let texts: Vec<&str> = segments.iter().flat_map(|segment| segment.text.split_whitespace()).collect();
    let lines: Vec<&str> = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str).collect();
    if spaced {
        assert_eq!(lines.iter().flat_map(|line| line.split(' ')).collect::<Vec<_>>(), texts, "{place}");
    }
    let graphemes = |parts: &[&str]| -> Vec<String> {
        parts.iter().flat_map(|part| part.graphemes(true)).filter(|g| *g != " ").map(str::to_owned).collect()
    };
    assert_eq!(graphemes(&lines), graphemes(&texts), "{place}");
    assert!(cues.iter().all(|cue| (1..=options.max_lines.max(1)).contains(&cue.lines.len())), "{place}: {cues:?}");
    for line in lines {
        assert!(!line.is_empty() && line.trim() == line && !line.contains(['\n', '\r']), "{place}: {line:?}");
        // No word of the samples that are written without blanks is longer than 24.
        let fits = options.max_line_length == 0 || width(line) <= options.max_line_length;
        let single = !line.contains(' ') && (spaced || options.max_line_length < 24);
        assert!(fits || single, "{place}: {line:?} is longer than {}", options.max_line_length);
    }
}

/// Checks that each cue begins with its first word.
fn check_starts(cues: &[Cue], segments: &[Segment], place: &str) {
    let words: Vec<_> = segments.iter().flat_map(|segment| &segment.words).collect();
    let mut said = 0;
    for cue in cues {
        assert!((cue.start - words[said].start).abs() < 0.001, "{place}: {cue:?}, {:?}", words[said]);
        said += cue.lines.iter().flat_map(|line| line.split(' ')).count();
    }
}

#[test]
fn cues_keep_their_limits_whatever_the_times() {
    for (code, spaced, text) in SAMPLES {
        for seed in 0..150 {
            let segments = speech(text, spaced, Pace::Wild, seed);
            let random = &mut Random::new(seed + 1_000);
            let options = SubtitleOptions {
                max_line_length: random.one_of(&[0, 1, 5, 16, 24, 32, 42, 80]),
                max_lines: random.one_of(&[0, 1, 2, 3]),
                max_reading_speed: random.one_of(&[0.0, 5.0, 20.0, f64::INFINITY]),
                min_duration_s: random.one_of(&[0.0, 0.5, 1.0, 3.0]),
                max_duration_s: random.one_of(&[0.0, 0.4, 2.0, 7.0]),
            };
            let cues = cues(&segments, &options);
            let place = format!("{code}, seed {seed}, {options:?}");
            check_times(&cues, &options, &place);
            check_text(&cues, &segments, spaced, &options, &place);
        }
    }
}

#[test]
fn times_beyond_all_measure_give_cues_in_order() {
    let segment = |text: &str| Segment { start: 1e300, end: 1e301, text: text.to_owned(), ..Segment::default() };
    for options in [SubtitleOptions::default(), SubtitleOptions { max_duration_s: 0.0, ..SubtitleOptions::default() }] {
        let segments = [segment("one"), segment("two"), segment("three")];
        let cues = cues(&segments, &options);
        assert!(cues.iter().all(|cue| cue.start < cue.end) && cues.is_sorted_by(|a, b| a.end <= b.start), "{cues:?}");
        check_text(&cues, &segments, true, &options, "segments at the end of time");
    }
}

#[test]
fn natural_speech_gives_cues_of_one_to_seven_seconds_that_begin_with_their_words() {
    for (code, spaced, text) in SAMPLES {
        for seed in 0..150 {
            let segments = speech(text, spaced, Pace::Natural, seed);
            for max_line_length in [32, 42] {
                let options = SubtitleOptions { max_line_length, ..SubtitleOptions::default() };
                let cues = cues(&segments, &options);
                let place = format!("{code}, seed {seed}, {max_line_length}");
                check_times(&cues, &options, &place);
                check_text(&cues, &segments, spaced, &options, &place);
                if spaced {
                    check_starts(&cues, &segments, &place);
                }
                for (i, cue) in cues.iter().enumerate() {
                    let lasts = ms(cue.end) - ms(cue.start);
                    assert!((1_000..=7_000).contains(&lasts), "{place}: cue {i} lasts {lasts} ms: {cues:?}");
                }
            }
        }
    }
}
