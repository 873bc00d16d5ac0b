//! Subtitles of any segments: cues in order, within their limits, with all of the text; and files that can be read back.

use std::collections::BTreeSet;

use indic_seamless::{
    Segment, Word,
    subtitles::{Cue, SubtitleOptions, cues, srt, vtt},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    check,
    subtitle_files::{Shown, read_srt, read_vtt},
};

const SAID: [&str; 10] =
    ["नमस्ते", "दुनिया।", "کل", "ہوگی،", "今天天气很好。", "สวัสดี", "rain,", "Good", "morning.", "e\u{301}"];

/// What could be taken for something else than a word.
const ODD: [&str; 16] = [
    "<b>",
    "</i>",
    "<",
    "{\\an8}",
    "{",
    "-->",
    "--",
    ">",
    "&amp;",
    "&",
    "1",
    "00:00:01,000",
    "WEBVTT",
    "NOTE",
    "\u{feff}",
    "\u{202b}",
];

fn word() -> impl Strategy<Value = String> {
    let known = |words: &'static [&str]| select(words).prop_map(str::to_owned);
    prop_oneof![3 => known(&SAID), 1 => known(&ODD), 1 => "\\PC{1,9}"]
}

/// Seconds: of a recording, or of one that nobody has.
fn time() -> impl Strategy<Value = f64> {
    let ms = |ms: u32| f64::from(ms) / 1000.0;
    let odd = vec![0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-9, 359_999.999_6, 1e12, 1e300, f64::MAX];
    prop_oneof![20 => (0_u32..60_000).prop_map(ms), 3 => (0_u32..400_000_000).prop_map(ms), 1 => select(odd)]
}

fn segment() -> impl Strategy<Value = Segment> {
    let blank = select(vec![" ", "  ", "\n", "\r\n", "\t", "\u{2028}"]);
    let words = vec((word(), time(), time()), 0..14);
    let made = (words, blank, time(), time(), any::<bool>(), option::weighted(0.3, 1_usize..4));
    made.prop_map(|(said, blank, start, end, known, speaker)| {
        let text = said.iter().map(|(word, ..)| word.as_str()).collect::<Vec<_>>().join(blank);
        let word = |(text, start, end)| Word { text, start, end, confidence: 1.0 };
        let words = if known { said.into_iter().map(word).collect() } else { Vec::new() };
        Segment { start, end, text, words, speaker, ..Segment::default() }
    })
}

fn options() -> impl Strategy<Value = SubtitleOptions> {
    let seconds = || select(vec![0.0, 0.4, 1.0, 7.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, 1e-9]);
    let counts = (select(vec![0_usize, 1, 16, 42, usize::MAX]), select(vec![0_usize, 1, 2, 3]));
    let made = (counts, seconds(), seconds(), seconds(), any::<bool>());
    made.prop_map(|((max_line_length, max_lines), max_reading_speed, min_duration_s, max_duration_s, usual)| {
        if usual {
            return SubtitleOptions::default();
        }
        SubtitleOptions { max_line_length, max_lines, max_reading_speed, min_duration_s, max_duration_s }
    })
}

/// The letters of texts, whatever is between them.
fn letters<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

/// The cues of one speaker.
fn of(cues: &[Cue], speaker: Option<usize>) -> Vec<&Cue> {
    cues.iter().filter(|cue| cue.speaker == speaker).collect()
}

#[test]
fn cues_are_in_order_within_their_limits_and_have_all_of_the_text() {
    check(1500, (vec(segment(), 0..8), options()), |(segments, options)| {
        let cues = cues(&segments, &options);
        prop_assert!(cues.is_sorted_by(|a, b| a.start <= b.start), "{:?}", cues);
        let most = options.max_duration_s;
        for cue in &cues {
            prop_assert!(0.0 <= cue.start && cue.start < cue.end && cue.end.is_finite(), "{:?}", cue);
            prop_assert!((1..=options.max_lines.max(1)).contains(&cue.lines.len()), "{:?}", cue);
            let is_line = |line: &String| !line.is_empty() && line.trim() == line && !line.contains(['\n', '\r']);
            prop_assert!(cue.lines.iter().all(is_line), "{:?}", cue);
            let limited = most.is_finite() && most >= 0.001;
            prop_assert!(!limited || cue.end - cue.start <= most + 0.001, "{:?} is too long", cue);
        }
        let speakers: BTreeSet<_> = segments.iter().map(|segment| segment.speaker).collect();
        for speaker in speakers {
            let said = segments.iter().filter(|segment| segment.speaker == speaker);
            let cues = of(&cues, speaker);
            let shown = cues.iter().flat_map(|cue| &cue.lines).map(String::as_str);
            prop_assert_eq!(letters(shown), letters(said.map(|segment| segment.text.as_str())));
            prop_assert!(cues.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", cues);
        }
        Ok(())
    });
}

#[test]
fn files_read_back_are_the_cues() {
    check(1500, (vec(segment(), 0..8), options()), |(segments, options)| {
        let wanted: Vec<Shown> = cues(&segments, &options).iter().map(Shown::from).collect();
        let file = vtt(&segments, &options);
        prop_assert_eq!(&read_vtt(&file).map_err(TestCaseError::fail)?, &wanted, "{}", file);
        // SubRip has no place for the speaker but the text.
        let told = wanted.into_iter().map(|mut cue| {
            if let (Some(speaker), Some(first)) = (cue.speaker.take(), cue.lines.first_mut()) {
                first.insert_str(0, &format!("{speaker}: "));
            }
            cue
        });
        let (file, told) = (srt(&segments, &options), told.collect::<Vec<_>>());
        prop_assert_eq!(&read_srt(&file).map_err(TestCaseError::fail)?, &told, "{}", file);
        Ok(())
    });
}
