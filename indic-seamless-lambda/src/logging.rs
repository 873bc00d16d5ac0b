//! The log, and the traces beside it.

use std::io;

use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::traces::Traces;

/// Logs JSON lines to standard error: this program's own at `level`, those of its libraries from warnings on. Starts traces if
/// the environment asks for them.
///
/// # Errors
///
/// An unknown level, or a variable of OpenTelemetry that cannot be followed.
pub(crate) fn start(level: &str) -> crate::Result<Traces> {
    let level = match level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        level => level.to_owned(),
    };
    let filter = EnvFilter::try_new(format!("warn,indic_seamless={level},indic_seamless_lambda={level}"))?;
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let log = tracing_subscriber::registry().with(lines.with_writer(io::stderr).with_filter(filter));
    let traces = Traces::from_env()?;
    #[cfg(feature = "otlp")]
    let log = log.with(traces.layer());
    log.init();
    Ok(traces)
}
