//! Transcribes the recordings of an event.

use std::{
    borrow::Cow,
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use indic_seamless::{
    Error, Language, OutputFormat, Transcript,
    service::{Service, code},
    subtitles::SubtitleOptions,
};
use indic_seamless_aws::{
    recording::Recording,
    store::{self, Object},
};
use object_store::{ObjectStore, path::Path};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::{
    event::{Message, RecordingsEvent},
    results::{Document, ErrorDocument, Reason, ResultKeys, SUBTITLES, Source, as_text},
};
use crate::{cloudwatch, failure::Permanent, lambda};

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
    code: Cow<'static, str>,
    detail: String,
    /// Whether another attempt would fail the same way.
    permanent: bool,
}

impl RecordingError {
    fn permanent(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), permanent: true }
    }

    fn transient(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), permanent: false }
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
    /// Whether something else took some of the time: loading the model, an earlier recording, or one of another event.
    begun: bool,
}

impl<'a, O: Fn(&str) -> object_store::Result<Arc<dyn ObjectStore>>> Worker<'a, O> {
    /// `is_cold` says that the event had to wait for the model.
    pub(super) fn new(service: &'a Service, open: O, language: Language, max_bytes: u64, is_cold: bool) -> Self {
        let begun = is_cold || lambda::is_concurrent();
        Self { service, open, buckets: HashMap::new(), language, max_bytes, begun }
    }

    /// Implements [`RecordingsEvent::transcribe`].
    pub(super) async fn answer(mut self, event: RecordingsEvent, deadline: Instant) -> crate::Result<Value> {
        match event {
            RecordingsEvent::One(recording) => match self.recording(&recording, deadline).await {
                Ok(done) => Ok(serde_json::to_value(done)?),
                Err(error) => {
                    let text = format!("{}: {error}", recording.key);
                    Err(if error.permanent { Permanent(text).into() } else { text.into() })
                }
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

    /// Transcribes the recordings of a message; false if it should come again.
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
            done &= self.recording(&recording, deadline).await.map_or_else(|error| error.permanent, |_| true);
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
                    answer["code"] = code.as_ref().into();
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
            return Err(Permanent(format!("all recordings failed: {}", codes.join(", "))).into());
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
                tracing::error!(bucket, key = key.as_ref(), code = &*error.code, %error, "not transcribed");
            }
        }
        result
    }

    async fn work(&mut self, recording: &Recording, deadline: Instant) -> Result<Done, RecordingError> {
        let Recording { bucket, key, .. } = recording;
        let language = recording.wanted(self.language);
        let other = (language != recording.own_language(self.language)).then_some(language);
        let results = ResultKeys::of(key, other)
            .map_err(|error| RecordingError::permanent("invalid_field", error.to_string()))?;
        let store = self.bucket(bucket)?;
        let done = |summary| Done { bucket: bucket.clone(), key: key.clone(), results: results.clone(), summary };
        if store::exists(&*store, &results.json).await? {
            return Ok(done(None));
        }
        if let Some(error) = failed_before(&*store, key, &results).await? {
            return Err(error);
        }
        if Instant::now() + LEAST > deadline {
            return Err(RecordingError::transient("deadline", "too little of the function's time is left"));
        }
        let first = !mem::replace(&mut self.begun, true);
        let (result, etag) = match store::read(&*store, key, self.max_bytes).await? {
            Object::Whole { bytes, etag } => {
                let result = self.transcribe(bytes, language, deadline, first).await;
                (result, etag)
            }
            Object::TooLarge { size, etag } => {
                let detail = format!("the recording has {size} bytes, wanted at most {}", self.max_bytes);
                (Err(RecordingError::permanent("body_too_large", detail)), etag)
            }
        };
        let source = Source { bucket, key, etag };
        match result {
            Ok(transcript) => {
                write(&*store, &results, &transcript, source).await?;
                Ok(done(Some(Summary { language, duration_s: transcript.duration_s })))
            }
            Err(error) if error.permanent => {
                let reason = Reason { detail: error.detail.clone(), code: error.code.clone().into_owned() };
                let body = as_json(&ErrorDocument { reason, etag: source.etag })?;
                store::replace(&*store, &results.error, body, OutputFormat::JSON.media_type()).await?;
                cloudwatch::print_failure();
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The transcript of a recording, which is the first of its event or not.
    async fn transcribe(
        &self,
        bytes: Vec<u8>,
        language: Language,
        deadline: Instant,
        first: bool,
    ) -> Result<Transcript, RecordingError> {
        let latest = deadline.checked_sub(WRITING).unwrap_or(deadline);
        self.service.transcribe(bytes, language, latest).await.map_err(|error| match error {
            // It had all the time that there is, so another attempt would fail, too.
            Error::Stopped { .. } if first && Instant::now() >= latest => {
                RecordingError::permanent("deadline", "transcription takes longer than the function may run")
            }
            error => error.into(),
        })
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

/// Why this very object could not be transcribed before.
async fn failed_before(
    store: &dyn ObjectStore,
    key: &Path,
    results: &ResultKeys,
) -> Result<Option<RecordingError>, RecordingError> {
    let Some(document) = store::get(store, &results.error).await? else { return Ok(None) };
    let Ok(ErrorDocument { reason, etag: Some(etag) }) = serde_json::from_slice(&document) else { return Ok(None) };
    let same = store::etag(store, key).await?.is_some_and(|now| now == etag);
    Ok(same.then(|| RecordingError { code: reason.code.into(), detail: reason.detail, permanent: true }))
}

/// Writes the results.
async fn write(
    store: &dyn ObjectStore,
    results: &ResultKeys,
    transcript: &Transcript,
    source: Source<'_>,
) -> Result<(), RecordingError> {
    let subtitles = SUBTITLES.render(transcript, &SubtitleOptions::default());
    store::create(store, &results.srt, subtitles.into(), SUBTITLES.media_type()).await?;
    let document = as_json(&Document { transcript, source })?;
    Ok(store::create(store, &results.json, document, OutputFormat::JSON.media_type()).await?)
}

fn as_json(document: &impl Serialize) -> Result<Vec<u8>, RecordingError> {
    serde_json::to_vec(document).map_err(|error| RecordingError::transient("internal", error.to_string()))
}
