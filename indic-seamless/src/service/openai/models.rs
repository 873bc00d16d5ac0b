//! `/v1/models`: what the model is called.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{Shared, problem::Problem, quote::quoted};

/// OpenAI's own names, which many programs have built in. All but that of the model that tells speakers apart.
const OPENAI: [&str; 7] = [
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
];

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiModel)]
pub(crate) struct Model {
    /// What requests call it.
    #[schema(example = "indic-seamless")]
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When the service was started, in seconds since 1970.
    created: u64,
    /// The part of the id before the slash, if it has one.
    owned_by: String,
}

/// The models of the service: one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiModels)]
pub(crate) struct Models {
    /// Always `list`.
    object: &'static str,
    data: [Model; 1],
}

/// Checks that a request calls the model by one of its names.
pub(super) fn check(name: &str, shared: &Shared) -> Result<(), Problem> {
    let id = shared.settings.model_id.as_str();
    if name == id || Some(name) == id.rsplit('/').next() || OPENAI.contains(&name) {
        return Ok(());
    }
    Err(unknown(&format!("{:?}", quoted(name)), shared))
}

fn unknown(name: &str, shared: &Shared) -> Problem {
    let id = shared.settings.model_id.as_str();
    let detail = format!("the model {name} does not exist, wanted {id:?}, or a name such as whisper-1");
    Problem::new(StatusCode::NOT_FOUND, "model_not_found", detail).of("model")
}

impl Model {
    fn of(shared: &Shared) -> Self {
        let id = shared.settings.model_id.clone();
        let owner = id.rsplit_once('/').map_or("indic-seamless", |(owner, _)| owner).to_owned();
        let created = shared.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { id, object: "model", created, owned_by: owner }
    }
}

/// The models: the one of this service.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "openai",
    responses(
        (status = 200, description = "The models", body = Models),
        (status = 401, description = "The service asks for an API key", body = super::ErrorBody)
    )
)]
pub(crate) async fn models(State(shared): State<Arc<Shared>>) -> Json<Models> {
    Json(Models { object: "list", data: [Model::of(&shared)] })
}

/// The model of a name: its own, or one of OpenAI's that it stands in for.
#[utoipa::path(
    get,
    path = "/v1/models/{model}",
    tag = "openai",
    params(("model" = String, Path, description = "The name")),
    responses(
        (status = 200, description = "The model", body = Model),
        (status = 401, description = "The service asks for an API key", body = super::ErrorBody),
        (status = 404, description = "No such model", body = super::ErrorBody)
    )
)]
pub(crate) async fn model(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Model>, Problem> {
    let Path(name) = name.map_err(|_| unknown("of a name that is not UTF-8", &shared))?;
    check(&name, &shared)?;
    Ok(Json(Model::of(&shared)))
}
