//! Subtitles: SubRip ([`srt`]) and WebVTT ([`vtt`]).
//!
//! A segment becomes one cue, or several if its text does not fit one; lines are filled evenly. Cues follow the times of the
//! words if these [were requested](crate::TranscribeOptions::words); otherwise the time of a segment is divided among its cues
//! by their length. A cue too short to be read is extended, at most to the next one. Lengths are counted in graphemes, which a
//! reader sees as one letter: नमस्ते has three.

use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;

use crate::transcript::{Segment, Word};

/// Limits for cues. The defaults are common in film subtitling.
///
/// ```
/// use indic_seamless::subtitles::SubtitleOptions;
///
/// let for_phones = SubtitleOptions { max_line_length: 32, ..SubtitleOptions::default() };
/// assert_eq!(for_phones.max_lines, 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SubtitleOptions {
    /// The longest line, in graphemes; a longer word is split. 0 for no limit.
    pub max_line_length: usize,
    /// The most lines of a cue, at least 1.
    pub max_lines: usize,
    /// The reading speed, in graphemes per second: a cue stays at least as long as reading takes, if the next one allows.
    pub max_reading_speed: f64,
    /// The shortest cue, in seconds, if the next one allows.
    pub min_duration_s: f64,
}

impl Default for SubtitleOptions {
    fn default() -> Self {
        Self { max_line_length: 42, max_lines: 2, max_reading_speed: 20.0, min_duration_s: 5.0 / 6.0 }
    }
}

/// Lines that are shown together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// When it appears, in seconds.
    pub start: f64,
    /// When it disappears, in seconds.
    pub end: f64,
    /// Its lines; none is empty.
    pub lines: Vec<String>,
}

/// The cues of segments, in order; a segment without text has none.
///
/// ```
/// use indic_seamless::subtitles::{SubtitleOptions, cues};
///
/// assert!(cues(&[], &SubtitleOptions::default()).is_empty());
/// ```
pub fn cues(segments: &[Segment], options: &SubtitleOptions) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for segment in segments {
        let lines = lines(&segment.text, options.max_line_length);
        let parts: Vec<&[String]> = lines.chunks(options.max_lines.max(1)).collect();
        let times = by_words(segment, &parts).unwrap_or_else(|| by_length(segment, &parts));
        cues.extend(parts.iter().zip(times).map(|(part, (start, end))| Cue { start, end, lines: part.to_vec() }));
    }
    for i in 0..cues.len() {
        let latest = cues.get(i + 1).map_or(f64::INFINITY, |next| next.start);
        let cue = &mut cues[i];
        let graphemes: usize = cue.lines.iter().map(|line| length(line)).sum();
        let reading = graphemes as f64 / options.max_reading_speed;
        // A speed of 0 or a duration of NaN sets no minimum.
        let finite = |seconds: f64| if seconds.is_finite() { seconds } else { 0.0 };
        let needed = finite(reading).max(finite(options.min_duration_s));
        cue.end = cue.end.max((cue.start + needed).min(latest));
    }
    cues
}

/// The segments as a `.srt` file.
///
/// ```
/// use indic_seamless::{Language, Transcriber, Waveform, subtitles::{SubtitleOptions, srt}};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
/// let transcript = Transcriber::demo()?.transcribe(&recording, Language::HINDI)?;
/// let srt = srt(&transcript.segments, &SubtitleOptions::default());
/// assert_eq!(srt, "1\n00:00:00,000 --> 00:00:01,226\nकृपया आज का मौसम\n\n");
/// # Ok(())
/// # }
/// ```
pub fn srt(segments: &[Segment], options: &SubtitleOptions) -> String {
    let mut out = String::new();
    for (number, Cue { start, end, lines }) in cues(segments, options).into_iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}\n{} --> {}\n{}\n\n", number + 1, time(start, ','), time(end, ','), lines.join("\n"));
    }
    out
}

/// The segments as a `.vtt` file.
///
/// ```
/// use indic_seamless::subtitles::{SubtitleOptions, vtt};
///
/// assert_eq!(vtt(&[], &SubtitleOptions::default()), "WEBVTT\n\n");
/// ```
pub fn vtt(segments: &[Segment], options: &SubtitleOptions) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for Cue { start, end, lines } in cues(segments, options) {
        let text = lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{} --> {}\n{text}\n\n", time(start, '.'), time(end, '.'));
    }
    out
}

/// The times of each part from the times of its words; `None` if they are unknown, or if a word does not fit its line.
fn by_words(segment: &Segment, parts: &[&[String]]) -> Option<Vec<(f64, f64)>> {
    let mut words = segment.words.iter();
    let times = |part: &&[String]| {
        let said: Vec<&str> = part.iter().flat_map(|line| line.split(' ')).collect();
        let known: Vec<&Word> = words.by_ref().take(said.len()).collect();
        let same = known.len() == said.len() && known.iter().zip(&said).all(|(word, said)| word.text == **said);
        Some((known.first()?.start, known.last()?.end)).filter(|_| same)
    };
    let times = parts.iter().map(times).collect::<Option<Vec<_>>>()?;
    words.next().is_none().then_some(times)
}

/// The time of a segment, divided among its parts by their length.
fn by_length(segment: &Segment, parts: &[&[String]]) -> Vec<(f64, f64)> {
    let lengths = parts.iter().map(|part| part.iter().map(|line| length(line)).sum::<usize>());
    let all: usize = lengths.clone().sum();
    let at = |letters: usize| segment.start + (segment.end - segment.start) * letters as f64 / all as f64;
    let mut before = 0;
    lengths
        .map(|letters| {
            before += letters;
            (at(before - letters), at(before))
        })
        .collect()
}

fn length(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Lines of at most `max` graphemes: as few as possible, and as even as possible.
fn lines(text: &str, max: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if max == 0 {
        return if words.is_empty() { Vec::new() } else { vec![words.join(" ")] };
    }
    let fewest = filled(&words, max);
    // The narrowest width that needs no more lines. Narrower lines never need fewer, so binary search works.
    let (mut narrow, mut wide) = (1, max);
    while narrow < wide {
        let middle = (narrow + wide) / 2;
        if filled(&words, middle).len() <= fewest.len() {
            wide = middle;
        } else {
            narrow = middle + 1;
        }
    }
    filled(&words, wide)
}

/// Fills lines of at most `max` graphemes, each as full as possible.
fn filled(words: &[&str], max: usize) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for word in words {
        let graphemes: Vec<&str> = word.graphemes(true).collect();
        // In scripts without spaces a whole sentence is one word.
        for piece in graphemes.chunks(max) {
            match lines.last_mut() {
                Some((line, length)) if *length + 1 + piece.len() <= max => {
                    line.push(' ');
                    line.extend(piece.iter().copied());
                    *length += 1 + piece.len();
                }
                _ => lines.push((piece.concat(), piece.len())),
            }
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

/// `hours:minutes:seconds` and milliseconds after `point`.
fn time(seconds: f64, point: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{h:02}:{m:02}:{s:02}{point}{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start: f64, end: f64, text: &str) -> Segment {
        let text = text.to_owned();
        Segment { start, end, text, tokens: Vec::new(), score: 0.0, avg_logprob: 0.0, ..Segment::default() }
    }

    #[test]
    fn cues_are_numbered_and_silence_has_none() {
        let segments = [segment(0.0, 1.5, "a <b> & c"), segment(2.0, 3.0, " "), segment(3599.9996, 3661.25, "d\n\ne")];
        let options = SubtitleOptions::default();
        assert_eq!(
            srt(&segments, &options),
            "1\n00:00:00,000 --> 00:00:01,500\na <b> & c\n\n2\n01:00:00,000 --> 01:01:01,250\nd e\n\n"
        );
        assert_eq!(
            vtt(&segments, &options),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;b&gt; &amp; c\n\n01:00:00.000 --> 01:01:01.250\nd e\n\n"
        );
    }

    #[test]
    fn long_text_is_cut_evenly_in_lines_and_in_time() {
        let words = "one two three four five six seven eight nine ten eleven twelve";
        let options = SubtitleOptions { max_line_length: 20, ..SubtitleOptions::default() };
        let cues = cues(&[segment(10.0, 22.0, words)], &options);
        assert_eq!(cues.iter().map(|cue| cue.lines.len()).collect::<Vec<_>>(), [2, 2]);
        assert!(cues.iter().flat_map(|cue| &cue.lines).all(|line| (10..=20).contains(&length(line))), "{cues:?}");
        assert_eq!((cues[0].start, cues[1].end), (10.0, 22.0));
        assert_eq!(cues[0].end, cues[1].start);
        assert!((15.0..17.0).contains(&cues[0].end), "{cues:?}");
        let text: Vec<String> = cues.iter().map(|cue| cue.lines.join(" ")).collect();
        assert_eq!(text.join(" "), words);
    }

    #[test]
    fn cues_keep_time_with_words_that_are_known() {
        let word = |text: &str, start: f64| Word { text: text.to_owned(), start, end: start + 0.5, confidence: 1.0 };
        let options = SubtitleOptions { max_line_length: 8, max_lines: 1, ..SubtitleOptions::default() };
        let mut segment = segment(0.0, 9.0, "one two three four");
        segment.words = vec![word("one", 1.0), word("two", 2.0), word("three", 6.0), word("four", 8.0)];
        let times = |segment: &Segment| -> Vec<(f64, f64)> {
            cues(std::slice::from_ref(segment), &options).iter().map(|cue| (cue.start, cue.end)).collect()
        };
        assert_eq!(times(&segment), [(1.0, 2.5), (6.0, 6.0 + 5.0 / 6.0), (8.0, 8.0 + 5.0 / 6.0)]);
        // Words that are not those of the text are of no use.
        segment.words.pop();
        assert_eq!(times(&segment)[0].0, 0.0);
    }

    #[test]
    fn letters_are_what_a_reader_sees() {
        assert_eq!(length("नमस्ते"), 3);
        assert_eq!(lines("नमस्ते दुनिया", 4), ["नमस्ते", "दुनिया"]);
        assert_eq!(lines("你好世界你好世界", 3).concat(), "你好世界你好世界");
        assert_eq!(lines("ab cd", 0), ["ab cd"]);
        assert_eq!(lines("  ", 5), [""; 0]);
    }

    #[test]
    fn short_cues_stay_until_they_can_be_read() {
        let segments = [segment(0.0, 0.2, "ten letter"), segment(0.6, 0.7, "x"), segment(5.0, 5.1, "y")];
        let options = SubtitleOptions { max_reading_speed: 5.0, min_duration_s: 1.0, ..SubtitleOptions::default() };
        let ends: Vec<f64> = cues(&segments, &options).iter().map(|cue| cue.end).collect();
        assert_eq!(ends, [0.6, 1.6, 6.0]);
    }
}
