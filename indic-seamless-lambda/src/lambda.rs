//! The service as a Lambda function.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::BodyDataStream,
    http::{HeaderValue, Uri},
};
use indic_seamless::{
    Transcriber,
    service::{Deadline, Service, Settings},
};
use lambda_http::{
    Adapter, BoxFuture, Context, Error, LambdaEvent, Request, RequestExt as _, SnapStartResource,
    lambda_runtime::{Diagnostic, FunctionResponse, MetadataPrelude, Runtime, StreamResponse},
    request::{LambdaRequest, RequestContext},
    service_fn,
    tower::{Service as _, ServiceExt as _},
};
use serde_json::{Value, value::RawValue};

use crate::{cloudwatch, event::Event};

/// The largest body: 6 MB of JSON hold this much after base64, with room for the rest of the event.
const MAX_BODY_BYTES: usize = 4_500_000;

/// The time kept of each invocation for sending the answer.
const MARGIN: Duration = Duration::from_secs(1);

/// The longest timeout of a function.
const LONGEST: Duration = Duration::from_secs(900);

/// How long the first event is not asked for, so that loading belongs to the initialisation. The platform ends an initialisation
/// of ten seconds, and begins it again.
const INITIALISATION: Duration = Duration::from_millis(8500);

/// Whether this process runs in Lambda, which sets this variable.
pub(crate) fn is_host() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Loads the model, and answers events until the platform ends the process.
pub(crate) async fn run(
    load: impl FnOnce() -> indic_seamless::Result<Transcriber> + Send + 'static,
) -> crate::Result<()> {
    let defaults = Settings { max_body_bytes: MAX_BODY_BYTES, ..Settings::default() };
    let service = Service::start_observed(defaults.with_env()?, load, cloudwatch::print)?;
    // What is left to load is waited for by the first event. A snapshot is taken of a loaded model, however long it takes.
    let in_time = if is_snapshot() { LONGEST } else { INITIALISATION };
    if let Ok(ready) = tokio::time::timeout(in_time, service.ready()).await {
        ready?;
    }
    let router = crate::router(&service)?;
    let streaming = env::var("INDIC_SEAMLESS_RESPONSE").is_ok_and(|value| value == "streaming");
    let snapshot = Arc::new(Snapshot(service.clone()));
    let handler = service_fn(move |event| {
        let (router, service) = (router.clone(), service.clone());
        // The name tells Step Functions that this is no error of the platform.
        let named =
            |error: Error| Diagnostic { error_type: "IndicSeamlessError".to_owned(), error_message: error.to_string() };
        async move { answer(event, router, &service, streaming).await.map_err(named) }
    });
    Runtime::new(handler).register_snapstart_resource(snapshot).run().await
}

/// Whether the platform takes a snapshot after the initialisation.
fn is_snapshot() -> bool {
    env::var("AWS_LAMBDA_INITIALIZATION_TYPE").is_ok_and(|kind| kind == "snap-start")
}

type Answer = FunctionResponse<Value, BodyDataStream>;

#[cfg_attr(
    not(feature = "s3"),
    expect(clippy::infallible_destructuring_match, reason = "HTTP is the only kind of event")
)]
async fn answer(
    event: LambdaEvent<Box<RawValue>>,
    router: Router,
    service: &Service,
    streaming: bool,
) -> Result<Answer, Error> {
    let (payload, context) = event.into_parts();
    // If it does not become ready in time, or at all, the router says so.
    let _ = tokio::time::timeout_at(deadline(&context).into(), service.ready()).await;
    let event = match Event::of(payload)? {
        Event::Http(event) => event,
        #[cfg(feature = "s3")]
        Event::Recordings(recordings) => {
            let results = recordings.transcribe(service, deadline(&context)).await?;
            return Ok(FunctionResponse::BufferedResponse(results));
        }
    };
    let payload: LambdaRequest = serde_json::from_str(event.get())?;
    if streaming {
        let response = router.oneshot(prepared(payload.into(), &context)).await?;
        let (parts, body) = response.into_parts();
        let metadata_prelude =
            MetadataPrelude { status_code: parts.status, headers: parts.headers, cookies: Vec::new() };
        return Ok(FunctionResponse::StreamingResponse(StreamResponse {
            metadata_prelude,
            stream: body.into_data_stream(),
        }));
    }
    let of_invocation = context.clone();
    let handler = service_fn(move |request| router.clone().oneshot(prepared(request, &of_invocation)));
    let response = Adapter::from(handler).call(LambdaEvent::new(payload, context)).await?;
    Ok(FunctionResponse::BufferedResponse(serde_json::to_value(response)?))
}

/// Gives a request the deadline and the id of its invocation, and removes the API's stage from its path.
fn prepared(mut request: Request, context: &Context) -> Request {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{}{query}", path(&request)).parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(Deadline(deadline(context)));
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        request.headers_mut().insert("x-request-id", id);
    }
    request
}

/// The path without the stage. `lambda_http` adds the stage of a REST API to the URI, not to the raw path; the raw path of an
/// HTTP API begins with it.
fn path(request: &Request) -> &str {
    let path = request.raw_http_path();
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return path };
    let stage = context.stage.as_deref().unwrap_or_default();
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    rest.filter(|rest| !stage.is_empty() && rest.starts_with('/')).unwrap_or(path)
}

/// The deadline of the answer.
fn deadline(context: &Context) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Invocations never begin past their deadline, but an emulator (cargo-lambda) names one long ago.
    let left = Duration::from_millis(context.deadline).checked_sub(now).unwrap_or(LONGEST);
    Instant::now() + left.saturating_sub(MARGIN)
}

/// The hooks around a snapshot. Nothing is held that would not survive one: there are no connections yet, and random numbers
/// come from the system. The model is loaded and warmed up, so that its pages and caches are in the snapshot.
struct Snapshot(Service);

impl SnapStartResource for Snapshot {
    fn before_snapshot(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(self.0.ready().await?) })
    }

    fn after_restore(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            tracing::info!("restored from a snapshot");
            Ok(())
        })
    }
}
