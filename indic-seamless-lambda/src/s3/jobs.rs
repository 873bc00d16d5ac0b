//! Jobs: an upload of one's own, and a place to ask for the result.
//!
//! A job is a recording at a place that only its id tells: `recordings/hin/jobs/<uuid>` for the job `hin-<uuid>`. S3 tells
//! the queue that it is there, as of any recording, and where the results are is known. So there is nothing to keep.

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
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use indic_seamless::{Language, service::problem};
use object_store::{ObjectStore, path::Path as Key, signer::Signer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    event::RECORDINGS,
    language,
    store::{exists, open, text},
    variable,
    worker::Results,
};

/// How long an upload or a download may be begun.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// A few words of JSON.
const MAX_BODY: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The endpoints of jobs, if there is a bucket for them.
///
/// # Errors
///
/// An environment variable that makes no sense.
pub(crate) fn jobs() -> crate::Result<Option<Router>> {
    let Some(bucket) = variable("INDIC_SEAMLESS_BUCKET") else { return Ok(None) };
    let open = move || {
        let client = Arc::new(open(&bucket)?);
        Ok(Bucket { store: client.clone(), signer: client })
    };
    Ok(Some(router(Jobs { open: Box::new(open), bucket: OnceLock::new(), language: language()? })))
}

pub(super) fn router(jobs: Jobs) -> Router {
    Router::new().route("/v1/jobs", post(create)).route("/v1/jobs/{id}", get(status)).with_state(Arc::new(jobs))
}

/// What the handlers share.
pub(super) struct Jobs {
    pub(super) open: Box<dyn Fn() -> object_store::Result<Bucket> + Send + Sync>,
    /// Opened by the first request, as what is in a snapshot may be of no use later.
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

/// A job's id, which is where its recording is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Id(Language, Uuid);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (language, id) = text.split_once('-').ok_or(())?;
        let id = Self(language.parse().map_err(|_| ())?, id.parse().map_err(|_| ())?);
        // One spelling only; others name no object.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

impl Id {
    fn key(self) -> Key {
        // A code and an uuid have nothing in them that `Key` would write differently.
        Key::from(format!("{RECORDINGS}{}/jobs/{}", self.0, self.1))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    target_lang: Option<String>,
}

/// `POST /v1/jobs`.
async fn create(State(jobs): State<Arc<Jobs>>, body: Body) -> Result<Response, Response> {
    let body = timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await;
    let body = body.map_err(|_| problem(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body did not come"))?;
    let body = body.map_err(|_| {
        let detail = format!("the body did not come whole, or is longer than the limit of {MAX_BODY} bytes");
        problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })?;
    let wanted = if body.is_empty() { Ok(Wanted::default()) } else { serde_json::from_slice(&body) };
    let wanted: Wanted = wanted.map_err(|error| match error.classify() {
        serde_json::error::Category::Data => invalid("invalid_field", error.to_string()),
        _ => problem(StatusCode::BAD_REQUEST, "bad_request", format!("not JSON: {error}")),
    })?;
    let language = wanted.target_lang.map_or(Ok(jobs.language), |language| language.parse::<Language>());
    let language = language.map_err(|error| invalid("unknown_language", error.to_string()))?;
    let id = Id(language, Uuid::new_v4());
    let url = signed(jobs.bucket().map_err(|error| failed(&error))?, Method::PUT, &id.key()).await?;
    let answer = json!({
        "id": id.to_string(),
        "upload": { "url": url, "method": "PUT", "headers": {} },
        "status_url": format!("/v1/jobs/{id}"),
        "expires_in_s": EXPIRES.as_secs(),
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// The part of a stored transcript that clients get, in the words of `POST /speech-to-text`.
#[derive(Debug, Deserialize, Serialize)]
struct Answer {
    #[serde(rename(deserialize = "text", serialize = "transcription"))]
    text: String,
    language: Language,
    duration_s: f64,
    segments: Vec<AnswerSegment>,
    timings: Value,
}

#[derive(Debug, Deserialize, Serialize)]
struct AnswerSegment {
    start: f64,
    end: f64,
    text: String,
    avg_logprob: f64,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    detail: String,
    code: String,
}

/// `GET /v1/jobs/{id}`.
async fn status(State(jobs): State<Arc<Jobs>>, id: Result<Path<String>, PathRejection>) -> Result<Response, Response> {
    let id = id.ok().and_then(|Path(id)| id.parse::<Id>().ok());
    let id = id.ok_or_else(|| problem(StatusCode::NOT_FOUND, "not_found", "no such job"))?;
    let bucket = jobs.bucket().map_err(|error| failed(&error))?;
    let key = id.key();
    let results = Results::of(&key).map_err(|error| failed(&error.into()))?;
    let store = &*bucket.store;
    let stored = async |key: &Key| text(store, key).await.map_err(|error| failed(&error));
    let answer = if let Some(json) = stored(&results.json).await? {
        let result: Answer = serde_json::from_slice(&json).map_err(|error| broken(&results.json, &error))?;
        let urls = json!({
            "json": signed(bucket, Method::GET, &results.json).await?,
            "srt": signed(bucket, Method::GET, &results.srt).await?,
        });
        json!({ "id": id.to_string(), "status": "done", "result": result, "urls": urls })
    } else if let Some(json) = stored(&results.error).await? {
        let Refusal { detail, code } = serde_json::from_slice(&json).map_err(|error| broken(&results.error, &error))?;
        json!({ "id": id.to_string(), "status": "failed", "detail": detail, "code": code })
    } else {
        let there = exists(store, &key).await.map_err(|error| failed(&error))?;
        json!({ "id": id.to_string(), "status": if there { "queued" } else { "waiting_for_upload" } })
    };
    Ok(Json(answer).into_response())
}

async fn signed(bucket: &Bucket, method: Method, key: &Key) -> Result<String, Response> {
    let url = bucket.signer.signed_url(method, key, EXPIRES).await;
    url.map(Into::into).map_err(|error| failed(&error))
}

fn invalid(code: &'static str, detail: String) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

fn failed(error: &object_store::Error) -> Response {
    tracing::error!(%error, "S3 failed");
    internal()
}

fn broken(key: &Key, error: &serde_json::Error) -> Response {
    tracing::error!(key = key.as_ref(), %error, "a stored result makes no sense");
    internal()
}

fn internal() -> Response {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an internal error; the log has it")
}
