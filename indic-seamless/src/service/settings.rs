//! What a host may set.

use std::{env, str::FromStr, time::Duration};

use crate::error::{Error, Result};

/// Limits and manners of the service.
///
/// ```
/// use indic_seamless::service::Settings;
///
/// let settings = Settings { queue: 2, ..Settings::default() };
/// assert_eq!(settings.max_body_bytes, 50 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The largest request body, `INDIC_SEAMLESS_MAX_BODY_BYTES`.
    pub max_body_bytes: usize,
    /// The longest recording, `INDIC_SEAMLESS_MAX_AUDIO_S`.
    pub max_audio: Duration,
    /// How many requests may wait while one is worked on, `INDIC_SEAMLESS_QUEUE`. Each may hold a body and a recording of the
    /// sizes above.
    pub queue: usize,
    /// How many requests of one client may be under way, `INDIC_SEAMLESS_PER_CLIENT`; 0 for no limit. A client is an API key,
    /// else an address.
    pub per_client: usize,
    /// How long a request may take from its arrival, `INDIC_SEAMLESS_DEADLINE_S`. A host may set an earlier
    /// [`Deadline`](super::Deadline) for each request.
    pub deadline: Duration,
    /// How long a client may pause while it sends a body, `INDIC_SEAMLESS_BODY_TIMEOUT_S`.
    pub body_timeout: Duration,
    /// Origins whose pages may read answers, `INDIC_SEAMLESS_CORS_ORIGINS`: none, `*`, or a list with commas. Credentials are
    /// never allowed.
    pub cors_origins: Vec<String>,
    /// A prefix of all paths, `INDIC_SEAMLESS_ROOT_PATH`, as a proxy in front may have it; paths without it work too.
    pub root_path: String,
    /// Whether to print CloudWatch's embedded metrics to standard output, a line for each request. On in Lambda.
    pub embedded_metrics: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body_bytes: 50 * 1024 * 1024,
            max_audio: Duration::from_secs(900),
            queue: 8,
            per_client: 0,
            deadline: Duration::from_secs(300),
            body_timeout: Duration::from_secs(10),
            cors_origins: Vec::new(),
            root_path: String::new(),
            embedded_metrics: false,
        }
    }
}

impl Settings {
    /// The defaults, changed by the environment variables named at the fields. In Lambda bodies end at the platform's 6 MB.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a variable that makes no sense.
    pub fn from_env() -> Result<Self> {
        let in_lambda = env::var_os("AWS_LAMBDA_RUNTIME_API").is_some();
        let default = Self::default();
        let settings = Self {
            max_body_bytes: number("INDIC_SEAMLESS_MAX_BODY_BYTES")?.unwrap_or(if in_lambda {
                LAMBDA_BODY_BYTES
            } else {
                default.max_body_bytes
            }),
            max_audio: seconds("INDIC_SEAMLESS_MAX_AUDIO_S")?.unwrap_or(default.max_audio),
            queue: number("INDIC_SEAMLESS_QUEUE")?.unwrap_or(default.queue),
            per_client: number("INDIC_SEAMLESS_PER_CLIENT")?.unwrap_or(default.per_client),
            deadline: seconds("INDIC_SEAMLESS_DEADLINE_S")?.unwrap_or(default.deadline),
            body_timeout: seconds("INDIC_SEAMLESS_BODY_TIMEOUT_S")?.unwrap_or(default.body_timeout),
            cors_origins: list(&env::var("INDIC_SEAMLESS_CORS_ORIGINS").unwrap_or_default()),
            root_path: root_path(&env::var("INDIC_SEAMLESS_ROOT_PATH").unwrap_or_default()),
            embedded_metrics: in_lambda,
        };
        Ok(settings)
    }
}

/// 6 MB of JSON hold this much after base64, with room for the rest of the event.
const LAMBDA_BODY_BYTES: usize = 4_500_000;

fn invalid(option: &'static str, found: &str, wanted: &str) -> Error {
    Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() }
}

fn number<T: FromStr>(name: &'static str) -> Result<Option<T>> {
    let Ok(text) = env::var(name) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| invalid(name, &text, "a whole number"))
}

fn seconds(name: &'static str) -> Result<Option<Duration>> {
    let Some(seconds) = number::<f64>(name)? else { return Ok(None) };
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    duration.map(Some).ok_or_else(|| invalid(name, &seconds.to_string(), "a number of seconds above 0"))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `prod/` and `/prod` are `/prod`, `/` is nothing.
fn root_path(text: &str) -> String {
    match text.trim().trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_paths_are_forgiving() {
        assert_eq!(list(" https://a.example , https://b.example,"), ["https://a.example", "https://b.example"]);
        assert_eq!([root_path("/"), root_path("prod/"), root_path("/a/b")], ["", "/prod", "/a/b"]);
    }
}
