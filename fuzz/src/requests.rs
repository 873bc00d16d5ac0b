//! Requests to the service, with the demo model behind it.

use std::{sync::LazyLock, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use indic_seamless::{
    Transcriber,
    service::{Service, Settings},
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::input::hash;

/// The boundary of forms, which is in the seeds.
const FORM: &str = "multipart/form-data; boundary=X";

pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).max_blocking_threads(4).enable_all().build().expect("a runtime")
});

/// A service, which is ready.
pub(crate) static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let settings = Settings {
        max_body_bytes: 64 << 10,
        max_audio: Duration::from_secs(5),
        deadline: Duration::from_secs(20),
        ..Settings::default()
    };
    RUNTIME.block_on(async {
        let service = Service::start(settings, || Transcriber::builder().threads(1).build_demo()).expect("a service");
        service.ready().await.expect("a model");
        service
    })
});

static ROUTER: LazyLock<Router> = LazyLock::new(|| SERVICE.router());

/// A form for `/speech-to-text`.
pub(crate) fn form(data: &[u8]) {
    ask(&Method::POST, "/speech-to-text", FORM, data);
}

/// JSON for `/speech-to-text`.
pub(crate) fn json(data: &[u8]) {
    ask(&Method::POST, "/speech-to-text", "application/json", data);
}

/// A form for OpenAI's API.
pub(crate) fn openai(data: &[u8]) {
    let path = if hash(data) & 7 == 0 { "/v1/audio/translations" } else { "/v1/audio/transcriptions" };
    ask(&Method::POST, path, FORM, data);
}

/// Any request: a line with method and path, a line with the content type, and a body.
pub(crate) fn request(data: &[u8]) {
    let mut lines = data.splitn(3, |&byte| byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (first, kind) = (line(), line());
    let body = lines.next().unwrap_or_default();
    let (method, path) = first.split_once(' ').unwrap_or(("GET", &first));
    if let Ok(method) = Method::from_bytes(method.as_bytes()) {
        ask(&method, path, &kind, body);
    }
}

fn ask(method: &Method, path: &str, content_type: &str, body: &[u8]) {
    let accept = if hash(body) & 3 == 0 { "text/event-stream" } else { "*/*" };
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::CONTENT_TYPE, content_type).header(header::ACCEPT, accept);
    // What is no request does not get to the service.
    let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
    // Before the runtime is entered, in which the service cannot be waited for.
    let router = ROUTER.clone();
    let (status, answer) = RUNTIME.block_on(async {
        let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        (parts.status, body.collect().await.expect("a body").to_bytes())
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(&answer));
    if status.is_client_error() && method != Method::HEAD {
        let problem: Value = serde_json::from_slice(&answer)
            .unwrap_or_else(|error| panic!("{status}: {error}: {}", String::from_utf8_lossy(&answer)));
        assert!(problem["code"].is_string() || problem["error"]["message"].is_string(), "{status}: {problem}");
    }
}
