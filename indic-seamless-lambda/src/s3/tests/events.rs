use object_store::path::Path;

use indic_seamless_aws::recording::Recording;

use super::*;

const BY_EVENTBRIDGE: &str = r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103","detail-type":"Object Created",
    "source":"aws.s3","account":"111122223333","time":"2026-11-24T10:00:00Z","region":"ap-south-1",
    "resources":["arn:aws:s3:::speech"],"detail":{"version":"0","bucket":{"name":"speech"},"object":{"key":
    "recordings/a+b.wav","size":5,"etag":"b1946ac92492d2347c6235b4d2611184","sequencer":"617f08299329d189"},
    "request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","reason":"PutObject"}}"#;

fn recording(key: &str, language: Option<&str>) -> Recording {
    let language = language.map(|language| language.parse().unwrap());
    Recording { bucket: "speech".to_owned(), key: Path::parse(key).unwrap(), language }
}

/// What a message with this body asks for.
fn asked(body: &str) -> Result<Vec<Recording>, String> {
    match of(&queue(&[("m1", body)])).unwrap().unwrap() {
        RecordingsEvent::Queue(mut messages) if messages.len() == 1 && messages[0].id == "m1" => {
            messages.remove(0).recordings
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_of_a_queue() {
    assert_eq!(asked(NOTIFICATION), Ok(vec![recording("recordings/hin/आज का+1.wav", None)]));
    assert_eq!(asked(BY_EVENTBRIDGE), Ok(vec![recording("recordings/a+b.wav", None)]));
    let by_hand = r#"{"bucket":"speech","key":"any/a+b%20c.wav","target_lang":"Tamil"}"#;
    assert_eq!(asked(by_hand), Ok(vec![recording("any/a+b%20c.wav", Some("tam"))]));

    let folder = NOTIFICATION.replace(ENCODED, "recordings/hin/");
    let removed = NOTIFICATION.replace("ObjectCreated:Put", "ObjectRemoved:Delete");
    let deleted = BY_EVENTBRIDGE.replace("Object Created", "Object Deleted");
    for nothing in [TEST, &folder, &removed, &deleted] {
        assert_eq!(asked(nothing), Ok(vec![]), "{nothing}");
    }
    let elsewhere = NOTIFICATION.replace(ENCODED, "transcripts/hin/a.wav.json");
    let up = NOTIFICATION.replace(ENCODED, "recordings/../transcripts/a.wav");
    let not_utf8 = NOTIFICATION.replace(ENCODED, "recordings/%FF.wav");
    for wrong in [&elsewhere, &up, &not_utf8, "", "[]", "hello", "{}", r#"{"key":"a"}"#, r#"{"bucket":"b","key":"/a"}"#]
    {
        assert!(asked(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn events_without_a_queue() {
    let one = json!({ "bucket": "speech", "key": "a b/c+d.wav", "target_lang": "hi" });
    assert_eq!(of(&one).unwrap(), Some(RecordingsEvent::One(recording("a b/c+d.wav", Some("hin")))));
    assert!(of(&json!({ "bucket": "speech", "key": "a", "target_lang": "klingon" })).is_err());
    assert!(of(&json!({ "key": "a" })).is_err());

    let map = json!({
        "BatchInput": { "bucket": "speech", "target_lang": "tam" },
        "Items": [
            { "Etag": "\"d41d\"", "Key": "recordings/", "LastModified": 1_732_442_400, "Size": 0, "StorageClass": "STANDARD" },
            { "Etag": "\"b194\"", "Key": "recordings/a.wav", "LastModified": 1_732_442_400, "Size": 5, "StorageClass": "STANDARD" },
            { "bucket": "speech", "key": "b.wav", "target_lang": "hin" },
            { "bucket": "speech" },
        ],
    });
    let items = vec![
        Ok(recording("recordings/a.wav", Some("tam"))),
        Ok(recording("b.wav", Some("hin"))),
        Err("key is missing".to_owned()),
    ];
    assert_eq!(of(&map).unwrap(), Some(RecordingsEvent::Map(items)));

    let kinesis = json!({ "Records": [{ "eventSource": "aws:kinesis", "messageId": "1", "body": "" }] });
    for other in [kinesis, json!({}), json!([]), json!("a"), json!({ "httpMethod": "GET", "path": "/" })] {
        assert_eq!(of(&other).unwrap(), None, "{other}");
    }
}

#[test]
fn the_language_is_asked_for_or_that_of_the_folder() {
    let languages = |key, asked| {
        let recording = recording(key, asked);
        (recording.wanted(Language::ENGLISH).code(), recording.own_language(Language::ENGLISH).code())
    };
    assert_eq!(languages("recordings/hin/a.wav", None), ("hin", "hin"));
    assert_eq!(languages("recordings/hin/a.wav", Some("tam")), ("tam", "hin"));
    assert_eq!(languages("recordings/cmn_Hant/jobs/1", None), ("cmn_Hant", "cmn_Hant"));
    for none in ["recordings/hin", "recordings/a.wav", "recordings/calls/hin/a.wav", "hin/a.wav"] {
        assert_eq!(languages(none, None), ("eng", "eng"), "{none}");
        assert_eq!(languages(none, Some("tam")), ("tam", "eng"), "{none}");
    }
}
