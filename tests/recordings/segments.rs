//! Where segments end and why, and clips that the caller cuts.

use std::collections::BTreeMap;

use indic_seamless::{
    CancelToken, Error, Language, Progress, Segmentation, TranscribeOptions, Transcriber, Waveform,
    segmentation::{Clip, SegmentationOptions, Segmenter},
};

use crate::{
    common,
    made::{CLIPS, RATE, recording},
    same,
};

/// The clips one after the other, without silence at their ends, but with `gap_s` between them.
fn dense(seconds: usize, gap_s: f64) -> Waveform {
    let mut samples: Vec<f32> = Vec::new();
    for clip in CLIPS {
        let audio = Waveform::open(common::example(clip)).expect("clip");
        samples.extend(audio.samples().iter().skip_while(|x| x.abs() < 0.02));
        while samples.last().is_some_and(|x| x.abs() < 0.02) {
            samples.pop();
        }
        samples.resize(samples.len() + (gap_s * RATE) as usize, 0.0);
    }
    let samples = samples.into_iter().cycle().take(seconds * 16_000).collect();
    Waveform::from_samples(samples, 16_000).expect("samples")
}

/// How many segments of a recording end for each reason, as JSON has it.
fn reasons(transcriber: &Transcriber, audio: &Waveform, segmentation: Segmentation) -> BTreeMap<String, usize> {
    let options = TranscribeOptions { segmentation, ..Default::default() };
    let transcript = transcriber.transcribe_with(audio, Language::HINDI, options).expect("text");
    let json = serde_json::to_value(&transcript).expect("JSON");
    let mut reasons = BTreeMap::new();
    for segment in json["segments"].as_array().expect("segments") {
        *reasons.entry(segment["end_reason"].as_str().expect("a reason").to_owned()).or_default() += 1;
    }
    reasons
}

#[test]
fn every_segment_says_why_it_ends() {
    let transcriber = Transcriber::demo().expect("model");
    let of = |audio: &Waveform, options| reasons(&transcriber, audio, Segmentation::Always(options));
    let (spoken, clips) = recording(1);
    let all = |reason: &str, count| BTreeMap::from([(reason.to_owned(), count)]);
    assert_eq!(of(&spoken, SegmentationOptions::default()), all("pause", clips.len()));

    // Long enough after half a second, and no pause is long.
    let short = SegmentationOptions { target_min_s: 0.5, max_pause_s: 5.0, ..Default::default() };
    assert_eq!(of(&spoken, short), all("target_length", clips.len()));

    let dense_speech = dense(30, 0.0);
    let found = of(&dense_speech, SegmentationOptions::default());
    assert_eq!(found.keys().collect::<Vec<_>>(), ["end_of_recording", "limit"]);
    assert_eq!(found["end_of_recording"], 1);

    // Gaps too short for a pause make the probability dip.
    let short = SegmentationOptions { target_min_s: 3.0, target_max_s: 4.0, max_s: 8.0, ..Default::default() };
    let found = of(&dense(30, 0.16), short);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["end_of_recording", "least_speech"]);

    let whole = |segmentation, audio| reasons(&transcriber, audio, segmentation);
    assert_eq!(whole(Segmentation::None, &dense_speech), all("whole", 1));
    let clip = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    assert_eq!(whole(Segmentation::default(), &clip), all("whole", 1));
}

fn with_words<'a>() -> TranscribeOptions<'a> {
    TranscribeOptions { words: true, ..Default::default() }
}

#[test]
fn clips_that_the_caller_cuts_keep_their_times() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(1);
    let whole = transcriber.transcribe_with(&audio, Language::HINDI, with_words()).expect("text");

    let (mut segmenter, mut clips) = (Segmenter::new(SegmentationOptions::default()).expect("options"), Vec::new());
    segmenter.push(audio.samples(), &mut clips);
    segmenter.finish(&mut clips);
    let mut progress = Vec::new();
    let mut on_progress = |now: Progress| progress.push(now.done_s);
    let with_progress = TranscribeOptions { on_progress: Some(&mut on_progress), ..with_words() };
    let found = transcriber.transcribe_clips(clips.clone(), Language::HINDI, with_progress).expect("text");
    same(&found.segments, &whole.segments);
    for (found, whole) in found.segments.iter().zip(&whole.segments) {
        assert_eq!((&found.words, found.end_reason), (&whole.words, whole.end_reason));
    }
    let last = clips.last().expect("clips");
    let end = last.audio_start + last.samples.len() as f64 / RATE;
    assert!((found.duration_s - end).abs() < 1e-9 && (progress.last().expect("progress") - end).abs() < 1e-9);

    let cancel = CancelToken::new();
    let mut stops = clips.clone().into_iter().inspect(|clip| {
        if clip.start > 10.0 {
            cancel.cancel();
        }
    });
    let batch = TranscribeOptions { cancel: cancel.clone(), batch_size: Some(1), ..with_words() };
    let stopped = transcriber.transcribe_clips(&mut stops, Language::HINDI, batch);
    let Err(Error::Stopped { partial: Some(partial), .. }) = stopped else { panic!("{stopped:?}") };
    assert!((1..whole.segments.len()).contains(&partial.segments.len()), "{}", partial.segments.len());

    let late = Clip { end: last.end + 100.0, ..last.clone() };
    let refused = transcriber.transcribe_clips([late], Language::HINDI, with_words()).expect_err("not in its audio");
    assert!(matches!(refused, Error::InvalidOption { option: "clip", .. }), "{refused}");
    let none = transcriber.transcribe_clips([], Language::HINDI, with_words()).expect("nothing");
    assert_eq!((none.text.as_str(), none.duration_s), ("", 0.0));
}
