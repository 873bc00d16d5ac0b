//! Traces of the `indic-seamless` service for an OpenTelemetry collector.
//!
//! The service makes `tracing` spans: one for each request, and below it one for each stage. [`Traces`] exports them by OTLP over
//! HTTP, as OpenTelemetry's own environment variables say, and takes the parent of a request from its header `traceparent`.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::Router;
//! use indic_seamless_otlp::Traces;
//! use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
//!
//! # async fn run(service: Router) -> Result<(), Box<dyn std::error::Error>> {
//! let traces = Traces::from_env()?;
//! tracing_subscriber::registry().with(traces.layer()).init();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! axum::serve(listener, traces.router(service)).await?;
//! traces.end(Duration::from_secs(3)).await;
//! # Ok(())
//! # }
//! ```

mod client;
mod ids;
mod settings;

use std::time::Duration;

use axum::{Router, extract::Request, middleware::Next, response::Response};
use opentelemetry::{context::FutureExt as _, propagation::TextMapPropagator as _, trace::TracerProvider as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{error::OTelSdkResult, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::FilterFn, registry::LookupSpan};

pub use self::settings::TracesError;
use self::{client::Client, ids::SystemIds, settings::Settings};

/// The spans whose names and fields are those of this project: of the library, and of its programs.
const TARGET: &str = "indic_seamless";

/// What exports traces, or does nothing if the environment names no collector.
#[derive(Debug, Clone)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Starts a thread that exports spans, if `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set, and
    /// neither `OTEL_SDK_DISABLED=true` nor `OTEL_TRACES_EXPORTER=none`.
    ///
    /// Names and meanings of all variables are [OpenTelemetry's]: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
    /// `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_EXPORTER_OTLP_CERTIFICATE`,
    /// `OTEL_BSP_*`.
    ///
    /// [OpenTelemetry's]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    ///
    /// # Errors
    ///
    /// [`TracesError`] for a variable that asks for what is not here, such as gRPC.
    pub fn from_env() -> Result<Self, TracesError> {
        let Some(settings) = Settings::new(&|name| std::env::var(name).ok())? else { return Ok(Self(None)) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Client::new(&settings)?)
            .build()
            .map_err(|error| TracesError::Exporter(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_id_generator(SystemIds)
            .with_resource(settings.resource)
            .build();
        Ok(Self(Some(provider)))
    }

    /// The layer that takes the spans of the service from `tracing`. Events are left to the log.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.0.as_ref()?.tracer("indic-seamless");
        let spans = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target().starts_with(TARGET);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        let layer = layer.with_tracked_inactivity(false).with_target(false);
        Some(layer.with_filter(FilterFn::new(spans).with_max_level_hint(LevelFilter::DEBUG)))
    }

    /// A router whose requests belong to the trace that their header `traceparent` names. One that is not valid is ignored.
    pub fn router(&self, router: Router) -> Router {
        if self.0.is_none() { router } else { router.layer(axum::middleware::from_fn(in_its_trace)) }
    }

    /// Exports the spans that have ended, for at most so long.
    pub async fn flush(&self, most: Duration) {
        self.at_once(most, SdkTracerProvider::force_flush).await;
    }

    /// Exports the spans that have ended, for at most so long, and no others any more.
    pub async fn end(&self, most: Duration) {
        self.at_once(most, move |provider| provider.shutdown_with_timeout(most)).await;
    }

    async fn at_once(&self, most: Duration, work: impl FnOnce(&SdkTracerProvider) -> OTelSdkResult + Send + 'static) {
        let Some(provider) = self.0.clone() else { return };
        // It waits for the thread that exports.
        let done = tokio::task::spawn_blocking(move || work(&provider));
        match tokio::time::timeout(most, done).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "traces were not exported"),
            Ok(Err(_)) | Err(_) => tracing::warn!("traces were not exported in time"),
        }
    }
}

async fn in_its_trace(request: Request, next: Next) -> Response {
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    next.run(request).with_context(parent).await
}
