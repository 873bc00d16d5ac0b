//! Damage of recordings: where text may be missing.

use serde::{Deserialize, Serialize};

/// A place where a recording is damaged. Its other parts are decoded as if nothing had happened.
///
/// ```
/// use indic_seamless::{Damage, DamageKind};
///
/// let damage = Damage { at_s: 12.5, kind: DamageKind::CutShort, reason: "7 of 9 bytes are there".to_owned() };
/// assert_eq!(damage.to_string(), "12.50 s: cut short: 7 of 9 bytes are there");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Damage {
    /// When, in seconds from the start of the recording.
    pub at_s: f64,
    /// Of what kind it is.
    pub kind: DamageKind,
    /// What was found and what was expected.
    pub reason: String,
}

/// A kind of [`Damage`].
///
/// ```
/// use indic_seamless::DamageKind;
///
/// assert_eq!(serde_json::to_value(DamageKind::CutShort)?, serde_json::json!("cut_short"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DamageKind {
    /// The recording ends before the length that its headers promise, or in the middle of a frame.
    CutShort,
    /// A part in the middle is missing, such as lost pages or packets.
    Gap,
    /// Bytes that cannot be decoded were skipped.
    Corrupt,
    /// The decoded samples do not match the checksum of the file. Where they differ is not known.
    Checksum,
    /// Samples that are not finite numbers, or far beyond full scale, were replaced by silence.
    InvalidSamples,
}

impl DamageKind {
    /// The kind in words, such as `cut short`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CutShort => "cut short",
            Self::Gap => "a part is missing",
            Self::Corrupt => "undecodable data",
            Self::Checksum => "wrong checksum",
            Self::InvalidSamples => "invalid samples",
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s: ", self.at_s)?;
        // Reasons of cut recordings begin with these words.
        if !self.reason.starts_with(self.kind.name()) {
            write!(f, "{}: ", self.kind.name())?;
        }
        f.write_str(&self.reason)
    }
}
