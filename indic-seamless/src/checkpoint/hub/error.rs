//! What can go wrong with the hub, and what to do about it.

use std::{io, path::Path, time::Duration};

use super::{HubModel, place::Place};
use crate::{Error, error::HubErrorKind as Kind};

/// Longest text of the hub in an error.
const MESSAGE: usize = 300;

/// Why a model could not be downloaded.
#[derive(Debug, Clone)]
pub(super) enum HubError {
    /// Offline mode, and the cache lacks something.
    Offline,
    /// The hub cannot be reached.
    Network { reason: String, again: Again },
    /// The hub answered with an error.
    Refused(StatusError),
    /// The cache cannot be written.
    Disk(String),
    /// The disk is too full for the model.
    NoSpace { found: u64, wanted: u64 },
    /// Another program holds the lock of this file, and the file does not grow.
    Locked(String),
    /// The model lacks a file.
    Missing(String),
    /// The answers are invalid.
    Content(String),
    /// The download was stopped because of an error with another file.
    Stopped,
}

/// Whether another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Soon,
    After(Duration),
}

/// A status of 400 or above.
#[derive(Debug, Clone, Default)]
pub(super) struct StatusError {
    pub(super) status: u16,
    /// The hub's `X-Error-Code`.
    pub(super) code: String,
    /// The hub's `X-Error-Message`.
    pub(super) message: String,
    /// What was requested.
    pub(super) what: String,
}

impl HubError {
    /// A connection that could not be made or broke.
    pub(super) fn transport(error: &ureq::Error, host: &str) -> Self {
        let mut again = Again::Soon;
        let reason = match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                format!("no connection to {host} in time")
            }
            ureq::Error::Timeout(_) => format!("{host} has stopped sending"),
            ureq::Error::HostNotFound => format!("no address found for {host}"),
            ureq::Error::Io(error) => return Self::broken(error, host),
            ureq::Error::ConnectProxyFailed(reason) => {
                again = Again::Never;
                format!("the proxy does not connect to {host}: {reason}")
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                return Self::Content(format!("{host}: no valid address: {error}"));
            }
            error => return Self::other(&error.to_string(), host),
        };
        Self::Network { reason, again }
    }

    /// A connection that broke while something was read.
    pub(super) fn broken(error: &io::Error, host: &str) -> Self {
        // The client wraps its errors in I/O errors for readers.
        match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(inner) if !matches!(inner, ureq::Error::Io(_)) => Self::transport(inner, host),
            _ => Self::other(&error.to_string(), host),
        }
    }

    fn other(reason: &str, host: &str) -> Self {
        // By its text, since the client does not expose the type of TLS errors.
        if reason.contains("invalid peer certificate") {
            let hint = "if a proxy of your network reads encrypted traffic, set SSL_CERT_FILE to the file with its certificate";
            return Self::Network { reason: format!("{host}: {reason}; {hint}"), again: Again::Never };
        }
        Self::Network { reason: format!("{host}: {reason}"), again: Again::Soon }
    }

    pub(super) fn disk(action: &str, path: &Path, error: &io::Error) -> Self {
        Self::Disk(format!("cannot {action} {}: {error}", path.display()))
    }

    /// Whether a complete model in the cache may be used instead.
    pub(super) fn leaves_cached(&self) -> bool {
        // Login portals answer instead of the hub.
        matches!(self, Self::Network { .. } | Self::Content(_) | Self::Locked(_))
    }

    /// The public error: what happened, and what can be done.
    pub(super) fn error(self, model: &HubModel, place: &Place) -> Error {
        let HubModel { id, revision, .. } = model;
        let page = format!("{}/{id}", place.endpoint);
        let by_hand = format!(
            "or download the files of {page}/tree/{revision} by hand into a folder and name that instead (`--model DIR`)"
        );
        let cache = place.dir.display();
        // Without a token the next attempt would fail as well, if the model is gated.
        let gated = match place.token {
            Some(_) => String::new(),
            None => format!(" (if the model is gated, accept its licence at {page} and set HF_TOKEN)"),
        };
        let (kind, reason) = match self {
            Self::Offline => (
                Kind::Offline,
                format!(
                    "not (completely) in the cache {cache}, and offline mode forbids the download; allow the network \
                     once{gated}, {by_hand}"
                ),
            ),
            Self::Network { reason, .. } => (
                Kind::Network,
                format!(
                    "the hub cannot be reached ({reason}) and the model is not in the cache; try again{gated}, {by_hand}"
                ),
            ),
            Self::Refused(refusal) => refusal.explain(&page, place.token.is_some()),
            Self::Disk(reason) => {
                (Kind::Disk, format!("cannot write to the cache {cache}: {reason}; set HF_HOME to a folder elsewhere"))
            }
            Self::NoSpace { found, wanted } => return Error::NoSpace { path: place.dir.clone(), found, wanted },
            Self::Locked(file) => (
                Kind::Locked,
                format!("another program is downloading {file} and makes no progress; end it, or try again later"),
            ),
            Self::Missing(reason) => (Kind::FileNotFound, reason),
            Self::Content(reason) => (Kind::InvalidAnswer, reason),
            Self::Stopped => (Kind::Network, "the download was stopped".to_owned()),
        };
        Error::Hub { kind, id: id.clone(), revision: revision.clone(), reason }
    }
}

impl StatusError {
    fn explain(&self, page: &str, token: bool) -> (Kind, String) {
        let Self { status, what, .. } = self;
        let tokens = "set HF_TOKEN to a token of https://huggingface.co/settings/tokens";
        let (kind, reason) = match (self.code.as_str(), status) {
            ("GatedRepo", 401) if !token => (
                Kind::Unauthorized,
                format!(
                    "the model is gated, and {what} needs a token (401); accept the licence at {page} and {tokens}"
                ),
            ),
            (code, 401) if !token => (
                if code == "RepoNotFound" { Kind::ModelNotFound } else { Kind::Unauthorized },
                format!(
                    "the hub wants a token for {what} (401), or there is no such model; accept the licence at {page} \
                     and {tokens}"
                ),
            ),
            (_, 401) => (
                Kind::Unauthorized,
                format!(
                    "the hub does not accept the token for {what} (401): it may have expired, or there is no such \
                     model; accept the licence at {page} and {tokens}"
                ),
            ),
            ("GatedRepo", _) | (_, 403) => (
                Kind::NotAccepted,
                format!(
                    "the hub refuses {what} ({status}); accept the licence at {page} with the account of the token, and \
                     set HF_TOKEN to a token that may read gated models"
                ),
            ),
            ("RevisionNotFound", _) => {
                (Kind::RevisionNotFound, format!("the hub has no {what} ({status}); see {page}/tree/main"))
            }
            ("EntryNotFound", _) => (Kind::FileNotFound, format!("the hub has no {what} ({status}); see {page}")),
            (_, 404 | 410) => (Kind::ModelNotFound, format!("the hub has no {what} ({status}); see {page}")),
            _ => (Kind::InvalidAnswer, format!("the hub answers {status} for {what}")),
        };
        if self.message.is_empty() {
            (kind, reason)
        } else {
            (kind, format!("{reason}; the hub says: {}", self.message))
        }
    }
}

/// One line of a message of a server.
pub(super) fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect();
    line.trim().to_owned()
}
