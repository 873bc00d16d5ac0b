//! Short recordings: one that speech fills stays whole, so that its text is that of the reference implementation.

use super::read_ahead::Heard;
use crate::{
    audio::seconds,
    segmentation::{Clip, SegmentationOptions},
    transcript::EndReason,
};

/// The longest silence before and after the speech of a recording that stays whole, in seconds: what recorders and
/// synthesisers usually leave. It does not change the text, and the times of the recording serve as those of the speech.
const LEAD_S: f64 = 0.3;
const TRAIL_S: f64 = 0.5;
/// The detector cannot judge less than this, in seconds: a word may be over before it is sure. A recording that is shorter
/// stays whole even if nothing is heard in it.
const TOO_SHORT_S: f64 = 1.0;

/// The start of a recording, which is held back until it is known whether the recording is short and filled with speech.
#[derive(Debug)]
pub(super) struct Short {
    options: SegmentationOptions,
    samples: Vec<f32>,
    start: f64,
    /// Whether nothing is missing between the samples.
    gapless: bool,
    /// What its pieces gave.
    heard: Heard,
}

impl Short {
    pub(super) fn new(options: SegmentationOptions) -> Self {
        Self { options, samples: Vec::new(), start: 0.0, gapless: true, heard: Heard::default() }
    }

    /// Adds samples, which start at a time, and what they gave. Returns whether the recording can still stay whole.
    pub(super) fn add(&mut self, start: f64, samples: &[f32], heard: Heard) -> bool {
        if self.samples.is_empty() {
            self.start = start;
        }
        self.gapless &= start - self.end_s() < seconds(1);
        self.samples.extend_from_slice(samples);
        self.heard.append(heard);
        // Behind a pause there is more silence than may be at the end, or more speech.
        let paused = self.heard.clips.last().is_some_and(|clip| clip.end_reason == EndReason::Pause);
        let silence = self.heard.clips.last().map_or(0.0, |clip| self.end_s() - clip.end);
        self.fits() && !(paused && silence > TRAIL_S)
    }

    /// What was heard, cut.
    pub(super) fn cut(self) -> Heard {
        self.heard
    }

    /// What was heard of the recording, of which `last` is the end: one clip if speech fills it.
    pub(super) fn end(mut self, last: Heard) -> Heard {
        self.heard.append(last);
        if self.fits() && self.is_filled() {
            self.heard.clips = vec![Clip::whole(self.start, self.samples)];
        }
        self.heard
    }

    fn end_s(&self) -> f64 {
        self.start + seconds(self.samples.len())
    }

    /// Whether all of it so far can be one clip.
    fn fits(&self) -> bool {
        let clips = &self.heard.clips;
        let leads = clips.first().is_none_or(|first| first.start - self.start <= LEAD_S);
        let flows = clips.windows(2).all(|pair| match pair {
            [before, after] => after.start - before.end <= self.options.max_pause_s,
            _ => true,
        });
        self.gapless && seconds(self.samples.len()) <= self.options.max_s && leads && flows
    }

    /// Whether the speech reaches to its end.
    fn is_filled(&self) -> bool {
        match self.heard.clips.last() {
            Some(last) => self.end_s() - last.end <= TRAIL_S,
            None => !self.samples.is_empty() && seconds(self.samples.len()) <= TOO_SHORT_S,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 16_000.0;

    /// Feeds seconds of a recording that starts at 2 s, with speech of which the detector made clips, in pieces of a second.
    /// Returns the clips at the end and after how many pieces they were known.
    fn heard(length_s: f64, speech: &[(f64, f64)], last: EndReason) -> (Vec<Clip>, usize) {
        let clip = |&(start, end): &(f64, f64), end_reason| Clip {
            start: 2.0 + start,
            end: 2.0 + end,
            audio_start: 2.0 + start,
            samples: Vec::new(),
            end_reason,
        };
        let mut short = Short::new(SegmentationOptions::default());
        let samples = vec![0.0; (length_s * RATE).round() as usize];
        for (piece, samples) in samples.chunks(16_000).enumerate() {
            let now = 2.0 + piece as f64;
            let known = |end: f64| (now..now + 1.0).contains(&(2.0 + end + 0.6));
            // A long segment also ends at a short pause.
            let flows = |end: f64| speech.iter().any(|&(next, _)| (0.0..=0.5).contains(&(next - end)));
            let reason = |end| if flows(end) { EndReason::TargetLength } else { EndReason::Pause };
            let clips = speech.iter().filter(|(_, end)| known(*end)).map(|speech| clip(speech, reason(speech.1)));
            let heard = Heard { clips: clips.collect(), ..Heard::default() };
            if !short.add(now, samples, heard) {
                return (short.cut().clips, piece + 1);
            }
        }
        let open = speech.iter().filter(|(_, end)| end + 0.6 >= length_s).map(|speech| clip(speech, last));
        let end = Heard { clips: open.collect(), ..Heard::default() };
        (short.end(end).clips, usize::MAX)
    }

    fn stays_whole(length_s: f64, speech: &[(f64, f64)]) -> bool {
        let (clips, _) = heard(length_s, speech, EndReason::EndOfRecording);
        let whole = clips.len() == 1 && clips[0].is_whole();
        if whole {
            assert_eq!((clips[0].start, clips[0].end), (2.0, 2.0 + length_s));
            assert_eq!(clips[0].samples.len(), (length_s * RATE).round() as usize);
        }
        whole
    }

    #[test]
    fn a_recording_stays_whole_if_speech_fills_it() {
        assert!(stays_whole(4.0, &[(0.0, 4.0)]) && stays_whole(4.0, &[(0.3, 3.5)]));
        assert!(!stays_whole(4.0, &[(0.31, 4.0)]) && !stays_whole(4.0, &[(0.0, 3.49)]));
        assert!(stays_whole(20.0, &[(0.0, 10.0), (10.5, 20.0)]));
        assert!(!stays_whole(20.0, &[(0.0, 10.0), (10.6, 20.0)]));
        assert!(!stays_whole(20.1, &[(0.0, 20.0)]));
    }

    #[test]
    fn without_speech_only_what_is_too_short_to_judge_stays_whole() {
        assert!(stays_whole(0.03, &[]) && stays_whole(1.0, &[]));
        assert!(!stays_whole(1.01, &[]) && !stays_whole(12.0, &[]));
    }

    #[test]
    fn a_recording_with_a_gap_is_cut() {
        let mut short = Short::new(SegmentationOptions::default());
        assert!(short.add(0.0, &[0.0; 800], Heard::default()));
        assert!(short.add(800.0 / RATE, &[0.0; 800], Heard::default()));
        assert!(!short.add(1600.0 / RATE + 0.06, &[0.0; 800], Heard::default()));
    }

    #[test]
    fn clips_are_known_soon_after_a_pause() {
        let (clips, pieces) = heard(15.0, &[(0.0, 2.0), (12.0, 14.0)], EndReason::EndOfRecording);
        assert_eq!((clips.len(), pieces), (1, 3));
        let (clips, pieces) = heard(15.0, &[(4.0, 6.0), (12.0, 14.0)], EndReason::EndOfRecording);
        assert_eq!((clips.len(), pieces), (1, 7));
    }
}
