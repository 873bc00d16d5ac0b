//! [`Language`]: the 98 languages of the model, and how people write them.

mod spelling;
mod table;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests;

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::table::{Row, TABLE};
use crate::error::{Error, Result};

/// One of the 98 languages of the model.
///
/// It displays as its code: ISO 639-3, and `cmn_Hant` for Chinese in traditional characters. It parses from whatever people
/// write:
///
/// - the code, or another code of ISO 639: `hin`, `hi`, `fre`,
/// - a language tag (BCP 47): `hi-IN`, `pt-BR`, `zh-TW`,
/// - a code of FLORES-200: `hin_Deva`, `zho_Hans`,
/// - a name in English or in the language itself: `Hindi`, `Mandarin`, `हिन्दी`,
/// - the model's token: `__hin__`.
///
/// Case, accents and surrounding blanks are ignored; in names, `-`, `_` and blanks are the same. The script of a tag must be
/// the one that the model writes: `zh-Hant` is `cmn_Hant`, and `sr-Latn` is an error. So it is with a region that stands for a
/// script (`zh-TW`, `pa-PK`), and `ar-EG` and `ar-MA` are Egyptian and Moroccan Arabic; other regions change nothing.
///
/// ```
/// use indic_seamless::{Error, Language};
///
/// let hindi: Language = "hi-IN".parse()?;
/// assert_eq!(hindi, Language::HINDI);
/// assert_eq!((hindi.code(), hindi.name(), hindi.bcp47(), hindi.script()), ("hin", "Hindi", "hi", "Deva"));
/// assert_eq!("modern-standard arabic".parse::<Language>()?.code(), "arb");
/// assert_eq!("zh-TW".parse::<Language>()?.code(), "cmn_Hant");
/// assert!(matches!("pa-Arab".parse::<Language>(), Err(Error::UnsupportedScript { .. })));
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(u8);

impl Language {
    /// English.
    pub const ENGLISH: Self = Self::of("eng");

    /// Hindi.
    pub const HINDI: Self = Self::of("hin");

    /// All languages, in the order of their codes (which is also that of their tokens in the vocabulary).
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..TABLE.len() as u8).map(Self)
    }

    /// The ISO 639-3 code; for traditional Chinese `cmn_Hant`.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The English name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The ISO 639-1 code, if there is one that names this language only.
    pub const fn iso639_1(self) -> Option<&'static str> {
        let short = self.row().iso639_1;
        if short.is_empty() { None } else { Some(short) }
    }

    /// The shortest language tag (BCP 47), as in the `lang` of HTML: `hi`, `yue`, `zh-Hant`.
    pub const fn bcp47(self) -> &'static str {
        let code = self.code();
        match self.iso639_1() {
            Some(short) => short,
            None if code.len() > 3 => "zh-Hant",
            None => code,
        }
    }

    /// The script that the model writes the language in, by its ISO 15924 code: `Deva` for Devanagari.
    pub const fn script(self) -> &'static str {
        self.row().script
    }

    /// The token that names the language in the vocabulary: `__hin__`.
    pub fn token(self) -> String {
        format!("__{}__", self.code())
    }

    /// The language with this very [code](Self::code).
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::all().find(|language| language.code() == code)
    }

    /// The position of the language in [`Language::all`].
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    const fn row(self) -> &'static Row {
        &TABLE[self.index()]
    }

    /// For the constants above: a code outside the table fails the build.
    const fn of(code: &str) -> Self {
        let mut row = 0;
        while row < TABLE.len() {
            let (a, b) = (TABLE[row].code.as_bytes(), code.as_bytes());
            if a.len() == b.len() && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] {
                return Self(row as u8);
            }
            row += 1;
        }
        panic!("no such language")
    }
}

/// Fails with [`Error::UnknownLanguage`], which has similar languages, and with [`Error::UnsupportedScript`].
impl FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(language) = spelling::named(text) {
            return Ok(language);
        }
        spelling::tagged(text).unwrap_or_else(|| {
            Err(Error::UnknownLanguage {
                found: text.to_owned(),
                similar: spelling::similar(text),
                known: Self::all().map(|language| language.code().to_owned()).collect(),
            })
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.code())
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
