//! The events of the protocol: those of clients are read, those of the service are written.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::{error::Details, logprobs::Logprob};
use crate::service::{problem::Problem, quote::quoted};

/// The longest id of a client's event, in bytes: answers quote it.
const LONGEST_ID: usize = 512;

/// The events of clients, each with the name of its field.
const EVENTS: [(&str, Option<&str>); 4] = [
    ("session.update", Some("session")),
    ("input_audio_buffer.append", Some("audio")),
    ("input_audio_buffer.commit", None),
    ("input_audio_buffer.clear", None),
];

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(super) enum ClientEvent {
    Update(Map<String, Value>),
    Append(String),
    Commit,
    Clear,
}

/// What is wrong with an event.
#[derive(Debug)]
pub(super) struct EventError {
    problem: Box<Problem>,
    /// The field that it is about.
    param: Option<String>,
    /// The id that the client gave the event.
    event_id: Option<String>,
}

impl EventError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, message).into()
    }

    /// A value that means nothing.
    pub(super) fn invalid(param: &str, found: &Value, wanted: &str) -> Self {
        let found = found.to_string();
        Self::new("invalid_value", format!("{param} is {}, wanted {wanted}", quoted(&found))).of(param)
    }

    /// The same error, of a field.
    pub(super) fn of(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    /// The same error, of an event.
    pub(super) fn in_event(self, event_id: Option<String>) -> Self {
        Self { event_id, ..self }
    }

    /// The event that tells the client.
    pub(super) fn event(&self) -> ServerEvent<'_> {
        let details = Details::of(&self.problem).about(self.param.as_deref());
        ServerEvent::Error { error: ErrorOfEvent { details, event_id: self.event_id.as_deref() } }
    }
}

impl From<Problem> for EventError {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), param: None, event_id: None }
    }
}

/// Reads an event, and the id that the client gave it.
pub(super) fn read(text: &str) -> Result<(Option<String>, ClientEvent), EventError> {
    let event: Value =
        serde_json::from_str(text).map_err(|error| EventError::new("invalid_json", format!("not JSON: {error}")))?;
    let Value::Object(mut event) = event else {
        return Err(EventError::new("invalid_json", "the JSON is no object, wanted one with the field type"));
    };
    let event_id = match event.remove("event_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if id.len() <= LONGEST_ID => Some(id),
        Some(other) => {
            return Err(EventError::invalid("event_id", &other, &format!("text of at most {LONGEST_ID} bytes")));
        }
    };
    let event = known(event).map_err(|error| error.in_event(event_id.clone()))?;
    Ok((event_id, event))
}

fn known(mut event: Map<String, Value>) -> Result<ClientEvent, EventError> {
    let missing =
        |name: &str| EventError::new("missing_required_parameter", format!("the event has no field {name}")).of(name);
    let kind = event.remove("type").ok_or_else(|| missing("type"))?;
    let Some((kind, field)) = EVENTS.into_iter().find(|(name, _)| kind == *name) else {
        return Err(EventError::invalid("type", &kind, &format!("one of {}", EVENTS.map(|(name, _)| name).join(", "))));
    };
    let value = match field {
        Some(field) => event.remove(field).ok_or_else(|| missing(field))?,
        None => Value::Null,
    };
    if let Some(name) = event.keys().next() {
        let name = quoted(name);
        return Err(EventError::new("unknown_parameter", format!("unknown field {name:?} of {kind}")).of(&name));
    }
    match (kind, value) {
        ("session.update", Value::Object(session)) => Ok(ClientEvent::Update(session)),
        ("session.update", other) => Err(EventError::invalid("session", &other, "an object")),
        ("input_audio_buffer.append", Value::String(audio)) => Ok(ClientEvent::Append(audio)),
        ("input_audio_buffer.append", other) => Err(EventError::invalid("audio", &other, "audio in base64")),
        ("input_audio_buffer.commit", _) => Ok(ClientEvent::Commit),
        _ => Ok(ClientEvent::Clear),
    }
}

/// What the service tells.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum ServerEvent<'a> {
    #[serde(rename = "session.created")]
    SessionCreated { session: Value },
    #[serde(rename = "session.updated")]
    SessionUpdated { session: Value },
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted { audio_start_ms: u64, item_id: &'a str },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { audio_end_ms: u64, item_id: &'a str },
    #[serde(rename = "input_audio_buffer.committed")]
    Committed { previous_item_id: Option<&'a str>, item_id: &'a str },
    #[serde(rename = "input_audio_buffer.cleared")]
    Cleared,
    #[serde(rename = "conversation.item.added")]
    ItemAdded { previous_item_id: Option<&'a str>, item: ItemView<'a> },
    #[serde(rename = "conversation.item.done")]
    ItemDone { previous_item_id: Option<&'a str>, item: ItemView<'a> },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    Delta {
        item_id: &'a str,
        content_index: u8,
        delta: &'a str,
        /// Beside OpenAI's fields.
        hypothesis: &'a str,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    Completed {
        item_id: &'a str,
        content_index: u8,
        transcript: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<&'a [Logprob]>,
        usage: Usage,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    Failed { item_id: &'a str, content_index: u8, error: Details<'a> },
    #[serde(rename = "error")]
    Error { error: ErrorOfEvent<'a> },
}

impl ServerEvent<'_> {
    /// The event with an id of its own, in JSON.
    pub(super) fn json(&self) -> String {
        #[derive(Serialize)]
        struct WithId<'a> {
            event_id: String,
            #[serde(flatten)]
            event: &'a ServerEvent<'a>,
        }
        // All keys are text, so this cannot fail.
        serde_json::to_string(&WithId { event_id: new_id("event"), event: self }).unwrap_or_default()
    }
}

/// A new id, such as `item_…`.
pub(super) fn new_id(kind: &str) -> String {
    format!("{kind}_{}", Uuid::new_v4().simple())
}

/// An item: what somebody said.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ItemView<'a> {
    id: &'a str,
    object: &'static str,
    r#type: &'static str,
    status: &'static str,
    role: &'static str,
    content: [ContentView; 1],
}

#[derive(Debug, Clone, Copy, Serialize)]
struct ContentView {
    r#type: &'static str,
    /// The text comes in an event of its own.
    transcript: Option<&'static str>,
}

impl<'a> ItemView<'a> {
    pub(super) fn new(id: &'a str) -> Self {
        let content = [ContentView { r#type: "input_audio", transcript: None }];
        Self { id, object: "realtime.item", r#type: "message", status: "completed", role: "user", content }
    }
}

/// What an item counts for.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Usage {
    r#type: &'static str,
    seconds: f64,
}

impl Usage {
    pub(super) fn of(seconds: f64) -> Self {
        Self { r#type: "duration", seconds }
    }
}

/// The error of a client's event.
#[derive(Debug, Serialize)]
pub(super) struct ErrorOfEvent<'a> {
    #[serde(flatten)]
    details: Details<'a>,
    event_id: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read() {
        let update = r#"{"type": "session.update", "session": {"type": "transcription"}, "event_id": null}"#;
        let session = Map::from_iter([("type".to_owned(), json!("transcription"))]);
        assert_eq!(read(update).expect("an event"), (None, ClientEvent::Update(session)));
        let append = r#"{"event_id": "a", "type": "input_audio_buffer.append", "audio": "AAAA"}"#;
        assert_eq!(read(append).expect("an event"), (Some("a".to_owned()), ClientEvent::Append("AAAA".to_owned())));
        assert_eq!(read(r#"{"type": "input_audio_buffer.commit"}"#).expect("an event").1, ClientEvent::Commit);
        assert_eq!(read(r#"{"type": "input_audio_buffer.clear"}"#).expect("an event").1, ClientEvent::Clear);
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_id() {
        let long = format!(r#"{{"type": "input_audio_buffer.clear", "event_id": "{}"}}"#, "x".repeat(LONGEST_ID + 1));
        for (text, code, param, id) in [
            ("", "invalid_json", None, None),
            ("[1]", "invalid_json", None, None),
            (r#"{"event_id": "b"}"#, "missing_required_parameter", Some("type"), Some("b")),
            (r#"{"event_id": "b", "type": 7}"#, "invalid_value", Some("type"), Some("b")),
            (r#"{"event_id": "b", "type": "response.create"}"#, "invalid_value", Some("type"), Some("b")),
            (r#"{"type": "input_audio_buffer.append"}"#, "missing_required_parameter", Some("audio"), None),
            (r#"{"type": "input_audio_buffer.append", "audio": 7}"#, "invalid_value", Some("audio"), None),
            (r#"{"type": "input_audio_buffer.commit", "item": 1}"#, "unknown_parameter", Some("item"), None),
            (r#"{"type": "session.update", "session": []}"#, "invalid_value", Some("session"), None),
            (&long, "invalid_value", Some("event_id"), None),
        ] {
            let error = read(text).expect_err(text);
            let told: Value = serde_json::from_str(&error.event().json()).expect("JSON");
            let ServerEvent::Error { .. } = error.event() else { panic!("{text}") };
            let wanted = json!([code, param, id, "invalid_request_error"]);
            let error = &told["error"];
            assert_eq!(json!([error["code"], error["param"], error["event_id"], error["type"]]), wanted, "{text}");
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty() && text.len() < 600), "{told}");
            assert!(told["event_id"].as_str().is_some_and(|id| id.starts_with("event_")), "{told}");
        }
    }
}
