//! Subtitles: SubRip ([`srt`]) and WebVTT ([`vtt`]).
//!
//! [`cues`] cuts the text of segments into cues. A cue follows the times of its words if the segments [list
//! them](crate::TranscribeOptions::words); otherwise the time of a segment is divided among its words by their length. A cue
//! ends at a pause or at the end of a sentence, if the limits allow, and never inside a word.
//!
//! Lengths are counted in graphemes, which a reader sees as one letter: नमस्ते has three. The wide characters of Chinese, Japanese
//! and Korean count as two.

mod cut;
mod lines;
mod pieces;
mod write;

use std::collections::BTreeSet;

pub use self::write::{srt, vtt};
use self::{
    cut::{Limits, cut},
    lines::lines,
    pieces::{Piece, pieces},
};
use crate::transcript::Segment;

/// Later times count as this one, in milliseconds: no recording is that long, and sums of such times neither overflow nor are
/// rounded in `f64`.
const LATEST_MS: u64 = 1 << 50;

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
    /// The longest line, in graphemes. A longer word has a line of its own. 0 for no limit.
    pub max_line_length: usize,
    /// The most lines of a cue, at least 1.
    pub max_lines: usize,
    /// The reading speed, in graphemes per second: a cue stays at least as long as reading takes, if the next one and
    /// [`max_duration_s`](Self::max_duration_s) allow.
    pub max_reading_speed: f64,
    /// The shortest cue, in seconds. A shorter one stays longer, or is joined to a neighbour; it is shorter only if its
    /// neighbours are close and have no room for it.
    pub min_duration_s: f64,
    /// The longest cue, in seconds, also if a single word takes longer. 0 for no limit.
    pub max_duration_s: f64,
}

impl Default for SubtitleOptions {
    fn default() -> Self {
        Self { max_line_length: 42, max_lines: 2, max_reading_speed: 20.0, min_duration_s: 1.0, max_duration_s: 7.0 }
    }
}

/// Lines that are shown together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// When it appears, in seconds: when its first word is spoken. A multiple of a millisecond.
    pub start: f64,
    /// When it disappears, in seconds: after `start`, and not after the start of the next cue. A multiple of a millisecond.
    pub end: f64,
    /// Its lines; none is empty.
    pub lines: Vec<String>,
    /// Who speaks, from 1: [`Segment::speaker`].
    pub speaker: Option<usize>,
}

/// The cues of segments, in order; a segment without text has none. Cues overlap only where several
/// [speakers](Segment::speaker) talk at once.
///
/// ```
/// use indic_seamless::{Segment, Word, subtitles::{SubtitleOptions, cues}};
///
/// let word = |text: &str, start: f64, end: f64| Word { text: text.to_owned(), start, end, confidence: 1.0 };
/// let words = vec![word("Good", 1.0, 1.2), word("morning.", 1.2, 2.1), word("Rain", 3.0, 3.4), word("tomorrow.", 3.4, 4.1)];
/// let text = "Good morning. Rain tomorrow.".to_owned();
/// let cues = cues(&[Segment { end: 5.0, text, words, ..Segment::default() }], &SubtitleOptions::default());
/// assert_eq!((cues[0].start, cues[0].end, &cues[0].lines[..]), (1.0, 2.1, &["Good morning.".to_owned()][..]));
/// assert_eq!((cues[1].start, cues[1].end, &cues[1].lines[..]), (3.0, 4.1, &["Rain tomorrow.".to_owned()][..]));
/// ```
pub fn cues(segments: &[Segment], options: &SubtitleOptions) -> Vec<Cue> {
    let speakers: BTreeSet<Option<usize>> = segments.iter().map(|segment| segment.speaker).collect();
    let mut all: Vec<Cue> = Vec::new();
    for speaker in speakers {
        let said: Vec<&Segment> = segments.iter().filter(|segment| segment.speaker == speaker).collect();
        all.extend(cues_of_one(&said, options).into_iter().map(|cue| Cue { speaker, ..cue }));
    }
    all.sort_by(|a, b| a.start.total_cmp(&b.start));
    all
}

/// The cues of what one speaker says.
fn cues_of_one(segments: &[&Segment], options: &SubtitleOptions) -> Vec<Cue> {
    let limits = Limits::new(options);
    let pieces = pieces(segments);
    let parts = cut(&pieces, &limits);
    let mut starts: Vec<u64> = Vec::with_capacity(parts.len());
    for part in &parts {
        // Words that are said to begin at the same time: no cue may be empty.
        let earliest = starts.last().map_or(0, |before| before + 1);
        starts.push(part.first().map_or(0, |first| first.start).max(earliest));
    }
    let mut cues = Vec::with_capacity(parts.len());
    for (place, (part, &start)) in parts.iter().zip(&starts).enumerate() {
        let width: usize = part.iter().map(|piece| piece.width).sum();
        let reading = ms(width as f64 / options.max_reading_speed);
        let spoken = part.last().map_or(start, |last| last.end);
        let needed = start.saturating_add(reading.max(limits.min_ms));
        let latest = starts.get(place + 1).copied().unwrap_or(u64::MAX).min(start.saturating_add(limits.max_ms));
        let end = spoken.max(needed).min(latest).max(start + 1);
        let (start, end) = (seconds(start), seconds(end));
        cues.push(Cue { start, end, lines: lines(part, limits.line), speaker: None });
    }
    cues
}

/// Milliseconds up to the latest time; 0 for what is no length of time, such as a reading time at speed 0.
fn ms(seconds: f64) -> u64 {
    if seconds.is_finite() { ((seconds * 1000.0).round() as u64).min(LATEST_MS) } else { 0 }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
