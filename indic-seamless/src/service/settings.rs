//! The settings of the service.

use std::{env, str::FromStr, time::Duration};

use axum::http::HeaderName;

use super::keys::ApiKeys;
use crate::{
    audio::AudioOptions,
    error::{Error, Result},
    language::Language,
};

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
    /// The longest recording, and the longest live transcription, `INDIC_SEAMLESS_MAX_AUDIO_S`.
    pub max_audio: Duration,
    /// The memory of all bodies that are being received or wait, `INDIC_SEAMLESS_MAX_WAITING_BYTES`. At least twice the largest
    /// body, since a recording in JSON is there twice while it is decoded.
    pub max_waiting_bytes: usize,
    /// How many recordings are transcribed at a time, `INDIC_SEAMLESS_RECORDINGS`. They share the steps of the decoder, of which
    /// sixteen take little longer than one. Each is decoded as it is transcribed.
    pub recordings: usize,
    /// How many requests may wait beside these, `INDIC_SEAMLESS_QUEUE`. A request has its place once its whole body has come.
    pub queue: usize,
    /// How many live transcriptions there may be at a time, `INDIC_SEAMLESS_SOCKETS`: each is a WebSocket, and needs some 10 MB.
    /// 0 where the host has no sockets.
    pub sockets: usize,
    /// How many requests and live transcriptions one client may have in flight, `INDIC_SEAMLESS_PER_CLIENT`; 0 for no limit. A client is an API key of
    /// [`api_keys`](Self::api_keys), or else an address; of IPv6, a network of 64 bits.
    pub per_client: usize,
    /// The header in which a proxy in front puts the address of the client, such as `x-forwarded-for`,
    /// `INDIC_SEAMLESS_TRUSTED_PROXY_HEADER`. The last address in it counts. Set it only if nobody can reach the service but
    /// through the proxy: otherwise clients can invent addresses.
    pub trusted_proxy_header: Option<String>,
    /// Who may use the service, `INDIC_SEAMLESS_API_KEYS` (the path of a [file](ApiKeys)); everybody if `None`. The state of the
    /// service (`/health`, `/ready`), its page and its description stay open.
    pub api_keys: Option<ApiKeys>,
    /// The language of the text where a request names none, `INDIC_SEAMLESS_DEFAULT_LANGUAGE`; `None` (`auto`) for the spoken one,
    /// which is [guessed](crate::Transcriber::detect_language): experimental, and its first clip is encoded twice.
    pub default_language: Option<Language>,
    /// What the model is called in OpenAI's API, `INDIC_SEAMLESS_MODEL_ID`, such as `ai4bharat/indic-seamless`. Requests may also
    /// use the part after the slash.
    pub model_id: String,
    /// How long a request may take after its arrival, `INDIC_SEAMLESS_DEADLINE_S`. A host may set an earlier
    /// [`Deadline`](super::Deadline) for each request.
    pub deadline: Duration,
    /// How long a client may pause while it sends a body, `INDIC_SEAMLESS_BODY_TIMEOUT_S`. After this time it must also have sent
    /// 1 KiB a second on average.
    pub body_timeout: Duration,
    /// How long a client may take nothing of an answer, `INDIC_SEAMLESS_WRITE_TIMEOUT_S`.
    pub write_timeout: Duration,
    /// How long a connection without a request is kept, and a live transcription without an event, `INDIC_SEAMLESS_KEEP_ALIVE_S`. It must be longer than a load balancer
    /// keeps it, or some requests are lost.
    pub keep_alive: Duration,
    /// For how long `/ready` answers 503 on shutdown before connections are refused, `INDIC_SEAMLESS_DRAIN_S`: the time that a load
    /// balancer needs to notice.
    pub drain: Duration,
    /// How long requests in flight may then still take, `INDIC_SEAMLESS_GRACE_S`.
    pub grace: Duration,
    /// Origins whose pages may read answers and transcribe live, `INDIC_SEAMLESS_CORS_ORIGINS`: none, `*`, or a comma-separated list.
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
            max_waiting_bytes: 100 * 1024 * 1024,
            recordings: 16,
            queue: 8,
            sockets: 16,
            per_client: 0,
            trusted_proxy_header: None,
            api_keys: None,
            default_language: Some(Language::ENGLISH),
            model_id: "indic-seamless".to_owned(),
            deadline: Duration::from_secs(300),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            drain: Duration::ZERO,
            grace: Duration::from_secs(300),
            cors_origins: Vec::new(),
            root_path: String::new(),
        }
    }
}

/// The most samples in a second of the longest recording: eight channels at 48 kHz.
const DENSEST: f64 = 8.0 * 48_000.0;

impl Settings {
    /// How recordings are decoded. Recordings with many channels at a high rate, which take as long to decode as much longer ones,
    /// must be shorter.
    pub(super) fn audio_options(&self) -> AudioOptions {
        let max = self.max_audio;
        AudioOptions::new().max_duration(max).max_samples((max.as_secs_f64() * DENSEST) as u64)
    }

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
        self.with(Variables(&|name| env::var(name).ok()))
    }

    /// These settings, changed by variables.
    fn with(self, variables: Variables<'_>) -> Result<Self> {
        let max_body_bytes = variables.number("INDIC_SEAMLESS_MAX_BODY_BYTES")?.unwrap_or(self.max_body_bytes);
        let default_waiting = self.max_waiting_bytes.max(max_body_bytes.saturating_mul(2));
        Ok(Self {
            max_body_bytes,
            max_audio: variables.seconds("INDIC_SEAMLESS_MAX_AUDIO_S")?.unwrap_or(self.max_audio),
            max_waiting_bytes: variables.number("INDIC_SEAMLESS_MAX_WAITING_BYTES")?.unwrap_or(default_waiting),
            recordings: variables.number("INDIC_SEAMLESS_RECORDINGS")?.unwrap_or(self.recordings),
            queue: variables.number("INDIC_SEAMLESS_QUEUE")?.unwrap_or(self.queue),
            sockets: variables.number("INDIC_SEAMLESS_SOCKETS")?.unwrap_or(self.sockets),
            per_client: variables.number("INDIC_SEAMLESS_PER_CLIENT")?.unwrap_or(self.per_client),
            trusted_proxy_header: variables.text("INDIC_SEAMLESS_TRUSTED_PROXY_HEADER").or(self.trusted_proxy_header),
            api_keys: match variables.text("INDIC_SEAMLESS_API_KEYS") {
                Some(path) => Some(ApiKeys::from_file(path)?),
                None => self.api_keys,
            },
            default_language: match variables.text(DEFAULT_LANGUAGE) {
                Some(text) => default_language(&text)?,
                None => self.default_language,
            },
            model_id: variables.text("INDIC_SEAMLESS_MODEL_ID").unwrap_or(self.model_id),
            deadline: variables.seconds("INDIC_SEAMLESS_DEADLINE_S")?.unwrap_or(self.deadline),
            body_timeout: variables.seconds("INDIC_SEAMLESS_BODY_TIMEOUT_S")?.unwrap_or(self.body_timeout),
            write_timeout: variables.seconds("INDIC_SEAMLESS_WRITE_TIMEOUT_S")?.unwrap_or(self.write_timeout),
            keep_alive: variables.seconds("INDIC_SEAMLESS_KEEP_ALIVE_S")?.unwrap_or(self.keep_alive),
            drain: variables.seconds_or_none("INDIC_SEAMLESS_DRAIN_S")?.unwrap_or(self.drain),
            grace: variables.seconds_or_none("INDIC_SEAMLESS_GRACE_S")?.unwrap_or(self.grace),
            cors_origins: variables.text("INDIC_SEAMLESS_CORS_ORIGINS").map_or(self.cors_origins, |text| list(&text)),
            root_path: variables.text("INDIC_SEAMLESS_ROOT_PATH").map_or(self.root_path, |text| root_path(&text)),
        })
    }

    /// Checks what could not be meant.
    pub(super) fn check(&self) -> Result<()> {
        let least = self.max_body_bytes.saturating_mul(2);
        if self.max_waiting_bytes < least {
            let wanted = format!("at least {least}, twice the largest body");
            return Err(invalid("max_waiting_bytes", &self.max_waiting_bytes.to_string(), &wanted));
        }
        if self.recordings == 0 {
            return Err(invalid("recordings", "0", "at least 1"));
        }
        if self.model_id.trim().is_empty() {
            return Err(invalid("model_id", &self.model_id, "a name"));
        }
        match &self.trusted_proxy_header {
            Some(name) if HeaderName::from_bytes(name.as_bytes()).is_err() => {
                Err(invalid("trusted_proxy_header", name, "the name of a header, such as x-forwarded-for"))
            }
            _ => Ok(()),
        }
    }
}

/// The variable of [`Settings::default_language`].
const DEFAULT_LANGUAGE: &str = "INDIC_SEAMLESS_DEFAULT_LANGUAGE";

fn default_language(text: &str) -> Result<Option<Language>> {
    if text.trim().eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| invalid(DEFAULT_LANGUAGE, text, "a language, or auto"))
}

fn invalid(option: &'static str, found: &str, wanted: &str) -> Error {
    Error::InvalidOption { option, found: found.to_owned(), wanted: wanted.to_owned() }
}

/// Environment variables by name.
#[derive(Clone, Copy)]
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn text(self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn number<T: FromStr>(self, name: &'static str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| invalid(name, &text, "a whole number"))
    }

    fn seconds(self, name: &'static str) -> Result<Option<Duration>> {
        match self.seconds_or_none(name)? {
            Some(Duration::ZERO) => Err(invalid(name, "0", "a number of seconds above 0")),
            duration => Ok(duration),
        }
    }

    fn seconds_or_none(self, name: &'static str) -> Result<Option<Duration>> {
        let Some(seconds) = self.number::<f64>(name)? else { return Ok(None) };
        let duration = Duration::try_from_secs_f64(seconds);
        duration.map(Some).map_err(|_| invalid(name, &seconds.to_string(), "a number of seconds"))
    }
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
    use std::{cell::RefCell, collections::BTreeSet};

    use super::*;

    #[test]
    fn each_variable_changes_its_setting_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("keys.txt");
        std::fs::write(&file, format!("mobile app:{}\n", "0".repeat(64))).expect("written");
        let (file, keys) = (file.to_str().expect("UTF-8"), ApiKeys::from_file(&file).expect("keys"));
        let (default, s) = (Settings::default, Duration::from_secs);
        let header = Some("x-real-ip".to_owned());
        let origins = vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
        let rows = [
            ("INDIC_SEAMLESS_API_KEYS", file, Settings { api_keys: Some(keys), ..default() }),
            ("INDIC_SEAMLESS_BODY_TIMEOUT_S", "1.5", Settings { body_timeout: s(3) / 2, ..default() }),
            (
                "INDIC_SEAMLESS_CORS_ORIGINS",
                "https://a.example,https://b.example",
                Settings { cors_origins: origins, ..default() },
            ),
            ("INDIC_SEAMLESS_DEADLINE_S", "29", Settings { deadline: s(29), ..default() }),
            (DEFAULT_LANGUAGE, "hin", Settings { default_language: Some(Language::HINDI), ..default() }),
            ("INDIC_SEAMLESS_DRAIN_S", "5", Settings { drain: s(5), ..default() }),
            ("INDIC_SEAMLESS_GRACE_S", "0", Settings { grace: s(0), ..default() }),
            ("INDIC_SEAMLESS_KEEP_ALIVE_S", "620", Settings { keep_alive: s(620), ..default() }),
            ("INDIC_SEAMLESS_MAX_AUDIO_S", "60", Settings { max_audio: s(60), ..default() }),
            ("INDIC_SEAMLESS_MAX_BODY_BYTES", "1000", Settings { max_body_bytes: 1000, ..default() }),
            ("INDIC_SEAMLESS_MAX_WAITING_BYTES", "2000", Settings { max_waiting_bytes: 2000, ..default() }),
            ("INDIC_SEAMLESS_MODEL_ID", "a/model", Settings { model_id: "a/model".to_owned(), ..default() }),
            ("INDIC_SEAMLESS_PER_CLIENT", "4", Settings { per_client: 4, ..default() }),
            ("INDIC_SEAMLESS_QUEUE", "0", Settings { queue: 0, ..default() }),
            ("INDIC_SEAMLESS_RECORDINGS", "3", Settings { recordings: 3, ..default() }),
            ("INDIC_SEAMLESS_ROOT_PATH", "/prod", Settings { root_path: "/prod".to_owned(), ..default() }),
            ("INDIC_SEAMLESS_SOCKETS", "2", Settings { sockets: 2, ..default() }),
            (
                "INDIC_SEAMLESS_TRUSTED_PROXY_HEADER",
                "x-real-ip",
                Settings { trusted_proxy_header: header, ..default() },
            ),
            ("INDIC_SEAMLESS_WRITE_TIMEOUT_S", "7", Settings { write_timeout: s(7), ..default() }),
        ];
        let asked = RefCell::new(BTreeSet::new());
        let none = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            None::<String>
        };
        assert_eq!(default().with(Variables(&none)).expect("settings"), default());
        let names: BTreeSet<String> = rows.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!(asked.into_inner(), names, "a variable without a row, or a row without a variable");
        for (name, value, wanted) in rows {
            assert_ne!(wanted, default(), "{name}");
            let one = |asked: &str| (asked == name).then(|| value.to_owned());
            assert_eq!(default().with(Variables(&one)).expect(name), wanted, "{name}");
        }
    }

    #[test]
    fn lists_and_paths_are_forgiving() {
        assert_eq!(list(" https://a.example , https://b.example,"), ["https://a.example", "https://b.example"]);
        assert_eq!(default_language(" Auto ").expect("a value"), None);
        assert_eq!(default_language("hi").expect("a value"), Some(Language::HINDI));
        let error = default_language("klingon").expect_err("no language").to_string();
        assert!(error.contains(DEFAULT_LANGUAGE) && error.contains("klingon"), "{error}");
        assert_eq!([root_path("/"), root_path("prod/"), root_path("/a/b")], ["", "/prod", "/a/b"]);
    }
}
