//! Requests that are refused: paths, bodies, fields and recordings that are wrong.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::json;

use crate::{BOUNDARY, CLIP, ask, form, form_body, get, hum, post, router};

#[tokio::test]
async fn paths_and_methods() {
    let router = router().await;
    get(&router, "/nothing").await.problem(404, "not_found");
    let answer = get(&router, "/speech-to-text").await;
    answer.problem(405, "method_not_allowed");
    assert_eq!(answer.header(header::ALLOW), "POST");
    ask(&router, post("/health", "application/json", "{}")).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn bodies_of_the_wrong_kind() {
    let router = router().await;
    let without_type = Request::post("/speech-to-text").body(Body::from(CLIP)).expect("a request");
    ask(&router, without_type).await.problem(415, "unsupported_media_type");
    for content_type in ["text/plain", "application/xml", "nonsense"] {
        ask(&router, post("/speech-to-text", content_type, CLIP)).await.problem(415, "unsupported_media_type");
    }
    let mut compressed = post("/speech-to-text", "audio/wav", CLIP);
    compressed.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().expect("a value"));
    ask(&router, compressed).await.problem(415, "unsupported_media_type");
    ask(&router, post("/speech-to-text", "multipart/form-data", CLIP)).await.problem(400, "bad_request");
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = form_body(CLIP, &[]);
    for cut in [whole.len() - 8, whole.len() / 2, 90, 20] {
        ask(&router, post("/speech-to-text", &multipart, whole[..cut].to_vec())).await.problem(400, "bad_request");
    }
    ask(&router, post("/speech-to-text", "application/json", "{\"audio\": ")).await.problem(400, "bad_request");
    ask(&router, post("/speech-to-text", "application/json", "[]")).await.problem(400, "bad_request");
}

#[tokio::test]
async fn invalid_fields() {
    let router = router().await;
    for fields in [
        &[("source_lang", "Hindi")][..],
        &[("target_lang", "hin"), ("target_lang", "tam")],
        &[("format", "docx")],
        &[("beams", "0")],
        &[("beams", "many")],
        &[("segments", "perhaps")],
    ] {
        ask(&router, form(CLIP, fields)).await.problem(422, "invalid_field");
    }
    ask(&router, post("/speech-to-text?x=1", "audio/wav", CLIP)).await.problem(422, "invalid_field");
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let no_file = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"target_lang\"\r\n\r\nhin\r\n--{BOUNDARY}--\r\n"
    );
    ask(&router, post("/speech-to-text", &multipart, no_file)).await.problem(422, "invalid_field");
    for body in [json!({}), json!({ "audio": 7 }), json!({ "audio": "%%%" }), json!({ "audio": "", "beams": "two" })] {
        let answer = ask(&router, post("/speech-to-text", "application/json", body.to_string())).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
}

#[tokio::test]
async fn invalid_recordings() {
    let router = router().await;
    ask(&router, form(b"", &[])).await.problem(422, "no_audio");
    ask(&router, form(b"this is a letter, not a recording", &[])).await.problem(415, "unsupported_audio");
    // An MP4 file whose recorder did not finish it; of most damaged files the text is the answer.
    let unfinished = [&b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\0\x10mdat"[..], &[7; 8]].concat();
    ask(&router, form(&unfinished, &[])).await.problem(422, "damaged_audio");
    ask(&router, form(&hum(100), &[("target_lang", "hin")])).await.problem(422, "audio_too_short");
}

#[tokio::test]
async fn an_upload_that_a_gateway_treated_as_text() {
    let router = router().await;
    let mangled = String::from_utf8_lossy(CLIP).into_owned();
    let problem = ask(&router, post("/speech-to-text", "audio/wav", mangled)).await.problem(400, "mangled_body");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("binary media type")));
    let mangled = String::from_utf8_lossy(&form_body(CLIP, &[])).into_owned();
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    ask(&router, post("/speech-to-text", &multipart, mangled)).await.problem(400, "mangled_body");
}
