//! [`Said`]: what is said in a case, and when.

use std::ops::Range;

use indic_seamless::{Transcript, Waveform, Word};

use crate::common;

/// The two phrases that take turns, as in `makers/speech.py`.
const PHRASES: [&str; 2] = ["hindi-1.wav", "hindi-2.flac"];
/// How far begin and end of a phrase may be off, in seconds.
const NEAR_S: f64 = 0.3;

/// What is said in a case, and when.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The phrases, by their number in the speech that the case was made of.
    pub(crate) phrases: Range<usize>,
    /// Phrases that were never recorded.
    pub(crate) without: Range<usize>,
    /// How many phrases the damage may hit.
    pub(crate) hit: usize,
    /// From which phrase on they are heard earlier by so many seconds, because what was lost took no time.
    pub(crate) lost: (usize, f64),
    /// By how much they are heard later than in that speech, in seconds.
    pub(crate) later_s: f64,
    /// The silence behind each phrase, in seconds.
    pub(crate) pause_s: f64,
}

/// A phrase with its place in seconds.
#[derive(Debug)]
pub(crate) struct Phrase {
    pub(crate) text: String,
    pub(crate) speech: Range<f64>,
}

/// The speech in a clean clip, in samples: from the first to the last one above 2 % of the loudest.
fn speech(samples: &[f32]) -> Range<usize> {
    let loudest = samples.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let is_loud = |x: &f32| x.abs() > 0.02 * loudest;
    samples.iter().position(is_loud).expect("speech")..samples.iter().rposition(is_loud).expect("speech") + 1
}

impl Said {
    /// The phrases with their places.
    pub(crate) fn phrases(&self) -> Vec<Phrase> {
        let texts = common::example_texts();
        let clips = PHRASES.map(|clip| Waveform::open(common::example(clip)).expect("clip"));
        let seconds = |samples: usize| samples as f64 / f64::from(Waveform::SAMPLE_RATE);
        let mut start = self.later_s;
        let mut found = Vec::new();
        for number in 0..self.phrases.end {
            start -= if number == self.lost.0 { self.lost.1 } else { 0.0 };
            let which = number % PHRASES.len();
            let inside = speech(clips[which].samples());
            let place = start + seconds(inside.start)..start + seconds(inside.end);
            if self.phrases.contains(&number) && !self.without.contains(&number) {
                found.push(Phrase { text: texts[PHRASES[which]]["hin"].clone(), speech: place });
            }
            start += seconds(clips[which].len()) + self.pause_s;
        }
        found
    }

    /// What a transcript lacks, and what it has too much.
    pub(crate) fn differences(&self, transcript: &Transcript) -> Vec<String> {
        let words: Vec<&Word> = transcript.segments.iter().flat_map(|segment| &segment.words).collect();
        let mut rest = &words[..];
        let (mut missing, mut more) = (Vec::new(), 0);
        for phrase in self.phrases() {
            match (0..rest.len()).find_map(|at| Some((at, matched(&phrase, &rest[at..])?))) {
                Some((at, end)) => {
                    more += at;
                    rest = &rest[at + end..];
                }
                None => missing.push(phrase),
            }
        }
        more += rest.len();
        // What is left of a phrase that was hit may be heard as other words.
        if missing.len() <= self.hit && more <= 4 * self.hit {
            return Vec::new();
        }
        let place = |word: &&Word| format!("{} {:.2}-{:.2}", word.text, word.start, word.end);
        let heard: Vec<String> = words.iter().map(place).collect();
        vec![format!("{} words too many, and these are missing: {missing:?}; heard: {heard:?}", more)]
    }
}

/// How many of the words are the phrase, at its place.
fn matched(phrase: &Phrase, words: &[&Word]) -> Option<usize> {
    let count = phrase.text.split(' ').count();
    let said = words.get(..count)?;
    let is_same = said.iter().map(|word| &word.text[..]).eq(phrase.text.split(' '));
    let (start, end) = (said.first()?.start, said.last()?.end);
    let is_there = (start - phrase.speech.start).abs() < NEAR_S && (end - phrase.speech.end).abs() < NEAR_S;
    (is_same && is_there).then_some(count)
}
