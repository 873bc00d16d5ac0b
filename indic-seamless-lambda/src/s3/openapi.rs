//! The endpoints of jobs in the OpenAPI description of the service.

use axum::{
    Json, Router,
    body::to_bytes,
    extract::Request,
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, map::Map};

/// What the library does not describe, as it knows no jobs.
const JOBS: &str = include_str!("jobs.openapi.json");
/// More bytes than a description has.
const MAX_DESCRIPTION: usize = 1 << 20;

/// The router of the service, whose description has jobs, too.
pub(super) fn described(service: Router) -> Router {
    Router::new().fallback_service(service).layer(from_fn(describe))
}

async fn describe(request: Request, next: Next) -> Response {
    let asked = request.uri().path().ends_with("/openapi.json");
    let response = next.run(request).await;
    if !asked || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Some(description) = to_bytes(body, MAX_DESCRIPTION).await.ok().and_then(|body| with_jobs(&body)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Json(description).into_response().into_body())
}

/// A description with the paths and the schemas of jobs.
fn with_jobs(description: &[u8]) -> Option<Value> {
    let mut description = serde_json::from_slice(description).ok()?;
    let jobs: Value = serde_json::from_str(JOBS).ok()?;
    for place in ["/paths", "/components/schemas"] {
        let more: &Map<String, Value> = jobs.pointer(place)?.as_object()?;
        let all: &mut Map<String, Value> = Value::pointer_mut(&mut description, place)?.as_object_mut()?;
        all.extend(more.clone());
    }
    Some(description)
}
