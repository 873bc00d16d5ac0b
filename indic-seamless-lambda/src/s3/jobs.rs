//! Jobs: clients upload a recording with a signed URL, and poll for the result.
//!
//! A job's id says where its recording is: `recordings/hin/jobs/<uuid>` for the job `hin-<uuid>`. S3 notifies the queue of the
//! upload, as of any recording, and the keys of the results follow from that of the recording. Beside these,
//! `transcripts/hin/jobs/<uuid>.job.json` says that the job was created, so jobs need no database.

use std::{
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Extension, Path, State, rejection::PathRejection},
    http::{HeaderValue, Method, StatusCode, header},
    routing::{get, post},
};
use indic_seamless::{
    Language, OutputFormat, Transcript,
    service::{Problem, SpeechAnswer},
};
use indic_seamless_aws::{recording::RECORDINGS, store};
use object_store::{
    ObjectStore,
    aws::AwsCredentialProvider,
    path::Path as Key,
    signer::{SignedUrlOptions, Signer},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    presign,
    results::{ErrorDocument, Reason, ResultKeys},
};
use crate::gateway::{Prefix, since_epoch};

/// How long signed URLs are valid.
const EXPIRES: Duration = Duration::from_secs(15 * 60);
/// The largest body in bytes: a few words of JSON.
const MAX_BODY: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The endpoints of jobs.
pub(super) fn router(jobs: Jobs) -> Router {
    Router::new().route("/v1/jobs", post(create)).route("/v1/jobs/{id}", get(status)).with_state(Arc::new(jobs))
}

/// The state that the handlers share.
pub(super) struct Jobs {
    pub(super) open: Box<dyn Fn() -> object_store::Result<Bucket> + Send + Sync>,
    /// Opened by the first request, as credentials and connections would not survive a snapshot.
    pub(super) bucket: OnceLock<Bucket>,
    /// The language of the text where a job names none.
    pub(super) language: Language,
    /// The largest recording.
    pub(super) max_bytes: u64,
    /// What clients see before the paths, if the event does not say.
    pub(super) root_path: String,
}

pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) credentials: AwsCredentialProvider,
}

impl Jobs {
    pub(super) fn new(bucket: String, language: Language, max_bytes: u64, root_path: String) -> Self {
        let open = move || {
            let client = Arc::new(store::open(&bucket)?);
            let credentials = client.credentials().clone();
            Ok(Bucket { store: client.clone(), signer: client, credentials })
        };
        Self { open: Box::new(open), bucket: OnceLock::new(), language, max_bytes, root_path }
    }

    fn bucket(&self) -> Result<&Bucket, Problem> {
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let bucket = (self.open)().map_err(|error| failed(&error))?;
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
    // Codes and UUIDs have no characters that `Key` would encode.
    fn key(self) -> Key {
        Key::from(format!("{RECORDINGS}{}/jobs/{}", self.0, self.1))
    }

    /// Where it is written that the job was created.
    fn created_key(self) -> Key {
        Key::from(format!("transcripts/{}/jobs/{}.job.json", self.0, self.1))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobRequest {
    target_lang: Option<String>,
    /// The size of the recording. Required, since S3 would take an upload of any other size, up to its own limit of 5 GB.
    bytes: u64,
}

impl JobRequest {
    /// The size of the recording, if it may have that.
    fn size(&self, max_bytes: u64) -> Result<u64, Problem> {
        let detail = || format!("bytes: {} found, wanted 1 to {max_bytes}", self.bytes);
        match self.bytes {
            0 => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail())),
            bytes if bytes > max_bytes => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail())),
            bytes => Ok(bytes),
        }
    }
}

/// What is stored of a job when it is created.
#[derive(Debug, Serialize, Deserialize)]
struct Created {
    /// Seconds since 1970.
    expires_s: u64,
}

/// `POST /v1/jobs`.
async fn create(
    State(jobs): State<Arc<Jobs>>,
    prefix: Option<Extension<Prefix>>,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let wanted = read(body).await?;
    let bytes = wanted.size(jobs.max_bytes)?;
    let language = wanted.target_lang.map_or(Ok(jobs.language), |language| language.parse())?;
    let id = JobId(language, Uuid::new_v4());
    let bucket = jobs.bucket()?;
    let created = Created { expires_s: (since_epoch() + EXPIRES).as_secs() };
    let created = serde_json::to_vec(&created).map_err(|_| Problem::internal())?;
    let stored = store::create(&*bucket.store, &id.created_key(), created, OutputFormat::JSON.media_type()).await;
    stored.map_err(|error| failed(&error))?;
    let Prefix(prefix) = prefix.map_or_else(|| Prefix(jobs.root_path.clone()), |Extension(prefix)| prefix);
    let answer = json!({
        "id": id.to_string(),
        "upload": {
            "url": upload_url(bucket, &id.key(), bytes).await?,
            "method": "PUT",
            "headers": { "if-none-match": "*" },
        },
        "status_url": format!("{prefix}/v1/jobs/{id}"),
        "expires_in_s": EXPIRES.as_secs(),
        "max_bytes": jobs.max_bytes,
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Reads a request.
async fn read(body: Body) -> Result<JobRequest, Problem> {
    let body = timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await;
    let body =
        body.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body did not arrive in time"))?;
    let body = body.map_err(|_| {
        let detail = format!("the body is incomplete, or longer than the limit of {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })?;
    let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", error.to_string())
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("not JSON: {error}")),
    })
}

/// A URL for one upload: S3 refuses a second one, and any other size than the one that was stated.
async fn upload_url(bucket: &Bucket, key: &Key, bytes: u64) -> Result<String, Problem> {
    let options = SignedUrlOptions::new().with_signed_header(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
    let url = bucket.signer.signed_url_opts(Method::PUT, key, EXPIRES, &options).await;
    let url = url.map_err(|error| failed(&error))?;
    let credential = bucket.credentials.get_credential().await.map_err(|error| failed(&error))?;
    presign::sized(&url, &credential, bytes).map(Into::into).ok_or_else(Problem::internal)
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
    /// Nothing was uploaded while the URL was valid, or it has been deleted since.
    Expired,
    Queued,
    Done {
        result: SpeechAnswer,
        urls: Urls,
    },
    Failed(Reason),
}

/// Signed URLs of the results.
#[derive(Debug, Serialize)]
struct Urls {
    json: String,
    srt: String,
}

/// `GET /v1/jobs/{id}`.
async fn status(State(jobs): State<Arc<Jobs>>, id: Result<Path<String>, PathRejection>) -> Result<Json<Job>, Problem> {
    let no_such_job = || Problem::new(StatusCode::NOT_FOUND, "not_found", "no such job");
    let id = id.ok().and_then(|Path(id)| id.parse::<JobId>().ok()).ok_or_else(no_such_job)?;
    let status = status_of(jobs.bucket()?, id).await?.ok_or_else(no_such_job)?;
    Ok(Json(Job { id: id.to_string(), status }))
}

/// `None` if there is no such job, or no longer.
async fn status_of(bucket: &Bucket, id: JobId) -> Result<Option<JobStatus>, Problem> {
    let key = id.key();
    let results = ResultKeys::of(&key, None).map_err(|error| failed(&error.into()))?;
    let stored = async |key: &Key| store::get(&*bucket.store, key).await.map_err(|error| failed(&error));
    if let Some(json) = stored(&results.json).await? {
        let transcript: Transcript = parsed(&results.json, &json)?;
        let urls =
            Urls { json: result_url(bucket, &results.json).await?, srt: result_url(bucket, &results.srt).await? };
        return Ok(Some(JobStatus::Done { result: SpeechAnswer::new(&transcript, true), urls }));
    }
    if let Some(json) = stored(&results.error).await? {
        let ErrorDocument { reason, .. } = parsed(&results.error, &json)?;
        return Ok(Some(JobStatus::Failed(reason)));
    }
    if store::exists(&*bucket.store, &key).await.map_err(|error| failed(&error))? {
        return Ok(Some(JobStatus::Queued));
    }
    let Some(json) = stored(&id.created_key()).await? else { return Ok(None) };
    let Created { expires_s } = parsed(&id.created_key(), &json)?;
    let expired = since_epoch().as_secs() >= expires_s;
    Ok(Some(if expired { JobStatus::Expired } else { JobStatus::WaitingForUpload }))
}

async fn result_url(bucket: &Bucket, key: &Key) -> Result<String, Problem> {
    let url = bucket.signer.signed_url(Method::GET, key, EXPIRES).await;
    url.map(Into::into).map_err(|error| failed(&error))
}

fn failed(error: &object_store::Error) -> Problem {
    tracing::error!(%error, "S3 failed");
    Problem::internal()
}

/// Reads a stored object.
fn parsed<T: DeserializeOwned>(key: &Key, json: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(json).map_err(|error| {
        tracing::error!(key = key.as_ref(), %error, "unreadable object in S3");
        Problem::internal()
    })
}
