//! [`Script`]: the scripts that texts can be restricted to. A new script is one row here.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use icu_properties::{props, script::ScriptWithExtensions};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    error::{Error, Result, by_name},
    language::Language,
};

/// A script that texts are written in.
///
/// Parses from its name and displays as it.
///
/// ```
/// use indic_seamless::{Language, Script};
///
/// let script: Script = "devanagari".parse()?;
/// assert_eq!(script, Script::of(Language::HINDI));
/// assert!(script.writes("मौसम, 24.") && !script.writes("weather"));
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Script(&'static Row);

/// All that is known of a script.
struct Row {
    name: &'static str,
    /// Its ISO 15924 code, and those of its variants.
    codes: &'static [&'static str],
    /// What Unicode calls the scripts of its letters.
    letters: &'static [props::Script],
}

const fn row(name: &'static str, codes: &'static [&'static str], letters: &'static [props::Script]) -> Row {
    Row { name, codes, letters }
}

/// The scripts of the languages of the model.
#[rustfmt::skip]
static TABLE: [Row; 26] = [
    row("arabic", &["Arab"], &[props::Script::Arabic]),
    row("armenian", &["Armn"], &[props::Script::Armenian]),
    row("bengali", &["Beng"], &[props::Script::Bengali]),
    row("cyrillic", &["Cyrl"], &[props::Script::Cyrillic]),
    row("devanagari", &["Deva"], &[props::Script::Devanagari]),
    row("ethiopic", &["Ethi"], &[props::Script::Ethiopic]),
    row("georgian", &["Geor"], &[props::Script::Georgian]),
    row("greek", &["Grek"], &[props::Script::Greek]),
    row("gujarati", &["Gujr"], &[props::Script::Gujarati]),
    row("gurmukhi", &["Guru"], &[props::Script::Gurmukhi]),
    row("han", &["Hani", "Hans", "Hant"], &[props::Script::Han, props::Script::Bopomofo]),
    row("hebrew", &["Hebr"], &[props::Script::Hebrew]),
    row("japanese", &["Jpan"], &[props::Script::Han, props::Script::Hiragana, props::Script::Katakana]),
    row("kannada", &["Knda"], &[props::Script::Kannada]),
    row("khmer", &["Khmr"], &[props::Script::Khmer]),
    row("korean", &["Kore"], &[props::Script::Hangul, props::Script::Han]),
    row("lao", &["Laoo"], &[props::Script::Lao]),
    row("latin", &["Latn"], &[props::Script::Latin]),
    row("malayalam", &["Mlym"], &[props::Script::Malayalam]),
    row("meitei", &["Mtei"], &[props::Script::MeeteiMayek]),
    row("myanmar", &["Mymr"], &[props::Script::Myanmar]),
    row("ol-chiki", &["Olck"], &[props::Script::OlChiki]),
    row("oriya", &["Orya"], &[props::Script::Oriya]),
    row("tamil", &["Taml"], &[props::Script::Tamil]),
    row("telugu", &["Telu"], &[props::Script::Telugu]),
    row("thai", &["Thai"], &[props::Script::Thai]),
];

impl Script {
    /// All scripts, in the order of their names.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        TABLE.iter().map(Self)
    }

    /// The script that the model writes a language in.
    pub fn of(language: Language) -> Self {
        match Self::all().find(|script| script.0.codes.contains(&language.script())) {
            Some(script) => script,
            None => unreachable!("a test looks up the script of every language"),
        }
    }

    /// `devanagari`
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether a text has no letters of other scripts. Digits, punctuation and other signs belong to all scripts.
    pub fn writes(self, text: &str) -> bool {
        let of = ScriptWithExtensions::new();
        let shared = [props::Script::Common, props::Script::Inherited];
        text.chars().all(|c| {
            shared.contains(&of.get_script_val(c)) || self.0.letters.iter().any(|&script| of.has_script(c, script))
        })
    }

    /// Whether a text has letters that are of this script, and not signs that it shares with others.
    pub(crate) fn has_letters_in(self, text: &str) -> bool {
        let of = ScriptWithExtensions::new();
        text.chars().any(|c| self.0.letters.contains(&of.get_script_val(c)))
    }
}

impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Script {}

impl Hash for Script {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({self})")
    }
}

impl FromStr for Script {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name("script", text, Self::all(), Self::name)
    }
}

/// Which scripts a text may be written in.
///
/// Parses from `any`, `auto` or the name of a [`Script`].
///
/// A restriction makes decoding faster, since the scores of other tokens are not computed, and no text comes in a wrong script. It
/// also forbids words that are rightly written in another script, such as names in Latin letters in a Hindi text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ScriptChoice {
    /// All, as in the reference implementation.
    #[default]
    Any,
    /// The script that the model writes the language of the text in.
    Auto,
    /// This one.
    Only(Script),
}

impl ScriptChoice {
    /// The only script of a text in `language`; `None` if it may be any.
    pub fn script(self, language: Language) -> Option<Script> {
        match self {
            Self::Any => None,
            Self::Auto => Some(Script::of(language)),
            Self::Only(script) => Some(script),
        }
    }

    /// `any`, `auto`, or the name of the script.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Auto => "auto",
            Self::Only(script) => script.name(),
        }
    }
}

impl Serialize for ScriptChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ScriptChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl FromStr for ScriptChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name("script", text, [Self::Any, Self::Auto].into_iter().chain(Script::all().map(Self::Only)), Self::name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_script() {
        for language in Language::all() {
            let script = Script::of(language);
            assert_eq!(script.name().parse::<Script>().expect("name"), script);
        }
        assert!(TABLE.is_sorted_by_key(|row| row.name));
    }

    #[test]
    fn scripts_are_told_apart() {
        let script = |name: &str| name.parse::<Script>().expect("name");
        for (name, own) in [
            ("devanagari", "कृपया आज का मौसम।"),
            ("tamil", "தயவுசெய்து"),
            ("oriya", "ଦୟାକରି ଆଜି।"),
            ("arabic", "آج کا موسم، ۲۴۔"),
            ("latin", "Ångström, naïve"),
            ("japanese", "今日の天気ー"),
            ("han", "今天的天氣"),
            ("korean", "오늘 날씨"),
        ] {
            for text in [own, "▁24,5 %", "", "\u{200d}"] {
                assert!(script(name).writes(text), "{name}: {text}");
                assert_eq!(script(name).has_letters_in(text), text == own, "{name}: {text}");
            }
            let others = Script::all().filter(|other| other.writes(own)).count();
            // Han letters are of three scripts.
            assert!(others == 1 || name == "han" && others == 3, "{name}: {others}");
        }
        assert!(!script("latin").writes("Covid टीका"));
        let error = "runic".parse::<ScriptChoice>().expect_err("no such script").to_string();
        assert!(error.contains("runic") && error.contains("any, auto, arabic"), "{error}");
    }
}
