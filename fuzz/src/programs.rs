//! What the programs read: events of Lambda, manifests, and messages of queues.

use indic_seamless_cli::fuzzing as cli;

use crate::input::hash;

/// An event of Lambda of any kind.
pub(crate) fn lambda_event(data: &[u8]) {
    let _ = indic_seamless_lambda::fuzzing::event(data);
}

/// A manifest, by its ending or by its first byte JSON or CSV.
pub(crate) fn manifest(data: &[u8]) {
    let name = ["-", "m.jsonl", "m.csv"][(hash(data) % 3) as usize];
    if let Err(error) = cli::manifest(name, data) {
        assert!(error.starts_with("manifest ") && error.contains("line "), "{error}");
    }
}

/// A message of a queue.
pub(crate) fn message(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    if let Err(error) = cli::message(body) {
        assert!(!error.is_empty());
    }
}
