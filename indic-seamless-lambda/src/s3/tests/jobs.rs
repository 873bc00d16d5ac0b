use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request},
};
use futures_util::TryStreamExt as _;
use indic_seamless::{EndReason, Flag, Segment, Timings, Transcript, Word};
use object_store::aws::AmazonS3Builder;
use tower::ServiceExt as _;

use super::{
    super::{
        jobs::{Bucket, Jobs, router},
        openapi::described,
    },
    *,
};
use crate::gateway::Prefix;

/// What any job may ask for.
const ANY: &str = r#"{"bytes":57644}"#;

async fn ask(router: &Router, method: Method, path: &str, body: &str) -> (u16, Value) {
    ask_at(router, None, method, path, body).await
}

/// Asks under a prefix.
async fn ask_at(router: &Router, prefix: Option<&str>, method: Method, path: &str, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    if let Some(prefix) = prefix {
        request.extensions_mut().insert(Prefix(prefix.to_owned()));
    }
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
        .with_http_connector(indic_seamless_aws::http::Connector)
        .build()
        .unwrap();
    let signer = Arc::new(signer);
    let in_memory = store.clone();
    let open = Box::new(move || {
        let credentials = signer.credentials().clone();
        Ok(Bucket { store: in_memory.clone(), signer: signer.clone(), credentials })
    });
    let (language, root_path) = (Language::ENGLISH, String::new());
    let jobs = Jobs { open, bucket: OnceLock::new(), language, max_bytes: 1_000_000, root_path };
    described(service().router_with(router(jobs)))
}

#[tokio::test]
async fn a_job_from_upload_to_result() {
    let store = filled(&[]).await;
    let router = with_jobs(&store);

    let (status, job) = ask(&router, Method::POST, "/v1/jobs", r#"{"target_lang":"Hindi","bytes":57644}"#).await;
    assert_eq!((status, &job["upload"]["method"], &job["expires_in_s"]), (201, &json!("PUT"), &json!(900)));
    let (id, poll) = (job["id"].as_str().unwrap(), job["status_url"].as_str().unwrap());
    let key = format!("recordings/hin/jobs/{}", id.strip_prefix("hin-").unwrap());
    let url = job["upload"]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("https://s3.ap-south-1.amazonaws.com/speech/{key}?X-Amz-Algorithm=")), "{url}");
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    // S3 refuses a second upload, and one of another size.
    assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bif-none-match&"), "{url}");
    assert_eq!(job["upload"]["headers"], json!({ "if-none-match": "*" }));
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
    assert_eq!(done["result"]["segments"][0]["words"].as_array().unwrap().len(), 4);
    let srt = done["urls"]["srt"].as_str().unwrap();
    assert!(srt.contains(&format!("/speech/transcripts/hin/jobs/{}.srt?", &id[4..])), "{srt}");

    assert!(ask(&router, Method::POST, "/v1/jobs", ANY).await.1["id"].as_str().unwrap().starts_with("eng-"));
    for (body, status, code) in [
        ("{", 400, "bad_request"),
        (r#"{"language":"hin"}"#, 422, "invalid_field"),
        (r#"{"target_lang":"klingon","bytes":1}"#, 422, "unknown_language"),
        (r#"{"bytes":-1}"#, 422, "invalid_field"),
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
        // Never given.
        format!("tam-{uuid}"),
        "hin-67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned(),
        format!("hin-{uuid}%2F..%2F..%2Fa"),
        "hin-..%2F..%2Fa".to_owned(),
        "%FF".to_owned(),
    ] {
        let (status, problem) = ask(&router, Method::GET, &format!("/v1/jobs/{other}"), "").await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{other}");
    }
}

#[tokio::test]
async fn an_upload_must_state_its_size() {
    let store = filled(&[]).await;
    let router = with_jobs(&store);
    for (body, status, code) in [
        ("", 422, "invalid_field"),
        (r#"{"target_lang":"hin"}"#, 422, "invalid_field"),
        (r#"{"bytes":0}"#, 422, "invalid_field"),
        (r#"{"bytes":1000001}"#, 413, "body_too_large"),
    ] {
        let (found, problem) = ask(&router, Method::POST, "/v1/jobs", body).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{body}");
        assert!(problem["detail"].as_str().unwrap().contains("bytes"), "{problem}");
        assert_eq!(problem.get("upload"), None);
    }
    // No job was made.
    assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    let (status, job) = ask(&router, Method::POST, "/v1/jobs", r#"{"bytes":1000000}"#).await;
    assert_eq!((status, &job["max_bytes"]), (201, &json!(1_000_000)));
    let (_, description) = ask(&router, Method::GET, "/openapi.json", "").await;
    assert_eq!(description["paths"]["/v1/jobs"]["post"]["requestBody"]["required"], true);
    assert_eq!(description["components"]["schemas"]["JobRequest"]["required"], json!(["bytes"]));
}

#[tokio::test]
async fn a_job_knows_its_id_until_it_expires() {
    let store = filled(&[]).await;
    let router = with_jobs(&store);
    let id = ask(&router, Method::POST, "/v1/jobs", ANY).await.1["id"].as_str().unwrap().to_owned();
    let poll = format!("/v1/jobs/{id}");
    assert_eq!(ask(&router, Method::GET, &poll, "").await.1["status"], "waiting_for_upload");
    let created = Path::from(format!("transcripts/eng/jobs/{}.job.json", &id[4..]));
    let expires = serde_json::from_str::<Value>(&stored(&store, created.as_ref()).await.unwrap()).unwrap();
    assert!(expires["expires_s"].as_u64().unwrap() > 1_700_000_900);
    store.put(&created, br#"{"expires_s":1700000000}"#.to_vec().into()).await.unwrap();
    assert_eq!(ask(&router, Method::GET, &poll, "").await, (200, json!({ "id": id, "status": "expired" })));
    // An upload that came at the last moment.
    let key = Path::from(format!("recordings/eng/jobs/{}", &id[4..]));
    store.put(&key, hindi().into()).await.unwrap();
    assert_eq!(ask(&router, Method::GET, &poll, "").await.1["status"], "queued");
    store.delete(&key).await.unwrap();
    store.delete(&created).await.unwrap();
    assert_eq!(ask(&router, Method::GET, &poll, "").await.0, 404);
}

#[tokio::test]
async fn the_status_is_where_the_client_asked() {
    let router = with_jobs(&filled(&[]).await);
    for prefix in ["/prod", "/speech/v2"] {
        let (_, job) = ask_at(&router, Some(prefix), Method::POST, "/v1/jobs", ANY).await;
        assert_eq!(job["status_url"], format!("{prefix}/v1/jobs/{}", job["id"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn the_description_has_jobs_and_what_they_refer_to() {
    let (status, description) = ask(&with_jobs(&filled(&[]).await), Method::GET, "/openapi.json", "").await;
    assert_eq!(status, 200);
    for path in ["/v1/jobs", "/v1/jobs/{id}", "/speech-to-text"] {
        let operations = description["paths"][path].as_object().unwrap();
        assert!(operations.values().all(|operation| operation["responses"]["401"].is_object()), "{path}");
    }
    let text = description.to_string();
    let references: Vec<_> = text.split(r##""$ref":"#"##).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 10);
    for reference in references {
        assert!(description.pointer(reference).is_some(), "{reference}");
    }
    // Without jobs they are not described.
    let (_, plain) = ask(&service().router(), Method::GET, "/openapi.json", "").await;
    assert_eq!(plain["paths"].get("/v1/jobs"), None);
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
