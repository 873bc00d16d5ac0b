use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request},
};
use object_store::aws::AmazonS3Builder;
use tower::ServiceExt as _;

use super::{
    super::jobs::{Bucket, Jobs, router},
    *,
};

async fn ask(router: &Router, method: Method, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(response.into_body(), 1_000_000).await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_job_from_upload_to_result() {
    let store = filled(&[]).await;
    let signer = AmazonS3Builder::new()
        .with_region("ap-south-1")
        .with_bucket_name("speech")
        .with_access_key_id("AKIAIOSFODNN7EXAMPLE")
        .with_secret_access_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .with_http_connector(store::Connector)
        .build()
        .unwrap();
    let signer = Arc::new(signer);
    let in_memory = store.clone();
    let open = Box::new(move || Ok(Bucket { store: in_memory.clone(), signer: signer.clone() }));
    let jobs = Jobs { open, bucket: OnceLock::new(), language: Language::ENGLISH };
    let router = service().router_with(router(jobs));

    let (status, job) = ask(&router, Method::POST, "/v1/jobs", r#"{"target_lang":"Hindi"}"#).await;
    assert_eq!((status, &job["upload"]["method"], &job["expires_in_s"]), (201, &json!("PUT"), &json!(900)));
    let (id, poll) = (job["id"].as_str().unwrap(), job["status_url"].as_str().unwrap());
    let key = format!("recordings/hin/jobs/{}", id.strip_prefix("hin-").unwrap());
    let url = job["upload"]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("https://s3.ap-south-1.amazonaws.com/speech/{key}?X-Amz-Algorithm=")), "{url}");
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    assert_eq!(ask(&router, Method::GET, poll, "").await, (200, json!({ "id": id, "status": "waiting_for_upload" })));

    let bucket_key = Path::parse(&key).unwrap();
    store.put(&bucket_key, b"not audio".to_vec().into()).await.unwrap();
    assert_eq!(ask(&router, Method::GET, poll, "").await.1["status"], "queued");
    answer(&store, &queue(&[("m1", &named(&key))]), 300).await.unwrap();
    let (_, failed) = ask(&router, Method::GET, poll, "").await;
    assert_eq!((&failed["status"], &failed["code"]), (&json!("failed"), &json!("unsupported_audio")));

    store.put(&bucket_key, hindi().into()).await.unwrap();
    answer(&store, &queue(&[("m1", &named(&key))]), 300).await.unwrap();
    let (status, done) = ask(&router, Method::GET, poll, "").await;
    assert_eq!((status, &done["status"], &done["result"]["transcription"]), (200, &json!("done"), &json!(TEXT)));
    assert_eq!((&done["result"]["language"], &done["result"]["segments"][0]["text"]), (&json!("hin"), &json!(TEXT)));
    let srt = done["urls"]["srt"].as_str().unwrap();
    assert!(srt.contains(&format!("/speech/transcripts/hin/jobs/{}.srt?", &id[4..])), "{srt}");

    assert!(ask(&router, Method::POST, "/v1/jobs", "").await.1["id"].as_str().unwrap().starts_with("eng-"));
    for (body, status, code) in [
        ("{", 400, "bad_request"),
        (r#"{"language":"hin"}"#, 422, "invalid_field"),
        (r#"{"target_lang":"klingon"}"#, 422, "unknown_language"),
        (&" ".repeat(20_000), 413, "body_too_large"),
    ] {
        let (found, problem) = ask(&router, Method::POST, "/v1/jobs", body).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)));
        assert!(problem["request_id"].is_string() && problem["detail"].is_string());
    }
    let uuid = &id[4..];
    for other in [
        uuid.to_owned(),
        format!("HIN-{uuid}"),
        format!("hindi-{uuid}"),
        format!("hin-{}", uuid.to_uppercase()),
        format!("hin-{}", uuid.replace('-', "")),
        format!("hin-{uuid}%2F..%2F..%2Fa"),
        "hin-..%2F..%2Fa".to_owned(),
        "%FF".to_owned(),
    ] {
        let (status, problem) = ask(&router, Method::GET, &format!("/v1/jobs/{other}"), "").await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{other}");
    }
}
