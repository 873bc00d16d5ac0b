//! Which language the text is in.

use indic_seamless::service::Settings;
use serde_json::json;

use super::{TRANSCRIPTIONS, json, recording, transcribe};
use crate::{CLIP, HINDI, TAMIL, ask, form, minutes, router, streamed, with};

#[tokio::test]
async fn the_language_is_that_of_the_speech_and_the_text() {
    let router = router().await;
    for name in ["hi", "hin", "hi-IN", "Hindi", "हिन्दी", " HINDI "] {
        assert_eq!(json(&router, &[("language", name)]).await["text"], HINDI, "{name}");
    }
    let english = json(&router, &[("language", "en")]).await;
    // By default, and where a form has the field without a value.
    for fields in [&[][..], &[("language", "")]] {
        assert_eq!(json(&router, fields).await, english);
    }
}

#[tokio::test]
async fn to_language_translates() {
    let router = router().await;
    for fields in [&[("to_language", "ta")][..], &[("language", "hi"), ("to_language", "Tamil")]] {
        let fields = [fields, &[("response_format", "verbose_json")]].concat();
        let answer = json(&router, &fields).await;
        assert_eq!(
            (&answer["text"], &answer["language"], &answer["task"]),
            (&json!(TAMIL), &json!("tamil"), &json!("translate"))
        );
    }
}

#[tokio::test]
async fn the_spoken_language_is_guessed_if_asked_for() {
    let router = router().await;
    let guessed = json(&router, &[("language", "auto")]).await;
    assert_eq!((&guessed["text"], &guessed["languages"]), (&json!(HINDI), &json!([{ "code": "hi" }])));
    // One that is named is not guessed.
    assert_eq!(json(&router, &[("language", "hi"), ("languages[]", "ta")]).await["languages"], json!(null));
    assert_eq!(json(&router, &[("languages[]", "hi")]).await["text"], HINDI);
    // Only among these, although it is another one.
    let among = json(&router, &[("languages[]", "ta"), ("languages[]", "te")]).await;
    assert!(["ta", "te"].map(|code| json!([{ "code": code }])).contains(&among["languages"]), "{among}");
    let long = ask(
        &router,
        recording(TRANSCRIPTIONS, &minutes(2), &[("language", "auto"), ("response_format", "verbose_json")]),
    );
    assert_eq!(long.await.json()["language"], "hindi");
}

#[tokio::test]
async fn the_default_language_is_a_setting() {
    let hindi = Settings { default_language: Some("hi".parse().expect("known")), ..Settings::default() };
    for (settings, guessed) in [(hindi, false), (Settings { default_language: None, ..Settings::default() }, true)] {
        let router = with(settings).await;
        let answer = json(&router, &[]).await;
        assert_eq!((&answer["text"], answer["languages"].is_array()), (&json!(HINDI), guessed));
        assert_eq!(json(&router, &[("language", "ta")]).await["text"], TAMIL);
        // The same at the other endpoint, with and without events.
        assert_eq!(ask(&router, form(CLIP, &[])).await.json()["transcription"], HINDI);
        let events = ask(&router, streamed(form(CLIP, &[]))).await;
        assert!(String::from_utf8_lossy(&events.body).contains(HINDI));
    }
    // The model does not know it.
    let french = Settings { default_language: Some("fr".parse().expect("known")), ..Settings::default() };
    let router = with(french).await;
    transcribe(&router, &[]).await.error(400, "invalid_request_error", None, "unknown_language");
    ask(&router, form(CLIP, &[])).await.problem(422, "unknown_language");
}
