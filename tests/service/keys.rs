//! API keys: what they open, and what stays open.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use indic_seamless::{
    Error,
    service::{ApiKeys, Settings},
};
use tower::ServiceExt;

use crate::{CLIP, ask, form, get, post, stalled, with};

/// The hashes of the keys `secret` and `password`.
const KEYS: &str = "\
# Made for tests
phones:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
nightly jobs:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
";

fn keys(text: &str) -> Result<ApiKeys, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.txt");
    std::fs::write(&path, text).expect("written");
    ApiKeys::from_file(path)
}

fn with_header(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().expect("a value"));
    request
}

#[tokio::test]
async fn only_known_keys_open_the_service() {
    let router = with(Settings { api_keys: Some(keys(KEYS).expect("keys")), ..Settings::default() }).await;
    for path in ["/", "/health", "/ready", "/docs", "/openapi.json"] {
        assert_eq!(get(&router, path).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/limits", "/supported-languages", "/metrics"] {
        let refused = get(&router, path).await;
        refused.problem(401, "unauthorized");
        assert_eq!(refused.header(header::WWW_AUTHENTICATE), "Bearer");
    }
    get(&router, "/nothing").await.problem(404, "not_found");
    get(&router, "/speech-to-text").await.problem(405, "method_not_allowed");
    let speech = || form(CLIP, &[("target_lang", "hin")]);
    for (name, value, status) in [
        ("x-api-key", "secret", 200),
        ("x-api-key", "password", 200),
        ("authorization", "Bearer secret", 200),
        ("x-api-key", "secret2", 401),
        ("x-api-key", "", 401),
        ("x-api-key", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", 401),
        ("authorization", "Basic secret", 401),
        ("x-other", "secret", 401),
    ] {
        let answer = ask(&router, with_header(speech(), name, value)).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn clients_are_counted_by_key() {
    let settings = Settings { api_keys: Some(keys(KEYS).expect("keys")), per_client: 1, ..Settings::default() };
    let router = with(settings).await;
    let (body, reading) = stalled();
    let holding = with_header(post("/speech-to-text", "audio/wav", body), "x-api-key", "secret");
    let holding = tokio::spawn(router.clone().oneshot(holding));
    let _ = reading.await;
    let same = with_header(form(CLIP, &[]), "authorization", "Bearer secret");
    ask(&router, same).await.problem(429, "too_many_requests");
    assert_eq!(ask(&router, with_header(form(CLIP, &[]), "x-api-key", "password")).await.status, StatusCode::OK);
    holding.abort();
}

#[test]
fn errors_name_file_and_line() {
    for (text, wanted) in [("", "no key"), ("# a\nphones:secret\n", "line 2: the hash of \"phones\" has 6 characters")]
    {
        let error = keys(text).expect_err(text);
        assert!(matches!(error, Error::InvalidFile { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains("keys.txt") && error.contains(wanted) && !error.contains("secret"), "{error}");
    }
    assert!(matches!(ApiKeys::from_file("/no/such/file"), Err(Error::Io { .. })));
}
