//! What errors are made with.

use std::{any::Any, io, path::PathBuf};

use super::{Error, Result};
use crate::language::Language;

/// What [`Error::UnknownLanguage`] says about the languages there are.
pub(super) fn suggestions(similar: &[Language], known: &[String]) -> String {
    if similar.is_empty() {
        return format!("known: {}", known.join(" "));
    }
    let similar: Vec<String> = similar.iter().map(|language| format!("{language} ({})", language.name())).collect();
    format!("similar: {}", similar.join(", "))
}

/// The one of `all` whose name is `text`.
///
/// # Errors
///
/// [`Error::InvalidOption`] with all names.
pub(crate) fn by_name<T: Copy>(
    option: &'static str,
    text: &str,
    all: impl IntoIterator<Item = T>,
    name: fn(T) -> &'static str,
) -> Result<T> {
    let mut names = Vec::new();
    for one in all {
        if name(one) == text {
            return Ok(one);
        }
        names.push(name(one));
    }
    let wanted = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    };
    Err(Error::InvalidOption { option, found: text.to_owned(), wanted })
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

impl Error {
    /// An [`Error::Io`], for use in `map_err`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The same [`Error::Device`], for another one who waits for the device.
    pub(crate) fn of_device_again(&self) -> Self {
        match self {
            Self::Device { kind, device, reason } => {
                Self::Device { kind: *kind, device: device.clone(), reason: reason.clone() }
            }
            other => unreachable!("not an error of a device: {other}"),
        }
    }

    /// An [`Error::InvalidFile`], for use in `map_err`.
    pub(crate) fn invalid_file<E: ToString>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |reason| Self::InvalidFile { path, reason: reason.to_string() }
    }
}
