//! Clips that are computed together: each has the text that it has alone, at its place in the order of time.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use indic_seamless::{
    EndReason, GenerationConfig, Language, Segment, TranscribeOptions, Transcriber, Waveform, segmentation::Clip,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{check, common};

/// Seconds from the start of one clip to the start of the next.
const APART_S: f64 = 30.0;

static RECORDINGS: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let names = ["hindi-1.wav", "tamil-2.flac", "english-1.wav", "bengali-2.flac", "telugu-1.wav"];
    names.map(|name| Waveform::open(common::example(name)).expect("clip").samples().to_vec()).to_vec()
});

/// A clip: one of the recordings, of which so many eighths are there. Some have nothing but silence.
type Content = (usize, usize, bool);

/// What was found in it: nothing, or tokens and text.
type Found = Option<(Vec<u32>, String)>;

fn clip((recording, eighths, silent): Content, place: usize) -> Clip {
    let whole = &RECORDINGS[recording];
    let mut samples = whole[..whole.len() * eighths / 8].to_vec();
    if silent {
        samples.fill(0.0);
    }
    let start = APART_S * place as f64;
    let end = start + samples.len() as f64 / 16_000.0;
    Clip { start, end, audio_start: start, samples, end_reason: EndReason::Pause }
}

fn found(segment: &Segment) -> Found {
    Some((segment.tokens.clone(), segment.text.clone()))
}

#[test]
fn a_clip_has_the_same_text_in_any_company() {
    let transcriber = Transcriber::builder().threads(2).build_demo().expect("model");
    let segments = |clips: Vec<Clip>, beams: usize, batch_size: Option<usize>| {
        let generation = GenerationConfig { num_beams: beams, ..transcriber.checkpoint().generation().clone() };
        let options = TranscribeOptions { generation: Some(generation), batch_size, ..TranscribeOptions::default() };
        transcriber.transcribe_clips(clips, Language::HINDI, options).expect("transcript").segments
    };
    let known: RefCell<HashMap<(Content, usize), Found>> = RefCell::default();
    let alone = |content: Content, beams: usize| {
        let find = || segments(vec![clip(content, 0)], beams, None).first().and_then(found);
        known.borrow_mut().entry((content, beams)).or_insert_with(find).clone()
    };
    let content = (0..RECORDINGS.len(), select(vec![2, 5, 8]), prop::bool::weighted(0.1));
    let made = (vec(content, 1..9), select(vec![1, 3]), option::of(1_usize..5));
    check(20, made, |(contents, beams, batch_size)| {
        let clips = contents.iter().enumerate().map(|(place, content)| clip(*content, place)).collect();
        let together = segments(clips, beams, batch_size);
        prop_assert!(together.is_sorted_by(|a, b| a.start < b.start), "{:?}", together);
        for (place, content) in contents.iter().enumerate() {
            let here = together.iter().find(|segment| segment.start == APART_S * place as f64);
            prop_assert_eq!(here.and_then(found), alone(*content, beams), "clip {} of {:?}", place, contents);
        }
        prop_assert!(together.len() <= contents.len());
        Ok(())
    });
}
