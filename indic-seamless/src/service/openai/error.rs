//! Errors in the shape of OpenAI's API.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, Uri, response::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{problem::Problem, quote::quoted},
    realtime,
};

/// Whether OpenAI's clients try again, which they do after most errors of a server.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The body of an unsuccessful answer under `/v1/`, as in OpenAI's API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(crate) struct ErrorBody<'a> {
    #[schema(inline)]
    error: Details<'a>,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Details<'a> {
    /// What was found and what was wanted, for people to read.
    message: &'a str,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    r#type: &'static str,
    /// The field that it is about.
    param: Option<&'a str>,
    /// The kind of error, for programs. Never changes.
    #[schema(example = "model_not_found")]
    code: &'a str,
}

impl<'a> From<&'a Problem> for ErrorBody<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self { error: Details::of(problem) }
    }
}

impl<'a> Details<'a> {
    pub(super) fn of(problem: &'a Problem) -> Self {
        let r#type = match problem.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        // What clients of that API look for.
        let code = match problem.code {
            "unauthorized" => "invalid_api_key",
            "too_many_requests" => "rate_limit_exceeded",
            "invalid_field" => "invalid_value",
            code => code,
        };
        let of_recording = matches!(
            problem.code,
            "unsupported_audio" | "damaged_audio" | "no_audio" | "audio_too_short" | "audio_too_long"
        );
        let message = if problem.code == "deadline" { "deadline exceeded" } else { &problem.detail };
        let param = problem.param.or(of_recording.then_some("file"));
        Self { message, r#type, param, code }
    }

    /// The same, of this field, or of none.
    pub(super) fn about(self, param: Option<&'a str>) -> Self {
        Self { param, ..self }
    }
}

/// The code of [`unknown_url`].
const UNKNOWN_URL: &str = "unknown_url";

/// The problem of a path under `/v1/` that nobody answers; `None` for another path.
pub(in super::super) fn unknown_url(uri: &Uri) -> Option<Problem> {
    let detail = || format!("nothing is at {:?}; /openapi.json lists what there is", quoted(uri.path()));
    uri.path().starts_with("/v1/").then(|| Problem::new(StatusCode::NOT_FOUND, UNKNOWN_URL, detail()))
}

/// Whether a problem takes this shape. Routes of the host under `/v1/` keep the other one.
pub(in super::super) fn is_ours(problem: &Problem, path: &str) -> bool {
    problem.code == UNKNOWN_URL
        || path.starts_with("/v1/audio/")
        || path == "/v1/models"
        || path == realtime::PATH
        || path.starts_with("/v1/models/")
}

/// The body of a problem. Also changes status and headers to what clients of that API expect.
pub(in super::super) fn problem(problem: &Problem, parts: &mut Parts) -> Response {
    parts.status = match problem.status {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        status => status,
    };
    if problem.code == "deadline" {
        // It would take as long again.
        parts.headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    Json(ErrorBody::from(problem)).into_response()
}
