//! The log.

use std::io;

use tracing_subscriber::EnvFilter;

/// Logs JSON lines to standard error: this program's own at `level`, those of its libraries from warnings on.
///
/// # Errors
///
/// An unknown level.
pub(crate) fn start(level: &str) -> crate::Result<()> {
    let level = match level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        level => level.to_owned(),
    };
    let filter = EnvFilter::try_new(format!("warn,indic_seamless={level},indic_seamless_lambda={level}"))?;
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    lines.with_writer(io::stderr).with_env_filter(filter).init();
    Ok(())
}
