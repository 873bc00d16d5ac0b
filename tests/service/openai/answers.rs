//! The answers in each format, and the models.

use axum::http::{StatusCode, header};
use indic_seamless::{
    Error, Language, Transcriber, Waveform,
    service::{Service, Settings},
};
use serde_json::{Value, json};

use super::{TRANSCRIPTIONS, TRANSLATIONS, json, recording, transcribe};
use crate::{CLIP, HINDI, TAMIL, ask, form, get, minutes, post, router, with};

#[tokio::test]
async fn json_has_text_and_usage() {
    let answer = json(&router().await, &[("language", "hi")]).await;
    // 1.4 s, in whole seconds.
    assert_eq!(answer, json!({ "text": HINDI, "usage": { "type": "duration", "seconds": 2 } }));
}

#[tokio::test]
async fn text_and_subtitles_are_those_of_the_other_endpoint() {
    let router = router().await;
    for format in ["text", "srt", "vtt"] {
        let ours = post(&format!("/speech-to-text?target_lang=hin&format={format}"), "audio/wav", CLIP);
        let ours = ask(&router, ours).await;
        let theirs = transcribe(&router, &[("language", "hi"), ("response_format", format)]).await;
        assert_eq!((theirs.status, &theirs.body), (StatusCode::OK, &ours.body), "{format}");
        assert_eq!(theirs.header(header::CONTENT_TYPE), ours.header(header::CONTENT_TYPE), "{format}");
    }
}

#[tokio::test]
async fn verbose_json_has_segments() {
    let answer = json(&router().await, &[("language", "hi"), ("response_format", "verbose_json")]).await;
    let clip = Waveform::from_bytes(CLIP, None).expect("a recording");
    let expected = Transcriber::demo().expect("model").transcribe(&clip, Language::HINDI).expect("text");
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&answer), ["duration", "language", "segments", "task", "text", "usage"]);
    assert_eq!(
        (&answer["task"], &answer["language"], &answer["text"]),
        (&json!("transcribe"), &json!("hindi"), &json!(HINDI))
    );
    assert_eq!(answer["duration"], expected.duration_s);
    let [segment] = &answer["segments"].as_array().expect("segments")[..] else { panic!("{answer}") };
    let wanted = &expected.segments[0];
    // Without the start, the language and the end.
    let tokens = &wanted.tokens[2..wanted.tokens.len() - 1];
    assert!(!tokens.is_empty());
    let mut segment = segment.clone();
    // What Python's zlib makes of the text.
    for (key, wanted) in [("avg_logprob", f64::from(wanted.avg_logprob)), ("compression_ratio", 42.0 / 46.0)] {
        let value = segment.as_object_mut().expect("an object").remove(key).and_then(|value| value.as_f64());
        assert!(value.is_some_and(|value| (value - wanted).abs() < 1e-4), "{key}: {value:?}");
    }
    assert_eq!(
        segment,
        json!({
            "id": 0, "seek": 0, "start": wanted.start, "end": wanted.end, "text": HINDI, "tokens": tokens, "temperature": 0.0,
            "no_speech_prob": 0.0
        })
    );
}

#[tokio::test]
async fn segments_are_numbered_in_time() {
    let router = router().await;
    let fields = [("language", "hi"), ("response_format", "verbose_json"), ("timestamp_granularities[]", "segment")];
    let answer = ask(&router, recording(TRANSCRIPTIONS, &minutes(1), &fields)).await.json();
    let segments = answer["segments"].as_array().expect("segments");
    assert!(segments.len() > 10, "{}", segments.len());
    for (id, segment) in segments.iter().enumerate() {
        let start = segment["start"].as_f64().expect("seconds");
        assert_eq!((&segment["id"], segment["seek"].as_u64()), (&json!(id), Some((start * 100.0).round() as u64)));
    }
    assert!(segments.windows(2).all(|pair| pair[0]["end"].as_f64() <= pair[1]["start"].as_f64()));
}

#[tokio::test]
async fn granularities_say_what_is_timed() {
    let router = router().await;
    for (granularities, segments, words) in [
        (&[][..], true, false),
        (&["segment"], true, false),
        (&["word"], false, true),
        (&["word", "segment"], true, true),
        (&["segment", "segment"], true, false),
    ] {
        for name in ["timestamp_granularities[]", "timestamp_granularities", "timestamp_granularities[0]"] {
            let mut fields = vec![("language", "hi"), ("response_format", "verbose_json")];
            fields.extend(granularities.iter().map(|granularity| (name, *granularity)));
            let answer = json(&router, &fields).await;
            assert_eq!((answer["segments"].is_array(), answer["words"].is_array()), (segments, words), "{fields:?}");
            if words {
                let said: Vec<_> =
                    answer["words"].as_array().expect("words").iter().map(|word| &word["word"]).collect();
                assert_eq!(said, HINDI.split(' ').collect::<Vec<_>>());
                let word = answer["words"][1].as_object().expect("an object");
                assert!(word["start"].as_f64() < word["end"].as_f64() && word.len() == 3, "{word:?}");
            }
        }
    }
}

#[tokio::test]
async fn logprobs_are_those_of_the_tokens() {
    let answer = json(&router().await, &[("language", "hi"), ("include[]", "logprobs")]).await;
    let logprobs = answer["logprobs"].as_array().expect("logprobs");
    let text: String = logprobs.iter().map(|token| token["token"].as_str().expect("text")).collect();
    assert_eq!(text, HINDI);
    let bytes: Vec<u8> = logprobs
        .iter()
        .flat_map(|token| token["bytes"].as_array().expect("bytes"))
        .map(|byte| byte.as_u64().and_then(|byte| byte.try_into().ok()).expect("a byte"))
        .collect();
    assert_eq!(bytes, HINDI.as_bytes());
    let clip = Waveform::from_bytes(CLIP, None).expect("a recording");
    let expected = Transcriber::demo().expect("model").transcribe(&clip, Language::HINDI).expect("text");
    // The last one is that of the end.
    let wanted = &expected.segments[0].logprobs;
    assert_eq!(logprobs.len(), wanted.len() - 1);
    for (token, wanted) in logprobs.iter().zip(wanted) {
        assert!((token["logprob"].as_f64().expect("a number") - f64::from(*wanted)).abs() < 1e-4, "{token} {wanted}");
    }
}

#[tokio::test]
async fn translations_are_english() {
    let router = router().await;
    let english = ask(&router, form(CLIP, &[("target_lang", "eng")])).await.json()["transcription"].clone();
    assert!(english.as_str().is_some_and(|text| text.is_ascii() && !text.is_empty()), "{english}");
    let translate = |fields: &[(&str, &str)]| ask(&router, recording(TRANSLATIONS, CLIP, fields));
    let prompt = [("model", "whisper-1"), ("prompt", "Hello,"), ("temperature", "0.2"), ("language", "hi")];
    assert_eq!(translate(&prompt).await.json()["text"], english);
    let verbose = translate(&[("model", "whisper-1"), ("response_format", "verbose_json")]).await.json();
    assert_eq!((&verbose["task"], &verbose["language"]), (&json!("translate"), &json!("english")));
    assert_eq!((&verbose["text"], &verbose["segments"][0]["text"]), (&english, &english));
    let text = translate(&[("model", "whisper-1"), ("response_format", "text")]).await;
    assert_eq!(english, String::from_utf8_lossy(&text.body).as_ref());
}

#[tokio::test]
async fn a_damaged_recording_gives_its_text_and_names_the_damage() {
    let router = router().await;
    let cut = &CLIP[..CLIP.len() - 200];
    for format in ["json", "verbose_json"] {
        let answer =
            ask(&router, recording(TRANSCRIPTIONS, cut, &[("language", "hi"), ("response_format", format)])).await;
        assert_eq!(answer.json()["text"], HINDI);
        assert_eq!(answer.json()["damage"][0]["kind"], "cut_short");
    }
}

#[tokio::test]
async fn nothing_said_is_an_empty_text() {
    let router = router().await;
    let quiet = crate::common::wav(&vec![0.0; 3 * 16_000]);
    let fields = [("language", "hi"), ("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
    let answer = ask(&router, recording(TRANSCRIPTIONS, &quiet, &fields)).await.json();
    assert_eq!((&answer["text"], &answer["words"], &answer["duration"]), (&json!(""), &json!([]), &json!(3.0)));
}

#[tokio::test]
async fn the_model_has_an_id_a_short_name_and_those_of_openai() {
    let router = with(Settings { model_id: "ai4bharat/indic-seamless".to_owned(), ..Settings::default() }).await;
    let models = get(&router, "/v1/models").await.json();
    assert_eq!((&models["object"], models["data"].as_array().map(Vec::len)), (&json!("list"), Some(1)));
    let model = &models["data"][0];
    assert_eq!((&model["id"], &model["object"]), (&json!("ai4bharat/indic-seamless"), &json!("model")));
    assert_eq!(model["owned_by"], "ai4bharat");
    assert!(model["created"].as_u64().is_some_and(|seconds| seconds > 1_700_000_000), "{model}");
    let names = ["ai4bharat/indic-seamless", "indic-seamless", "whisper-1", "gpt-transcribe", "gpt-4o-mini-transcribe"];
    for name in names {
        assert_eq!(get(&router, &format!("/v1/models/{name}")).await.json(), *model, "{name}");
        let fields = [("model", name), ("language", "ta"), ("to_language", "ta")];
        let answer = ask(&router, recording(TRANSCRIPTIONS, CLIP, &fields)).await;
        assert_eq!(answer.json()["text"], TAMIL, "{name}");
    }
    // As clients write a slash in a part of a path.
    assert_eq!(get(&router, "/v1/models/ai4bharat%2Findic-seamless").await.json(), *model);
    for empty in ["", " "] {
        let settings = Settings { model_id: empty.to_owned(), ..Settings::default() };
        assert!(matches!(Service::start(settings, Transcriber::demo), Err(Error::InvalidOption { .. })));
    }
    let unnamed = ask(&router, recording(TRANSCRIPTIONS, CLIP, &[("language", "hi")])).await;
    assert_eq!(unnamed.json()["text"], HINDI);
}
