//! The description of the service, from its types.

use utoipa::OpenApi;

use super::{
    answer::{Format, SpeechAnswer, SpeechSegment},
    handlers,
    problem::{Partial, ProblemBody},
    request::{SpeechBytes, SpeechForm, SpeechJson, SpeechOptions},
};

/// OpenAPI 3.1.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "indic-seamless",
        description = "Speech in 13 Indian languages, and about 90 more, to text: transcription, or translation into another \
                       language.",
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
    components(schemas(Format, Partial, ProblemBody, SpeechAnswer, SpeechBytes, SpeechForm, SpeechJson, SpeechOptions, SpeechSegment)),
    tags(
        (name = "speech", description = "Recordings to text"),
        (name = "service", description = "What the service is and how it does")
    )
)]
pub(crate) struct ApiDoc;
