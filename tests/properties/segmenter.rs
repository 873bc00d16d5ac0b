//! The segmenter: every sample of speech is in exactly one clip, whatever is said, and however it arrives.

use std::sync::LazyLock;

use indic_seamless::{
    Waveform,
    segmentation::{Clip, SegmentationOptions, Segmenter, SpeechDetector},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{check, common};

/// By how many frames the probabilities lag the sound.
const DELAY: usize = 2;
/// Whatever the peak, a frame of at least this probability is speech, if so many in a row are.
const SURE: f32 = 0.75;
const SHORTEST: usize = 6;

/// A few seconds of speech in four languages.
static SPEECH: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let names = ["hindi-1.wav", "tamil-2.flac", "english-1.wav", "bengali-2.flac"];
    names.map(|name| Waveform::open(common::example(name)).expect("clip").samples().to_vec()).to_vec()
});

/// A part of a recording.
#[derive(Debug, Clone)]
enum Part {
    /// One of the clips, so loud.
    Speech { clip: usize, gain: f32 },
    /// Noise, so loud; 0 for silence.
    Noise { samples: usize, gain: f32 },
}

impl Part {
    fn samples(&self) -> Vec<f32> {
        match self {
            Self::Speech { clip, gain } => SPEECH[*clip].iter().map(|x| x * gain).collect(),
            Self::Noise { samples, gain } => common::noise(*samples).iter().map(|x| x * gain).collect(),
        }
    }
}

/// Several speakers, near and far, with pauses of any length, or none.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let speech = (0..SPEECH.len(), select(vec![1.0, 0.5, 0.03])).prop_map(|(clip, gain)| Part::Speech { clip, gain });
    let length = prop_oneof![0_usize..3_000, 3_000_usize..48_000];
    let noise = (length, select(vec![0.0, 0.0, 0.001, 0.05])).prop_map(|(samples, gain)| Part::Noise { samples, gain });
    vec(prop_oneof![2 => speech, 1 => noise], 1..12)
}

fn options() -> impl Strategy<Value = SegmentationOptions> {
    let lengths = (select(vec![1.0, 2.0, 5.0, 20.0]), select(vec![0.3, 0.75, 1.0]), select(vec![0.0, 0.5, 1.0]));
    let made = (select(vec![0.1_f32, 0.35, 0.35, 0.9]), select(vec![0.0_f64, 0.2, 0.5, 2.0]), lengths);
    made.prop_map(|(threshold, max_pause_s, (max_s, target_max, target_min))| SegmentationOptions {
        threshold,
        max_pause_s: max_pause_s.min(max_s),
        target_min_s: max_s * target_max * target_min,
        target_max_s: max_s * target_max,
        max_s,
    })
}

/// The clips of samples that arrive in pieces of these sizes, over and over.
fn clips(samples: &[f32], options: &SegmentationOptions, sizes: &[usize]) -> Vec<Clip> {
    let mut segmenter = Segmenter::new(options.clone()).expect("options");
    let (mut rest, mut clips) = (samples, Vec::new());
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at(rest.len().min(*size));
        segmenter.push(piece, &mut clips);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    segmenter.finish(&mut clips);
    clips
}

/// The sample at a time.
fn at(seconds: f64) -> usize {
    (seconds * 16_000.0).round() as usize
}

/// The samples that are speech beyond doubt: stretches of frames whose probability is high throughout.
fn sure(samples: &[f32], options: &SegmentationOptions) -> Vec<(usize, usize)> {
    let mut probabilities = Vec::new();
    let mut detector = SpeechDetector::new();
    detector.push(samples, &mut probabilities);
    detector.finish(&mut probabilities);
    let is_sure = |p: &f32| *p >= options.threshold.max(SURE);
    let place = |frame: usize| (frame.saturating_sub(DELAY) * SpeechDetector::CHUNK).min(samples.len());
    let (mut found, mut frame) = (Vec::new(), 0);
    for run in probabilities.chunk_by(|a, b| is_sure(a) == is_sure(b)) {
        if is_sure(&run[0]) && run.len() >= SHORTEST {
            found.extend((frame..frame + run.len()).map(|frame| (place(frame), place(frame + 1))));
        }
        frame += run.len();
    }
    found.retain(|(start, end)| start < end);
    found
}

#[test]
fn every_sample_of_speech_is_in_exactly_one_clip() {
    check(150, (parts(), options(), vec(1_usize..20_000, 1..5)), |(parts, options, sizes)| {
        let samples: Vec<f32> = parts.iter().flat_map(Part::samples).collect();
        let clips = clips(&samples, &options, &sizes);
        for (start, end) in sure(&samples, &options) {
            let holding = clips.iter().filter(|clip| at(clip.start) <= start && end <= at(clip.end)).count();
            let touching = clips.iter().filter(|clip| at(clip.start) < end && start < at(clip.end)).count();
            prop_assert_eq!((holding, touching), (1, 1), "samples {} to {}, {:?}", start, end, clips);
        }
        let most = at(options.max_s);
        for clip in &clips {
            let (first, end) = (at(clip.audio_start), at(clip.audio_start) + clip.samples.len());
            prop_assert!(clip.start < clip.end && at(clip.end) - at(clip.start) <= most, "{:?}", clip);
            prop_assert!(clip.samples.len() <= most, "{:?}", clip);
            prop_assert!(first <= at(clip.start) && at(clip.end) <= end, "{:?}", clip);
            prop_assert!(clip.samples == samples[first..end], "{:?} is not what was said", clip);
        }
        for pair in clips.windows(2) {
            let (before, behind) = (&pair[0], &pair[1]);
            let audio_end = at(before.audio_start) + before.samples.len();
            prop_assert!(before.end <= behind.start && audio_end <= at(behind.start), "{:?}", pair);
            prop_assert!(at(before.end) <= at(behind.audio_start), "{:?}", pair);
        }
        Ok(())
    });
}

#[test]
fn pieces_of_any_size_give_the_same_clips() {
    let sizes = prop_oneof![vec(1_usize..600, 1..4), vec(1_usize..50_000, 1..6)];
    check(100, (parts(), options(), sizes), |(parts, options, sizes)| {
        let samples: Vec<f32> = parts.iter().flat_map(Part::samples).collect();
        prop_assert_eq!(clips(&samples, &options, &sizes), clips(&samples, &options, &[samples.len().max(1)]));
        Ok(())
    });
}

#[test]
fn what_is_said_between_gaps_has_its_time() {
    let gap = select(vec![0.0, 0.0, 0.1, 0.6, 30.0]);
    check(100, (vec((gap, parts()), 1..4), options()), |(stretches, options)| {
        let mut segmenter = Segmenter::new(options.clone()).expect("options");
        let (mut found, mut wanted, mut clock) = (Vec::new(), Vec::new(), 0.0_f64);
        // What counts as one: the samples, and where they begin.
        let mut together: Vec<(f64, Vec<f32>)> = Vec::new();
        for (gap, parts) in stretches {
            let samples: Vec<f32> = parts.iter().flat_map(Part::samples).collect();
            let start = clock + gap;
            segmenter.push_at(start, &samples, &mut found);
            clock = segmenter.position();
            prop_assert!((clock - start - samples.len() as f64 / 16_000.0).abs() < 1e-4, "{}", clock);
            match together.last_mut() {
                Some((_, before)) if !before.is_empty() && (gap == 0.0 || gap < options.max_pause_s) => {
                    before.extend(vec![0.0; at(gap)]);
                    before.extend(samples);
                }
                _ => together.push((start, samples)),
            }
        }
        segmenter.finish(&mut found);
        for (start, samples) in together {
            wanted.extend(clips(&samples, &options, &[16_000]).into_iter().map(|clip| (start, clip)));
        }
        prop_assert_eq!(found.len(), wanted.len(), "{:?} {:?}", found, wanted);
        for (found, (start, wanted)) in found.iter().zip(wanted) {
            prop_assert_eq!(at(found.start), at(start + wanted.start), "{:?} {:?}", found, wanted);
            prop_assert_eq!(at(found.end), at(start + wanted.end));
            prop_assert!(found.samples == wanted.samples, "{:?} {:?}", found, wanted);
        }
        Ok(())
    });
}
