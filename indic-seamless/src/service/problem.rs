//! What a client gets when something is wrong: one JSON shape for all problems, and a fitting status.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{answer::AnswerSegment, quote};
use crate::{
    error::Error,
    transcript::{Segment, append},
};

/// Seconds after which a refused client may try again.
const RETRY_AFTER_S: u32 = 2;

/// The body of every unsuccessful answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody<'a> {
    /// What was found and what was wanted, for people to read.
    detail: &'a str,
    /// The kind of problem, for programs. Never changes.
    #[schema(example = "unknown_language")]
    code: &'a str,
    /// The request, as in the header `x-request-id` and in the logs.
    request_id: &'a str,
    /// The segments finished before the deadline; with the code `deadline` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<&'a Partial>,
}

/// The part of a transcription that was finished before the deadline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Partial {
    /// The text of the segments.
    pub(crate) transcription: String,
    /// The segments.
    pub(crate) segments: Vec<AnswerSegment>,
}

impl Partial {
    /// Adds the next segment.
    pub(crate) fn push(&mut self, segment: &Segment) {
        append(&mut self.transcription, &segment.text);
        self.segments.push(segment.into());
    }
}

/// The error of every handler: status, code and detail of an unsuccessful answer.
///
/// The body is `{"detail", "code", "request_id"}`. The [router](super::Service::router) writes it, as it knows the request's
/// id, so handlers that return a `Problem` must be routes of [`Service::router_with`](super::Service::router_with).
///
/// ```
/// use axum::{Router, http::StatusCode, routing::get};
/// use indic_seamless::service::Problem;
///
/// async fn handler() -> Result<String, Problem> {
///     Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "no such job"))
/// }
/// let more: Router = Router::new().route("/jobs", get(handler));
/// ```
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    /// The field that it is about, in the protocols whose errors name one.
    pub(crate) param: Option<&'static str>,
    partial: Option<Partial>,
}

impl Problem {
    /// A problem. `code` is for programs and must never change; `detail` is for people to read. Beyond 2,000 bytes it is cut,
    /// since it may quote what was sent.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: quote::detail(detail.into()), param: None, partial: None }
    }

    /// The same problem, of a field.
    pub(crate) fn of(self, param: &'static str) -> Self {
        Self { param: Some(param), ..self }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(crate) fn invalid_field(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail)
    }

    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let detail = format!("the body is longer than the limit of {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    pub(crate) fn too_many_requests(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
    }

    pub(crate) fn not_ready(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
    }

    /// An error of the host: status 500 without any detail, which belongs in the log.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "internal error; the details are in the log, under the request id",
        )
    }

    pub(crate) fn deadline(partial: Partial) -> Self {
        let detail = "deadline exceeded; `partial` has the segments that were finished";
        Self { partial: Some(partial), ..Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline", detail) }
    }

    pub(crate) fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody { detail: &self.detail, code: self.code, request_id, partial: self.partial.as_ref() }
    }
}

/// The [`Problem`] code of an error that the client caused, such as `damaged_audio`; `None` for an error of the host.
pub fn code(error: &Error) -> Option<&'static str> {
    Some(match error.cause() {
        Error::UnsupportedAudio { .. } => "unsupported_audio",
        Error::AudioTooLong { .. } | Error::TooManySamples { .. } => "audio_too_long",
        Error::DamagedAudio { .. } | Error::InvalidSample { .. } => "damaged_audio",
        Error::NoAudio { .. } => "no_audio",
        Error::AudioTooShort { .. } => "audio_too_short",
        Error::UnknownLanguage { .. } | Error::UnsupportedScript { .. } => "unknown_language",
        Error::InvalidOption { .. } => "invalid_field",
        _ => return None,
    })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let Some(code) = code(&error) else {
            // It may name files and devices of the host, which are for the log, not for clients.
            tracing::error!(%error, "internal error");
            return Self::internal();
        };
        let status = match error.cause() {
            Error::UnsupportedAudio { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::AudioTooLong { .. } | Error::TooManySamples { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, code, error.cause().to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
