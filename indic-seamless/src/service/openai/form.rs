//! Reads a request: a form with a file.

use axum::extract::Request;
use utoipa::ToSchema;

use super::{
    super::{
        Shared,
        body::{Incoming, Whole},
        form::{self, FormFields},
        problem::Problem,
        request::ContentType,
    },
    fields::{Fields, Options, Task},
};

/// A form with a recording to transcribe.
#[derive(ToSchema)]
#[schema(as = OpenAiTranscriptionForm)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct TranscriptionForm {
    /// The recording.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The model's id, as `/v1/models` tells it, the part after its slash, or `whisper-1`, `gpt-transcribe`, `gpt-4o-transcribe`
    /// and `gpt-4o-mini-transcribe`, which stand for it. May be left out.
    #[schema(example = "whisper-1")]
    model: Option<String>,
    /// The language that is spoken, and of the text: a code, a language tag or a name. `auto` for a guess, which is
    /// experimental. By default what the service is set to, English unless set.
    #[schema(example = "hi")]
    language: Option<String>,
    /// Another language for the text: the recording is translated into it.
    #[schema(example = "ta")]
    to_language: Option<String>,
    /// Languages that may be spoken: the one of them that is spoken is guessed, which is experimental. Without effect beside
    /// `language` and `to_language`.
    #[serde(rename = "languages[]")]
    languages: Option<Vec<String>>,
    /// The format of the answer: `json` (the default), `text`, `srt`, `vtt` or `verbose_json`.
    #[schema(example = "json")]
    response_format: Option<String>,
    /// `segment` and `word`: what `verbose_json` lists with times. Segments by default.
    #[serde(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<String>>,
    /// `logprobs`: the log-probability of each token, with `json`.
    #[serde(rename = "include[]")]
    include: Option<Vec<String>>,
    /// Whether the answer is a stream of events, with `json` and `text`.
    stream: Option<bool>,
    /// `auto`, or an object in JSON with the type `server_vad`, `threshold` (0 to 1) and `silence_duration_ms`: how speech is
    /// detected and how long a pause ends a segment.
    #[schema(example = "auto")]
    chunking_strategy: Option<String>,
    /// 0 to 1; without effect, as the search does not sample.
    temperature: Option<f64>,
    /// Without effect.
    prompt: Option<String>,
    /// Without effect.
    #[serde(rename = "keywords[]")]
    keywords: Option<Vec<String>>,
}

/// A form with a recording to translate into English.
#[derive(ToSchema)]
#[schema(as = OpenAiTranslationForm)]
#[expect(dead_code, reason = "a schema")]
pub(crate) struct TranslationForm {
    /// The recording.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// As for `/v1/audio/transcriptions`.
    #[schema(example = "whisper-1")]
    model: Option<String>,
    /// The format of the answer: `json` (the default), `text`, `srt`, `vtt` or `verbose_json`.
    #[schema(example = "json")]
    response_format: Option<String>,
    /// The language that is spoken; without effect, as the model hears it.
    language: Option<String>,
    /// 0 to 1; without effect, as the search does not sample.
    temperature: Option<f64>,
    /// Without effect.
    prompt: Option<String>,
}

/// Reads the whole request: the recording, what the form says of its type, and the options.
pub(super) async fn read(
    request: Request,
    shared: &Shared,
    task: Task,
) -> Result<(Whole, Option<String>, Options), Problem> {
    let (parts, body) = request.into_parts();
    let body = Incoming::new(body, &parts.headers, shared);
    let checked = ContentType::of(&parts.headers).and_then(|kind| match kind {
        ContentType::Form(text) => body.check().map(|()| text),
        _ => Err(Problem::unsupported_media_type("wanted the content-type multipart/form-data")),
    });
    let text = match checked {
        Ok(text) => text,
        Err(problem) => return Err(body.refuse(problem).await),
    };
    let mut fields = Fields::new(shared, task);
    let (audio, hint) = form::read(body, &text, &mut fields).await?;
    Ok((audio, hint, fields.finish()?))
}

impl FormFields for Fields<'_> {
    const FILE: &'static str = "file";
    /// Prompts are longer than other values.
    const LONGEST: usize = 64 * 1024;

    fn check(&self, name: &str) -> Result<(), Problem> {
        self.find(name).map(drop)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        self.set(name, text)
    }
}
