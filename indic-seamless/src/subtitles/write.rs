//! Cues as files.

use std::fmt::Write as _;

use super::{Cue, SubtitleOptions, cues};
use crate::{script, transcript::Segment};

/// Around a line that is read from right to left. Most players of SubRip lay lines out from left to right unless told otherwise.
/// Embeddings are older than isolates (U+2067 and U+2069), and known to more players.
const RIGHT_TO_LEFT_EMBEDDING: char = '\u{202b}';
const POP_DIRECTIONAL_FORMATTING: char = '\u{202c}';
/// Between the times of a cue.
const ARROW: &str = "-->";
/// An invisible character that is no blank.
const WORD_JOINER: char = '\u{2060}';

/// The segments as a `.srt` file.
///
/// Lines that are read from right to left are embedded between U+202B and U+202C. An invisible U+2060 is put into text that a
/// player could take for markup or a time. The number of a [speaker](Segment::speaker) and a colon stand before the text.
///
/// ```
/// use indic_seamless::{Language, TranscribeOptions, Transcriber, Waveform, subtitles::{SubtitleOptions, srt}};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
/// let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
/// let transcript = Transcriber::demo()?.transcribe_with(&recording, Language::HINDI, options)?;
/// let srt = srt(&transcript.segments, &SubtitleOptions::default());
/// assert_eq!(srt, "1\n00:00:00,080 --> 00:00:01,226\nकृपया आज का मौसम\n\n");
/// # Ok(())
/// # }
/// ```
pub fn srt(segments: &[Segment], options: &SubtitleOptions) -> String {
    let mut out = String::new();
    for (number, (cue, text)) in texts(segments, options, unmarked).into_iter().enumerate() {
        let speaker = cue.speaker.map_or_else(String::new, |speaker| format!("{speaker}: "));
        // Writing to a string cannot fail.
        let _ = write!(out, "{}\n{}\n{speaker}{text}\n\n", number + 1, times(&cue, ','));
    }
    out
}

/// The segments as a `.vtt` file.
///
/// Lines that are read from right to left are embedded between U+202B and U+202C; `&`, `<` and `>` are escaped. The number
/// of a [speaker](Segment::speaker) is the voice of the cue, `<v 1>`.
///
/// ```
/// use indic_seamless::subtitles::{SubtitleOptions, vtt};
///
/// assert_eq!(vtt(&[], &SubtitleOptions::default()), "WEBVTT\n\n");
/// ```
pub fn vtt(segments: &[Segment], options: &SubtitleOptions) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    let escaped = |line: &str| line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for (cue, text) in texts(segments, options, escaped) {
        let speaker = cue.speaker.map_or_else(String::new, |speaker| format!("<v {speaker}>"));
        let _ = write!(out, "{}\n{speaker}{text}\n\n", times(&cue, '.'));
    }
    out
}

/// The cues, each with its text as it is written.
fn texts(segments: &[Segment], options: &SubtitleOptions, escaped: impl Fn(&str) -> String) -> Vec<(Cue, String)> {
    let all: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    let mostly = script::right_to_left_share(&all) > 0.5;
    let text = |cue: Cue| {
        let share = script::right_to_left_share(&cue.lines.concat());
        // A few words may be in Latin letters.
        let embedded = share > if mostly { 0.0 } else { 0.5 };
        let line = |line: &String| match escaped(line) {
            line if embedded => format!("{RIGHT_TO_LEFT_EMBEDDING}{line}{POP_DIRECTIONAL_FORMATTING}"),
            line => line,
        };
        let text = cue.lines.iter().map(line).collect::<Vec<_>>().join("\n");
        (cue, text)
    };
    cues(segments, options).into_iter().map(text).collect()
}

/// A line without what players of SubRip take for markup, such as `<i>` and `{\an8}`, or for the times of another cue. There is
/// no way to escape these that all players know.
fn unmarked(line: &str) -> String {
    let has_arrow = line.contains(ARROW);
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '>' && out.ends_with("--") {
            out.push(WORD_JOINER);
        }
        out.push(c);
        let is_markup = matches!(c, '<' | '{') && rest.peek().is_some_and(|next| !next.is_whitespace());
        if is_markup || has_arrow && c == ':' {
            out.push(WORD_JOINER);
        }
    }
    out
}

/// The line with the times of a cue.
fn times(cue: &Cue, point: char) -> String {
    format!("{} {ARROW} {}", time(cue.start, point), time(cue.end, point))
}

/// `hours:minutes:seconds` and milliseconds after `point`.
fn time(seconds: f64, point: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}
