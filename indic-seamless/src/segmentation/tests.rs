use super::{
    silero::{BLOCK, CHUNK, CONTEXT, Silero},
    *,
};
use crate::transcript::EndReason;

/// What silero-vad 6.2.3 (`silero_vad.onnx` in onnxruntime 1.32, with the 64 samples
/// before each chunk) gives for the chunks of `spoken()`.
const GOLDEN: [f32; 101] = [
    0.0017, 0.0288, 0.3657, 0.9318, 0.9940, 0.9770, 0.8991, 0.9889, 0.9890, 0.9963, 0.9948, 0.9946, 0.9901, 0.9942,
    0.9996, 0.9996, 0.9997, 0.9996, 0.9990, 0.9983, 0.9989, 0.9995, 0.9999, 0.9999, 1.0000, 1.0000, 1.0000, 1.0000,
    0.9999, 0.9999, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 0.9942, 0.8396, 0.0842, 0.0500,
    0.0107, 0.0049, 0.0040, 0.0046, 0.0050, 0.0054, 0.0058, 0.0060, 0.0062, 0.0062, 0.0061, 0.0061, 0.0060, 0.0489,
    0.1024, 0.9384, 0.9815, 0.9868, 0.9938, 0.9815, 0.9709, 0.9953, 0.9956, 0.9943, 0.9941, 0.9953, 0.9960, 0.9923,
    0.9751, 0.9289, 0.8987, 0.8625, 0.8637, 0.9728, 0.9914, 0.9897, 0.9861, 0.9916, 0.9971, 0.9974, 0.9971, 0.9969,
    0.9983, 0.9990, 0.9987, 0.9993, 0.9990, 0.9993, 0.9995, 0.9981, 0.8870, 0.7926, 0.5192, 0.2471, 0.0951, 0.0413,
    0.0237, 0.0173, 0.0142,
];

/// An example clip of synthetic speech, 1.2 s long.
fn clip() -> Vec<f32> {
    let file = include_bytes!("../../examples/audio/hindi-1.wav");
    file[44..].as_chunks().0.iter().map(|&bytes| f32::from(i16::from_le_bytes(bytes)) / 32_768.0).collect()
}

/// The clip, half a second of silence, the clip again at a twentieth of its loudness, a quarter of a second of silence.
fn spoken() -> Vec<f32> {
    let clip = clip();
    let quiet: Vec<f32> = clip.iter().map(|s| s * 0.05).collect();
    [clip, vec![0.0; 8000], quiet, vec![0.0; 4000]].concat()
}

/// White noise with this peak.
fn noise(samples: usize, loudness: f32) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..samples).map(|_| loudness * next()).collect()
}

fn probabilities(samples: &[f32], piece: usize) -> Vec<f32> {
    let mut probabilities = Vec::new();
    let mut detector = SpeechDetector::new();
    samples.chunks(piece).for_each(|piece| detector.push(piece, &mut probabilities));
    detector.finish(&mut probabilities);
    probabilities
}

fn segments(samples: &[f32], piece: usize) -> Vec<Clip> {
    let mut segments = Vec::new();
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    samples.chunks(piece).for_each(|piece| segmenter.push(piece, &mut segments));
    segmenter.finish(&mut segments);
    segments
}

#[test]
fn the_network_is_that_of_onnx() {
    let mut samples = vec![0.0; CONTEXT];
    samples.extend(spoken());
    samples.resize(CONTEXT + GOLDEN.len() * CHUNK, 0.0);
    let mut silero = Silero::new();
    let mut found = Vec::new();
    for first in (0..GOLDEN.len()).step_by(BLOCK) {
        let count = BLOCK.min(GOLDEN.len() - first);
        silero.run(&samples[first * CHUNK..(first + count) * CHUNK + CONTEXT], &vec![1.0; count], &mut found);
    }
    assert_eq!(found.len(), GOLDEN.len());
    for (chunk, (found, wanted)) in found.iter().zip(&GOLDEN).enumerate() {
        assert!((found - wanted).abs() < 2e-4, "chunk {chunk}: {found}, by ONNX {wanted}");
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let samples = [spoken(), noise(20_000, 0.01), spoken()].concat();
    let (wanted, segmented) = (probabilities(&samples, usize::MAX), segments(&samples, usize::MAX));
    assert_eq!(wanted.len(), samples.len().div_ceil(CHUNK));
    assert!(segmented.len() > 1);
    for piece in [1, 160, 511, 512, 513, 16_000] {
        assert!(probabilities(&samples, piece) == wanted, "pieces of {piece}");
        assert_eq!(segments(&samples, piece), segmented, "pieces of {piece}");
    }
}

#[test]
fn a_clip_begins_where_it_was_said_to_while_it_was_open() {
    let samples = [spoken(), vec![0.0; 16_000]].concat().repeat(2);
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    let (mut clips, mut before) = (Vec::new(), 0);
    // No piece holds the end of one clip and the start of another.
    for piece in samples.chunks(160) {
        let since = segmenter.open_since();
        segmenter.push(piece, &mut clips);
        for clip in &clips[before..] {
            assert_eq!((Some(clip.audio_start), segmenter.open_since()), (since, None));
        }
        before = clips.len();
    }
    assert!(clips.len() >= 2, "{clips:?}");
}

#[test]
fn after_the_end_nothing_is_remembered() {
    let samples = spoken();
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    let mut twice = [Vec::new(), Vec::new()];
    for segments in &mut twice {
        segmenter.push(&samples, segments);
        assert_eq!(segmenter.position(), samples.len() as f64 / 16_000.0);
        segmenter.finish(segments);
        assert_eq!(segmenter.position(), 0.0);
    }
    assert_eq!(twice[0], twice[1]);
    let mut nothing = Vec::new();
    segmenter.finish(&mut nothing);
    assert!(nothing.is_empty());
}

/// The clips of pieces that start at their times.
fn segments_at(pieces: &[(f64, &[f32])]) -> Vec<Clip> {
    let mut segments = Vec::new();
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    for (start, piece) in pieces {
        segmenter.push_at(*start, piece, &mut segments);
        let end = start + piece.len() as f64 / 16_000.0;
        assert!((segmenter.position() - end).abs() < 1e-4, "{segmenter:?}");
    }
    segmenter.finish(&mut segments);
    assert_eq!(segmenter.position(), 0.0);
    segments
}

#[test]
fn a_gap_ends_a_clip_and_moves_the_clock() {
    let clip = clip();
    let [alone] = &segments(&clip, 16_000)[..] else { panic!("one clip") };
    let found = segments_at(&[(7.25, &clip), (60.0, &clip[..8000]), (60.5, &clip[8000..])]);
    assert_eq!(found.len(), 2, "{found:?}");
    for (found, (origin, reason)) in found.iter().zip([(7.25, EndReason::Pause), (60.0, EndReason::EndOfRecording)]) {
        // As if nothing had been before.
        assert_eq!((&found.samples, found.end_reason), (&alone.samples, reason));
        for (found, alone) in
            [(found.start, alone.start), (found.end, alone.end), (found.audio_start, alone.audio_start)]
        {
            assert!((found - origin - alone).abs() < 1e-9, "{found} {alone}");
        }
    }
}

#[test]
fn a_short_gap_is_silence() {
    let clip = clip();
    let (before, behind) = clip.split_at(9600);
    let found = segments_at(&[(0.0, before), (0.7, behind)]);
    assert_eq!(found, segments(&[before, &[0.0; 1600], behind].concat(), 16_000));
    assert_eq!(found.len(), 1);
    // Rounding, or a start before the end of what was pushed, is no gap.
    for start in [0.6 + 1e-9, 0.6 - 1e-9, 0.0, f64::NAN] {
        let mut segments = Vec::new();
        let mut segmenter =
            Segmenter::new(SegmentationOptions { max_pause_s: 0.0, ..Default::default() }).expect("options");
        segmenter.push(before, &mut segments);
        segmenter.push_at(start, behind, &mut segments);
        assert_eq!(segmenter.position(), clip.len() as f64 / 16_000.0);
    }
}

#[test]
fn a_quiet_recording_is_heard() {
    let samples: Vec<f32> = spoken().iter().map(|s| s * 0.01).collect();
    let quiet = segments(&samples, 16_000);
    assert_alike(&quiet, &segments(&spoken(), 16_000));
    // Clips hold the original audio, without the gain.
    assert!(quiet.iter().all(|segment| segment.samples.iter().all(|s| s.abs() <= 0.01)));
}

/// Checks that the same is heard, up to a tenth of a second at the start and a fifth at the end.
fn assert_alike(found: &[Clip], wanted: &[Clip]) {
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(wanted) {
        let is_near = (found.start - wanted.start).abs() < 0.1 && (found.end - wanted.end).abs() < 0.2;
        assert!(is_near, "{found:?}, {wanted:?}");
    }
}

#[test]
fn a_constant_offset_does_not_hide_quiet_speech() {
    let quiet: Vec<f32> = spoken().repeat(3).iter().map(|s| s * 0.018).collect();
    let offset: Vec<f32> = quiet.iter().map(|s| s + 0.2).collect();
    assert_alike(&segments(&offset, 16_000), &segments(&quiet, 16_000));
}

#[test]
fn a_speaker_far_away_is_heard_between_those_near_by() {
    let (near, pause) = (clip(), vec![0.0; 48_000]);
    let far: Vec<f32> = near.iter().map(|s| s * 0.0178).collect();
    let turns = |other: &[f32]| [&near[..], &pause, other, &pause].concat().repeat(4);
    let wanted = segments(&turns(&near), 16_000);
    assert_eq!(wanted.len(), 8);
    assert_alike(&segments(&turns(&far), 16_000), &wanted);
}

#[test]
fn a_click_does_not_hide_quiet_speech() {
    let mut quiet: Vec<f32> = [vec![0.0; 16_000], clip(), vec![0.0; 16_000]].concat();
    quiet.iter_mut().for_each(|s| *s *= 0.003);
    for click in [0, 8000] {
        let mut samples = quiet.clone();
        samples[click..click + 200].fill(0.9);
        let found = segments(&samples, 16_000);
        let (start, end) = (found.first().map_or(0.0, |s| s.start), found.last().map_or(0.0, |s| s.end));
        assert!((start - 1.0).abs() < 0.2 && (end - 2.23).abs() < 0.2, "click at {click}: {found:?}");
    }
}

#[test]
fn noise_is_no_speech() {
    for loudness in [0.0, 1e-4, 0.01, 0.5] {
        assert!(segments(&noise(480_000, loudness), 16_000).is_empty(), "{loudness}");
    }
}

#[test]
fn segments_hold_the_audio_around_their_speech() {
    let silence = noise(5 * 16_000, 1e-3);
    let samples = [silence.clone(), clip(), silence.clone(), clip(), silence].concat();
    let segments = segments(&samples, 4096);
    assert_eq!(segments.len(), 2, "{segments:?}");
    for (segment, begins) in segments.iter().zip([5.0, 5.0 + 5.0 + 19_610.0 / 16_000.0]) {
        let Clip { start, end, audio_start, samples: heard, .. } = segment;
        assert!((start - begins).abs() < 0.2 && (end - begins - 1.2).abs() < 0.2, "{segment:?}");
        assert!((start - audio_start - CONTEXT_S).abs() < 1e-9, "{segment:?}");
        assert!((audio_start + heard.len() as f64 / 16_000.0 - end - CONTEXT_S).abs() < 1e-9, "{segment:?}");
        let first = (audio_start * 16_000.0).round() as usize;
        assert_eq!(heard[..], samples[first..first + heard.len()]);
    }
}

#[test]
fn no_segment_is_longer_than_asked_for() {
    let options = SegmentationOptions { target_min_s: 1.5, target_max_s: 2.0, max_s: 3.0, ..Default::default() };
    let mut segmenter = Segmenter::new(options).expect("options");
    let mut segments = Vec::new();
    let samples = clip().repeat(20);
    segmenter.push(&samples, &mut segments);
    segmenter.finish(&mut segments);
    assert!(segments.len() > 8, "{segments:?}");
    for segment in &segments {
        assert!(segment.end - segment.start <= 3.0 && segment.samples.len() <= 48_000, "{segment:?}");
    }
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        assert!(before.end <= after.start && before.end <= after.audio_start, "{pair:?}");
        assert!(before.audio_start + before.samples.len() as f64 / 16_000.0 <= after.start + 1e-9, "{pair:?}");
    }
}

#[test]
fn a_segmenter_can_move_to_another_thread() {
    fn check<T: Send + Clone>(_: &T) {}
    check(&Segmenter::new(SegmentationOptions::default()).expect("options"));
    check(&SpeechDetector::new());
}

#[test]
fn silence_is_not_kept() {
    let mut segmenter = Segmenter::new(SegmentationOptions::default()).expect("options");
    let mut segments = Vec::new();
    segmenter.push(&vec![0.0; 3_600_000], &mut segments);
    let kept = format!("{segmenter:?}");
    let kept: usize =
        kept.split("kept: ").nth(1).and_then(|kept| kept.split(',').next()).expect("count").parse().expect("count");
    assert!(kept < 30_000, "{segmenter:?}");
}

#[test]
fn options_out_of_order_are_refused() {
    let wrong = [
        SegmentationOptions { threshold: 0.0, ..Default::default() },
        SegmentationOptions { threshold: f32::NAN, ..Default::default() },
        SegmentationOptions { max_pause_s: -1.0, ..Default::default() },
        SegmentationOptions { target_min_s: 16.0, ..Default::default() },
        SegmentationOptions { target_max_s: 25.0, ..Default::default() },
        SegmentationOptions { max_s: f64::INFINITY, ..Default::default() },
    ];
    for options in wrong {
        assert!(options.check().is_err() && Segmenter::new(options.clone()).is_err(), "{options:?}");
    }
}
