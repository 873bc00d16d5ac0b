//! What the service says about itself and its requests: facts, health, description, metrics, logs, request ids.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indic_seamless::OutputFormat;
use serde_json::json;

use crate::{CLIP, LOG, ask, form, get, router};

#[tokio::test]
async fn facts_about_the_service() {
    let router = router().await;
    let answer = get(&router, "/").await;
    let info = answer.json();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(info["documentation"], "/docs");
    assert_eq!(info["health"], "/health");
    assert_eq!(info["supported_languages"], "/supported-languages");
    assert_eq!(info["endpoints"]["speech_to_text"], "/speech-to-text");
    for key in ["service", "version", "description"] {
        assert!(info[key].is_string(), "{key}");
    }
    let browser = Request::get("/").header(header::ACCEPT, "text/html,application/xhtml+xml").body(Body::empty());
    let page = ask(&router, browser.expect("a request")).await;
    assert!(page.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("default-src 'none'"));
}

#[tokio::test]
async fn health_and_languages() {
    let router = router().await;
    let health = get(&router, "/health").await.json();
    assert_eq!(
        (&health["status"], &health["model_loaded"], &health["device"]),
        (&json!("healthy"), &json!(true), &json!("cpu"))
    );
    assert_eq!(health["supported_languages"]["hin"], "Hindi");
    let languages = get(&router, "/supported-languages").await.json();
    assert_eq!(languages["languages"], health["supported_languages"]);
    assert_eq!(languages["count"], languages["languages"].as_object().map_or(0, serde_json::Map::len));
    assert_eq!(get(&router, "/ready").await.json(), json!({ "status": "ready" }));
    let limits = get(&router, "/limits").await.json();
    assert_eq!(limits["max_body_bytes"], 50 * 1024 * 1024);
}

#[tokio::test]
async fn a_request_keeps_its_id() {
    let router = router().await;
    let with_id =
        |id: &str| Request::get("/nothing").header("x-request-id", id).body(Body::empty()).expect("a request");
    assert_eq!(ask(&router, with_id("abc-1.2:3_4")).await.problem(404, "not_found")["request_id"], "abc-1.2:3_4");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let of_trace = |mut request: Request<Body>, header: &str| {
        request.headers_mut().insert("traceparent", header.parse().expect("a value"));
        request
    };
    let valid = format!("00-{trace}-00f067aa0ba902b7-01");
    assert_eq!(ask(&router, of_trace(with_id("abc"), &valid)).await.header("x-request-id"), "abc");
    // The trace's, if there is none, or none that can be used.
    assert_eq!(ask(&router, of_trace(with_id("a b"), &valid)).await.header("x-request-id"), trace);
    let invalid = format!("00-{trace}-0000000000000000-01");
    assert_eq!(ask(&router, of_trace(with_id("a b"), &invalid)).await.header("x-request-id").len(), 36);
    let long = "x".repeat(129);
    for harmful in ["a b", "{\"forged\":1}", &long] {
        let answer = ask(&router, with_id(harmful)).await;
        assert_ne!(answer.header("x-request-id"), harmful);
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn metrics_and_logs_have_no_text() {
    let router = router().await;
    let answer = ask(&router, form(CLIP, &[("target_lang", "hin")])).await;
    let id = answer.header("x-request-id").to_owned();
    let metrics = get(&router, "/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body);
    assert!(metrics.header(header::CONTENT_TYPE).starts_with("application/openmetrics-text"));
    for line in [
        "indic_seamless_requests_total{method=\"POST\",path=\"/speech-to-text\",status=\"200\"}",
        "indic_seamless_stage_seconds_count{stage=\"encoder\"}",
        "indic_seamless_audio_seconds_total",
        "indic_seamless_real_time_factor_bucket",
        "indic_seamless_load_seconds",
        "indic_seamless_body_bytes",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let log = String::from_utf8_lossy(&LOG.lock().expect("the log")).into_owned();
    assert!(log.contains(&id) && log.contains("/speech-to-text"));
    assert!(!log.contains("मौसम") && !log.contains("வானிலை"));
    assert!(!log.contains(&STANDARD.encode(&CLIP[44..200])));
}

#[tokio::test]
async fn every_endpoint_is_described() {
    let router = router().await;
    let description = get(&router, "/openapi.json").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    let paths = description["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let open = ["/", "/health", "/ready"].contains(&path.as_str());
            assert_ne!(operation["responses"]["401"].is_object(), open, "{method} {path}");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let path = path.replace("{model}", "whisper-1");
            let request = Request::builder().method(&method).uri(&path).body(Body::empty()).expect("a request");
            let status = ask(&router, request).await.status;
            assert!(status != StatusCode::NOT_FOUND && status != StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
    let ours = ["/", "/health", "/ready", "/limits", "/supported-languages", "/speech-to-text", "/metrics"];
    let theirs =
        ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/realtime", "/v1/models", "/v1/models/{model}"];
    for path in ours.into_iter().chain(theirs) {
        assert!(paths.contains_key(path), "{path}");
    }
    let text = description.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(description["components"]["schemas"][name].is_object(), "{name} is not described");
    }
    assert_eq!(description["components"]["securitySchemes"]["key"]["name"], "x-api-key");
    assert_eq!(description["security"], json!([{}, { "key": [] }, { "bearer": [] }]));
    let speech = &description["paths"]["/speech-to-text"]["post"];
    for kind in ["multipart/form-data", "application/json", "application/octet-stream", "audio/*", "video/*"] {
        assert!(speech["requestBody"]["content"][kind].is_object(), "{kind}");
    }
    let content = &speech["responses"]["200"]["content"];
    for format in OutputFormat::ALL {
        assert!(content[format.media_type()].is_object(), "{format} in {content}");
    }
    let names: Vec<&str> = OutputFormat::ALL.iter().map(|format| format.name()).collect();
    assert_eq!(description["components"]["schemas"]["OutputFormat"]["enum"], json!(names));
    assert!(get(&router, "/docs").await.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert_eq!(get(&router, "/redoc").await.header(header::LOCATION), "docs");
}
