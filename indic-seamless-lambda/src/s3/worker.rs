//! Works on the recordings of an event.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use indic_seamless::{
    Error, Language, Transcript,
    service::{Service, code},
    subtitles::{SubtitleOptions, srt},
};
use object_store::{ObjectStore, path::Path};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::{
    event::{Event, Message, RECORDINGS, Recording},
    store::{self, Object},
};

/// A recording is not begun with less time than this.
const LEAST: Duration = Duration::from_secs(5);
/// What is left of the time when the transcription must be done, for results to be written.
const WRITING: Duration = Duration::from_secs(2);

/// Where the results of a recording are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Results {
    #[serde(rename = "transcript_key", serialize_with = "as_text")]
    pub(super) json: Path,
    #[serde(rename = "subtitles_key", serialize_with = "as_text")]
    pub(super) srt: Path,
    #[serde(skip)]
    pub(super) error: Path,
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(path.as_ref())
}

impl Results {
    pub(super) fn of(recording: &Path) -> Result<Self, object_store::path::Error> {
        let rest = recording.as_ref();
        let rest = rest.strip_prefix(RECORDINGS).unwrap_or(rest);
        let named = |ending| Path::parse(format!("transcripts/{rest}.{ending}"));
        Ok(Self { json: named("json")?, srt: named("srt")?, error: named("error.json")? })
    }
}

/// What is told of a recording that was transcribed. The text is in the bucket only.
#[derive(Debug, Serialize)]
struct Done {
    bucket: String,
    #[serde(serialize_with = "as_text")]
    key: Path,
    #[serde(flatten)]
    results: Results,
    /// Not for one that was transcribed before.
    #[serde(flatten)]
    now: Option<Now>,
}

#[derive(Debug, Serialize)]
struct Now {
    language: Language,
    duration_s: f64,
}

/// Why there is no transcript.
#[derive(Debug)]
struct Failure {
    code: &'static str,
    detail: String,
    /// Whether trying again is in vain.
    permanent: bool,
}

impl Failure {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), permanent: true }
    }

    fn for_now(code: &'static str, detail: impl Into<String>) -> Self {
        Self { permanent: false, ..Self::new(code, detail) }
    }
}

/// For logs, which shall have nothing of a recording in them: what is wrong with one, a file says.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, detail, permanent } = self;
        if *permanent { f.write_str(code) } else { write!(f, "{code}: {detail}") }
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => Self::for_now("not_found", format!("there is no {path}")),
            error => Self::for_now("storage", error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match code(&error) {
            Some(code) => Self::new(code, error.to_string()),
            None => Self::for_now("internal", error.to_string()),
        }
    }
}

/// What is needed for it.
pub(super) struct Worker<'a, O> {
    service: &'a Service,
    open: O,
    /// Those opened so far. They end with the event, since connections do not survive until the next.
    buckets: HashMap<String, Arc<dyn ObjectStore>>,
    language: Language,
    max_bytes: u64,
    /// Whether some of the time went to an earlier recording.
    begun: bool,
}

impl<'a, O: Fn(&str) -> object_store::Result<Arc<dyn ObjectStore>>> Worker<'a, O> {
    pub(super) fn new(service: &'a Service, open: O, language: Language, max_bytes: u64) -> Self {
        Self { service, open, buckets: HashMap::new(), language, max_bytes, begun: false }
    }

    /// What [`Event::transcribe`] says.
    pub(super) async fn answer(mut self, event: Event, deadline: Instant) -> crate::Result<Value> {
        match event {
            Event::One(recording) => match self.recording(&recording, deadline).await {
                Ok(done) => Ok(serde_json::to_value(done)?),
                Err(failure) => Err(format!("{}: {failure}", recording.key).into()),
            },
            Event::Queue(messages) => {
                let mut failed = Vec::new();
                for Message { id, recordings } in messages {
                    if !self.message(&id, recordings, deadline).await {
                        failed.push(json!({ "itemIdentifier": id }));
                    }
                }
                Ok(json!({ "batchItemFailures": failed }))
            }
            Event::Map(items) => self.items(items, deadline).await,
        }
    }

    /// Whether all that a message asks for is done.
    async fn message(&mut self, id: &str, recordings: Result<Vec<Recording>, String>, deadline: Instant) -> bool {
        let recordings = match recordings {
            Ok(recordings) => recordings,
            Err(error) => {
                tracing::error!(message = id, %error, "a message makes no sense");
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
                Err(detail) => Err(Failure::new("invalid_field", detail)),
            };
            let (ok, mut answer) = match result {
                Ok(done) => (true, serde_json::to_value(done)?),
                Err(Failure { code, detail, permanent }) => {
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
            return Err(format!("some recordings must be tried again; the first: {detail}").into());
        }
        if failed > 0 && failed == answers.len() {
            let codes: Vec<_> = answers.iter().filter_map(|answer| answer["code"].as_str()).collect();
            return Err(format!("all recordings failed: {}", codes.join(", ")).into());
        }
        Ok(answers.into())
    }

    /// Transcribes a recording, unless that was done before.
    async fn recording(&mut self, recording: &Recording, deadline: Instant) -> Result<Done, Failure> {
        let Recording { bucket, key, .. } = recording;
        let result = match timeout_at(deadline.into(), self.work(recording, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::for_now("deadline", "the time of this function is up")),
        };
        match &result {
            Ok(Done { now: Some(now), .. }) => {
                tracing::info!(bucket, key = key.as_ref(), language = %now.language, duration_s = now.duration_s, "transcribed");
            }
            Ok(_) => tracing::info!(bucket, key = key.as_ref(), "transcribed before"),
            Err(failure) => {
                tracing::error!(bucket, key = key.as_ref(), code = failure.code, %failure, "not transcribed");
            }
        }
        result
    }

    async fn work(&mut self, recording: &Recording, deadline: Instant) -> Result<Done, Failure> {
        let Recording { bucket, key, .. } = recording;
        let results = Results::of(key).map_err(|error| Failure::new("invalid_field", error.to_string()))?;
        let store = self.bucket(bucket)?;
        let done = |now| Done { bucket: bucket.clone(), key: key.clone(), results: results.clone(), now };
        if store::exists(&*store, &results.json).await? {
            return Ok(done(None));
        }
        if Instant::now() + LEAST > deadline {
            return Err(Failure::for_now("deadline", "too little of this function's time is left"));
        }
        match self.transcript(&*store, recording, &results, deadline).await {
            Err(failure) if failure.permanent => {
                let body = json!({ "detail": failure.detail, "code": failure.code });
                store::replace(&*store, &results.error, body.to_string().into(), "application/json").await?;
                Err(failure)
            }
            other => Ok(done(Some(other?))),
        }
    }

    /// Reads, transcribes, and writes the results.
    async fn transcript(
        &mut self,
        store: &dyn ObjectStore,
        recording: &Recording,
        results: &Results,
        deadline: Instant,
    ) -> Result<Now, Failure> {
        let Recording { bucket, key, .. } = recording;
        let first = !mem::replace(&mut self.begun, true);
        let (bytes, etag) = match store::read(store, key, self.max_bytes).await? {
            Object::Whole { bytes, etag } => (bytes, etag),
            Object::TooLarge(size) => {
                let detail = format!("the recording has {size} bytes, wanted at most {}", self.max_bytes);
                return Err(Failure::new("body_too_large", detail));
            }
        };
        let language = recording.language().unwrap_or(self.language);
        let latest = deadline.checked_sub(WRITING).unwrap_or(deadline);
        let transcript = self.service.transcribe(bytes, language, latest).await.map_err(|error| match error {
            // It had all the time that there is, so it will not do better next time.
            Error::Stopped { .. } if first && Instant::now() >= latest => {
                Failure::new("deadline", "transcribing takes longer than this function may run")
            }
            error => error.into(),
        })?;
        let srt = srt(&transcript.segments, &SubtitleOptions::default());
        store::create(store, &results.srt, srt.into(), "application/x-subrip").await?;
        let source = json!({ "bucket": bucket, "key": key.as_ref(), "etag": etag });
        let body = serde_json::to_vec(&Document { transcript: &transcript, source });
        let body = body.map_err(|error| Failure::for_now("internal", error.to_string()))?;
        store::create(store, &results.json, body, "application/json").await?;
        Ok(Now { language, duration_s: transcript.duration_s })
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

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    transcript: &'a Transcript,
    source: Value,
}
