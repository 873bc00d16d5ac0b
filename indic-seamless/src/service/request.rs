//! Reads requests: a form, JSON or bare bytes become a recording and options.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use utoipa::ToSchema;

use super::{
    Shared,
    body::{Incoming, Whole},
    fields::{Fields, SpeechOptions},
    form, json,
    problem::Problem,
    quote::quoted,
};

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct SpeechForm {
    /// The recording.
    #[schema(value_type = String, format = Binary)]
    audio: Vec<u8>,
    #[schema(inline)]
    #[serde(flatten)]
    options: SpeechOptions,
}

/// A recording in JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct SpeechJson {
    /// The recording, in base64 of the standard or the URL-safe alphabet, also in lines, or as a data URL.
    #[schema(value_type = String, format = Byte)]
    audio: String,
    #[schema(inline)]
    #[serde(flatten)]
    options: SpeechOptions,
}

/// A bare recording.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct SpeechBytes(Vec<u8>);

/// An encoded recording and how to transcribe it.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) audio: Whole,
    /// The media type or extension that the client named.
    pub(crate) hint: Option<String>,
    pub(crate) options: SpeechOptions,
}

impl Speech {
    /// Reads the whole request.
    pub(crate) async fn read(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = Incoming::new(body, &parts.headers, shared);
        let checked = ContentType::of(&parts.headers).and_then(|kind| {
            body.check()?;
            Ok((kind, Fields::of_query(&parts.uri)?))
        });
        let (kind, mut fields) = match checked {
            Ok(checked) => checked,
            Err(problem) => return Err(body.refuse(problem).await),
        };
        let (audio, hint) = match kind {
            ContentType::Audio(hint) => (body.whole().await?, hint),
            ContentType::Json => {
                let whole = body.whole().await?;
                let (audio, hint, read) = of_json(whole, fields, shared).await?;
                fields = read;
                (audio, hint)
            }
            ContentType::Form(text) => form::read(body, &text, &mut fields).await?,
        };
        Ok(Self { audio, hint, options: fields.finish()? })
    }
}

/// Decodes the recording in a body of JSON, on a thread that may be busy for a while.
async fn of_json(
    whole: Whole,
    mut fields: Fields,
    shared: &Shared,
) -> Result<(Whole, Option<String>, Fields), Problem> {
    let Whole { bytes, mut held } = whole;
    // Both the text and the recording, which takes three quarters of it, until the text is read.
    held.grow(bytes.len() / 4 * 3).map_err(|full| shared.full(&full))?;
    let read = tokio::task::spawn_blocking(move || {
        let (audio, hint) = json::read(&bytes, &mut fields)?;
        drop(bytes);
        held.shrink_to(audio.len());
        Ok((Whole { bytes: audio, held }, hint, fields))
    });
    // An error of the thread is a panic.
    read.await.map_err(|_| Problem::internal())?
}

/// How to read a body.
#[derive(Debug, PartialEq)]
pub(super) enum ContentType {
    /// With the whole header, which has the boundary.
    Form(String),
    Json,
    Audio(Option<String>),
}

impl ContentType {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            let detail = format!("content-encoding is {:?}, wanted an uncompressed body", quoted(&encoding));
            return Err(Problem::unsupported_media_type(detail));
        }
        let wanted = "wanted multipart/form-data, application/json, audio/*, video/* or application/octet-stream";
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Err(Problem::unsupported_media_type(format!("content-type is missing; {wanted}")));
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        match text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "multipart/form-data" => Ok(Self::Form(text.into_owned())),
            "application/json" => Ok(Self::Json),
            "application/octet-stream" => Ok(Self::Audio(None)),
            essence if essence.starts_with("audio/") || essence.starts_with("video/") => {
                Ok(Self::Audio(Some(quoted(&text).to_ascii_lowercase())))
            }
            _ => Err(Problem::unsupported_media_type(format!("content-type is {:?}; {wanted}", quoted(&text)))),
        }
    }
}

/// Whether something treated binary data as text on its way, and put U+FFFD wherever it was not UTF-8. No sound recording is
/// UTF-8 with such characters in it.
pub(crate) fn is_mangled(bytes: &[u8]) -> bool {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    // First, as sound recordings fail here after a few bytes. The last character may be cut.
    let is_text = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_text && bytes.windows(REPLACEMENT.len()).filter(|window| *window == REPLACEMENT).nth(7).is_some()
}

pub(crate) fn mangled_body() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "mangled_body",
        "upload corrupted: a proxy treated binary as text. On Amazon API Gateway, declare `*/*` as a binary media type; \
         otherwise send JSON with the recording in base64",
    )
}

pub(super) fn if_mangled(bytes: &[u8], problem: Problem) -> Problem {
    if is_mangled(bytes) { mangled_body() } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_bytes_are_recognised() {
        let wav: Vec<u8> = (0..4096u32).map(|i| (i * 37 % 251) as u8).collect();
        assert!(!is_mangled(&wav));
        let mangled = String::from_utf8_lossy(&wav).into_owned().into_bytes();
        assert!(mangled.len() > wav.len());
        assert!(is_mangled(&mangled));
        assert!(!is_mangled("plain text, नमस्ते".as_bytes()));
    }
}
