//! What can go wrong with the hub, and what to do about it.

use std::io;

use hf_hub::api::sync::ApiError;

use super::{HubModel, Place};
use crate::Error;

/// What kept a model from being downloaded.
#[derive(Debug)]
pub(super) enum Failure {
    Offline,
    /// It may work later.
    Network(String),
    /// The hub's answer to the request for something.
    Status(u16, String),
    Disk(String),
    Busy(String),
    /// The hub has something else than what is wanted.
    Content(String),
}

impl Failure {
    pub(super) fn new(error: &ApiError, what: &str) -> Self {
        match error {
            ApiError::RequestError(error) => match **error {
                ureq::Error::StatusCode(status @ (408 | 429 | 500..)) => {
                    Self::Network(format!("it answers {status} for {what}"))
                }
                ureq::Error::StatusCode(status) => Self::Status(status, what.to_owned()),
                _ => Self::Network(error.to_string()),
            },
            ApiError::IoError(error) => match error.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::Unsupported => Self::Disk(error.to_string()),
                _ => Self::Network(format!("{what}: {error}")),
            },
            ApiError::LockAcquisition(_) => Self::Busy(what.to_owned()),
            error => Self::Content(format!("the hub's answer for {what} makes no sense: {error}")),
        }
    }

    /// The public error: what happened, and what can be done.
    pub(super) fn error(&self, model: &HubModel, place: &Place) -> Error {
        let HubModel { id, revision, .. } = model;
        let page = format!("{}/{id}", place.endpoint);
        let by_hand = format!(
            "or download the files of {page}/tree/{revision} by hand into a folder and name that instead (`--model DIR`)"
        );
        // Without a token the next attempt would fail as well, if the model is gated.
        let gated = match place.token {
            Some(_) => String::new(),
            None => format!(" (if the model is gated, accept its licence at {page} and set HF_TOKEN)"),
        };
        let reason = match self {
            Self::Offline => format!(
                "not (completely) in the cache {}, and offline mode forbids the download; allow the network once{gated}, \
                 {by_hand}",
                place.dir.display()
            ),
            Self::Network(reason) => format!(
                "the hub cannot be reached ({reason}) and the model is not in the cache; try again{gated}, {by_hand}"
            ),
            Self::Status(401, what) if place.token.is_some() => format!(
                "the hub does not accept the token for {what} (401): it may have expired, or there is no such model; \
                 accept the licence at {page} and set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
            ),
            Self::Status(401, what) => format!(
                "the hub wants a token for {what} (401), or there is no such model; accept the licence at {page} and \
                 set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
            ),
            Self::Status(403, what) => format!(
                "the hub refuses {what} (403); accept the licence at {page} with the account of the token, and set \
                 HF_TOKEN to a token that may read gated models"
            ),
            Self::Status(404, what) => format!("the hub has no {what} (404); see {page}"),
            Self::Status(status, what) => format!("the hub answers {status} for {what}"),
            Self::Disk(reason) => {
                format!(
                    "cannot write to the cache {}: {reason}; set HF_HOME to a folder elsewhere",
                    place.dir.display()
                )
            }
            Self::Busy(file) => {
                format!("another program is downloading {file} already; try again when it is done")
            }
            Self::Content(reason) => reason.clone(),
        };
        Error::Hub { id: id.clone(), revision: revision.clone(), reason }
    }
}
