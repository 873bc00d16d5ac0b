//! Reads requests: a form, JSON or bare bytes become a recording and options.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{FromRequest, Multipart, Request},
    http::{HeaderMap, StatusCode, Uri, header},
};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{encoded, problem::Problem, settings::Settings};
use crate::{
    audio::{AudioOptions, Waveform},
    error::Error,
    format::OutputFormat,
    language::Language,
};

/// How long the rest of a refused body is read, so that the client reads the answer.
const DRAIN: Duration = Duration::from_secs(5);

/// How to transcribe a recording: fields of a form or of JSON, or query parameters.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpeechOptions {
    /// The language of the text; English by default. A code (`hin`, `hi`), a language tag (`hi-IN`) or a name (`Hindi`,
    /// `हिन्दी`), in any case. The spoken language for transcription, another one for translation.
    #[schema(example = "Hindi")]
    #[param(example = "Hindi")]
    target_lang: Option<String>,
    /// The format of the answer.
    #[param(inline)]
    pub(crate) format: OutputFormat,
    /// Beams of the search, 1 to 10; the model's own number by default.
    #[schema(minimum = 1, maximum = 10)]
    #[param(minimum = 1, maximum = 10)]
    pub(crate) beams: Option<usize>,
    /// Whether JSON also has segments, language, duration and timings.
    pub(crate) segments: bool,
    /// Whether segments list their words with times and confidence. Implies `segments`. Subtitles follow the times of words in any
    /// case.
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

/// The fields of [`SpeechOptions`].
const FIELDS: [&str; 5] = ["target_lang", "format", "beams", "segments", "words"];

/// Beams cost time and memory; more than this do not help.
const MAX_BEAMS: usize = 10;

impl Default for SpeechOptions {
    fn default() -> Self {
        Self { target_lang: None, format: OutputFormat::JSON, beams: None, segments: false, words: false }
    }
}

impl SpeechOptions {
    fn new(fields: Map<String, Value>) -> Result<Self, Problem> {
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let known = FIELDS.join(", ");
            return Err(Problem::invalid_field(format!("unknown field {unknown:?}; expected one of audio, {known}")));
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

/// An encoded recording and how to transcribe it.
#[derive(Debug)]
pub(crate) struct Speech {
    pub(crate) audio: Vec<u8>,
    /// The media type or extension that the client named.
    pub(crate) hint: Option<String>,
    pub(crate) options: SpeechOptions,
}

impl Speech {
    /// Reads the whole request.
    pub(crate) async fn read(request: Request, settings: &Settings) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let content_type = ContentType::of(&parts.headers)?;
        if let Some(encoding) = parts.headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
            let detail = format!("content-encoding is {encoding:?}, wanted an uncompressed body");
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

    /// Decodes the recording. Blocks: not for an asynchronous thread.
    pub(crate) fn decode(audio: Vec<u8>, hint: Option<&str>, max: Duration) -> Result<Waveform, Problem> {
        // Checked first, because the decoder takes the bytes.
        let mangled = is_mangled(&audio);
        let decoded = AudioOptions::new().max_duration(max).from_bytes(audio, hint);
        decoded.map_err(|error| if mangled { mangled_body() } else { error.into() })
    }
}

/// How to read a body.
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
            return Err(Problem::unsupported_media_type(format!("content-type is missing; {wanted}")));
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
            Ok(Some(Err(error))) => return Err(Problem::bad_request(format!("the body is incomplete: {error}"))),
            Err(_) => {
                let detail = format!("no part of the body arrived for {:?}", settings.body_timeout);
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
            }
        }
    }
}

/// Reads on for a while and discards: many clients read the answer only after they have sent everything.
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
    // The answer is the same whether or not this times out.
    let _ = tokio::time::timeout(DRAIN, read).await;
}

fn query_fields(uri: &Uri) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        add(&mut fields, &name, value.into_owned())?;
    }
    Ok(fields)
}

/// Adds a field given as text.
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
    audio.ok_or_else(|| Problem::invalid_field("the form has no file `audio`"))
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
    encoded::decode(&audio)
}

/// Whether something treated binary data as text on its way, and put U+FFFD wherever it was not UTF-8. No sound recording is
/// UTF-8 with such characters in it.
fn is_mangled(bytes: &[u8]) -> bool {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    // First, as sound recordings fail here after a few bytes. The last character may be cut.
    let is_text = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_text && bytes.windows(REPLACEMENT.len()).filter(|window| *window == REPLACEMENT).nth(7).is_some()
}

fn mangled_body() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "mangled_body",
        "upload corrupted: a proxy treated binary as text. On Amazon API Gateway, declare `*/*` as a binary media type; \
         otherwise send JSON with the recording in base64",
    )
}

fn if_mangled(bytes: &[u8], problem: Problem) -> Problem {
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

    #[test]
    fn text_fields_get_their_types() {
        let uri: Uri = "/speech-to-text?target_lang=hi&beams=5&segments=true&format=srt".parse().expect("a URI");
        let options = SpeechOptions::new(query_fields(&uri).expect("fields")).expect("options");
        assert_eq!((options.beams, options.segments, options.format), (Some(5), true, OutputFormat::SRT));
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
