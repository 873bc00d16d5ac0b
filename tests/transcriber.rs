//! The transcriber: concurrent calls, callbacks, cancellation, and very short recordings.

mod common;

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use indic_seamless::{
    CancelToken, EndReason, Error, GenerationConfig, Language, Segmentation, StopReason, TokenEvent, TranscribeOptions,
    Transcriber, Waveform, segmentation::Clip,
};

fn clip() -> Waveform {
    Waveform::open(common::example("hindi-1.wav")).expect("clip")
}

fn language(code: &str) -> Language {
    code.parse().expect("language")
}

const TEXT: &str = "please the weather today";

#[test]
fn one_model_serves_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let transcriber = Transcriber::builder().threads(2).build_demo().expect("model");
    shared(&transcriber);
    let audio = clip();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(transcriber.transcribe(&audio, language("eng")).expect("text").text, TEXT));
        }
    });
}

#[test]
fn eight_threads_keep_their_deadlines_beside_a_long_job() {
    let transcriber = Transcriber::demo().expect("model");
    let short = clip();
    // One clip of two minutes takes more than a second in the encoder alone.
    let long: Vec<f32> = short.samples().iter().copied().cycle().take(120 * 16_000).collect();
    let long = Waveform::from_samples(long, 16_000).expect("samples");
    // The slack is for a busy machine.
    let (deadline, slack) = (Duration::from_secs(1), Duration::from_secs(2));
    let done = AtomicBool::new(false);
    let finished = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(3) {
                let options = TranscribeOptions { segmentation: Segmentation::None, ..TranscribeOptions::default() };
                transcriber.transcribe_with(&long, language("eng"), options).expect("long");
            }
            done.store(true, Ordering::Relaxed);
        });
        // No machine is done by this deadline.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let deadline = Some(Instant::now() + Duration::from_millis(50));
                let options =
                    TranscribeOptions { segmentation: Segmentation::None, deadline, ..TranscribeOptions::default() };
                let outcome =
                    transcriber.transcribe_with(&long, language("eng"), options).map(|transcript| transcript.text);
                assert!(matches!(outcome, Err(Error::Stopped { reason: StopReason::Deadline, .. })), "{outcome:?}");
            }
        });
        for _ in 0..7 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    let options =
                        TranscribeOptions { deadline: Some(started + deadline), ..TranscribeOptions::default() };
                    let outcome = transcriber.transcribe_with(&short, language("eng"), options);
                    let took = started.elapsed();
                    assert!(took < deadline + slack, "{took:?}");
                    match outcome {
                        Ok(transcript) => {
                            assert_eq!(transcript.text, TEXT);
                            finished.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(matches!(error, Error::Stopped { reason: StopReason::Deadline, .. }), "{error}");
                        }
                    }
                }
            });
        }
    });
    assert!(finished.load(Ordering::Relaxed) > 0, "no short clip finished meanwhile");
}

#[test]
fn a_pool_of_the_callers_own_can_share_a_transcriber() {
    use rayon::prelude::*;
    let transcriber = Transcriber::demo().expect("model");
    let audio = clip();
    let texts: Vec<String> =
        (0..12).into_par_iter().map(|_| transcriber.transcribe(&audio, language("eng")).expect("text").text).collect();
    assert_eq!(texts, vec![TEXT; 12]);
}

#[test]
fn tokens_are_reported_as_they_come() {
    let transcriber = Transcriber::demo().expect("model");
    for num_beams in [1, 4] {
        let mut seen: Vec<TokenEvent> = Vec::new();
        let mut on_token = |event| seen.push(event);
        let generation = GenerationConfig { num_beams, ..transcriber.checkpoint().generation().clone() };
        let options = TranscribeOptions {
            generation: Some(generation),
            on_token: Some(&mut on_token),
            ..TranscribeOptions::default()
        };
        let transcript = transcriber.transcribe_with(&clip(), language("eng"), options).expect("text");
        let segment = &transcript.segments[0];
        assert!(seen.iter().enumerate().all(|(step, event)| event.step == step && event.item == 0));
        if num_beams == 1 {
            let tokens: Vec<u32> = seen.iter().map(|event| event.token).collect();
            assert_eq!(tokens, segment.tokens[2..]);
            let mean = seen.iter().map(|event| event.logprob).sum::<f32>() / seen.len() as f32;
            assert!((mean - segment.score).abs() < 1e-5 && segment.score == segment.avg_logprob);
            assert_eq!(segment.logprobs, seen.iter().map(|event| event.logprob).collect::<Vec<_>>());
        }
        assert_eq!(segment.logprobs.len(), segment.tokens.len() - 2);
        let mean = segment.logprobs.iter().sum::<f32>() / segment.logprobs.len() as f32;
        assert!((mean - segment.avg_logprob).abs() < 1e-5, "{num_beams}");
        assert_eq!(transcript.timings.new_tokens, segment.tokens.len() - 2);
    }
}

#[test]
fn cancelling_stops_within_a_step() {
    let transcriber = Transcriber::demo().expect("model");
    let cancel = CancelToken::new();
    let steps = AtomicUsize::new(0);
    let mut on_token = |event: TokenEvent| {
        steps.fetch_add(1, Ordering::Relaxed);
        if event.step == 2 {
            cancel.cancel();
        }
    };
    let options =
        TranscribeOptions { cancel: cancel.clone(), on_token: Some(&mut on_token), ..TranscribeOptions::default() };
    let error = transcriber.transcribe_with(&clip(), language("eng"), options).expect_err("cancelled");
    assert!(matches!(error, Error::Stopped { reason: StopReason::Cancelled, .. }), "{error}");
    assert_eq!(steps.load(Ordering::Relaxed), 3);

    let options = TranscribeOptions { cancel, ..TranscribeOptions::default() };
    let error = transcriber.transcribe_with(&clip(), language("eng"), options).expect_err("cancelled");
    assert!(matches!(error, Error::Stopped { reason: StopReason::Cancelled, .. }), "{error}");
}

#[test]
fn clips_without_two_frames_are_too_short() {
    let transcriber = Transcriber::demo().expect("model");
    for samples in [1, 399, 400, 559] {
        let audio = Waveform::from_samples(vec![0.1; samples], 16_000).expect("samples");
        let error = transcriber.transcribe(&audio, language("eng")).expect_err("too short");
        assert!(
            matches!(error, Error::AudioTooShort { samples: found, wanted: 560, .. } if found == samples),
            "{error}"
        );
    }
    let audio = Waveform::from_samples(vec![0.1; 560], 16_000).expect("samples");
    transcriber.transcribe(&audio, language("eng")).expect("two frames");
}

#[test]
fn a_clip_that_fails_ends_the_work_while_others_are_still_to_come() {
    let transcriber = Transcriber::demo().expect("model");
    let clip = |start: f64, samples: usize| {
        let (end, samples) = (start + samples as f64 / 16_000.0, vec![0.1; samples]);
        Clip { start, end, audio_start: start, samples, end_reason: EndReason::Pause }
    };
    let clips = [clip(0.0, 100), clip(1.0, 16_000), clip(3.0, 16_000)].into_iter().inspect(|_| {
        // The first one fails meanwhile.
        std::thread::sleep(Duration::from_millis(300));
    });
    let started = Instant::now();
    let error = transcriber.transcribe_clips(clips, language("eng"), TranscribeOptions::default());
    assert!(matches!(error, Err(Error::AudioTooShort { samples: 100, .. })), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn searches_that_make_no_sense_are_refused() {
    let transcriber = Transcriber::demo().expect("model");
    let base = transcriber.checkpoint().generation().clone();
    for generation in [
        GenerationConfig { num_beams: 0, ..base.clone() },
        GenerationConfig { num_return_sequences: 2, ..base.clone() },
        GenerationConfig { repetition_penalty: f32::NAN, ..base.clone() },
        GenerationConfig { length_penalty: f64::INFINITY, num_beams: 2, ..base.clone() },
        GenerationConfig { min_new_tokens: 9, max_new_tokens: 8, ..base.clone() },
        GenerationConfig { max_new_tokens: 0, ..base.clone() },
        GenerationConfig { max_new_tokens: 4095, ..base.clone() },
        GenerationConfig { max_new_tokens: usize::MAX, ..base.clone() },
        GenerationConfig { num_beams: 1 << 40, ..base.clone() },
        GenerationConfig { num_beams: usize::MAX, ..base.clone() },
    ] {
        let options = TranscribeOptions { generation: Some(generation), ..TranscribeOptions::default() };
        let error = transcriber.transcribe_with(&clip(), language("eng"), options).expect_err("refused");
        assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
    }
    for generation in [
        GenerationConfig { decoder_start_token_id: 300_000, ..base.clone() },
        GenerationConfig { suppress_tokens: vec![5, 809], ..base.clone() },
        GenerationConfig { eos_token_id: vec![u32::MAX], ..base.clone() },
    ] {
        let options = TranscribeOptions { generation: Some(generation), ..TranscribeOptions::default() };
        let error = transcriber.transcribe_with(&clip(), language("eng"), options).expect_err("refused");
        assert!(matches!(error, Error::TokenOutOfRange { vocabulary: 809, .. }), "{error}");
    }
    let generation = GenerationConfig { max_new_tokens: 4094, ..base };
    let options = TranscribeOptions { generation: Some(generation), ..TranscribeOptions::default() };
    assert_eq!(transcriber.transcribe_with(&clip(), language("eng"), options).expect("text").text, TEXT);
}
