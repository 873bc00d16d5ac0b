//! Transcribes the recordings of an event.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use indic_seamless::{
    Error, Language, OutputFormat,
    service::{Service, code},
    subtitles::SubtitleOptions,
};
use object_store::{ObjectStore, path::Path};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::{
    event::{Message, Recording, RecordingsEvent},
    results::{Document, ErrorDocument, ResultKeys, SUBTITLES, Source, as_text},
    store::{self, Object},
};

/// A recording is not started with less time left than this.
const LEAST: Duration = Duration::from_secs(5);
/// The time kept for writing the results.
const WRITING: Duration = Duration::from_secs(2);

/// The report on a transcribed recording. The text is in the bucket only.
#[derive(Debug, Serialize)]
struct Done {
    bucket: String,
    #[serde(serialize_with = "as_text")]
    key: Path,
    #[serde(flatten)]
    results: ResultKeys,
    /// `None` if the transcript was there already.
    #[serde(flatten)]
    summary: Option<Summary>,
}

#[derive(Debug, Serialize)]
struct Summary {
    language: Language,
    duration_s: f64,
}

/// Why a recording has no transcript.
#[derive(Debug)]
struct RecordingError {
    code: &'static str,
    detail: String,
    /// Whether another attempt would fail the same way.
    permanent: bool,
}

impl RecordingError {
    fn permanent(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), permanent: true }
    }

    fn transient(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), permanent: false }
    }
}

/// For logs, which must not hold anything of a recording: the detail of a permanent error is in the error document only.
impl std::fmt::Display for RecordingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, detail, permanent } = self;
        if *permanent { f.write_str(code) } else { write!(f, "{code}: {detail}") }
    }
}

impl std::error::Error for RecordingError {}

impl From<object_store::Error> for RecordingError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => {
                Self::transient("not_found", format!("no such object: {path}"))
            }
            error => Self::transient("storage", error.to_string()),
        }
    }
}

impl From<Error> for RecordingError {
    fn from(error: Error) -> Self {
        match code(&error) {
            Some(code) => Self::permanent(code, error.to_string()),
            None => Self::transient("internal", error.to_string()),
        }
    }
}

/// The service and the buckets, during one event.
pub(super) struct Worker<'a, O> {
    service: &'a Service,
    open: O,
    /// The buckets opened so far, for this event only: connections do not survive until the next.
    buckets: HashMap<String, Arc<dyn ObjectStore>>,
    language: Language,
    max_bytes: u64,
    /// Whether an earlier recording took some of the time.
    begun: bool,
}

impl<'a, O: Fn(&str) -> object_store::Result<Arc<dyn ObjectStore>>> Worker<'a, O> {
    pub(super) fn new(service: &'a Service, open: O, language: Language, max_bytes: u64) -> Self {
        Self { service, open, buckets: HashMap::new(), language, max_bytes, begun: false }
    }

    /// Implements [`RecordingsEvent::transcribe`].
    pub(super) async fn answer(mut self, event: RecordingsEvent, deadline: Instant) -> crate::Result<Value> {
        match event {
            RecordingsEvent::One(recording) => match self.recording(&recording, deadline).await {
                Ok(done) => Ok(serde_json::to_value(done)?),
                Err(error) => Err(format!("{}: {error}", recording.key).into()),
            },
            RecordingsEvent::Queue(messages) => {
                let mut failed = Vec::new();
                for Message { id, recordings } in messages {
                    if !self.message(&id, recordings, deadline).await {
                        failed.push(json!({ "itemIdentifier": id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failed }))
            }
            RecordingsEvent::Map(items) => self.items(items, deadline).await,
        }
    }

    /// Transcribes the recordings of a message; true if all succeeded.
    async fn message(&mut self, id: &str, recordings: Result<Vec<Recording>, String>, deadline: Instant) -> bool {
        let recordings = match recordings {
            Ok(recordings) => recordings,
            Err(error) => {
                tracing::error!(message = id, %error, "unreadable message");
                return false;
            }
        };
        let mut done = true;
        for recording in recordings {
            done &= self.recording(&recording, deadline).await.is_ok();
        }
        done
    }

    async fn items(&mut self, items: Vec<Result<Recording, String>>, deadline: Instant) -> crate::Result<Value> {
        let (mut answers, mut failed, mut later) = (Vec::with_capacity(items.len()), 0, None);
        for item in items {
            let named = item.as_ref().ok().map(|item| json!({ "bucket": item.bucket, "key": item.key.as_ref() }));
            let result = match item {
                Ok(recording) => self.recording(&recording, deadline).await,
                Err(detail) => Err(RecordingError::permanent("invalid_field", detail)),
            };
            let (ok, mut answer) = match result {
                Ok(done) => (true, serde_json::to_value(done)?),
                Err(RecordingError { code, detail, permanent }) => {
                    failed += 1;
                    let mut answer = named.unwrap_or_else(|| json!({}));
                    answer["code"] = code.into();
                    answer["detail"] = detail.as_str().into();
                    if !permanent {
                        later.get_or_insert(detail);
                    }
                    (false, answer)
                }
            };
            answer["ok"] = ok.into();
            answers.push(answer);
        }
        if let Some(detail) = later {
            return Err(format!("some recordings failed but may succeed later; the first: {detail}").into());
        }
        if failed > 0 && failed == answers.len() {
            let codes: Vec<_> = answers.iter().filter_map(|answer| answer["code"].as_str()).collect();
            return Err(format!("all recordings failed: {}", codes.join(", ")).into());
        }
        Ok(answers.into())
    }

    /// Transcribes a recording, unless it has a transcript already, and logs the outcome.
    async fn recording(&mut self, recording: &Recording, deadline: Instant) -> Result<Done, RecordingError> {
        let Recording { bucket, key, .. } = recording;
        let result = match timeout_at(deadline.into(), self.work(recording, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(RecordingError::transient("deadline", "the function's time is over")),
        };
        match &result {
            Ok(Done { summary: Some(summary), .. }) => {
                tracing::info!(bucket, key = key.as_ref(), language = %summary.language, duration_s = summary.duration_s, "transcribed");
            }
            Ok(_) => tracing::info!(bucket, key = key.as_ref(), "has a transcript already"),
            Err(error) => {
                tracing::error!(bucket, key = key.as_ref(), code = error.code, %error, "not transcribed");
            }
        }
        result
    }

    async fn work(&mut self, recording: &Recording, deadline: Instant) -> Result<Done, RecordingError> {
        let Recording { bucket, key, .. } = recording;
        let results =
            ResultKeys::of(key).map_err(|error| RecordingError::permanent("invalid_field", error.to_string()))?;
        let store = self.bucket(bucket)?;
        let done = |summary| Done { bucket: bucket.clone(), key: key.clone(), results: results.clone(), summary };
        if store::exists(&*store, &results.json).await? {
            return Ok(done(None));
        }
        if Instant::now() + LEAST > deadline {
            return Err(RecordingError::transient("deadline", "too little of the function's time is left"));
        }
        match self.transcript(&*store, recording, &results, deadline).await {
            Err(error) if error.permanent => {
                let document = ErrorDocument { detail: error.detail.clone(), code: error.code.to_owned() };
                let body = as_json(&document)?;
                store::replace(&*store, &results.error, body, OutputFormat::JSON.media_type()).await?;
                Err(error)
            }
            other => Ok(done(Some(other?))),
        }
    }

    /// Reads, transcribes, and writes the results.
    async fn transcript(
        &mut self,
        store: &dyn ObjectStore,
        recording: &Recording,
        results: &ResultKeys,
        deadline: Instant,
    ) -> Result<Summary, RecordingError> {
        let Recording { bucket, key, .. } = recording;
        let first = !mem::replace(&mut self.begun, true);
        let (bytes, etag) = match store::read(store, key, self.max_bytes).await? {
            Object::Whole { bytes, etag } => (bytes, etag),
            Object::TooLarge(size) => {
                let detail = format!("the recording has {size} bytes, wanted at most {}", self.max_bytes);
                return Err(RecordingError::permanent("body_too_large", detail));
            }
        };
        let language = recording.language().unwrap_or(self.language);
        let latest = deadline.checked_sub(WRITING).unwrap_or(deadline);
        let mut transcript = self.service.transcribe(bytes, language, latest).await.map_err(|error| match error {
            // It had all the time that there is, so another attempt would fail, too.
            Error::Stopped { .. } if first && Instant::now() >= latest => {
                RecordingError::permanent("deadline", "transcription takes longer than the function may run")
            }
            error => error.into(),
        })?;
        let subtitles = SUBTITLES.render(&transcript, &SubtitleOptions::default());
        store::create(store, &results.srt, subtitles.into(), SUBTITLES.media_type()).await?;
        // They have served: nobody asked for them in the document.
        transcript.clear_words();
        let document = Document { transcript: &transcript, source: Source { bucket, key, etag } };
        store::create(store, &results.json, as_json(&document)?, OutputFormat::JSON.media_type()).await?;
        Ok(Summary { language, duration_s: transcript.duration_s })
    }

    fn bucket(&mut self, name: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        if let Some(store) = self.buckets.get(name) {
            return Ok(store.clone());
        }
        let store = (self.open)(name)?;
        self.buckets.insert(name.to_owned(), store.clone());
        Ok(store)
    }
}

fn as_json(document: &impl Serialize) -> Result<Vec<u8>, RecordingError> {
    serde_json::to_vec(document).map_err(|error| RecordingError::transient("internal", error.to_string()))
}
