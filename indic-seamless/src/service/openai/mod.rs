//! The audio endpoints of [OpenAI's API](https://platform.openai.com/docs/api-reference/audio), for programs that are written
//! for it.

mod answer;
mod chunking;
mod error;
mod fields;
mod form;
mod logprobs;
pub(super) mod models;
pub(super) mod realtime;
mod stream;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::{get, post},
};

pub(super) use self::error::{is_ours, problem, unknown_url};
use self::{
    answer::Answer,
    error::ErrorBody,
    fields::{Options, Task, Text},
    form::{TranscriptionForm, TranslationForm, read},
};
use super::{
    Shared,
    engine::{TextLanguage, Wanted},
    problem::Problem,
    transcription::{Admitted, in_time},
};
use crate::{language::Language, scheduler::Priority, script::ScriptChoice};

/// The endpoints.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions))
        .route("/v1/audio/translations", post(translations))
        .route(realtime::PATH, get(realtime::realtime))
        .route("/v1/models", get(models::models))
        // Ids on the hub have a slash.
        .route("/v1/models/{*model}", get(models::model))
}

/// Transcribe a recording, as OpenAI's API does.
///
/// With `stream=true` the answer is a stream of events `transcript.text.delta`, one for each segment, and `transcript.text.done`.
#[utoipa::path(
    post,
    path = "/v1/audio/transcriptions",
    tag = "openai",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The text, in the format that was asked for", content(
            (Answer = "application/json"),
            (String = "text/plain"),
            (String = "application/x-subrip"),
            (String = "text/vtt"),
            (String = "text/event-stream")
        )),
        (status = 400, description = "An invalid field, form or recording", body = ErrorBody),
        (status = 401, description = "The service asks for an API key", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "Too large or too long", body = ErrorBody),
        (status = 429, description = "This client has too many requests in flight", body = ErrorBody),
        (status = 500, description = "An error of the service", body = ErrorBody),
        (status = 503, description = "The queue, or the memory for bodies, is full; see `retry-after`", body = ErrorBody),
        (status = 504, description = "Deadline exceeded", body = ErrorBody)
    )
)]
pub(super) async fn transcriptions(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    answered(shared, request, Task::Transcribe).await
}

/// Translate a recording into English, as OpenAI's API does. Errors are those of `/v1/audio/transcriptions`.
#[utoipa::path(
    post,
    path = "/v1/audio/translations",
    tag = "openai",
    request_body(content = TranslationForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The text, in the format that was asked for", content(
            (Answer = "application/json"),
            (String = "text/plain"),
            (String = "application/x-subrip"),
            (String = "text/vtt")
        )),
        (status = 400, description = "An invalid field, form or recording", body = ErrorBody),
        (status = 401, description = "The service asks for an API key", body = ErrorBody)
    )
)]
pub(super) async fn translations(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    answered(shared, request, Task::Translate).await
}

async fn answered(shared: Arc<Shared>, request: Request, task: Task) -> Result<Response, Problem> {
    let (admitted, request) = Admitted::new(request, &shared).await?;
    let deadline = admitted.deadline;
    let prepared = async {
        let (audio, hint, options) = read(request, &shared, task).await?;
        let language = text_language(&options, &shared)?;
        let segmentation = options.segmentation.clone();
        let (words, priority) = (options.uses_words(), Priority::Interactive);
        let script = ScriptChoice::Any;
        let wanted = Wanted { language, beams: None, words, script, segmentation, priority, deadline };
        let guessed = matches!(wanted.language, TextLanguage::Spoken(_));
        Ok((admitted.submit(audio, hint, wanted, &shared).await?, options, guessed))
    };
    let (transcription, options, guessed) = in_time(deadline, prepared).await?;
    if options.stream {
        return Ok(stream::respond(transcription, shared, &options, guessed));
    }
    let transcript = transcription.finish().await?;
    Ok(answer::respond(&transcript, &options, guessed, shared.engine.loaded()?.tokenizer()))
}

/// The language of the text. The model knows it, or the error names the field.
fn text_language(options: &Options, shared: &Shared) -> Result<TextLanguage, Problem> {
    let known = |param, language: &Language| shared.known(*language).map_err(|problem| problem.of(param));
    match &options.text {
        Text::Default => shared.text_language(None),
        Text::In(param, language) => known(param, language).map(TextLanguage::Known),
        Text::Spoken(among) => {
            let among = among.iter().map(|language| known(fields::LANGUAGES, language));
            Ok(TextLanguage::Spoken(among.collect::<Result<_, _>>()?))
        }
    }
}
