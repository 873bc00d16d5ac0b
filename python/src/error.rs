//! Errors as exceptions of Python.

use indic_seamless::Error;
use pyo3::{exceptions::PyRuntimeError, prelude::*};
use serde_json::{Value, json};

/// The exception for an error: a class of `indic_seamless` with the error's fields as attributes.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let exception = || {
        let (class, fields) = describe(error.cause());
        let partial = error.partial().and_then(|partial| serde_json::to_string(partial).ok());
        let module = py.import("indic_seamless._errors")?;
        let make = module.getattr("_make")?;
        make.call1((class, error.to_string(), fields.to_string(), partial))
    };
    match exception() {
        Ok(exception) => PyErr::from_value(exception),
        Err(_) => PyRuntimeError::new_err(error.to_string()),
    }
}

/// The class of an error, and its fields.
fn describe(error: &Error) -> (&'static str, Value) {
    match error {
        Error::Io { action, path, source } => {
            ("FileError", json!({ "action": action, "path": path.to_string_lossy(), "errno": source.raw_os_error() }))
        }
        Error::UnsupportedAudio { source_name, found, wanted } => {
            ("UnsupportedAudioError", json!({ "source": source_name, "found": found, "wanted": wanted }))
        }
        Error::DamagedAudio { source_name, reason } => {
            ("DamagedAudioError", json!({ "source": source_name, "reason": reason }))
        }
        Error::NoAudio { source_name, reason } => ("NoAudioError", json!({ "source": source_name, "reason": reason })),
        Error::AudioTooShort { source_name, samples, wanted } => {
            ("AudioTooShortError", json!({ "source": source_name, "found": samples, "wanted": wanted }))
        }
        Error::AudioTooLong { source_name, limit_s } => {
            ("AudioTooLongError", json!({ "source": source_name, "limit": limit_s }))
        }
        Error::TooManySamples { source_name, limit } => {
            ("AudioTooLongError", json!({ "source": source_name, "limit": limit }))
        }
        Error::NoSuchChannel { source_name, wanted, found } => {
            ("OptionError", json!({ "source": source_name, "option": "channel", "found": found, "wanted": wanted }))
        }
        Error::NoSuchTrack { source_name, wanted, found } => {
            ("OptionError", json!({ "source": source_name, "option": "track", "found": found, "wanted": wanted }))
        }
        Error::InvalidSample { source_name, index, value } => {
            ("InvalidSampleError", json!({ "source": source_name, "index": index, "found": value.to_string() }))
        }
        Error::UnknownLanguage { found, similar, .. } => {
            let similar: Vec<_> = similar.iter().map(|language| language.code()).collect();
            ("LanguageError", json!({ "option": "language", "found": found, "similar": similar }))
        }
        Error::UnsupportedScript { found, language, .. } => {
            ("LanguageError", json!({ "option": "language", "found": found, "similar": [language.code()] }))
        }
        Error::InvalidOption { option, found, wanted } => {
            ("OptionError", json!({ "option": option, "found": found, "wanted": wanted }))
        }
        Error::MissingFile { dir, wanted } => {
            ("CheckpointError", json!({ "path": dir.to_string_lossy(), "wanted": wanted }))
        }
        Error::MissingTensor { dir, name, wanted } => {
            ("CheckpointError", json!({ "path": dir.to_string_lossy(), "tensor": name, "wanted": wanted }))
        }
        Error::Hub { id, revision, kind, reason } => {
            let kind = format!("{kind:?}");
            ("HubError", json!({ "id": id, "revision": revision, "kind": kind, "reason": reason }))
        }
        Error::NoSpace { path, found, wanted } => {
            ("FileError", json!({ "path": path.to_string_lossy(), "found": found, "wanted": wanted }))
        }
        Error::AlreadyExists { path } => ("FileError", json!({ "path": path.to_string_lossy() })),
        Error::FileChanged { path, found, wanted } => {
            ("CheckpointError", json!({ "path": path.to_string_lossy(), "found": found, "wanted": wanted }))
        }
        Error::InvalidFile { path, reason } => {
            ("CheckpointError", json!({ "path": path.to_string_lossy(), "reason": reason }))
        }
        Error::InvalidConfig { path, key, found, wanted } => {
            ("CheckpointError", json!({ "path": path.to_string_lossy(), "key": key, "found": found, "wanted": wanted }))
        }
        Error::TensorShape { path, name, found, wanted } => (
            "CheckpointError",
            json!({ "path": path.to_string_lossy(), "tensor": name, "found": found, "wanted": wanted }),
        ),
        Error::TensorType { path, name, found } => {
            ("CheckpointError", json!({ "path": path.to_string_lossy(), "tensor": name, "found": found }))
        }
        Error::NonFiniteWeight { path, name, index, value } => (
            "CheckpointError",
            json!({ "path": path.to_string_lossy(), "tensor": name, "index": index, "found": value.to_string() }),
        ),
        Error::Device { kind, device, reason } => {
            ("DeviceError", json!({ "kind": format!("{kind:?}"), "device": device, "reason": reason }))
        }
        Error::NonFiniteLogit { token, value } => {
            ("CheckpointError", json!({ "token": token, "found": value.to_string() }))
        }
        Error::Stopped { reason, .. } => ("StoppedError", json!({ "reason": reason.to_string() })),
        Error::Busy { running, waiting } => ("BusyError", json!({ "running": running, "waiting": waiting })),
        _ => ("Error", json!({})),
    }
}
