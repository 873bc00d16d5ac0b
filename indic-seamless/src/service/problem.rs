//! What a client is told when something is wrong: always one shape, and the status that fits.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::SpeechSegment;
use crate::{error::Error, transcript::Segment};

/// Seconds after which a client that was refused for lack of room may try again.
const RETRY_AFTER_S: u32 = 2;

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody<'a> {
    /// What was found and what was wanted, for people.
    detail: &'a str,
    /// The kind of problem, for programs; stable.
    #[schema(example = "unknown_language")]
    code: &'a str,
    /// The request, as in the header `x-request-id` and in the logs.
    request_id: &'a str,
    /// What was finished when the time was up; with the code `deadline` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<&'a Partial>,
}

/// The part of a transcription that was finished in time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Partial {
    /// The text of the segments.
    pub(crate) transcription: String,
    /// The segments.
    pub(crate) segments: Vec<SpeechSegment>,
}

impl Partial {
    /// Adds the next segment.
    pub(crate) fn push(&mut self, segment: &Segment) {
        if !self.transcription.is_empty() {
            self.transcription.push(' ');
        }
        self.transcription.push_str(&segment.text);
        self.segments.push(segment.into());
    }
}

/// A problem on its way to the client. The middleware of `observe` writes the body, since it knows the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    partial: Option<Partial>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), partial: None }
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

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "an internal error; the log has it under the request's id",
        )
    }

    pub(crate) fn deadline(partial: Partial) -> Self {
        let detail = "the time for this request is up; `partial` is what was finished";
        Self { partial: Some(partial), ..Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline", detail) }
    }

    pub(crate) fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody { detail: &self.detail, code: self.code, request_id, partial: self.partial.as_ref() }
    }
}

/// The code of an error that is the sender's, such as `damaged_audio`; none for one of the host.
pub fn code(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::UnsupportedAudio { .. } => "unsupported_audio",
        Error::AudioTooLong { .. } => "audio_too_long",
        Error::DamagedAudio { .. } | Error::InvalidSample { .. } => "damaged_audio",
        Error::NoAudio { .. } => "no_audio",
        Error::AudioTooShort { .. } => "audio_too_short",
        Error::UnknownLanguage { .. } => "unknown_language",
        Error::InvalidOption { .. } => "invalid_field",
        _ => return None,
    })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let Some(code) = code(&error) else {
            // About files and devices of the host: its log has it, clients need not.
            tracing::error!(%error, "internal error");
            return Self::internal();
        };
        let status = match error {
            Error::UnsupportedAudio { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::AudioTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response.extensions_mut().insert(self);
        response
    }
}
