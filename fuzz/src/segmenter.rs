//! The segmenter: the sizes of pieces change nothing, and clips are stretches of the recording, in order and of bounded length.

use std::sync::LazyLock;

use indic_seamless::{
    Waveform,
    segmentation::{Clip, SegmentationOptions, Segmenter},
};

use crate::input::Input;

/// Hindi: "please, today's weather".
pub(crate) static SPEECH: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let bytes: &[u8] = include_bytes!("../../examples/audio/hindi-1.wav");
    Waveform::from_bytes(bytes, None).expect("a recording").into_samples()
});

/// The longest recording that is made, in samples.
const LONGEST: usize = 30 * 16_000;

/// A recording of speech, silence, noise, hum and an offset, of any level.
pub(crate) fn recording(input: &mut Input<'_>, longest: usize) -> Vec<f32> {
    let mut samples = Vec::new();
    while !input.is_empty() && samples.len() < longest {
        let kind = input.byte() % 6;
        // Steps of 5 ms.
        let length = usize::from(input.byte()) * 80 + usize::from(input.byte() % 80);
        let level = f32::from(input.byte()) / 255.0;
        let begin = usize::from(input.byte()) * 64;
        let mut random = fastrand::Rng::with_seed(begin as u64);
        let part = (0..length.min(longest - samples.len())).map(|place| match kind {
            0 | 1 => SPEECH[(begin + place) % SPEECH.len()] * level * 2.0,
            2 => 0.0,
            3 => (random.f32() * 2.0 - 1.0) * level,
            4 => (place as f32 * 0.05).sin() * level,
            _ => level,
        });
        samples.extend(part.map(|sample| sample.clamp(-1.0, 1.0)));
    }
    samples
}

/// Options within their ranges.
pub(crate) fn options(input: &mut Input<'_>) -> SegmentationOptions {
    let max_s = 1.0 + 29.0 * input.share();
    let target_max_s = max_s * input.share();
    let options = SegmentationOptions {
        threshold: (0.02 + 0.97 * input.share() as f32).min(0.99),
        max_pause_s: max_s.min(2.0) * input.share(),
        target_min_s: target_max_s * input.share(),
        target_max_s,
        max_s,
    };
    if input.byte() & 1 == 0 { SegmentationOptions::default() } else { options }
}

/// Pushes a recording in pieces and at once.
pub(crate) fn segmenter(data: &[u8]) {
    let mut input = Input(data);
    let options = options(&mut input);
    let seed = input.short();
    let samples = recording(&mut input, LONGEST);
    let segmenter = Segmenter::new(options.clone()).expect("options within their ranges");

    let (mut at_once, mut whole) = (Vec::new(), segmenter.clone());
    whole.push(&samples, &mut at_once);
    whole.finish(&mut at_once);

    let (mut in_pieces, mut pieces) = (Vec::new(), segmenter);
    let mut random = fastrand::Rng::with_seed(seed.into());
    let mut rest = &samples[..];
    while !rest.is_empty() {
        let most = random.choice([1, 100, 1_600, 20_000]).unwrap_or(1);
        let (piece, behind) = rest.split_at(random.usize(0..=most).min(rest.len()));
        pieces.push(piece, &mut in_pieces);
        if let Some(since) = pieces.open_since() {
            assert!(since <= pieces.position(), "open since {since} s at {} s", pieces.position());
        }
        rest = behind;
    }
    pieces.finish(&mut in_pieces);
    assert!(at_once == in_pieces, "{at_once:?} at once, {in_pieces:?} in pieces");
    check(&at_once, &samples, &options);
}

/// Clips follow each other, are as long as they may be, and have the samples of their time.
fn check(clips: &[Clip], samples: &[f32], options: &SegmentationOptions) {
    let mut end = 0.0;
    for clip in clips {
        assert!(clip.audio_start >= end - 1e-6 && clip.audio_start <= clip.start && clip.start < clip.end, "{clips:?}");
        let seconds = clip.samples.len() as f64 / 16_000.0;
        assert!(clip.end <= clip.audio_start + seconds + 1e-6, "{clip:?}");
        assert!(clip.end - clip.start <= options.max_s + 0.1, "{clip:?}, {options:?}");
        let begin = (clip.audio_start * 16_000.0).round() as usize;
        assert!(samples[begin..].starts_with(&clip.samples), "{clip:?} has other samples");
        end = clip.end;
    }
}
