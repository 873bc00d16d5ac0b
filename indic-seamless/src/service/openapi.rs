//! The OpenAPI description of the service, derived from its types.

use axum::Json;
use utoipa::{
    Modify, OpenApi, PartialSchema,
    openapi::{
        ContentBuilder, OpenApi as Description, RefOr,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    answer::{AnswerSegment, SpeechAnswer},
    fields::SpeechOptions,
    handlers, openai, pages,
    problem::{Partial, ProblemBody},
    request::{SpeechBytes, SpeechForm, SpeechJson},
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
        pages::index,
        handlers::health,
        handlers::ready,
        handlers::limits,
        handlers::supported_languages,
        handlers::speech_to_text,
        handlers::metrics,
        openai::transcriptions,
        openai::translations,
        openai::realtime::realtime,
        openai::models::models,
        openai::models::model
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
    modifiers(&Formats, &Keys),
    tags(
        (name = "speech", description = "Recordings to text"),
        (name = "openai", description = "The same in OpenAI's API"),
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

/// Says where an API key goes, if the service asks for one.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        let header = ApiKey::Header(ApiKeyValue::with_description("x-api-key", "If the service asks for an API key"));
        components.add_security_scheme("key", SecurityScheme::ApiKey(header));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let none: [String; 0] = [];
        let either = ["key", "bearer"].map(|name| SecurityRequirement::new(name, none.clone()));
        description.security = Some([SecurityRequirement::default()].into_iter().chain(either).collect());
    }
}
