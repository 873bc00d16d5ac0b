//! Traces for an OpenTelemetry collector. Without the feature `otlp` there are none.

use axum::Router;

/// How long an invocation waits until the collector has its traces: its client has a second left then.
#[cfg(feature = "otlp")]
const AFTER_INVOCATION: std::time::Duration = std::time::Duration::from_millis(500);
/// How long the last traces of a listener may take.
#[cfg(feature = "otlp")]
const LAST: std::time::Duration = std::time::Duration::from_secs(3);

/// What exports traces.
#[derive(Clone)]
pub(crate) struct Traces {
    #[cfg(feature = "otlp")]
    exporter: indic_seamless_otlp::Traces,
}

#[cfg_attr(not(feature = "otlp"), expect(clippy::unused_self, reason = "there is nothing to export"))]
impl Traces {
    /// What the environment asks for.
    pub(crate) fn from_env() -> crate::Result<Self> {
        Ok(Self {
            #[cfg(feature = "otlp")]
            exporter: indic_seamless_otlp::Traces::from_env()?,
        })
    }

    /// The layer that takes the spans.
    #[cfg(feature = "otlp")]
    pub(crate) fn layer<S>(&self) -> Option<impl tracing_subscriber::Layer<S> + Send + Sync + use<S>>
    where
        S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span> + Send + Sync,
    {
        self.exporter.layer()
    }

    /// A router whose requests belong to the traces that they name.
    pub(crate) fn router(&self, router: Router) -> Router {
        #[cfg(feature = "otlp")]
        let router = self.exporter.router(router);
        router
    }

    /// Exports the traces of an invocation: the platform may freeze the process after its answer.
    pub(crate) async fn flush(&self) {
        #[cfg(feature = "otlp")]
        self.exporter.flush(AFTER_INVOCATION).await;
    }

    /// Exports what is left.
    pub(crate) async fn end(&self) {
        #[cfg(feature = "otlp")]
        self.exporter.end(LAST).await;
    }
}
