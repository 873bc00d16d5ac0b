//! The environment variables of this module.

use indic_seamless::Language;
use indic_seamless_aws::variable;

/// The language of the text where neither event nor folder names one.
pub(super) fn language() -> crate::Result<Language> {
    variable("INDIC_SEAMLESS_TARGET_LANG").map_or(Ok(Language::ENGLISH), |language| Ok(language.parse()?))
}

/// The size of the largest recording in bytes.
pub(super) fn max_object_bytes() -> crate::Result<u64> {
    match variable("INDIC_SEAMLESS_MAX_OBJECT_BYTES") {
        Some(bytes) => Ok(bytes.parse().map_err(|error| format!("INDIC_SEAMLESS_MAX_OBJECT_BYTES: {error}"))?),
        None => Ok(500_000_000),
    }
}
