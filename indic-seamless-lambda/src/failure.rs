//! Errors of events, and what their senders may do about them.

use std::{error::Error, fmt};

/// An error that every further attempt would meet, such as an event that names no recording or a recording that is no audio.
/// All other errors are worth another attempt.
#[derive(Debug, PartialEq)]
pub(crate) struct Permanent(pub(crate) String);

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Permanent {}

/// The name of an error, by which Step Functions chooses: the first is tried again, the second is not. Neither is a name that
/// the platform's own errors have.
pub(crate) fn name(error: &(dyn Error + 'static)) -> &'static str {
    if error.is::<Permanent>() { "IndicSeamlessPermanentError" } else { "IndicSeamlessError" }
}
