//! Transcripts as JSON: what is read back is what was written, and it is as the published schema says.

use indic_seamless::{
    Alternative, Damage, DamageKind, EndReason, Flag, GenerationConfig, Language, OutputFormat, Segment, Timings,
    TranscribeOptions, Transcriber, Transcript, Waveform, Word, subtitles::SubtitleOptions,
};
use proptest::{collection::vec, num, option, prelude::*, sample::select};
use serde_json::Value;

use crate::{
    check,
    common::{self, schema},
};

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 0.0..90_000.0, 1 => num::f64::POSITIVE | num::f64::NEGATIVE | num::f64::NORMAL | num::f64::ZERO]
}

fn score() -> impl Strategy<Value = f32> {
    prop_oneof![3 => -20.0_f32..0.0, 1 => num::f32::POSITIVE | num::f32::NEGATIVE | num::f32::NORMAL | num::f32::ZERO]
}

fn segment() -> impl Strategy<Value = Segment> {
    const REASONS: [EndReason; 7] = [
        EndReason::Unknown,
        EndReason::Whole,
        EndReason::Pause,
        EndReason::TargetLength,
        EndReason::LeastSpeech,
        EndReason::Limit,
        EndReason::EndOfRecording,
    ];
    const FLAGS: [Flag; 4] = [Flag::Retried, Flag::Loop, Flag::RunAway, Flag::Truncated];
    let word = (any::<String>(), number(), number(), score());
    let word = word.prop_map(|(text, start, end, confidence)| Word { text, start, end, confidence });
    let other = (any::<String>(), vec(any::<u32>(), 0..4), score());
    let other = other.prop_map(|(text, tokens, score)| Alternative { text, tokens, score });
    let texts = (any::<String>(), vec(any::<u32>(), 0..9), vec(score(), 0..9), vec(word, 0..4), vec(other, 0..3));
    let rest = (select(&REASONS[..]), option::of(any::<usize>()), vec(select(&FLAGS[..]), 0..3));
    let made = ((number(), number(), score(), score()), texts, rest);
    made.prop_map(|((start, end, score, avg_logprob), (text, tokens, logprobs, words, alternatives), rest)| {
        let (end_reason, speaker, flags) = rest;
        Segment {
            start,
            end,
            end_reason,
            speaker,
            text,
            tokens,
            score,
            avg_logprob,
            logprobs,
            flags,
            words,
            alternatives,
        }
    })
}

fn transcript() -> impl Strategy<Value = Transcript> {
    const KINDS: [DamageKind; 5] =
        [DamageKind::CutShort, DamageKind::Gap, DamageKind::Corrupt, DamageKind::Checksum, DamageKind::InvalidSamples];
    let damage = (number(), select(&KINDS[..]), any::<String>());
    let damage = damage.prop_map(|(at_s, kind, reason)| Damage { at_s, kind, reason });
    let timings = (vec(number(), 7), any::<usize>()).prop_map(|(ms, new_tokens)| Timings {
        load_ms: ms[0],
        audio_ms: ms[1],
        segmentation_ms: ms[2],
        features_ms: ms[3],
        encoder_ms: ms[4],
        generation_ms: ms[5],
        total_ms: ms[6],
        new_tokens,
    });
    let language = select(Language::all().collect::<Vec<_>>());
    let made = (number(), language, vec(segment(), 0..4), vec(damage, 0..3), timings);
    made.prop_map(|(duration_s, language, segments, damage, timings)| {
        let mut transcript = Transcript::new(duration_s, language, segments, timings);
        transcript.damage = damage;
        transcript
    })
}

/// A transcript as it is written.
fn json(transcript: &Transcript) -> String {
    OutputFormat::JSON.render(transcript, &SubtitleOptions::default())
}

fn value(transcript: &Transcript) -> Value {
    serde_json::to_value(transcript).expect("JSON")
}

/// Whether two values are equal, numbers up to their last digit: `serde_json` reads that much, unless it is asked for more.
fn are_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| are_alike(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_alike(a, b)),
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() <= 2.0 * f64::EPSILON * a.abs()
        }
        _ => a == b,
    }
}

#[test]
fn a_transcript_that_is_read_back_is_the_same() {
    check(500, transcript(), |transcript| {
        let json = json(&transcript);
        prop_assert!(!json.contains('\n'), "{:?}", json);
        let read: Transcript = serde_json::from_str(&json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(are_alike(&value(&read), &value(&transcript)), "{:?} from {}", read, json);
        Ok(())
    });
}

#[test]
fn every_transcript_is_as_the_schema_says() {
    let schema = schema::published();
    check(300, transcript(), |transcript| {
        let json: Value = serde_json::from_str(&json(&transcript)).expect("JSON");
        schema::validate(&schema, &json).map_err(TestCaseError::fail)
    });
}

#[test]
fn real_transcripts_are_as_the_schema_says() {
    let schema = schema::published();
    let transcriber = Transcriber::demo().expect("model");
    let beams = GenerationConfig {
        num_beams: 3,
        num_return_sequences: 2,
        max_new_tokens: 4,
        ..transcriber.checkpoint().generation().clone()
    };
    let options = TranscribeOptions { generation: Some(beams), words: true, ..TranscribeOptions::default() };
    let recording = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let of_two = transcriber.transcribe_with(&recording, Language::HINDI, options).expect("transcript");
    let of_two = of_two.clone().with_speakers([of_two]);
    let cut = &std::fs::read(common::example("english-1.wav")).expect("clip")[..20_000];
    let cut = Waveform::from_bytes(cut, None).expect("audio");
    let damaged = transcriber.transcribe(&cut, Language::ENGLISH).expect("transcript");
    let seen = [&of_two, &damaged].map(json).concat();
    for key in ["alternatives", "damage", "flags", "logprobs", "speaker", "words"] {
        assert!(seen.contains(&format!("\"{key}\":")), "no {key} in {seen}");
    }
    for transcript in [of_two, damaged] {
        let json = json(&transcript);
        schema::validate(&schema, &serde_json::from_str(&json).expect("JSON")).expect("as the schema says");
        let read: Transcript = serde_json::from_str(&json).expect("a transcript");
        assert!(are_alike(&value(&read), &value(&transcript)), "{read:?} from {json}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_transcript() {
    let schema = schema::published();
    let word = Word { text: "one".to_owned(), start: 0.0, end: 0.5, confidence: 0.9 };
    let segment = Segment { words: vec![word], flags: vec![Flag::Loop], ..Segment::default() };
    let whole = Transcript::new(1.0, Language::HINDI, vec![segment], Timings::default());
    let whole: Value = serde_json::from_str(&json(&whole)).expect("JSON");
    schema::validate(&schema, &whole).expect("as the schema says");
    for (place, wrong) in [
        ("/duration_s", Value::Null),
        ("/language", "Hindi".into()),
        ("/segments", Value::Null),
        ("/segments/0/end_reason", "tired".into()),
        ("/segments/0/flags/0", "odd".into()),
        ("/segments/0/tokens", serde_json::json!([-1])),
        ("/segments/0/words/0/confidence", "high".into()),
        ("/segments/0/words/0", serde_json::json!({ "text": "one" })),
        ("/timings/new_tokens", 1.5.into()),
    ] {
        let mut spoiled = whole.clone();
        *spoiled.pointer_mut(place).expect("a place") = wrong;
        let fault = schema::validate(&schema, &spoiled).expect_err(place);
        assert!(fault.starts_with(place), "{fault}");
    }
}
