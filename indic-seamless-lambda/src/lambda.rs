//! The service as a Lambda function.

use std::{env, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use indic_seamless::{
    Transcriber,
    service::{Deadline, Service, Settings},
};
use lambda_http::{
    Adapter, BoxFuture, Context, Error, LambdaEvent, Request, SnapStartResource,
    lambda_runtime::{Diagnostic, FunctionResponse, MetadataPrelude, Runtime, StreamResponse},
    request::LambdaRequest,
    service_fn,
    tower::{Service as _, ServiceExt as _},
};
use serde_json::{Value, value::RawValue};

use crate::{
    cloudwatch,
    event::{Event, HttpEvent},
    failure,
    gateway::{LONGEST, prepared},
    traces::Traces,
};

/// The largest body: 6 MB of JSON hold this much after base64, with room for the rest of the event.
const MAX_BODY_BYTES: usize = 4_500_000;

/// How long the first event is not asked for, so that loading belongs to the initialisation. The platform ends an initialisation
/// of ten seconds, and begins it again.
const INITIALISATION: Duration = Duration::from_millis(8500);

/// Whether this process runs in Lambda, which sets this variable.
pub(crate) fn is_host() -> bool {
    env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Whether the platform hands out events while others are under way, as Lambda Managed Instances do.
#[cfg(feature = "s3")]
pub(crate) fn is_concurrent() -> bool {
    env::var("AWS_LAMBDA_MAX_CONCURRENCY").is_ok_and(|most| most.parse().is_ok_and(|most: u32| most > 1))
}

/// Loads the model, and answers events until the platform ends the process.
pub(crate) async fn run(
    load: impl FnOnce() -> indic_seamless::Result<Transcriber> + Send + 'static,
    traces: Traces,
) -> crate::Result<()> {
    // Gateways hand out requests, not connections.
    let defaults = Settings { max_body_bytes: MAX_BODY_BYTES, deadline: LONGEST, sockets: 0, ..Settings::default() };
    let mut settings = defaults.with_env()?;
    // It is counted from the arrival at the gateway, so each request gets a deadline of its own.
    let patience = std::mem::replace(&mut settings.deadline, LONGEST);
    let service = Service::start_observed(settings, load, cloudwatch::print)?;
    // What is left to load is waited for by the first event. A snapshot is taken of a loaded model, however long it takes.
    let in_time = if is_snapshot() { LONGEST } else { INITIALISATION };
    if let Ok(ready) = tokio::time::timeout(in_time, service.ready()).await {
        ready?;
    }
    let streaming = env::var("INDIC_SEAMLESS_RESPONSE").is_ok_and(|value| value == "streaming");
    let router = traces.router(router(&service)?);
    let host = Host { router, service: service.clone(), patience, streaming, traces };
    let handler = service_fn(move |event| {
        let host = host.clone();
        let named = |error: Error| Diagnostic {
            error_type: failure::name(&*error).to_owned(),
            error_message: error.to_string(),
        };
        async move {
            let traces = host.traces.clone();
            let answer = host.answer(event).await.map_err(named);
            traces.flush().await;
            answer
        }
    });
    // One event at a time, unless the platform sets AWS_LAMBDA_MAX_CONCURRENCY.
    Runtime::new(handler).register_snapstart_resource(Arc::new(Snapshot(service))).run_concurrent().await
}

/// Whether the platform takes a snapshot after the initialisation.
fn is_snapshot() -> bool {
    env::var("AWS_LAMBDA_INITIALIZATION_TYPE").is_ok_and(|kind| kind == "snap-start")
}

/// The endpoints of the service, and those of jobs if there is a bucket for them. Only here, where a queue brings back what is
/// uploaded.
fn router(service: &Service) -> crate::Result<Router> {
    #[cfg(feature = "s3")]
    if let Some(router) = crate::s3::with_jobs(service)? {
        return Ok(router);
    }
    Ok(service.router())
}

type Answer = FunctionResponse<Value, BodyDataStream>;

/// What answers events.
#[derive(Clone)]
struct Host {
    router: Router,
    service: Service,
    /// How long the gateway waits for an answer.
    patience: Duration,
    streaming: bool,
    traces: Traces,
}

impl Host {
    #[cfg_attr(
        not(feature = "s3"),
        expect(clippy::infallible_destructuring_match, reason = "HTTP is the only kind of event")
    )]
    async fn answer(self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Error> {
        let (payload, context) = event.into_parts();
        let event = match Event::of(payload)? {
            Event::Http(event) => event,
            #[cfg(feature = "s3")]
            Event::Recordings(recordings) => {
                let deadline = crate::gateway::of_invocation(&context);
                // What is left to load takes time of this event that the next one has for its recordings.
                let is_cold = tokio::time::timeout(Duration::ZERO, self.service.ready()).await.is_err();
                self.ready(deadline).await;
                let results = recordings.transcribe(&self.service, deadline, is_cold).await?;
                return Ok(FunctionResponse::BufferedResponse(results));
            }
        };
        self.http(event, context).await
    }

    async fn http(self, HttpEvent { event, by_hand }: HttpEvent, context: Context) -> Result<Answer, Error> {
        let payload: LambdaRequest = serde_json::from_str(event.get())?;
        // A load balancer takes whole answers only, and so does who invokes the function without a gateway.
        if self.streaming && !by_hand && !matches!(payload, LambdaRequest::Alb(_)) {
            let traces = self.traces.clone();
            let (parts, body) = self.respond(payload.into(), &context).await?.into_parts();
            let metadata_prelude =
                MetadataPrelude { status_code: parts.status, headers: parts.headers, cookies: Vec::new() };
            // The request is under way in its trace until the end of the answer.
            let end = stream::once(async move { traces.flush().await }).filter_map(|()| std::future::ready(None));
            let stream = Body::from_stream(body.into_data_stream().chain(end)).into_data_stream();
            return Ok(FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream }));
        }
        let of_invocation = context.clone();
        let handler = service_fn(move |request| {
            let (host, context) = (self.clone(), of_invocation.clone());
            async move { host.respond(request, &context).await }
        });
        // The adapter is gone before the wait: it cannot move to another thread.
        let response = Adapter::from(handler).call(LambdaEvent::new(payload, context));
        Ok(FunctionResponse::BufferedResponse(serde_json::to_value(response.await?)?))
    }

    async fn respond(self, request: Request, context: &Context) -> Result<Response, std::convert::Infallible> {
        let request = prepared(request, context, self.patience);
        if let Some(Deadline(deadline)) = request.extensions().get() {
            self.ready(*deadline).await;
        }
        self.router.oneshot(request).await
    }

    /// Waits for the model. If it does not become ready in time, or at all, the service says so.
    async fn ready(&self, deadline: std::time::Instant) {
        let _ = tokio::time::timeout_at(deadline.into(), self.service.ready()).await;
    }
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
