//! From speech to items: their events, ids and times.

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::{COMPLETED, Client, DELTA, append, pcm, service, spoken, transcripts, types};
use crate::{HINDI, listening::Listening};

const OF_AN_ITEM: [&str; 6] = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    COMPLETED,
];

fn of<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {events:?}"))
}

#[tokio::test]
async fn speech_becomes_items_in_their_order() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    let (mut previous, mut text) = (Value::Null, spoken());
    // Two milliseconds more than the clip has, so that times are not round.
    text.extend([0.0; 32]);
    let length_ms = text.len() as u64 / 16;
    for round in 0..3 {
        client.say(&text).await;
        let events = client.until(COMPLETED).await;
        assert_eq!((types(&events), transcripts(&events)), (OF_AN_ITEM.to_vec(), vec![HINDI]));
        let id = &of(&events, "input_audio_buffer.committed")["item_id"];
        assert!(id.as_str().is_some_and(|id| id.starts_with("item_")), "{id}");
        for event in &events {
            let named = if event["item"].is_object() { &event["item"]["id"] } else { &event["item_id"] };
            assert_eq!(named, id, "{event}");
        }
        for kind in ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"] {
            assert_eq!(of(&events, kind)["previous_item_id"], previous, "{kind}");
        }
        let item = &of(&events, "conversation.item.done")["item"];
        assert_eq!((&item["role"], &item["content"][0]["type"]), (&json!("user"), &json!("input_audio")));
        let start = of(&events, OF_AN_ITEM[0])["audio_start_ms"].as_u64().expect("a time") - round * length_ms;
        let end = of(&events, OF_AN_ITEM[1])["audio_end_ms"].as_u64().expect("a time") - round * length_ms;
        // Speech is between 1 and 2.2 s, with 0.2 s around it.
        assert!((750..950).contains(&start) && (2200..2500).contains(&end), "{start} ms to {end} ms");
        let usage = &of(&events, COMPLETED)["usage"];
        assert_eq!(
            (&usage["type"], usage["seconds"].as_f64()),
            (&json!("duration"), Some((end - start) as f64 / 1000.0))
        );
        previous = id.clone();
    }
}

#[tokio::test]
async fn times_go_on_after_a_commit() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    let speech = spoken();
    for round in 0..2 {
        client.say(&speech).await;
        let events = client.until(COMPLETED).await;
        let before = round * speech.len() as u64 / 16;
        let start = of(&events, OF_AN_ITEM[0])["audio_start_ms"].as_u64().expect("a time");
        assert!((before + 750..before + 950).contains(&start), "{start} ms, after {before} ms");
        // The silence is an item without text.
        client.commit().await;
        assert_eq!(transcripts(&client.until(COMPLETED).await), [""]);
    }
}

/// Says something three times, a tenth of a second in each `pace`. Returns how often words came before the end of their item.
async fn early_words(service: &Listening, pace: Duration) -> usize {
    let mut client = Client::hindi(service, json!({})).await;
    let speech = spoken().repeat(3);
    for piece in speech.chunks(1600) {
        client.send(append(&pcm(piece))).await;
        sleep(pace).await;
    }
    let mut events = Vec::new();
    for _ in 0..3 {
        events.extend(client.until(COMPLETED).await);
    }
    assert_eq!(transcripts(&events), [HINDI; 3]);
    let mut early = 0;
    for id in events.iter().filter(|event| event["type"] == COMPLETED).map(|event| &event["item_id"]) {
        let of_item: Vec<_> = events.iter().filter(|event| event["item_id"] == *id).collect();
        let deltas: Vec<_> = of_item.iter().filter(|event| event["type"] == DELTA).collect();
        let text: String = deltas.iter().map(|event| event["delta"].as_str().expect("text")).collect();
        assert_eq!(text, HINDI);
        assert_eq!(deltas.last().map(|event| &event["hypothesis"]), Some(&json!(HINDI)));
        let speaking = of_item.iter().take_while(|event| event["type"] != OF_AN_ITEM[1]);
        early += speaking.filter(|event| event["type"] == DELTA).count();
    }
    early
}

#[tokio::test]
async fn words_come_while_somebody_speaks_and_make_up_the_text() {
    let service = service().await;
    // Several times as fast as somebody speaks; and as fast, for a busy machine.
    for pace in [20, 100].map(Duration::from_millis) {
        if early_words(&service, pace).await > 0 {
            return;
        }
    }
    panic!("no word before the end of an item");
}

#[tokio::test]
async fn without_turn_detection_the_commits_of_the_client_cut() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    // Two sentences with a pause of two seconds, which would be two items.
    client.say(&spoken().repeat(2)).await;
    client.commit().await;
    let events = client.until(COMPLETED).await;
    assert_eq!((types(&events), transcripts(&events)), (OF_AN_ITEM[2..].to_vec(), vec![&*format!("{HINDI} {HINDI}")]));
    let first = of(&events, "input_audio_buffer.committed")["item_id"].clone();
    // What is cleared is never told of.
    client.say(&spoken()).await;
    client.send(json!({ "type": "input_audio_buffer.clear" })).await;
    let cleared = client.until("input_audio_buffer.cleared").await;
    assert!(types(&cleared).len() == 1, "{cleared:?}");
    client.commit().await;
    assert_eq!(client.event().await["error"]["code"], "input_audio_buffer_commit_empty");
    // Silence is an item without text.
    client.say(&[0.0; 16_000]).await;
    client.commit().await;
    let events = client.until(COMPLETED).await;
    assert_eq!(transcripts(&events), [""]);
    assert_eq!(of(&events, "input_audio_buffer.committed")["previous_item_id"], first);
}

#[tokio::test]
async fn a_commit_ends_speech_that_goes_on() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({})).await;
    let speech = spoken();
    // No silence follows.
    client.say(&speech[..speech.len() - 15_000]).await;
    client.commit().await;
    let events = client.until(COMPLETED).await;
    assert_eq!((types(&events), transcripts(&events)), (OF_AN_ITEM.to_vec(), vec![HINDI]));
}

#[tokio::test]
async fn a_change_of_turn_detection_commits_what_is_under_way() {
    let service = service().await;
    let mut client = Client::hindi(&service, json!({ "turn_detection": null })).await;
    client.say(&spoken()).await;
    let input = json!({ "turn_detection": { "type": "server_vad", "silence_duration_ms": 300 } });
    client.send(json!({ "type": "session.update", "session": { "audio": { "input": input } } })).await;
    let events = client.until("session.updated").await;
    assert_eq!(types(&events).first(), Some(&"input_audio_buffer.committed"));
    let mut texts: Vec<Value> = events.into_iter().filter(|event| event["type"] == COMPLETED).collect();
    if texts.is_empty() {
        texts = client.until(COMPLETED).await;
    }
    assert_eq!(transcripts(&texts), [HINDI]);
    client.say(&spoken()).await;
    assert_eq!(types(&client.until(COMPLETED).await), OF_AN_ITEM);
}
