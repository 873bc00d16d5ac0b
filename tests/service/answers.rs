//! Answers to requests of each kind, in each language and output format.

use axum::http::{StatusCode, header};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use indic_seamless::{
    Language, OutputFormat, Script, Transcriber, Waveform,
    service::{Service, Settings},
};
use serde_json::json;

use crate::{CLIP, HINDI, TAMIL, ask, common::spoil, form, post, router};

#[tokio::test]
async fn a_form_as_the_python_service_takes_it() {
    let router = router().await;
    let answer = ask(&router, form(CLIP, &[("target_lang", "Hindi")])).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "transcription": HINDI })));
    // English by default.
    let english = Transcriber::demo().expect("the demo model");
    let clip = Waveform::from_bytes(CLIP, None).expect("a recording");
    let english = english.transcribe(&clip, Language::ENGLISH).expect("a transcript").text;
    assert_eq!(ask(&router, form(CLIP, &[])).await.json(), json!({ "transcription": english }));
}

#[tokio::test]
async fn languages_by_code_and_name_in_any_case() {
    let router = router().await;
    for name in ["hin", "hi", "HINDI", " hindi ", "__hin__", "hi-IN", "hin_Deva", "हिन्दी"] {
        let answer = ask(&router, form(CLIP, &[("target_lang", name)])).await;
        assert_eq!(answer.json()["transcription"], HINDI, "{name}");
    }
    let problem = ask(&router, form(CLIP, &[("target_lang", "klingon")])).await.problem(422, "unknown_language");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("klingon") && detail.contains("hin")));
    let problem = ask(&router, form(CLIP, &[("target_lang", "hindhi")])).await.problem(422, "unknown_language");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("similar: hin (Hindi)")), "{problem}");
    let problem = ask(&router, form(CLIP, &[("target_lang", "hi-Latn")])).await.problem(422, "unknown_language");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("in the script Deva, not in Latn")));
    // A known language that this model does not have.
    let problem = ask(&router, form(CLIP, &[("target_lang", "French")])).await.problem(422, "unknown_language");
    assert_eq!(problem["detail"], "unknown language \"French\"; known: ben eng hin tam tel");
}

#[tokio::test]
async fn bytes_and_json_as_well_as_forms() {
    let router = router().await;
    for content_type in ["audio/wav", "audio/x-anything; codecs=1", "video/webm", "application/octet-stream"] {
        let answer = ask(&router, post("/speech-to-text?target_lang=tam", content_type, CLIP)).await;
        assert_eq!(answer.json(), json!({ "transcription": TAMIL }), "{content_type}");
    }
    let lines: Vec<String> =
        STANDARD.encode(CLIP).as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    for audio in [
        STANDARD.encode(CLIP),
        URL_SAFE_NO_PAD.encode(CLIP),
        lines.join("\r\n"),
        format!("data:audio/wav;base64,{}", lines.join("\n")),
    ] {
        let body = json!({ "audio": audio, "target_lang": "tam", "beams": 2, "segments": false }).to_string();
        let answer = ask(&router, post("/speech-to-text", "application/json", body)).await;
        assert_eq!(answer.json(), json!({ "transcription": TAMIL }));
    }
}

#[tokio::test]
async fn text_subtitles_and_segments() {
    let router = router().await;
    let ask = |query: &'static str| {
        let router = router.clone();
        async move { ask(&router, post(&format!("/speech-to-text?target_lang=hin&{query}"), "audio/wav", CLIP)).await }
    };
    let text = ask("format=text").await;
    assert_eq!((text.header(header::CONTENT_TYPE), &*text.body), ("text/plain; charset=utf-8", HINDI.as_bytes()));
    let srt = ask("format=srt").await;
    assert_eq!(srt.header(header::CONTENT_TYPE), "application/x-subrip; charset=utf-8");
    // The first word begins 0.08 s after the start of the clip.
    assert!(String::from_utf8_lossy(&srt.body).starts_with("1\n00:00:00,080 --> 00:00:01"));
    assert!(String::from_utf8_lossy(&ask("format=vtt").await.body).starts_with("WEBVTT\n\n00:00:00.080 --> 00:00:01"));
    let details = ask("segments=true").await.json();
    let duration = Waveform::from_bytes(CLIP, None).expect("a recording").duration().as_secs_f64();
    assert_eq!((&details["transcription"], &details["language"]), (&json!(HINDI), &json!("hin")));
    assert_eq!(details["duration_s"], duration);
    let segment = &details["segments"][0];
    assert_eq!((&segment["text"], &segment["start"], &segment["end"]), (&json!(HINDI), &json!(0.0), &json!(duration)));
    assert!(segment["avg_logprob"].as_f64().is_some_and(|p| p <= 0.0));
    assert_eq!(segment["end_reason"], "whole");
    assert_eq!((segment.get("words"), details.get("subtitles")), (None, None));
    assert!(details["timings"]["encoder_ms"].as_f64().is_some_and(|ms| ms > 0.0));
}

#[tokio::test]
async fn a_damaged_recording_gives_its_text_and_names_the_damage() {
    let router = router().await;
    let answer = ask(&router, form(&CLIP[..CLIP.len() - 200], &[("target_lang", "hin")])).await;
    assert_eq!((answer.status, &answer.json()["transcription"]), (StatusCode::OK, &json!(HINDI)));
    let damage = &answer.json()["damage"];
    assert_eq!((damage.as_array().map(Vec::len), &damage[0]["kind"]), (Some(1), &json!("cut_short")));
    assert!(damage[0]["at_s"].as_f64() > Some(1.0), "{damage}");
}

#[tokio::test]
async fn a_text_keeps_to_the_script_that_is_asked_for() {
    let latin: Script = "latin".parse().expect("a script");
    let answer = ask(&router().await, form(CLIP, &[("target_lang", "hin"), ("script", "latin")])).await.json();
    let text = answer["transcription"].as_str().expect("a text");
    assert!(latin.writes(text) && text.chars().any(char::is_alphabetic), "{text}");
}

#[tokio::test]
async fn a_text_that_runs_away_is_searched_again() {
    // More than anybody says in the time of the clip.
    let model = spoil::Copy::of("tiny").set("generation_config.json", "min_new_tokens", 199);
    let dir = model.dir().to_owned();
    let service = Service::start(Settings::default(), || Transcriber::from_dir(dir)).expect("a service");
    service.ready().await.expect("loaded");
    let answer = ask(&service.router(), form(CLIP, &[("segments", "true")])).await.json();
    assert_eq!(answer["segments"][0]["flags"][0], "retried", "{answer}");
}

#[tokio::test]
async fn every_format_has_its_media_type() {
    let router = router().await;
    for &format in OutputFormat::ALL {
        let path = format!("/speech-to-text?target_lang=hin&format={format}");
        let answer = ask(&router, post(&path, "audio/wav", CLIP)).await;
        assert!(answer.header(header::CONTENT_TYPE).starts_with(format.media_type()), "{format}");
        assert!(String::from_utf8_lossy(&answer.body).contains(HINDI), "{format}");
    }
}
