//! [`AudioFormat`]: a supported format, described for people.

use std::fmt;

/// A container that is read, with what people need to know about it; [`formats`](super::formats) lists all of them.
///
/// It displays as its name, followed by its codecs where the name does not say them: `Ogg (Opus, Vorbis, FLAC)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AudioFormat {
    /// The usual name: `"WAV"`.
    pub name: &'static str,
    /// Extensions of file names, in lower case and without the dot, the most common first.
    pub extensions: &'static [&'static str],
    /// Media types (MIME types) without parameters, in lower case, the most common first.
    pub media_types: &'static [&'static str],
    /// The codecs that are decoded.
    pub codecs: &'static [&'static str],
}

impl AudioFormat {
    /// Whether `hint`, an extension (`"mp3"`, `".mp3"`) or a content type (`"audio/mpeg; rate=8000"`), names this format.
    pub(super) fn is_named(&self, hint: &str) -> bool {
        let hint = hint.split(';').next().unwrap_or(hint).trim().trim_start_matches('.');
        self.extensions.iter().chain(self.media_types).any(|known| hint.eq_ignore_ascii_case(known))
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.codecs {
            [codec] if *codec == self.name => Ok(()),
            codecs => write!(f, " ({})", codecs.join(", ")),
        }
    }
}
