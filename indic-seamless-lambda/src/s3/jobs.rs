//! Jobs: clients upload a recording with a signed URL, and poll for the result.
//!
//! A job's id says where its recording is: `recordings/hin/jobs/<uuid>` for the job `hin-<uuid>`. S3 notifies the queue of the
//! upload, as of any recording, and the keys of the results follow from that of the recording. So jobs need no database.

use std::{
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{Method, StatusCode},
    routing::{get, post},
};
use indic_seamless::{
    Language, Transcript,
    service::{Problem, SpeechAnswer},
};
use object_store::{ObjectStore, path::Path as Key, signer::Signer};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    event::RECORDINGS,
    results::{ErrorDocument, ResultKeys},
    settings::{language, variable},
    store,
};

/// How long signed URLs are valid.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// The largest body in bytes: a few words of JSON.
const MAX_BODY: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The endpoints of jobs, if there is a bucket for them.
///
/// # Errors
///
/// An unknown language in the environment.
pub(crate) fn jobs() -> crate::Result<Option<Router>> {
    let Some(bucket) = variable("INDIC_SEAMLESS_BUCKET") else { return Ok(None) };
    let open = move || {
        let client = Arc::new(store::open(&bucket)?);
        Ok(Bucket { store: client.clone(), signer: client })
    };
    Ok(Some(router(Jobs { open: Box::new(open), bucket: OnceLock::new(), language: language()? })))
}

pub(super) fn router(jobs: Jobs) -> Router {
    Router::new().route("/v1/jobs", post(create)).route("/v1/jobs/{id}", get(status)).with_state(Arc::new(jobs))
}

/// The state that the handlers share.
pub(super) struct Jobs {
    pub(super) open: Box<dyn Fn() -> object_store::Result<Bucket> + Send + Sync>,
    /// Opened by the first request, as credentials and connections would not survive a snapshot.
    pub(super) bucket: OnceLock<Bucket>,
    pub(super) language: Language,
}

pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) signer: Arc<dyn Signer>,
}

impl Jobs {
    fn bucket(&self) -> object_store::Result<&Bucket> {
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let bucket = (self.open)()?;
        Ok(self.bucket.get_or_init(|| bucket))
    }
}

/// A job's id: the language of the text, and a random number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct JobId(Language, Uuid);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for JobId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (language, id) = text.split_once('-').ok_or(())?;
        let id = Self(language.parse().map_err(|_| ())?, id.parse().map_err(|_| ())?);
        // Another spelling names another object.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

impl JobId {
    fn key(self) -> Key {
        // Codes and UUIDs have no characters that `Key` would encode.
        Key::from(format!("{RECORDINGS}{}/jobs/{}", self.0, self.1))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobRequest {
    target_lang: Option<String>,
}

/// `POST /v1/jobs`.
async fn create(State(jobs): State<Arc<Jobs>>, body: Body) -> Result<(StatusCode, Json<Value>), Problem> {
    let body = timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await;
    let body =
        body.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body did not arrive in time"))?;
    let body = body.map_err(|_| {
        let detail = format!("the body is incomplete, or longer than the limit of {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })?;
    let wanted = if body.is_empty() { Ok(JobRequest::default()) } else { serde_json::from_slice(&body) };
    let wanted: JobRequest = wanted.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", error.to_string())
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("not JSON: {error}")),
    })?;
    let language = wanted.target_lang.map_or(Ok(jobs.language), |language| language.parse())?;
    let id = JobId(language, Uuid::new_v4());
    let url = signed(jobs.bucket().map_err(|error| failed(&error))?, Method::PUT, &id.key()).await?;
    let answer = json!({
        "id": id.to_string(),
        "upload": { "url": url, "method": "PUT", "headers": {} },
        "status_url": format!("/v1/jobs/{id}"),
        "expires_in_s": EXPIRES.as_secs(),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// A job, as clients see it.
#[derive(Debug, Serialize)]
struct Job {
    id: String,
    #[serde(flatten)]
    status: JobStatus,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum JobStatus {
    WaitingForUpload,
    Queued,
    Done { result: SpeechAnswer, urls: Urls },
    Failed(ErrorDocument),
}

/// Signed URLs of the results.
#[derive(Debug, Serialize)]
struct Urls {
    json: String,
    srt: String,
}

/// `GET /v1/jobs/{id}`.
async fn status(State(jobs): State<Arc<Jobs>>, id: Result<Path<String>, PathRejection>) -> Result<Json<Job>, Problem> {
    let id = id.ok().and_then(|Path(id)| id.parse::<JobId>().ok());
    let id = id.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "not_found", "no such job"))?;
    let bucket = jobs.bucket().map_err(|error| failed(&error))?;
    let key = id.key();
    let results = ResultKeys::of(&key).map_err(|error| failed(&error.into()))?;
    let stored = async |key: &Key| store::get(&*bucket.store, key).await.map_err(|error| failed(&error));
    let status = if let Some(json) = stored(&results.json).await? {
        let transcript: Transcript = parsed(&results.json, &json)?;
        let urls = Urls {
            json: signed(bucket, Method::GET, &results.json).await?,
            srt: signed(bucket, Method::GET, &results.srt).await?,
        };
        JobStatus::Done { result: SpeechAnswer::new(&transcript, true), urls }
    } else if let Some(json) = stored(&results.error).await? {
        JobStatus::Failed(parsed(&results.error, &json)?)
    } else if store::exists(&*bucket.store, &key).await.map_err(|error| failed(&error))? {
        JobStatus::Queued
    } else {
        JobStatus::WaitingForUpload
    };
    Ok(Json(Job { id: id.to_string(), status }))
}

async fn signed(bucket: &Bucket, method: Method, key: &Key) -> Result<String, Problem> {
    let url = bucket.signer.signed_url(method, key, EXPIRES).await;
    url.map(Into::into).map_err(|error| failed(&error))
}

fn failed(error: &object_store::Error) -> Problem {
    tracing::error!(%error, "S3 failed");
    Problem::internal()
}

/// Reads a stored result.
fn parsed<T: DeserializeOwned>(key: &Key, json: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(json).map_err(|error| {
        tracing::error!(key = key.as_ref(), %error, "unreadable result in S3");
        Problem::internal()
    })
}
