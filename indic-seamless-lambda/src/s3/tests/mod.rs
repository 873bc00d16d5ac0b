mod events;
mod jobs;

use std::{
    sync::{OnceLock, mpsc},
    time::Duration,
};

use indic_seamless::{Language, Transcriber, service::Settings};
use object_store::{Error, ObjectStoreExt as _, memory::InMemory, path::Path};
use serde_json::{json, value::to_raw_value};

use super::*;

const TEXT: &str = "कृपया आज का मौसम";
/// As S3 writes it; the key is that of `recordings/hin/आज का+1.wav`.
const NOTIFICATION: &str = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"ap-south-1",
    "eventTime":"2026-11-24T10:00:00.000Z","eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:AIDA"},
    "requestParameters":{"sourceIPAddress":"192.0.2.1"},"responseElements":{"x-amz-request-id":"C3D13FE58DE4C810"},
    "s3":{"s3SchemaVersion":"1.0","configurationId":"recordings","bucket":{"name":"speech","ownerIdentity":
    {"principalId":"A3NL1KOZZKExample"},"arn":"arn:aws:s3:::speech"},"object":{"key":
    "recordings/hin/%E0%A4%86%E0%A4%9C+%E0%A4%95%E0%A4%BE%2B1.wav","size":57644,"eTag":"d41d8cd98f00b204e9800998ecf8427e",
    "sequencer":"0055AED6DCD90281E5"}}}]}"#;
const ENCODED: &str = "recordings/hin/%E0%A4%86%E0%A4%9C+%E0%A4%95%E0%A4%BE%2B1.wav";
const TEST: &str = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-24T10:00:00.000Z","Bucket":"speech",
    "RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}"#;
fn of(event: &Value) -> crate::Result<Option<RecordingsEvent>> {
    RecordingsEvent::of(&to_raw_value(event).unwrap())
}

fn queue(bodies: &[(&str, &str)]) -> Value {
    let record = |(id, body): &(&str, &str)| {
        json!({
            "messageId": id, "receiptHandle": "AQEB", "body": body, "messageAttributes": {}, "md5OfBody": "7b27",
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183" }, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-south-1:123456789012:recordings", "awsRegion": "ap-south-1",
        })
    };
    json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() })
}

fn hindi() -> Vec<u8> {
    include_bytes!("hindi-1.wav").to_vec()
}

/// One model for all tests.
fn service() -> Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| Service::start(Settings::default(), Transcriber::demo).unwrap()).clone()
}

async fn filled(objects: &[(&str, &[u8])]) -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for (key, bytes) in objects {
        store.put(&Path::parse(key).unwrap(), bytes.to_vec().into()).await.unwrap();
    }
    Arc::new(store)
}

/// What the bucket "speech" answers to an event.
async fn answer(store: &Arc<dyn ObjectStore>, event: &Value, seconds: u64) -> crate::Result<Value> {
    let service = service();
    service.ready().await?;
    answer_of(&service, store, event, Duration::from_secs(seconds), false).await
}

async fn answer_of(
    service: &Service,
    store: &Arc<dyn ObjectStore>,
    event: &Value,
    time: Duration,
    is_cold: bool,
) -> crate::Result<Value> {
    let open = |name: &str| match name {
        "speech" => Ok(store.clone()),
        name => Err(Error::NotFound { path: name.to_owned(), source: "no such bucket".into() }),
    };
    let worker = Worker::new(service, open, Language::ENGLISH, 1_000_000, is_cold);
    worker.answer(of(event)?.unwrap(), Instant::now() + time).await
}

async fn stored(store: &Arc<dyn ObjectStore>, key: &str) -> Option<String> {
    let bytes = store::get(&**store, &Path::parse(key).unwrap()).await.unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn named(key: &str) -> String {
    NOTIFICATION.replace(ENCODED, key)
}

#[tokio::test]
async fn a_bad_message_fails_alone_and_a_second_delivery_changes_nothing() {
    let objects = [
        ("recordings/hin/a.wav", &*hindi()),
        ("recordings/bad.wav", b"not audio"),
        ("recordings/big", &[0; 1_000_001]),
    ];
    let store = filled(&objects).await;
    let (good, bad, gone, big) = (
        named("recordings/hin/a.wav"),
        named("recordings/bad.wav"),
        named("recordings/gone.wav"),
        named("recordings/big"),
    );
    let event = queue(&[
        ("bad", &bad),
        ("good", &good),
        ("gone", &gone),
        ("big", &big),
        ("again", &good),
        ("odd", "?"),
        ("test", TEST),
    ]);
    // What can never be transcribed is done: to read it again would change nothing.
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "gone" }, { "itemIdentifier": "odd" }] });
    assert_eq!(answer(&store, &event, 300).await.unwrap(), failed);

    let transcript: Value = serde_json::from_str(&stored(&store, "transcripts/hin/a.wav.json").await.unwrap()).unwrap();
    assert_eq!((transcript["text"].as_str(), transcript["language"].as_str()), (Some(TEXT), Some("hin")));
    assert_eq!(transcript["source"]["key"], "recordings/hin/a.wav");
    assert!(transcript["source"]["etag"].is_string());
    assert!(stored(&store, "transcripts/hin/a.wav.srt").await.unwrap().contains(TEXT));
    for (key, code) in [("bad.wav", "unsupported_audio"), ("big", "body_too_large")] {
        let error: Value =
            serde_json::from_str(&stored(&store, &format!("transcripts/{key}.error.json")).await.unwrap()).unwrap();
        assert_eq!(error["code"], code);
        assert!(error["detail"].is_string());
    }
    // It may still come.
    assert_eq!(stored(&store, "transcripts/gone.wav.error.json").await, None);

    let before = store.head(&Path::from("transcripts/hin/a.wav.json")).await.unwrap();
    // Not read again: with another recording in its place the transcript stays.
    store.put(&Path::from("recordings/hin/a.wav"), b"not audio".to_vec().into()).await.unwrap();
    assert_eq!(answer(&store, &queue(&[("good", &good)]), 300).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(store.head(&Path::from("transcripts/hin/a.wav.json")).await.unwrap(), before);
}

#[tokio::test]
async fn what_another_delivery_wrote_meanwhile_stays() {
    let store = filled(&[("transcripts/a.srt", b"first")]).await;
    let key = Path::from("transcripts/a.srt");
    store::create(&*store, &key, b"second".to_vec(), "text/plain").await.unwrap();
    assert_eq!(stored(&store, "transcripts/a.srt").await.as_deref(), Some("first"));
}

#[tokio::test]
async fn messages_come_again_when_the_time_is_up() {
    let store = filled(&[("recordings/hin/a.wav", &*hindi()), ("transcripts/b.wav.json", b"{}")]).await;
    let (todo, done) = (named("recordings/hin/a.wav"), named("recordings/b.wav"));
    let event = queue(&[("todo", &todo), ("done", &done)]);
    let answer = answer(&store, &event, 2).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "todo" }] }));
    assert_eq!(stored(&store, "transcripts/hin/a.wav.json").await, None);
    assert_eq!(stored(&store, "transcripts/hin/a.wav.error.json").await, None);
}

#[tokio::test]
async fn a_recording_that_takes_all_the_time_is_told_to_be_too_long() {
    let (model, comes) = mpsc::channel::<()>();
    let load = move || {
        comes.recv().ok();
        Transcriber::demo()
    };
    let stuck = Service::start(Settings::default(), load).unwrap();
    let store = filled(&[("recordings/a.wav", &*hindi()), ("recordings/b.wav", &*hindi())]).await;
    let event = queue(&[("a", &named("recordings/a.wav")), ("b", &named("recordings/b.wav"))]);
    let time = Duration::from_millis(5_500);
    // After a cold start, neither had all of it.
    let answer = answer_of(&stuck, &store, &event, time, true).await.unwrap();
    let both = json!([{ "itemIdentifier": "a" }, { "itemIdentifier": "b" }]);
    assert_eq!(answer, json!({ "batchItemFailures": both }));
    assert_eq!(stored(&store, "transcripts/a.wav.error.json").await, None);
    let answer = answer_of(&stuck, &store, &event, time, false).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] }));
    let error = stored(&store, "transcripts/a.wav.error.json").await.unwrap();
    assert!(error.contains(r#""code":"deadline""#), "{error}");
    assert_eq!(stored(&store, "transcripts/b.wav.error.json").await, None);
    drop(model);
}

/// The message of an error, and whether another attempt would meet it.
fn told(error: &(dyn std::error::Error + 'static)) -> (String, bool) {
    (error.to_string(), crate::failure::name(error) == "IndicSeamlessPermanentError")
}

#[tokio::test]
async fn one_recording_by_name() {
    let store = filled(&[("calls/hin/a.wav", &*hindi())]).await;
    let event = json!({ "bucket": "speech", "key": "calls/hin/a.wav" });
    let first = answer(&store, &event, 300).await.unwrap();
    assert_eq!(first["transcript_key"], "transcripts/calls/hin/a.wav.json");
    assert_eq!(first["subtitles_key"], "transcripts/calls/hin/a.wav.srt");
    assert_eq!(first["language"], "eng");
    assert!(first["duration_s"].as_f64().unwrap() > 1.0);
    let again = answer(&store, &event, 300).await.unwrap();
    assert_eq!(again["transcript_key"], first["transcript_key"]);
    assert_eq!(again.get("language"), None);

    let gone = answer(&store, &json!({ "bucket": "speech", "key": "gone.wav" }), 300).await.unwrap_err();
    assert_eq!(told(&*gone), ("gone.wav: not_found: no such object: gone.wav".to_owned(), false));
    store.put(&Path::from("secret.txt"), b"A secret".to_vec().into()).await.unwrap();
    let bad = answer(&store, &json!({ "bucket": "speech", "key": "secret.txt" }), 300).await.unwrap_err();
    assert_eq!(told(&*bad), ("secret.txt: unsupported_audio".to_owned(), true));
    answer(&store, &json!({ "bucket": "other", "key": "a.wav" }), 300).await.unwrap_err();
    for wrong in [json!({ "bucket": "speech", "key": "a", "target_lang": "klingon" }), json!({ "key": "a" })] {
        assert!(told(&*of(&wrong).unwrap_err()).1, "{wrong}");
    }
}

#[tokio::test]
async fn a_second_language_is_another_transcript() {
    let store = filled(&[("recordings/hin/a.wav", &*hindi())]).await;
    let asked = |language| json!({ "bucket": "speech", "key": "recordings/hin/a.wav", "target_lang": language });
    let hindi = answer(&store, &asked("hin"), 300).await.unwrap();
    assert_eq!((&hindi["transcript_key"], &hindi["language"]), (&json!("transcripts/hin/a.wav.json"), &json!("hin")));
    assert!(!hindi.to_string().contains(TEXT));
    let tamil = answer(&store, &asked("tam"), 300).await.unwrap();
    assert_eq!(
        (&tamil["transcript_key"], &tamil["language"]),
        (&json!("transcripts/hin/a.wav.tam.json"), &json!("tam"))
    );
    assert_eq!(tamil["subtitles_key"], "transcripts/hin/a.wav.tam.srt");
    let stored = stored(&store, "transcripts/hin/a.wav.tam.json").await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap()["language"], "tam");
    assert_eq!(answer(&store, &asked("tam"), 300).await.unwrap().get("language"), None);
}

#[tokio::test]
async fn the_same_bad_recording_is_read_once() {
    let store = filled(&[("recordings/hin/a.wav", b"not audio")]).await;
    let event = json!({ "bucket": "speech", "key": "recordings/hin/a.wav" });
    let first = told(&*answer(&store, &event, 300).await.unwrap_err());
    let error: Value =
        serde_json::from_str(&stored(&store, "transcripts/hin/a.wav.error.json").await.unwrap()).unwrap();
    let etag = store.head(&Path::from("recordings/hin/a.wav")).await.unwrap().e_tag;
    assert_eq!((&error["code"], error["etag"].as_str()), (&json!("unsupported_audio"), etag.as_deref()));
    // Known by its etag, so with no time for reading the answer is the same.
    assert_eq!(told(&*answer(&store, &event, 1).await.unwrap_err()), first);
    assert!(first.1);
    // Another one in its place.
    store.put(&Path::from("recordings/hin/a.wav"), hindi().into()).await.unwrap();
    assert_eq!(answer(&store, &event, 300).await.unwrap()["language"], "hin");
}

#[tokio::test]
async fn items_of_a_map() {
    let store = filled(&[("recordings/hin/a.wav", &*hindi()), ("recordings/bad.wav", b"not audio")]).await;
    let map = |keys: &[&str]| {
        let items: Vec<_> = keys.iter().map(|key| json!({ "Key": key, "Size": 5 })).collect();
        json!({ "BatchInput": { "bucket": "speech" }, "Items": items })
    };
    let both = answer(&store, &map(&["recordings/bad.wav", "recordings/hin/a.wav"]), 300).await.unwrap();
    assert_eq!((&both[0]["ok"], &both[0]["code"]), (&json!(false), &json!("unsupported_audio")));
    assert_eq!((&both[0]["key"], &both[1]["ok"]), (&json!("recordings/bad.wav"), &json!(true)));
    assert_eq!((&both[1]["key"], &both[1]["language"]), (&json!("recordings/hin/a.wav"), &json!("hin")));
    // The first can be tried again; of the second nothing will ever come.
    let later = answer(&store, &map(&["recordings/hin/a.wav", "recordings/gone.wav"]), 300).await.unwrap_err();
    assert!(!told(&*later).1);
    let never = answer(&store, &map(&["recordings/bad.wav"]), 300).await.unwrap_err();
    assert_eq!(told(&*never), ("all recordings failed: unsupported_audio".to_owned(), true));
    assert_eq!(answer(&store, &map(&[]), 300).await.unwrap(), json!([]));
}
