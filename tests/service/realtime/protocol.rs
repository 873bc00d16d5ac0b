//! Sessions and their settings, and what is wrong with events.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{COMPLETED, Client, append, pcm, service, spoken, transcripts};
use crate::{HINDI, TAMIL};

#[tokio::test]
async fn a_session_is_told_and_can_be_changed() {
    let service = service().await;
    let mut client = Client::open(&service, super::PATH, &[]).await.expect("a socket");
    let created = client.event().await;
    assert_eq!(created["type"], "session.created");
    let session = &created["session"];
    assert_eq!(
        (&session["type"], &session["object"]),
        (&json!("transcription"), &json!("realtime.transcription_session"))
    );
    assert!(session["id"].as_str().is_some_and(|id| id.starts_with("sess_")), "{session}");
    let input = &session["audio"]["input"];
    assert_eq!(input["format"], json!({ "type": "audio/pcm", "rate": 24_000 }));
    assert_eq!(input["turn_detection"]["type"], "server_vad");
    let audio = json!({ "input": { "turn_detection": null, "transcription": { "language": "ta" } } });
    client.send(json!({ "type": "session.update", "session": { "type": "transcription", "audio": audio } })).await;
    let updated = client.event().await;
    assert_eq!(updated["type"], "session.updated");
    assert_eq!(updated["session"]["id"], session["id"]);
    let input = &updated["session"]["audio"]["input"];
    assert_eq!((&input["turn_detection"], &input["transcription"]["language"]), (&Value::Null, &json!("ta")));
    assert_eq!(input["format"]["rate"], 24_000);
    assert_ne!(updated["event_id"], created["event_id"]);
}

#[tokio::test]
async fn the_text_may_be_in_another_language_and_change_with_it() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    for (transcription, wanted) in [
        (json!({ "to_language": "ta" }), TAMIL),
        (json!({ "to_language": null }), HINDI),
        (json!({ "language": "auto" }), HINDI),
        (json!({ "language": null, "languages": ["ta"] }), TAMIL),
    ] {
        let audio = json!({ "input": { "transcription": transcription } });
        client.send(json!({ "type": "session.update", "session": { "audio": audio } })).await;
        assert_eq!(client.event().await["type"], "session.updated");
        client.say(&spoken()).await;
        client.commit().await;
        assert_eq!(transcripts(&client.until(COMPLETED).await), [wanted], "{transcription}");
    }
}

#[tokio::test]
async fn a_tenth_of_a_second_is_enough_for_a_commit() {
    let service = service().await;
    for (rate, piece) in [(8_000, 80), (16_000, 160), (24_000, 240)] {
        let format = json!({ "type": "audio/pcm", "rate": rate });
        let mut client = Client::hindi(&service, json!({ "format": format, "turn_detection": null })).await;
        for _ in 0..10 {
            client.send(append(&pcm(&vec![0.0; piece]))).await;
        }
        client.commit().await;
        assert_eq!(transcripts(&client.until(COMPLETED).await), [""], "{rate}");
        // Nothing has come since.
        client.commit().await;
        assert_eq!(client.event().await["error"]["code"], "input_audio_buffer_commit_empty", "{rate}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told_and_nothing_else_happens() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    let update = |input: Value| json!({ "type": "session.update", "session": { "audio": { "input": input } } });
    for (event, code, param) in [
        (json!({ "type": "response.create" }), "invalid_value", Some("type")),
        (json!({ "type": "input_audio_buffer.append" }), "missing_required_parameter", Some("audio")),
        (json!({ "type": "input_audio_buffer.append", "audio": "no base64!" }), "invalid_value", Some("audio")),
        (append(&[1, 2, 3]), "invalid_value", Some("audio")),
        (json!({ "type": "input_audio_buffer.commit" }), "input_audio_buffer_commit_empty", None),
        (append(&pcm(&[0.0; 1000])), "", None),
        (json!({ "type": "input_audio_buffer.commit" }), "input_audio_buffer_commit_empty", None),
        (
            update(json!({ "transcription": { "model": "whisper-2" } })),
            "model_not_found",
            Some("session.audio.input.transcription.model"),
        ),
        (
            update(json!({ "format": { "type": "audio/pcmu" }, "transcription": { "language": "klingon" } })),
            "unknown_language",
            Some("session.audio.input.transcription.language"),
        ),
        (update(json!({ "colour": "red" })), "unknown_parameter", Some("session.audio.input.colour")),
    ] {
        let mut event = event;
        event["event_id"] = json!("mine");
        client.send(event.clone()).await;
        if code.is_empty() {
            continue;
        }
        let told = client.event().await;
        let error = &told["error"];
        assert_eq!(
            (&told["type"], &error["code"], &error["param"]),
            (&json!("error"), &json!(code), &json!(param)),
            "{event}"
        );
        assert_eq!((&error["type"], &error["event_id"]), (&json!("invalid_request_error"), &json!("mine")), "{event}");
    }
    for (frame, code) in [
        (Message::text("{"), "invalid_json"),
        (Message::text("[]"), "invalid_json"),
        (Message::binary(pcm(&[0.0; 160])), "invalid_frame"),
    ] {
        client.0.send(frame).await.expect("sent");
        let told = client.event().await;
        assert_eq!((&told["error"]["code"], &told["error"]["event_id"]), (&json!(code), &Value::Null), "{told}");
    }
    // Neither the format nor the language has changed.
    client.say(&spoken()).await;
    client.commit().await;
    assert_eq!(transcripts(&client.until(COMPLETED).await), [HINDI]);
}
