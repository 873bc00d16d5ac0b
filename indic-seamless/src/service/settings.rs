//! The settings of the service.

use std::{env, str::FromStr, time::Duration};

use crate::error::{Error, Result};

/// Limits and behaviour of the service.
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
    /// How many requests may wait while one is processed, `INDIC_SEAMLESS_QUEUE`. Each may hold a body and a recording of
    /// the sizes above.
    pub queue: usize,
    /// How many requests one client may have in flight, `INDIC_SEAMLESS_PER_CLIENT`; 0 for no limit. A client is identified
    /// by its API key, or else by its address.
    pub per_client: usize,
    /// How long a request may take after its arrival, `INDIC_SEAMLESS_DEADLINE_S`. A host may set an earlier
    /// [`Deadline`](super::Deadline) for each request.
    pub deadline: Duration,
    /// How long a client may pause while it sends a body, `INDIC_SEAMLESS_BODY_TIMEOUT_S`.
    pub body_timeout: Duration,
    /// Origins whose pages may read answers, `INDIC_SEAMLESS_CORS_ORIGINS`: none, `*`, or a comma-separated list.
    /// Credentials are never allowed.
    pub cors_origins: Vec<String>,
    /// A prefix of all paths, `INDIC_SEAMLESS_ROOT_PATH`, if a proxy in front adds one. Paths without it work too.
    pub root_path: String,
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
        }
    }
}

impl Settings {
    /// The defaults, changed by the environment variables named at the fields.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a variable whose value cannot be read.
    pub fn from_env() -> Result<Self> {
        Self::default().with_env()
    }

    /// These settings, changed by the environment variables named at the fields: for hosts with defaults of their own.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a variable whose value cannot be read.
    ///
    /// ```
    /// use indic_seamless::service::Settings;
    ///
    /// let settings = Settings { max_body_bytes: 4_500_000, ..Settings::default() }.with_env()?;
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn with_env(self) -> Result<Self> {
        Ok(Self {
            max_body_bytes: number("INDIC_SEAMLESS_MAX_BODY_BYTES")?.unwrap_or(self.max_body_bytes),
            max_audio: seconds("INDIC_SEAMLESS_MAX_AUDIO_S")?.unwrap_or(self.max_audio),
            queue: number("INDIC_SEAMLESS_QUEUE")?.unwrap_or(self.queue),
            per_client: number("INDIC_SEAMLESS_PER_CLIENT")?.unwrap_or(self.per_client),
            deadline: seconds("INDIC_SEAMLESS_DEADLINE_S")?.unwrap_or(self.deadline),
            body_timeout: seconds("INDIC_SEAMLESS_BODY_TIMEOUT_S")?.unwrap_or(self.body_timeout),
            cors_origins: text("INDIC_SEAMLESS_CORS_ORIGINS").map_or(self.cors_origins, |text| list(&text)),
            root_path: text("INDIC_SEAMLESS_ROOT_PATH").map_or(self.root_path, |text| root_path(&text)),
        })
    }
}

fn text(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn invalid(option: &'static str, found: &str, wanted: &str) -> Error {
    Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() }
}

fn number<T: FromStr>(name: &'static str) -> Result<Option<T>> {
    let Some(text) = text(name) else { return Ok(None) };
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

/// `prod/` and `/prod` mean `/prod`; `/` means no prefix.
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
