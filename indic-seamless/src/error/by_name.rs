//! Parses values that have names.

use super::{Error, Result};

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
