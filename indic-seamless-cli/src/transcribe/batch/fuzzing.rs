//! What the fuzz targets call. No interface for others: it changes without notice.

use std::collections::BTreeSet;

use super::{location::Base, manifest, row::Row};
use crate::transcribe::options::TextLanguage;

/// Reads a manifest as `transcribe --manifest NAME` does; the number of its rows.
///
/// # Errors
///
/// What is wrong with it.
///
/// # Panics
///
/// If two rows have the same result.
pub fn manifest(name: &str, bytes: &[u8]) -> Result<usize, String> {
    let base = Base::Folder("lists".into());
    let rows = manifest::rows(name, bytes, &base, TextLanguage::Spoken, false).map_err(|error| error.to_string())?;
    let results: BTreeSet<String> = results(&rows).collect();
    assert_eq!(results.len(), rows.len(), "results of {name}");
    Ok(rows.len())
}

/// Reads a message as `worker` does; the number of recordings that it names.
///
/// # Errors
///
/// What is wrong with it.
#[cfg(feature = "s3")]
pub fn message(body: &str) -> Result<usize, String> {
    let rows = super::worker::messages::rows(body)?;
    Ok(results(&rows).count())
}

/// The names of the results: none leads out of the folder of results.
fn results(rows: &[Row]) -> impl Iterator<Item = String> {
    rows.iter().map(|row| {
        let result = row.result(TextLanguage::Spoken);
        let is_inside = result.split('/').all(|name| !["", ".", ".."].contains(&name));
        assert!(is_inside, "line {}: {result:?}", row.line);
        result
    })
}
