//! OpenAI's audio API: answers, fields and errors as its clients expect them.

mod answers;
mod errors;
mod fields;
mod languages;
mod streaming;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::Value;

use crate::{Answer, BOUNDARY, CLIP, ask, form_with, post};

pub(crate) const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const TRANSLATIONS: &str = "/v1/audio/translations";

/// A form with a recording and fields, as OpenAI's clients send it.
pub(crate) fn recording(path: &str, audio: &[u8], fields: &[(&str, &str)]) -> Request<Body> {
    post(path, &format!("multipart/form-data; boundary={BOUNDARY}"), form_with("file", audio, fields))
}

/// Asks for the text of the clip.
async fn transcribe(router: &Router, fields: &[(&str, &str)]) -> Answer {
    let fields = [&[("model", "whisper-1")], fields].concat();
    ask(router, recording(TRANSCRIPTIONS, CLIP, &fields)).await
}

/// What [`transcribe`] gives in JSON.
async fn json(router: &Router, fields: &[(&str, &str)]) -> Value {
    let answer = transcribe(router, fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{fields:?}: {:?}", answer.body);
    answer.json()
}

impl Answer {
    /// Checks an error in OpenAI's shape; returns what is in it.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, r#type: &str, param: Option<&str>, code: &str) -> Value {
        let body = self.json();
        let error = &body["error"];
        assert_eq!((self.status.as_u16(), error["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!((error["type"].as_str(), error["param"].as_str()), (Some(r#type), param), "{body}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        let mut keys: Vec<_> = error.as_object().expect("an object").keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            (keys, body.as_object().map(serde_json::Map::len)),
            (vec!["code", "message", "param", "type"], Some(1))
        );
        assert!(!self.header("x-request-id").is_empty());
        error.clone()
    }
}
