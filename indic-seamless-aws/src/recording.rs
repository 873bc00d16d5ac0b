//! The recordings that messages name.

use indic_seamless::Language;
use object_store::path::Path;
use serde::Deserialize;

/// The folder whose objects are transcribed when they arrive. No other folder is, so that transcripts trigger nothing.
pub const RECORDINGS: &str = "recordings/";

/// An object in S3.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The bucket.
    pub bucket: String,
    /// The key of the object.
    pub key: Path,
    /// The language of the text, if the event names one.
    pub language: Option<Language>,
}

/// A recording by name; Step Functions lists objects with capital letters.
#[derive(Debug, Default, Deserialize)]
pub struct Named {
    #[serde(alias = "Bucket")]
    /// The bucket.
    pub bucket: Option<String>,
    /// The key of the object.
    #[serde(alias = "Key")]
    pub key: Option<String>,
    /// The language of the text.
    pub target_lang: Option<String>,
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

impl Named {
    /// This one, with what it lacks from another one, but for the key.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            bucket: self.bucket.or_else(|| other.bucket.clone()),
            key: self.key,
            target_lang: self.target_lang.or_else(|| other.target_lang.clone()),
        }
    }

    /// The recording.
    ///
    /// # Errors
    ///
    /// What is missing, or what is wrong with it.
    pub fn recording(self) -> Result<Recording, String> {
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
    #[must_use]
    pub fn wanted(&self, default: Language) -> Language {
        self.language.unwrap_or_else(|| self.own_language(default))
    }

    /// The language that the folder names (`recordings/hin/a.wav`), or else the one by default.
    #[must_use]
    pub fn own_language(&self, default: Language) -> Language {
        self.folder_language().unwrap_or(default)
    }

    /// The language that the folder names, if it names one.
    #[must_use]
    pub fn folder_language(&self) -> Option<Language> {
        self.key.as_ref().strip_prefix(RECORDINGS)?.split_once('/')?.0.parse().ok()
    }
}

/// Whether a key is that of a folder that was made in AWS's console.
#[must_use]
pub fn is_folder(key: &str) -> bool {
    key.ends_with('/')
}

/// The recordings in the body of a message; none if it reports something else than new objects.
///
/// # Errors
///
/// Why the message cannot be read.
pub fn recordings(body: &str) -> Result<Vec<Recording>, String> {
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
