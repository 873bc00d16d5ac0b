//! Middleware around every request: its id, its log line, its metrics, the body of its problem.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument, Span, debug_span, field::Empty};
use uuid::Uuid;

use super::{Shared, connections::until_written, metrics::Metrics, openai, problem::Problem, traceparent::trace_id};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id of a request, in the answer's header, in problems and in the log.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

impl RequestId {
    /// The id that the client or a proxy gave, if it is harmless in a log; else that of its trace; else a new one.
    fn of(request: &Request) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let harmless = |id: &&str| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
        };
        let given = header(REQUEST_ID).filter(harmless).or_else(|| header(TRACEPARENT).and_then(trace_id));
        Self(given.map_or_else(|| Uuid::new_v4().to_string().into(), Into::into))
    }
}

/// When a host needs the answer of a request, if that is earlier than the service's own limit. The host puts it into the
/// request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// The middleware.
pub(crate) async fn observe(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(&request);
    let method = known(request.method());
    let path = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let uri = request.uri().clone();
    request.extensions_mut().insert(id.clone());
    let in_flight = InFlight::new(shared.metrics.clone());
    let span = span(method, &path, &id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = &problem {
        let (mut parts, _) = response.into_parts();
        let body = if openai::is_ours(problem, uri.path()) {
            openai::problem(problem, &mut parts)
        } else {
            Json(problem.body(&id.0)).into_response()
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.extend(body.headers().clone());
        response = Response::from_parts(parts, body.into_body());
    }
    let status = response.status().as_u16();
    shared.metrics.answered(method, &path, status);
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    let code = problem.as_ref().map(|problem| problem.code);
    match &problem {
        Some(_) if status >= 500 => tracing::warn!(request_id = &*id.0, method, path, status, code, ms, "answered"),
        _ => tracing::info!(request_id = &*id.0, method, path, status, code, ms, "answered"),
    }
    span.record("http.response.status_code", i64::from(status));
    if let Some(code) = code {
        span.record("error.type", code);
    }
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    // A streamed answer is still to be made.
    response.map(|body| until_written(body, in_flight))
}

/// The request in a trace, by the [names of OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/http/http-spans/). Nothing
/// that a client wrote is in it but the id of the request.
fn span(method: &'static str, path: &str, id: &RequestId) -> Span {
    debug_span!(
        "request",
        otel.name = format_args!("{method} {path}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = path,
        http.response.status_code = Empty,
        "error.type" = Empty,
        request.id = &*id.0,
        audio.seconds = Empty,
    )
}

/// A method as a label. Clients can invent methods, which must not each make a series.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

/// The answer when a handler panics.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response<Body> {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
}

/// A request that is counted until its answer is written, or its client has gone.
struct InFlight(Arc<Metrics>);

impl InFlight {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
