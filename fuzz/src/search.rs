//! The demo model: a stream in pieces gives what it gives at once, and clips together what they give alone.

use std::sync::LazyLock;

use indic_seamless::{
    EndReason, GenerationConfig, Language, Precision, Segment, Segmentation, TranscribeOptions, Transcriber,
    segmentation::Clip,
};

use crate::{
    input::Input,
    segmenter::{SPEECH, options, recording},
};

static MODEL: LazyLock<Transcriber> = LazyLock::new(|| {
    Transcriber::builder().precision(Precision::Int8).threads(2).build_demo().expect("the demo model")
});

/// The longest speech, in samples: the search takes most of the time.
const LONGEST: usize = 5 * 16_000;
/// Tokens before those that are found.
const PROMPT: usize = 2;

fn generation(input: &mut Input<'_>) -> GenerationConfig {
    let base = MODEL.checkpoint().generation().clone();
    GenerationConfig { num_beams: input.choose(&[1, 1, 2, 3]), max_new_tokens: 24, ..base }
}

/// Feeds a stream in pieces and at once.
pub(crate) fn stream(data: &[u8]) {
    let mut input = Input(data);
    let (segmentation, generation) = (Segmentation::Auto(options(&mut input)), generation(&mut input));
    let seed = input.short();
    let samples = recording(&mut input, LONGEST);
    let mut random = fastrand::Rng::with_seed(seed.into());
    let mut fed = |most: usize| -> Vec<Segment> {
        let options = TranscribeOptions {
            generation: Some(generation.clone()),
            segmentation: segmentation.clone(),
            ..TranscribeOptions::default()
        };
        let mut stream = MODEL.stream(Language::HINDI, options).expect("options within their ranges");
        let (mut rest, mut segments) = (&samples[..], Vec::new());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(random.usize(most / 4..=most).min(rest.len()));
            segments.extend(stream.feed(piece).expect("segments"));
            rest = behind;
        }
        segments.extend(stream.finish().expect("segments"));
        segments
    };
    same(&fed(4 * LONGEST), &fed(6_400), generation.num_beams);
}

/// Transcribes clips together and one by one.
pub(crate) fn together(data: &[u8]) {
    let mut input = Input(data);
    let generation = generation(&mut input);
    let language = input.choose(&[Language::HINDI, Language::ENGLISH]);
    let count = input.byte() % 4 + 2;
    let mut clips: Vec<Clip> = Vec::new();
    for _ in 0..count {
        let length = 3_200 + usize::from(input.byte()) * 64;
        let begin = usize::from(input.byte()) * 64;
        let level = 0.2 + f32::from(input.byte()) / 255.0;
        let samples: Vec<f32> = (0..length).map(|place| SPEECH[(begin + place) % SPEECH.len()] * level).collect();
        let start = clips.last().map_or(0.0, |clip| clip.end);
        let end = start + samples.len() as f64 / 16_000.0;
        clips.push(Clip { start, end, audio_start: start, samples, end_reason: EndReason::Pause });
    }
    let transcribe = |clips: &[Clip]| {
        let options = TranscribeOptions {
            generation: Some(generation.clone()),
            batch_size: Some(8),
            ..TranscribeOptions::default()
        };
        MODEL.transcribe_clips(clips.to_vec(), language, options).expect("a transcript").segments
    };
    let together = transcribe(&clips);
    let alone: Vec<Segment> = clips.iter().flat_map(|clip| transcribe(std::slice::from_ref(clip))).collect();
    same(&together, &alone, generation.num_beams);
}

/// The same tokens with the same scores at the same times. Where two tokens are as probable, or two hypotheses of beams, the order
/// of sums may decide.
fn same(some: &[Segment], others: &[Segment], beams: usize) {
    let of = |segments: &[Segment]| -> Vec<(f64, f64)> {
        segments.iter().map(|segment| (segment.start, segment.end)).collect()
    };
    assert_eq!(of(some), of(others));
    let near = |a: f32, b: f32| (a - b).abs() < 1e-3;
    for (one, other) in some.iter().zip(others) {
        let is_same = match one.tokens.iter().zip(&other.tokens).position(|(a, b)| a != b) {
            None => (one.tokens.len(), &one.text) == (other.tokens.len(), &other.text) && near(one.score, other.score),
            // Of the prompt there are no probabilities.
            Some(at) if beams == 1 => {
                let mut pairs = one.logprobs.iter().zip(&other.logprobs).take((at + 1).saturating_sub(PROMPT));
                at >= PROMPT && pairs.all(|(&a, &b)| near(a, b))
            }
            Some(_) => near(one.score, other.score),
        };
        assert!(is_same, "{one:?}, {other:?}");
    }
}
