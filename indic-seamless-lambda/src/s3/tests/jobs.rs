use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request},
};
use indic_seamless::{EndReason, Flag, Segment, Timings, Transcript, Word};
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

/// The service with jobs in a bucket.
fn with_jobs(store: &Arc<dyn ObjectStore>) -> Router {
    let signer = AmazonS3Builder::new()
        .with_region("ap-south-1")
        .with_bucket_name("speech")
        .with_access_key_id("AKIAIOSFODNN7EXAMPLE")
        .with_secret_access_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .with_http_connector(http::Connector)
        .build()
        .unwrap();
    let signer = Arc::new(signer);
    let in_memory = store.clone();
    let open = Box::new(move || Ok(Bucket { store: in_memory.clone(), signer: signer.clone() }));
    let jobs = Jobs { open, bucket: OnceLock::new(), language: Language::ENGLISH };
    service().router_with(router(jobs))
}

#[tokio::test]
async fn a_job_from_upload_to_result() {
    let store = filled(&[]).await;
    let router = with_jobs(&store);

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

#[tokio::test]
async fn a_result_has_the_flags_and_words_of_its_transcript() {
    let segment = Segment {
        end: 1.5,
        end_reason: EndReason::Pause,
        text: "la la".to_owned(),
        avg_logprob: -0.1,
        flags: vec![Flag::Retried, Flag::Loop],
        words: vec![Word { text: "la".to_owned(), start: 0.0, end: 0.5, confidence: 0.9 }],
        ..Segment::default()
    };
    let transcript = Transcript::new(1.5, Language::HINDI, vec![segment], Timings::default());
    let whole = serde_json::to_vec(&transcript).unwrap();
    let id = "hin-67e55044-10b1-426f-9247-bb680e5fe0c8";
    let store = filled(&[(&format!("transcripts/hin/jobs/{}.json", &id[4..]), &*whole)]).await;
    let (status, job) = ask(&with_jobs(&store), Method::GET, &format!("/v1/jobs/{id}"), "").await;
    assert_eq!((status, &job["id"], &job["status"]), (200, &json!(id), &json!("done")));
    let segment = json!({
        "start": 0.0, "end": 1.5, "end_reason": "pause", "text": "la la", "avg_logprob": -0.1, "flags": ["retried", "loop"],
        "words": [{ "text": "la", "start": 0.0, "end": 0.5, "confidence": 0.9 }],
    });
    assert_eq!(job["result"]["segments"], json!([segment]));

    // Transcripts of earlier versions have neither, nor a reason for the end.
    let earlier = br#"{"duration_s":1.5,"language":"hin","text":"la","segments":[{"start":0.0,"end":1.5,"text":"la",
        "tokens":[3],"score":-0.1,"avg_logprob":-0.1,"alternatives":[]}],"timings":{"total_ms":5.0}}"#;
    let store = filled(&[(&format!("transcripts/hin/jobs/{}.json", &id[4..]), &earlier[..])]).await;
    let (_, job) = ask(&with_jobs(&store), Method::GET, &format!("/v1/jobs/{id}"), "").await;
    let segment = json!({ "start": 0.0, "end": 1.5, "end_reason": "unknown", "text": "la", "avg_logprob": -0.1 });
    assert_eq!(job["result"]["segments"], json!([segment]));
    assert_eq!(job["result"]["timings"]["total_ms"], 5.0);
}
