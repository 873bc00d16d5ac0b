//! The spans of a request, which a host may export.

use crate::{CLIP, HINDI, LOG, ask, form, post, router, streamed};

/// The lines of the log that tell the end of a span, below the request with this id.
fn closed(id: &str) -> Vec<String> {
    let log = String::from_utf8_lossy(&LOG.lock().expect("the log")).into_owned();
    let of_request = format!("request.id=\"{id}\"");
    log.lines().filter(|line| line.contains(": close ") && line.contains(&of_request)).map(str::to_owned).collect()
}

/// The part of a line that names a span and its fields.
fn span<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let from = line.find(&format!("{name}{{")).or_else(|| line.find(&format!(":{name}: ")))?;
    Some(&line[from..])
}

#[tokio::test]
async fn a_request_and_its_stages() {
    let router = router().await;
    for (id, is_stream) in [("traced", false), ("traced-stream", true)] {
        let mut request = form(CLIP, &[("target_lang", "hin")]);
        if is_stream {
            request = streamed(request);
        }
        request.headers_mut().insert("x-request-id", id.parse().expect("a value"));
        let answer = ask(&router, request).await;
        assert!(String::from_utf8_lossy(&answer.body).contains(HINDI));
        let closed = closed(id);
        for stage in ["opening", "waiting", "encoder", "decoder"] {
            let below = |line: &&String| span(line, "request").is_some_and(|rest| span(rest, stage).is_some());
            assert_eq!(closed.iter().filter(below).count(), 1, "{stage} in {closed:#?}");
        }
        // The request ends last, when the length of the recording is known.
        let request = closed.last().and_then(|line| span(line, "request")).unwrap_or_default();
        for field in [
            "otel.name=POST /speech-to-text",
            "otel.kind=\"server\"",
            "http.request.method=\"POST\"",
            "http.route=\"/speech-to-text\"",
            "http.response.status_code=200",
            "audio.seconds=1.",
        ] {
            assert!(request.contains(field), "{field} in {request}");
        }
        assert!(!request.contains("encoder"), "{request}");
        assert!(!closed.concat().contains("मौसम"));
    }
}

#[tokio::test]
async fn a_request_that_is_refused() {
    let router = router().await;
    let mut request = post("/speech-to-text?target_lang=secret", "audio/wav", CLIP);
    request.headers_mut().insert("x-request-id", "traced-refusal".parse().expect("a value"));
    request.headers_mut().insert("x-api-key", "secret".parse().expect("a value"));
    ask(&router, request).await.problem(422, "unknown_language");
    let closed = closed("traced-refusal");
    let request = closed.last().and_then(|line| span(line, "request")).unwrap_or_default();
    for field in ["http.response.status_code=422", "error.type=\"unknown_language\""] {
        assert!(request.contains(field), "{field} in {closed:?}");
    }
    assert!(!request.contains("secret") && !request.contains("ERROR"), "{request}");
}
