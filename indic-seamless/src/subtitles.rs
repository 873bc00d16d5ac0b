//! Subtitles: `SubRip` ([`srt`]) and `WebVTT` ([`vtt`]), a cue for each segment that has text.

use std::fmt::Write as _;

use crate::transcript::Segment;

/// The segments as a `.srt` file.
///
/// ```
/// use indic_seamless::{Language, Transcriber, Waveform, subtitles};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let recording = Waveform::open("../examples/audio/hindi-1.wav")?;
/// let transcript = Transcriber::demo()?.transcribe(&recording, Language::HINDI)?;
/// let srt = subtitles::srt(&transcript.segments);
/// assert!(srt.starts_with("1\n00:00:00,000 --> 00:00:"));
/// # Ok(())
/// # }
/// ```
pub fn srt(segments: &[Segment]) -> String {
    let mut out = String::new();
    for (number, segment) in with_text(segments).enumerate() {
        let (start, end) = (time(segment.start, ','), time(segment.end, ','));
        // Writing to a string cannot fail.
        let _ = write!(out, "{}\n{start} --> {end}\n{}\n\n", number + 1, one_line(&segment.text));
    }
    out
}

/// The segments as a `.vtt` file.
///
/// ```
/// assert_eq!(indic_seamless::subtitles::vtt(&[]), "WEBVTT\n\n");
/// ```
pub fn vtt(segments: &[Segment]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for segment in with_text(segments) {
        let (start, end) = (time(segment.start, '.'), time(segment.end, '.'));
        let text = one_line(&segment.text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

fn with_text(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(|segment| !segment.text.trim().is_empty())
}

/// An empty line would end a cue.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
        Segment { start, end, text, tokens: Vec::new(), score: 0.0, avg_logprob: 0.0, alternatives: Vec::new() }
    }

    #[test]
    fn cues_are_numbered_and_silence_has_none() {
        let segments = [segment(0.0, 1.5, "a <b> & c"), segment(2.0, 3.0, " "), segment(3599.9996, 3661.25, "d\n\ne")];
        assert_eq!(
            srt(&segments),
            "1\n00:00:00,000 --> 00:00:01,500\na <b> & c\n\n2\n01:00:00,000 --> 01:01:01,250\nd e\n\n"
        );
        assert_eq!(
            vtt(&segments),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &lt;b&gt; &amp; c\n\n01:00:00.000 --> 01:01:01.250\nd e\n\n"
        );
    }
}
