//! Live transcription over a WebSocket, as in [OpenAI's API](https://platform.openai.com/docs/guides/realtime-transcription).
//!
//! | file | |
//! |---|---|
//! | `events` | what clients send, and what they are sent |
//! | `session` | the settings that clients change |
//! | `samples` | from the audio of events to samples |
//! | `feed`, `item` | from samples to items, their clips and their texts |
//! | `captions` | the text of an item as it grows |
//! | `socket` | the loop of a socket, and its end |

mod captions;
mod events;
mod feed;
mod item;
mod samples;
mod session;
mod socket;

use std::sync::Arc;

use axum::{
    extract::{
        FromRequestParts as _, Request, State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};

use super::{error::ErrorBody, models};
use crate::service::{Shared, observe::RequestId, problem::Problem, quote::quoted};

/// The path of the endpoint.
pub(in crate::service) const PATH: &str = "/v1/realtime";
/// The protocol that pages name, beside their API key.
const PROTOCOL: &str = "realtime";
/// What requests call the model if they do not say.
const MODEL: &str = "whisper-1";

/// Transcribe live, as OpenAI's API does: a WebSocket of events in JSON.
///
/// Clients send `session.update`, `input_audio_buffer.append` with audio in base64, `input_audio_buffer.commit` and
/// `input_audio_buffer.clear`. The service sends `session.created`, `session.updated`, `input_audio_buffer.speech_started`,
/// `input_audio_buffer.speech_stopped`, `input_audio_buffer.committed`, `input_audio_buffer.cleared`, `conversation.item.added`,
/// `conversation.item.done`, `conversation.item.input_audio_transcription.delta`,
/// `conversation.item.input_audio_transcription.completed`, `conversation.item.input_audio_transcription.failed` and `error`. A
/// `delta` also has the `hypothesis`: the whole text of the item at present, whose end may still change.
///
/// Pages in browsers send an API key as the protocol `openai-insecure-api-key.KEY`, beside `realtime`.
#[utoipa::path(
    get,
    path = "/v1/realtime",
    tag = "openai",
    params(
        ("intent" = Option<String>, Query, description = "`transcription`, which is all there is"),
        ("model" = Option<String>, Query, description = "As for `/v1/audio/transcriptions`")
    ),
    responses(
        (status = 101, description = "The connection becomes a WebSocket"),
        (status = 400, description = "An unknown parameter", body = ErrorBody),
        (status = 401, description = "The service asks for an API key", body = ErrorBody),
        (status = 403, description = "A page of another origin", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 426, description = "No request for a WebSocket, or a host without them", body = ErrorBody),
        (status = 429, description = "This client has too many requests in flight", body = ErrorBody),
        (status = 503, description = "All places are taken; see `retry-after`", body = ErrorBody)
    )
)]
pub(in crate::service) async fn realtime(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Problem> {
    let model = model(request.uri(), &shared)?;
    check_origin(request.headers(), &shared.settings.cors_origins)?;
    shared.engine.loaded()?;
    if shared.ending() {
        return Err(Problem::not_ready("the service is shutting down"));
    }
    let client = shared.enter(&request)?;
    let most = shared.settings.sockets;
    if most == 0 {
        return Err(upgrade_required("this service transcribes recordings only: it has no places for WebSockets"));
    }
    let place = shared.sockets.enter().ok_or_else(|| {
        shared.metrics.refused("sockets");
        Problem::busy(format!("{most} live transcriptions are under way; try again soon"))
    })?;
    let id = request.extensions().get::<RequestId>().map_or_else(|| "".into(), |id| id.0.clone());
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|rejection| match rejection {
        WebSocketUpgradeRejection::ConnectionNotUpgradable(_) => {
            upgrade_required("this connection cannot become a WebSocket: the host or a gateway before it has none")
        }
        other => upgrade_required(&format!("not a request for a WebSocket: {}", other.body_text())),
    })?;
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(socket::LONGEST_EVENT);
    Ok(upgrade.max_frame_size(socket::LONGEST_EVENT).on_upgrade(move |socket| async move {
        let _held = (client, place);
        socket::serve(socket, shared, id, model).await;
    }))
}

fn upgrade_required(detail: &str) -> Problem {
    Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
}

/// What the client calls the model. Parameters are checked.
fn model(uri: &Uri, shared: &Shared) -> Result<String, Problem> {
    let mut model = MODEL.to_owned();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "intent" if value == "transcription" => {}
            "intent" => return Err(super::fields::invalid("intent", &value, "transcription")),
            "model" => {
                models::check(&value, shared)?;
                model = value.into_owned();
            }
            _ => {
                let detail = format!("unknown parameter {:?}, wanted intent or model", quoted(&name));
                return Err(Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail));
            }
        }
    }
    Ok(model)
}

/// Refuses pages of other origins, unless the settings name them: browsers let every page open a WebSocket to everywhere.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    // No browser.
    let Some(origin) = headers.get(header::ORIGIN).map(text) else { return Ok(()) };
    let host = headers.get(header::HOST).map(text).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(&host));
    if own || allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(&origin)) {
        return Ok(());
    }
    let detail = format!("pages of {:?} may not transcribe here, but those of the service itself", quoted(&origin));
    Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_are_refused() {
        let from = |origin: Option<&str>, allowed: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("speech.example:8000"));
            headers.extend(origin.map(|origin| (header::ORIGIN, origin.parse().expect("a value"))));
            let allowed: Vec<String> = allowed.iter().map(|&origin| origin.to_owned()).collect();
            check_origin(&headers, &allowed).is_ok()
        };
        assert!(from(None, &[]));
        assert!(from(Some("http://speech.example:8000"), &[]) && from(Some("https://Speech.example:8000"), &[]));
        for other in
            ["http://speech.example", "https://evil.example", "null", "http://evil.example/speech.example:8000"]
        {
            assert!(!from(Some(other), &[]), "{other}");
            assert!(from(Some(other), &["*"]), "{other}");
        }
        assert!(from(Some("https://a.example"), &["https://a.example"]));
        assert!(!from(Some("https://a.example:1"), &["https://a.example"]));
    }
}
