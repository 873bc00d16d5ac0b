//! From a request to a recording and what to do with it: a form, JSON, or the bytes alone.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{FromRequest, Multipart, Request},
    http::{HeaderMap, StatusCode, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{answer::Format, problem::Problem, settings::Settings};
use crate::{
    audio::{AudioOptions, Waveform},
    error::Error,
    language::Language,
};

/// How long the rest of a refused body is read, so that the client gets to see the answer.
const DRAIN: Duration = Duration::from_secs(5);

/// What to do with a recording: fields of a form or of JSON, or query parameters.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpeechOptions {
    /// The language of the text, English if left out: a code (`hin`), an ISO 639-1 code (`hi`) or a name (`Hindi`), in any
    /// case. The language spoken for transcription, another one for translation.
    #[schema(example = "Hindi")]
    #[param(example = "Hindi")]
    target_lang: Option<String>,
    /// The form of the answer.
    #[param(inline)]
    pub(crate) format: Format,
    /// Beams of the search, 1 to 10; what the model asks for if left out.
    #[schema(minimum = 1, maximum = 10)]
    #[param(minimum = 1, maximum = 10)]
    pub(crate) beams: Option<usize>,
    /// Whether JSON has segments, language, duration and timings too.
    pub(crate) segments: bool,
    /// Whether segments list their words with times and confidence; gives `segments`, too, and subtitles that keep time
    /// with the words.
    pub(crate) words: bool,
}

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
    /// The recording, in base64.
    #[schema(value_type = String, format = Byte)]
    audio: String,
    #[schema(inline)]
    #[serde(flatten)]
    options: SpeechOptions,
}

/// A recording by itself.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct SpeechBytes(Vec<u8>);

/// The fields of [`SpeechOptions`].
const FIELDS: [&str; 5] = ["target_lang", "format", "beams", "segments", "words"];

/// Beams cost time and memory; more than this many do not help.
const MAX_BEAMS: usize = 10;

impl SpeechOptions {
    fn new(fields: Map<String, Value>) -> Result<Self, Problem> {
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let known = FIELDS.join(", ");
            return Err(Problem::invalid_field(format!("{unknown:?} is no field; there are audio, {known}")));
        }
        let options: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|error| Problem::invalid_field(error.to_string()))?;
        if let Some(beams) = options.beams.filter(|beams| !(1..=MAX_BEAMS).contains(beams)) {
            return Err(Problem::invalid_field(format!("beams is {beams}, wanted 1 to {MAX_BEAMS}")));
        }
        options.language()?;
        Ok(options)
    }

    pub(crate) fn language(&self) -> Result<Language, Error> {
        self.target_lang.as_deref().map_or(Ok(Language::ENGLISH), str::parse)
    }
}

/// An encoded recording and what to do with it.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) audio: Vec<u8>,
    /// The type that the client gave the recording.
    pub(crate) hint: Option<String>,
    pub(crate) options: SpeechOptions,
}

impl Speech {
    /// Reads a request to its end.
    pub(crate) async fn read(request: Request, settings: &Settings) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let content_type = ContentType::of(&parts.headers)?;
        if let Some(encoding) = parts.headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
            let detail = format!("content-encoding is {encoding:?}, wanted a body that is not compressed again");
            return Err(Problem::unsupported_media_type(detail));
        }
        let mut fields = query_fields(&parts.uri)?;
        let declared = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = read_body(body, declared, settings).await?;
        let (audio, hint) = match content_type {
            ContentType::Audio(hint) => (bytes.into(), hint),
            ContentType::Json => json(&bytes, &mut fields)?,
            ContentType::Form => {
                let request = Request::from_parts(parts, Body::from(bytes.clone()));
                form(request, &mut fields).await.map_err(|problem| if_mangled(&bytes, problem))?
            }
        };
        if audio.is_empty() {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_audio", "the recording is empty: 0 bytes"));
        }
        Ok(Self { audio, hint, options: SpeechOptions::new(fields)? })
    }

    /// Decodes the recording. It takes a while: not for an asynchronous thread.
    pub(crate) fn decode(audio: Vec<u8>, hint: Option<&str>, max: Duration) -> Result<Waveform, Problem> {
        // Looked at first, because the decoder takes the bytes.
        let mangled = is_mangled(&audio);
        let decoded = AudioOptions::new().max_duration(max).from_bytes(audio, hint);
        decoded.map_err(|error| if mangled { mangled_body() } else { error.into() })
    }
}

/// How a body is to be read.
#[derive(Debug, PartialEq)]
enum ContentType {
    Form,
    Json,
    Audio(Option<String>),
}

impl ContentType {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let wanted = "wanted multipart/form-data, application/json, audio/*, video/* or application/octet-stream";
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Err(Problem::unsupported_media_type(format!("there is no content-type; {wanted}")));
        };
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        match text.split(';').next().unwrap_or_default().trim() {
            "multipart/form-data" => Ok(Self::Form),
            "application/json" => Ok(Self::Json),
            "application/octet-stream" => Ok(Self::Audio(None)),
            essence if essence.starts_with("audio/") || essence.starts_with("video/") => Ok(Self::Audio(Some(text))),
            _ => Err(Problem::unsupported_media_type(format!("content-type is {value:?}; {wanted}"))),
        }
    }
}

/// Reads a body of at most `max_body_bytes`, whose sender pauses for at most `body_timeout`.
async fn read_body(body: Body, declared: Option<usize>, settings: &Settings) -> Result<Bytes, Problem> {
    let limit = settings.max_body_bytes;
    let mut stream = body.into_data_stream();
    if declared.is_some_and(|declared| declared > limit) {
        drain(stream, limit).await;
        return Err(Problem::body_too_large(limit));
    }
    let mut bytes = Vec::new();
    loop {
        match tokio::time::timeout(settings.body_timeout, stream.next()).await {
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(Ok(chunk))) if bytes.len() + chunk.len() > limit => {
                drop((bytes, chunk));
                drain(stream, limit).await;
                return Err(Problem::body_too_large(limit));
            }
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Some(Err(error))) => return Err(Problem::bad_request(format!("the body breaks off: {error}"))),
            Err(_) => {
                let detail = format!("nothing of the body came for {:?}", settings.body_timeout);
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
            }
        }
    }
}

/// Reads on for a while and throws away: many clients look for an answer only when they have sent everything.
pub(crate) async fn drain(mut stream: BodyDataStream, limit: usize) {
    let mut left = limit;
    let read = async {
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Whether the sender stopped or the time ran out, the answer is the same.
    let _ = tokio::time::timeout(DRAIN, read).await;
}

fn query_fields(uri: &Uri) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        add(&mut fields, &name, value.into_owned())?;
    }
    Ok(fields)
}

/// Adds a field that came as text.
fn add(fields: &mut Map<String, Value>, name: &str, text: String) -> Result<(), Problem> {
    let invalid = |wanted: &str| Problem::invalid_field(format!("{name} is {text:?}, wanted {wanted}"));
    let value = match name {
        "segments" | "words" => Value::Bool(text.parse().map_err(|_| invalid("true or false"))?),
        "beams" => Value::from(text.parse::<u32>().map_err(|_| invalid("a whole number"))?),
        _ => Value::String(text),
    };
    match fields.insert(name.to_owned(), value) {
        Some(_) => Err(Problem::invalid_field(format!("{name} is given twice"))),
        None => Ok(()),
    }
}

async fn form(request: Request, fields: &mut Map<String, Value>) -> Result<(Vec<u8>, Option<String>), Problem> {
    let unreadable = |error: &dyn std::fmt::Display| Problem::bad_request(format!("cannot read the form: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| unreadable(&error.body_text()))?;
    let mut audio = None;
    while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "audio" {
            let hint =
                field.content_type().or_else(|| field.file_name().and_then(|name| Some(name.rsplit_once('.')?.1)));
            let hint = hint.map(str::to_owned);
            let bytes = field.bytes().await.map_err(|error| unreadable(&error.body_text()))?;
            if audio.replace((bytes.into(), hint)).is_some() {
                return Err(Problem::invalid_field("audio is given twice"));
            }
        } else {
            let text = field.text().await.map_err(|error| unreadable(&error.body_text()))?;
            add(fields, &name, text)?;
        }
    }
    audio.ok_or_else(|| Problem::invalid_field("the form lacks the file `audio`"))
}

fn json(bytes: &[u8], fields: &mut Map<String, Value>) -> Result<(Vec<u8>, Option<String>), Problem> {
    let object: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("cannot read the JSON: {error}")))?;
    let mut audio = None;
    for (name, value) in object {
        match (name.as_str(), value) {
            ("audio", Value::String(text)) => audio = Some(text),
            ("audio", _) => return Err(Problem::invalid_field("audio is not a string, wanted base64")),
            (_, value) => {
                if fields.insert(name.clone(), value).is_some() {
                    return Err(Problem::invalid_field(format!("{name} is given twice")));
                }
            }
        }
    }
    let audio = audio.ok_or_else(|| Problem::invalid_field("audio is missing, wanted base64"))?;
    // A data URL, as browsers make it, names the type.
    let (hint, encoded) = match audio.strip_prefix("data:").and_then(|url| url.split_once(";base64,")) {
        Some((hint, encoded)) => (Some(hint.to_owned()), encoded),
        None => (None, audio.as_str()),
    };
    let bytes = STANDARD.decode(encoded.trim_ascii());
    let bytes = bytes.map_err(|error| Problem::invalid_field(format!("audio is not base64: {error}")))?;
    Ok((bytes, hint))
}

/// Whether binary data went through something that took it for text, and put U+FFFD where it was not. No recording is
/// UTF-8 with such characters in it.
fn is_mangled(bytes: &[u8]) -> bool {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    // First, as a sound recording fails here after a few bytes. A multi-byte character may have been cut at the end.
    let is_text = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_text && bytes.windows(REPLACEMENT.len()).filter(|window| *window == REPLACEMENT).nth(7).is_some()
}

fn mangled_body() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "mangled_body",
        "the recording was damaged on its way: something took its bytes for text. On Amazon API Gateway, declare `*/*` as a \
         binary media type; else send JSON with the recording in base64",
    )
}

fn if_mangled(bytes: &[u8], problem: Problem) -> Problem {
    if is_mangled(bytes) { mangled_body() } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_bytes_are_told_from_sound_ones() {
        let wav: Vec<u8> = (0..4096u32).map(|i| (i * 37 % 251) as u8).collect();
        assert!(!is_mangled(&wav));
        let mangled = String::from_utf8_lossy(&wav).into_owned().into_bytes();
        assert!(mangled.len() > wav.len());
        assert!(is_mangled(&mangled));
        assert!(!is_mangled("plain text, नमस्ते".as_bytes()));
    }

    #[test]
    fn fields_that_came_as_text_get_their_types() {
        let uri: Uri = "/speech-to-text?target_lang=hi&beams=5&segments=true&format=srt".parse().expect("a URI");
        let options = SpeechOptions::new(query_fields(&uri).expect("fields")).expect("options");
        assert_eq!((options.beams, options.segments, options.format), (Some(5), true, Format::Srt));
        assert_eq!(options.language().expect("known"), Language::HINDI);
        for (query, code) in [
            ("beams=0", "invalid_field"),
            ("beams=x", "invalid_field"),
            ("beams=2&beams=3", "invalid_field"),
            ("segments=1", "invalid_field"),
            ("format=xml", "invalid_field"),
            ("source_lang=en", "invalid_field"),
            ("target_lang=klingon", "unknown_language"),
        ] {
            let uri: Uri = format!("/?{query}").parse().expect("a URI");
            let problem = query_fields(&uri).and_then(SpeechOptions::new).expect_err(query);
            assert_eq!((problem.status, problem.code), (StatusCode::UNPROCESSABLE_ENTITY, code), "{query}");
        }
    }
}
