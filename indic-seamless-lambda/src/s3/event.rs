//! The recordings that an event names.

use indic_seamless::Language;
use object_store::path::Path;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Permanent;

/// The folder whose objects are transcribed when they arrive. No other folder is, so that transcripts trigger nothing.
pub(super) const RECORDINGS: &str = "recordings/";

/// Recordings to transcribe. An invalid one is kept as an error message, as the others are still to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum RecordingsEvent {
    /// Messages of an SQS queue.
    Queue(Vec<Message>),
    /// `{"bucket", "key", "target_lang"?}`.
    One(Recording),
    /// Items of a distributed map.
    Map(Vec<Result<Recording, String>>),
}

/// A message and its recordings, usually one.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(super) id: String,
    pub(super) recordings: Result<Vec<Recording>, String>,
}

/// An object in S3.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recording {
    pub(super) bucket: String,
    pub(super) key: Path,
    /// The language of the text, if the event names one.
    pub(super) language: Option<Language>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "Items")]
    items: Option<Vec<&'a RawValue>>,
    #[serde(rename = "BatchInput")]
    of_all: Option<Named>,
    #[serde(flatten)]
    named: Named,
}

/// A recording by name; Step Functions lists objects with capital letters.
#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(alias = "Bucket")]
    bucket: Option<String>,
    #[serde(alias = "Key")]
    key: Option<String>,
    target_lang: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    event_source: String,
    message_id: String,
    body: String,
}

/// The body of a message: S3's notification, its test, its event by way of `EventBridge`, or a recording by name.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "Records")]
    records: Option<Vec<S3Record>>,
    #[serde(rename = "Event")]
    test: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<S3Entity>,
    #[serde(flatten)]
    named: Named,
}

#[derive(Deserialize)]
struct S3Record {
    #[serde(rename = "eventName")]
    event: String,
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Deserialize)]
struct S3Object {
    key: String,
}

impl RecordingsEvent {
    /// `None` for any other event.
    pub(crate) fn of(event: &RawValue) -> crate::Result<Option<Self>> {
        let Ok(Fields { records, items, of_all, named }) = serde_json::from_str(event.get()) else { return Ok(None) };
        if let Some(records) = records {
            let records = records.into_iter().map(|record| serde_json::from_str::<SqsRecord>(record.get()));
            let Ok(records) = records.collect::<Result<Vec<_>, _>>() else { return Ok(None) };
            if records.iter().any(|record| record.event_source != "aws:sqs") {
                return Ok(None);
            }
            let message =
                |SqsRecord { message_id, body, .. }| Message { id: message_id, recordings: recordings(&body) };
            return Ok(Some(Self::Queue(records.into_iter().map(message).collect())));
        }
        if let Some(items) = items {
            let of_all = of_all.unwrap_or_default();
            let item = |item: &RawValue| match serde_json::from_str::<Named>(item.get()) {
                // A listing has the folders that were made in AWS's console.
                Ok(named) if named.key.as_deref().is_some_and(is_folder) => None,
                Ok(named) => Some(named.or(&of_all).recording()),
                Err(error) => Some(Err(error.to_string())),
            };
            return Ok(Some(Self::Map(items.into_iter().filter_map(item).collect())));
        }
        match named.key {
            Some(_) => Ok(Some(Self::One(named.recording().map_err(Permanent)?))),
            None => Ok(None),
        }
    }
}

impl Named {
    fn or(self, other: &Self) -> Self {
        Self {
            bucket: self.bucket.or_else(|| other.bucket.clone()),
            key: self.key,
            target_lang: self.target_lang.or_else(|| other.target_lang.clone()),
        }
    }

    fn recording(self) -> Result<Recording, String> {
        let bucket = self.bucket.ok_or("bucket is missing")?;
        let key = self.key.ok_or("key is missing")?;
        let path = Path::parse(&key).map_err(|error| error.to_string())?;
        // `Path` drops slashes at the ends, which would name another object.
        if path.as_ref() != key || key.is_empty() {
            return Err(format!("{key:?} found, wanted the key of an object, without / at its ends"));
        }
        let language =
            self.target_lang.map(|language| language.parse().map_err(|error| format!("target_lang: {error}")));
        Ok(Recording { bucket, key: path, language: language.transpose()? })
    }
}

impl Recording {
    /// The language of the text: the one asked for, or else the recording's own.
    pub(super) fn wanted(&self, default: Language) -> Language {
        self.language.unwrap_or_else(|| self.own_language(default))
    }

    /// The language that the folder names (`recordings/hin/a.wav`), or else the one by default.
    pub(super) fn own_language(&self, default: Language) -> Language {
        let folder = || self.key.as_ref().strip_prefix(RECORDINGS)?.split_once('/')?.0.parse().ok();
        folder().unwrap_or(default)
    }
}

fn is_folder(key: &str) -> bool {
    key.ends_with('/')
}

/// The recordings in the body of a message; none if it reports something else than new objects.
fn recordings(body: &str) -> Result<Vec<Recording>, String> {
    let body: Body = serde_json::from_str(body).map_err(|error| error.to_string())?;
    if let Some(records) = body.records {
        let created = records.into_iter().filter(|record| record.event.starts_with("ObjectCreated:"));
        // Only here are keys encoded as in a form.
        let decoded = created.map(|S3Record { s3, .. }| {
            let plain = Path::from_url_path(s3.object.key.replace('+', " ")).map_err(|error| error.to_string());
            (s3, plain)
        });
        let decoded = decoded.filter(|(s3, _)| !is_folder(&s3.object.key));
        return decoded.map(|(s3, plain)| arrived(s3.bucket.name, plain?.into())).collect();
    }
    if let Some(S3Entity { bucket, object }) = body.detail {
        let created = body.detail_type.as_deref() == Some("Object Created") && !is_folder(&object.key);
        return if created { arrived(bucket.name, object.key).map(|one| vec![one]) } else { Ok(Vec::new()) };
    }
    if body.test.as_deref() == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if body.named.key.is_none() {
        return Err("neither a notification from S3 nor {\"bucket\", \"key\"}".to_owned());
    }
    body.named.recording().map(|one| vec![one])
}

fn arrived(bucket: String, key: String) -> Result<Recording, String> {
    if !key.starts_with(RECORDINGS) {
        return Err(format!("{key:?} found, wanted a key that begins with {RECORDINGS}"));
    }
    Named { bucket: Some(bucket), key: Some(key), target_lang: None }.recording()
}
