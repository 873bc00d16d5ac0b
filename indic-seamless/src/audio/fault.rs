//! [`Fault`]: what is wrong with a recording, before it is known when in the recording.

use crate::damage::DamageKind;

/// Damage that was found in the bytes of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: DamageKind,
    /// Where and how, for people.
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(kind: DamageKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// A recording that promises `wanted` bytes, frames, … and holds only `found`.
    pub(super) fn cut(what: &str, found: u64, wanted: u64) -> Self {
        Self::new(DamageKind::CutShort, format!("cut short: {found} of {wanted} {what} are there"))
    }
}
