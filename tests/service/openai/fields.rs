//! The fields of requests: what is taken, and what is refused before anything is done.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::StatusCode;
use indic_seamless::{
    Transcriber,
    service::{Measurements, Service, Settings},
};
use serde_json::{Value, json};

use super::{TRANSCRIPTIONS, TRANSLATIONS, json, recording, transcribe};
use crate::{BOUNDARY, CLIP, HINDI, ask, form_with, post, router};

#[tokio::test]
async fn all_fields_of_current_clients_are_taken() {
    let router = router().await;
    let fields = [
        ("language", "hi"),
        ("prompt", "weather"),
        ("temperature", "0.2"),
        ("response_format", "json"),
        ("include[]", "logprobs"),
        ("keywords[]", "monsoon"),
        ("keywords[]", "rain"),
        ("stream", "false"),
        ("chunking_strategy", "auto"),
    ];
    assert_eq!(json(&router, &fields).await["text"], HINDI);
    let prompt = "a".repeat(60_000);
    assert_eq!(json(&router, &[("language", "hi"), ("prompt", &prompt)]).await["text"], HINDI);
}

#[tokio::test]
async fn a_chunking_strategy_cuts_the_recording() {
    let router = router().await;
    // Two clips with a second between them.
    let clip = indic_seamless::Waveform::from_bytes(CLIP, None).expect("a clip").into_samples();
    let audio = crate::common::wav(&[&clip[..], &vec![0.0; 16_000], &clip].concat());
    let segments = async |strategy: &[(&str, &str)]| {
        let fields = [&[("language", "hi"), ("response_format", "verbose_json")], strategy].concat();
        let answer = ask(&router, recording(TRANSCRIPTIONS, &audio, &fields)).await;
        answer.json()["segments"].as_array().map(Vec::len)
    };
    assert_eq!(segments(&[]).await, Some(2));
    assert_eq!(segments(&[("chunking_strategy", "auto")]).await, Some(2));
    let object = r#"{"type": "server_vad", "silence_duration_ms": 3000}"#;
    assert_eq!(segments(&[("chunking_strategy", object)]).await, Some(1));
    // As OpenAI's clients write an object in a form.
    let parts = [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[silence_duration_ms]", "3000")];
    assert_eq!(segments(&parts).await, Some(1));
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_nothing_is_transcribed() {
    let done = Arc::new(AtomicUsize::new(0));
    let counted = done.clone();
    let count = move |_: &Measurements<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let service = Service::start_observed(Settings::default(), Transcriber::demo, count).expect("a service");
    service.ready().await.expect("loaded");
    let router = service.router();
    for (fields, param, code) in [
        (&[("response_format", "xml")][..], "response_format", "invalid_value"),
        (&[("response_format", "diarized_json")], "response_format", "unsupported_value"),
        (&[("timestamp_granularities[]", "word")], "timestamp_granularities", "unsupported_value"),
        (
            &[("response_format", "verbose_json"), ("timestamp_granularities[]", "letter")],
            "timestamp_granularities",
            "invalid_value",
        ),
        (&[("stream", "true"), ("response_format", "srt")], "stream", "unsupported_value"),
        (&[("stream", "true"), ("response_format", "vtt")], "stream", "unsupported_value"),
        (&[("stream", "true"), ("response_format", "verbose_json")], "stream", "unsupported_value"),
        (&[("stream", "perhaps")], "stream", "invalid_value"),
        (&[("include[]", "usage")], "include", "invalid_value"),
        (&[("include[]", "logprobs"), ("response_format", "text")], "include", "unsupported_value"),
        (&[("temperature", "1.5")], "temperature", "invalid_value"),
        (&[("temperature", "NaN")], "temperature", "invalid_value"),
        (&[("temperature", "warm")], "temperature", "invalid_value"),
        (&[("language", "klingon")], "language", "unknown_language"),
        (&[("language", "fr")], "language", "unknown_language"),
        (&[("to_language", "fr")], "to_language", "unknown_language"),
        (&[("languages[]", "hi"), ("languages[]", "fr")], "languages", "unknown_language"),
        (&[("language", "hi"), ("language", "ta")], "language", "invalid_value"),
        (&[("chunking_strategy", "never")], "chunking_strategy", "invalid_value"),
        (&[("chunking_strategy[type]", "semantic_vad")], "chunking_strategy", "invalid_value"),
        (&[("known_speaker_names[]", "agent")], "known_speaker_names", "unsupported_value"),
    ] {
        let answer = transcribe(&router, fields).await;
        answer.error(400, "invalid_request_error", Some(param), code);
    }
    for fields in [&[("audio", "x")][..], &[("best_of", "5")], &[("language[]", "hi")], &[("include[a]", "logprobs")]] {
        transcribe(&router, fields).await.error(400, "invalid_request_error", None, "unknown_parameter");
    }
    for name in ["whisper-2", "", "gpt-4o-transcribe-diarize"] {
        let answer = ask(&router, recording(TRANSCRIPTIONS, CLIP, &[("model", name)])).await;
        answer.error(404, "invalid_request_error", Some("model"), "model_not_found");
    }
    for name in ["to_language", "stream", "include[]", "timestamp_granularities[]", "languages[]"] {
        let answer = ask(&router, recording(TRANSLATIONS, CLIP, &[(name, "word")])).await;
        answer.error(400, "invalid_request_error", None, "unknown_parameter");
    }
    assert_eq!(done.load(Ordering::Relaxed), 0);
    assert_eq!(transcribe(&router, &[]).await.status, StatusCode::OK);
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn bodies_that_are_no_form_with_a_recording() {
    let router = router().await;
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let error = |body: Value| body["message"].as_str().expect("text").to_owned();
    let invalid = |answer: crate::Answer, param: Option<&str>, code: &str| {
        error(answer.error(400, "invalid_request_error", param, code))
    };
    for content_type in ["application/json", "audio/wav", "text/plain"] {
        let answer = ask(&router, post(TRANSCRIPTIONS, content_type, CLIP)).await;
        assert!(invalid(answer, None, "unsupported_media_type").contains("multipart/form-data"));
    }
    let no_file = form_with("x", b"", &[]).len();
    let cut = form_with("file", CLIP, &[("model", "whisper-1")]);
    invalid(ask(&router, post(TRANSCRIPTIONS, &form, cut[..no_file + 500].to_vec())).await, None, "bad_request");
    let without = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--{BOUNDARY}--\r\n"
    );
    let message = invalid(ask(&router, post(TRANSCRIPTIONS, &form, without)).await, Some("file"), "invalid_value");
    assert_eq!(message, "the form has no file `file`");
    for (audio, code) in [(&b""[..], "no_audio"), (b"a letter, not a recording", "unsupported_audio")] {
        invalid(ask(&router, recording(TRANSCRIPTIONS, audio, &[])).await, Some("file"), code);
    }
    let short = crate::hum(100);
    invalid(ask(&router, recording(TRANSCRIPTIONS, &short, &[])).await, Some("file"), "audio_too_short");
    let long = "x".repeat(70_000);
    let answer = ask(&router, recording(TRANSCRIPTIONS, CLIP, &[("prompt", &long)])).await;
    assert_eq!(answer.json()["error"]["code"], json!("invalid_value"));
    assert!(answer.body.len() < 500);
}
