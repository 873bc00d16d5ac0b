//! The texts: those of the same recording sent whole, in every format of audio, with log-probabilities.

use indic_seamless::{Waveform, audio::resample};
use serde_json::{Value, json};

use super::{COMPLETED, Client, append, pcm, service, spoken, transcripts};
use crate::{HINDI, ask, common::example, minutes, post};

#[tokio::test]
async fn texts_are_those_of_the_recording_sent_whole() {
    let service = service().await;
    let recordings = [minutes(1), std::fs::read(example("tamil-2.flac")).expect("a clip")];
    for (recording, language) in recordings.into_iter().zip(["hi", "ta"]) {
        let samples = Waveform::from_bytes(recording.clone(), None).expect("a recording").into_samples();
        let path = format!("/speech-to-text?target_lang={language}");
        let whole = ask(&service.router, post(&path, "application/octet-stream", recording)).await;
        let whole = whole.json()["transcription"].clone();
        let mut client = Client::hindi(&service, json!({ "transcription": { "language": language } })).await;
        client.say(&samples).await;
        // The end of the recording.
        client.commit().await;
        let mut texts = Vec::new();
        while texts.join(" ").len() < whole.as_str().expect("text").len() {
            let events = client.until(COMPLETED).await;
            texts.extend(transcripts(&events).into_iter().filter(|text| !text.is_empty()).map(str::to_owned));
        }
        assert_eq!(json!(texts.join(" ")), whole);
    }
}

/// A sample in G.711 mu-law, by the definition.
fn mulaw(sample: f32) -> u8 {
    let magnitude = ((sample.abs() * 32_768.0) as i32 + 0x84).min(0x7fff);
    let exponent = (magnitude >> 7).ilog2();
    let sign = if sample < 0.0 { 0x80 } else { 0 };
    !(sign | (exponent as u8) << 4 | (magnitude >> (exponent + 3) & 0x0f) as u8)
}

#[tokio::test]
async fn every_format_of_audio() {
    let service = service().await;
    let at = |rate| resample(&spoken(), 16_000, rate).expect("a rate");
    for (format, bytes) in [
        (json!({ "type": "audio/pcm" }), pcm(&at(24_000))),
        (json!({ "type": "audio/pcm", "rate": 48_000 }), pcm(&at(48_000))),
        (json!({ "type": "audio/pcmu" }), at(8_000).into_iter().map(mulaw).collect()),
    ] {
        let mut client = Client::hindi(&service, json!({ "format": format })).await;
        for piece in bytes.chunks(3_000) {
            client.send(append(piece)).await;
        }
        let events = client.until(COMPLETED).await;
        assert_eq!(transcripts(&events), [HINDI], "{format}");
        let start = events[0]["audio_start_ms"].as_u64().expect("a time");
        assert!((750..950).contains(&start), "{format}: {start}");
    }
}

#[tokio::test]
async fn log_probabilities_if_they_are_asked_for() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    let tokens = |event: &Value| -> Option<String> {
        let tokens = event["logprobs"].as_array()?.iter();
        Some(tokens.map(|token| token["token"].as_str().expect("text")).collect())
    };
    for (include, wanted) in
        [(json!(null), None), (json!(["item.input_audio_transcription.logprobs"]), Some(format!("{HINDI} {HINDI}")))]
    {
        client.send(json!({ "type": "session.update", "session": { "include": include } })).await;
        let updated = client.event().await;
        assert_eq!(updated["session"]["include"], include, "{updated}");
        client.say(&spoken().repeat(2)).await;
        client.commit().await;
        let events = client.until(COMPLETED).await;
        assert_eq!(tokens(events.last().expect("events")), wanted);
    }
}
