//! The OpenAPI description of the service, derived from its types.

use axum::Json;
use utoipa::{
    Modify, OpenApi, PartialSchema,
    openapi::{ContentBuilder, OpenApi as Description, RefOr},
};

use super::{
    answer::{AnswerSegment, SpeechAnswer},
    handlers,
    problem::{Partial, ProblemBody},
    request::{SpeechBytes, SpeechForm, SpeechJson, SpeechOptions},
};
use crate::format::OutputFormat;

/// OpenAPI 3.1.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "indic-seamless",
        description = "Speech to text in 98 languages: transcription, or translation into another language.",
        license(name = "Apache-2.0")
    ),
    paths(
        handlers::index,
        handlers::health,
        handlers::ready,
        handlers::limits,
        handlers::supported_languages,
        handlers::speech_to_text,
        handlers::metrics
    ),
    components(schemas(
        AnswerSegment,
        OutputFormat,
        Partial,
        ProblemBody,
        SpeechAnswer,
        SpeechBytes,
        SpeechForm,
        SpeechJson,
        SpeechOptions
    )),
    modifiers(&Formats),
    tags(
        (name = "speech", description = "Recordings to text"),
        (name = "service", description = "State of the service")
    )
)]
struct ApiDoc;

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Json<Description> {
    Json(ApiDoc::openapi())
}

/// Lists the media type of every [`OutputFormat`] with the answers of `POST /speech-to-text`.
struct Formats;

impl Modify for Formats {
    fn modify(&self, description: &mut Description) {
        let operation = description.paths.paths.get_mut("/speech-to-text").and_then(|path| path.post.as_mut());
        let answer = operation.and_then(|operation| operation.responses.responses.get_mut("200"));
        let Some(RefOr::T(answer)) = answer else { return };
        for format in OutputFormat::ALL.iter().filter(|format| **format != OutputFormat::JSON) {
            let content = ContentBuilder::new().schema(Some(String::schema())).build();
            answer.content.insert(format.media_type().to_owned(), RefOr::T(content));
        }
    }
}
