//! Sockets that are refused, with OpenAI's errors.

use axum::{body::Body, http::Request};
use indic_seamless::service::{ApiKeys, Settings};
use serde_json::{Value, json};

use super::{Client, PATH};
use crate::{ask, get, listening::Listening, router, with};

fn code((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")))
}

#[tokio::test]
async fn a_request_that_is_none_for_a_websocket() {
    let router = router().await;
    let answer = get(&router, PATH).await;
    let error = answer.error(426, "invalid_request_error", None, "upgrade_required");
    assert_eq!(answer.header("upgrade"), "websocket");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("WebSocket")), "{error}");
    // As a gateway passes it on that hands out requests only.
    let request = Request::get(PATH)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = ask(&router, request.body(Body::empty()).expect("a request")).await;
    let error = answer.error(426, "invalid_request_error", None, "upgrade_required");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("gateway")), "{error}");
    // A host without sockets, and its page, which reads the limits.
    let none = with(Settings { sockets: 0, ..Settings::default() }).await;
    get(&none, PATH).await.error(426, "invalid_request_error", None, "upgrade_required");
    assert_eq!(get(&none, "/limits").await.json()["sockets"], 0);
}

#[tokio::test]
async fn parameters_and_origins() {
    let service =
        Listening::start(Settings { cors_origins: vec!["https://a.example".to_owned()], ..Settings::default() }).await;
    for (path, wanted) in [
        ("/v1/realtime?model=whisper-2", (404, "model_not_found")),
        ("/v1/realtime?intent=conversation", (400, "invalid_value")),
        ("/v1/realtime?voice=alloy", (400, "unknown_parameter")),
    ] {
        assert_eq!(code(&Client::open(&service, path, &[]).await.err().expect(path)), wanted);
    }
    assert!(Client::open(&service, "/v1/realtime?model=gpt-4o-transcribe", &[]).await.is_ok());
    let own = format!("http://{}", service.address);
    for origin in [own.as_str(), "https://a.example"] {
        assert!(Client::open(&service, PATH, &[("origin", origin)]).await.is_ok(), "{origin}");
    }
    let other = Client::open(&service, PATH, &[("origin", "https://b.example")]).await.err().expect("another origin");
    assert_eq!(code(&other), (403, "origin_not_allowed"));
}

#[tokio::test]
async fn keys_of_programs_and_of_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.txt");
    // The hash of "secret".
    std::fs::write(&path, "phones:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b").expect("written");
    let keys = Some(ApiKeys::from_file(path).expect("keys"));
    let service = Listening::start(Settings { api_keys: keys, ..Settings::default() }).await;
    for headers in [vec![], vec![("authorization", "Bearer wrong")], vec![("sec-websocket-protocol", "realtime")]] {
        let refused = Client::open(&service, PATH, &headers).await.err().expect("no key");
        assert_eq!(code(&refused), (401, "invalid_api_key"), "{headers:?}");
    }
    for header in [
        ("authorization", "Bearer secret"),
        ("x-api-key", "secret"),
        ("sec-websocket-protocol", "realtime, openai-insecure-api-key.secret"),
    ] {
        let mut client = Client::open(&service, PATH, &[header]).await.expect("a socket");
        assert_eq!(client.event().await["type"], "session.created", "{header:?}");
    }
}

#[tokio::test]
async fn places_for_sockets_and_for_those_of_one_client() {
    let service = Listening::start(Settings { sockets: 1, ..Settings::default() }).await;
    let first = Client::connect(&service).await;
    let refused = Client::open(&service, PATH, &[]).await.err().expect("full");
    assert_eq!(code(&refused), (503, "busy"));
    drop(first);
    // It is free as soon as the service has noticed.
    while Client::open(&service, PATH, &[]).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let service = Listening::start(Settings { per_client: 1, ..Settings::default() }).await;
    let first = Client::connect(&service).await;
    let refused = Client::open(&service, PATH, &[]).await.err().expect("one is the limit");
    assert_eq!(code(&refused), (429, "rate_limit_exceeded"));
    assert_eq!(refused.1["error"]["type"], json!("rate_limit_error"));
    drop(first);
}
