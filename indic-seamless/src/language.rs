//! [`Language`]: the 98 languages of the model.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// One of the 98 languages of the model.
///
/// It displays as its code: ISO 639-3, and `cmn_Hant` for Chinese in traditional characters. It parses from the code, the
/// two-letter ISO 639-1 code, the English name, or the model's token (`__hin__`). Case and surrounding blanks are ignored;
/// `-`, `_` and blanks within are the same.
///
/// ```
/// use indic_seamless::Language;
///
/// let hindi: Language = "hi".parse()?;
/// assert_eq!(hindi, Language::HINDI);
/// assert_eq!((hindi.code(), hindi.name()), ("hin", "Hindi"));
/// assert_eq!("modern-standard arabic".parse::<Language>()?.code(), "arb");
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
        TABLE[self.0 as usize].0
    }

    /// The English name.
    pub const fn name(self) -> &'static str {
        TABLE[self.0 as usize].1
    }

    /// The ISO 639-1 code, if there is one that names this language only.
    pub const fn iso639_1(self) -> Option<&'static str> {
        let alias = TABLE[self.0 as usize].2;
        if alias.is_empty() { None } else { Some(alias) }
    }

    /// The token that names the language in the vocabulary: `__hin__`.
    pub fn token(self) -> String {
        format!("__{}__", self.code())
    }

    /// The position of the language in [`Language::all`].
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// For the constants above: a code outside the table fails the build.
    const fn of(code: &str) -> Self {
        let mut row = 0;
        while row < TABLE.len() {
            let (a, b) = (TABLE[row].0.as_bytes(), code.as_bytes());
            if a.len() == b.len() && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] {
                return Self(row as u8);
            }
            row += 1;
        }
        panic!("no such language")
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = folded(text);
        let plain = wanted.strip_prefix("__").and_then(|rest| rest.strip_suffix("__")).unwrap_or(&wanted);
        let found = Self::all().find(|language| {
            let (code, name, alias) = TABLE[language.index()];
            !plain.is_empty() && (plain == alias || plain == folded(code) || plain == folded(name))
        });
        found.ok_or_else(|| Error::UnknownLanguage {
            found: text.to_owned(),
            known: Self::all().map(|language| language.code().to_owned()).collect(),
        })
    }
}

/// The common form of the spellings of a language: lower case, `_` between words, and `a` for the `å` of Bokmål, be it one
/// character or two.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.trim().chars().flat_map(char::to_lowercase) {
        match c {
            'å' => out.push('a'),
            '\u{30a}' => {}
            c if c.is_whitespace() => {
                if !blank {
                    out.push('_');
                }
            }
            '-' => out.push('_'),
            c => out.push(c),
        }
        blank = c.is_whitespace();
    }
    out
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

/// Code, English name, ISO 639-1 code.
#[rustfmt::skip]
const TABLE: [(&str, &str, &str); 98] = [
    ("afr", "Afrikaans", "af"),
    ("amh", "Amharic", "am"),
    ("arb", "Modern Standard Arabic", "ar"),
    ("ary", "Moroccan Arabic", ""),
    ("arz", "Egyptian Arabic", ""),
    ("asm", "Assamese", "as"),
    ("azj", "North Azerbaijani", "az"),
    ("bel", "Belarusian", "be"),
    ("ben", "Bengali", "bn"),
    ("bos", "Bosnian", "bs"),
    ("bul", "Bulgarian", "bg"),
    ("cat", "Catalan", "ca"),
    ("ceb", "Cebuano", ""),
    ("ces", "Czech", "cs"),
    ("ckb", "Central Kurdish", ""),
    ("cmn", "Mandarin Chinese", "zh"),
    ("cmn_Hant", "Traditional Chinese", ""),
    ("cym", "Welsh", "cy"),
    ("dan", "Danish", "da"),
    ("deu", "German", "de"),
    ("ell", "Greek", "el"),
    ("eng", "English", "en"),
    ("est", "Estonian", "et"),
    ("eus", "Basque", "eu"),
    ("fin", "Finnish", "fi"),
    ("fra", "French", "fr"),
    ("fuv", "Nigerian Fulfulde", "ff"),
    ("gaz", "West Central Oromo", "om"),
    ("gle", "Irish", "ga"),
    ("glg", "Galician", "gl"),
    ("guj", "Gujarati", "gu"),
    ("heb", "Hebrew", "he"),
    ("hin", "Hindi", "hi"),
    ("hrv", "Croatian", "hr"),
    ("hun", "Hungarian", "hu"),
    ("hye", "Armenian", "hy"),
    ("ibo", "Igbo", "ig"),
    ("ind", "Indonesian", "id"),
    ("isl", "Icelandic", "is"),
    ("ita", "Italian", "it"),
    ("jav", "Javanese", "jv"),
    ("jpn", "Japanese", "ja"),
    ("kan", "Kannada", "kn"),
    ("kat", "Georgian", "ka"),
    ("kaz", "Kazakh", "kk"),
    ("khk", "Halh Mongolian", "mn"),
    ("khm", "Khmer", "km"),
    ("kir", "Kyrgyz", "ky"),
    ("kor", "Korean", "ko"),
    ("lao", "Lao", "lo"),
    ("lit", "Lithuanian", "lt"),
    ("lug", "Ganda", "lg"),
    ("luo", "Luo", ""),
    ("lvs", "Standard Latvian", "lv"),
    ("mai", "Maithili", ""),
    ("mal", "Malayalam", "ml"),
    ("mar", "Marathi", "mr"),
    ("mkd", "Macedonian", "mk"),
    ("mlt", "Maltese", "mt"),
    ("mni", "Manipuri", ""),
    ("mya", "Burmese", "my"),
    ("nld", "Dutch", "nl"),
    ("nno", "Norwegian Nynorsk", "nn"),
    ("nob", "Norwegian Bokmål", "nb"),
    ("npi", "Nepali", "ne"),
    ("nya", "Nyanja", "ny"),
    ("ory", "Odia", "or"),
    ("pan", "Punjabi", "pa"),
    ("pbt", "Southern Pashto", "ps"),
    ("pes", "Western Persian", "fa"),
    ("pol", "Polish", "pl"),
    ("por", "Portuguese", "pt"),
    ("ron", "Romanian", "ro"),
    ("rus", "Russian", "ru"),
    ("sat", "Santali", ""),
    ("slk", "Slovak", "sk"),
    ("slv", "Slovenian", "sl"),
    ("sna", "Shona", "sn"),
    ("snd", "Sindhi", "sd"),
    ("som", "Somali", "so"),
    ("spa", "Spanish", "es"),
    ("srp", "Serbian", "sr"),
    ("swe", "Swedish", "sv"),
    ("swh", "Swahili", "sw"),
    ("tam", "Tamil", "ta"),
    ("tel", "Telugu", "te"),
    ("tgk", "Tajik", "tg"),
    ("tgl", "Tagalog", "tl"),
    ("tha", "Thai", "th"),
    ("tur", "Turkish", "tr"),
    ("ukr", "Ukrainian", "uk"),
    ("urd", "Urdu", "ur"),
    ("uzn", "Northern Uzbek", "uz"),
    ("vie", "Vietnamese", "vi"),
    ("yor", "Yoruba", "yo"),
    ("yue", "Cantonese", ""),
    ("zlm", "Colloquial Malay", "ms"),
    ("zul", "Zulu", "zu"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn parse(text: &str) -> Result<&'static str> {
        text.parse::<Language>().map(Language::code)
    }

    #[test]
    fn every_row_is_found_by_every_spelling() {
        for language in Language::all() {
            let (code, name) = (language.code(), language.name());
            let member = name.replace(' ', "_").replace('å', "a");
            let mut spellings = vec![code.to_owned(), name.to_owned(), member, language.token()];
            spellings.extend(language.iso639_1().map(str::to_owned));
            spellings.push(code.replace('_', "-"));
            spellings.push(name.replace(' ', "-"));
            for text in spellings {
                for text in [text.clone(), text.to_uppercase(), text.to_lowercase(), format!("  {text}\t\n")] {
                    assert_eq!(text.parse::<Language>().unwrap(), language, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn the_table_is_in_order_and_nothing_in_it_is_ambiguous() {
        let codes: Vec<_> = Language::all().map(Language::code).collect();
        assert!(codes.is_sorted());
        let mut seen = HashSet::new();
        for (code, name, alias) in TABLE {
            assert!(code.len() == 3 || code == "cmn_Hant", "{code}");
            assert!(alias.is_empty() || alias.len() == 2, "{alias}");
            for text in [code, name, alias] {
                assert!(text.is_empty() || seen.insert(folded(text)) || text == name && folded(name) == code, "{text}");
            }
        }
    }

    #[test]
    fn spellings_that_differ() {
        assert_eq!(parse("Norwegian Bokmål").unwrap(), "nob");
        assert_eq!(parse("norwegian bokma\u{30a}l").unwrap(), "nob");
        assert_eq!(parse("Norwegian Bokmal").unwrap(), "nob");
        assert_eq!(parse("modern  standard   arabic").unwrap(), "arb");
        assert_eq!(parse("cmn Hant").unwrap(), "cmn_Hant");
        assert_eq!(parse("__CMN_HANT__").unwrap(), "cmn_Hant");
        assert_eq!((Language::ENGLISH.code(), Language::HINDI.code()), ("eng", "hin"));
    }

    #[test]
    fn what_is_no_language_is_refused() {
        for text in ["", " ", "__", "____", "__ __", "klingon", "hindi!", "hin_", "Chinese", "\u{0}", "h i"] {
            match text.parse::<Language>() {
                Err(Error::UnknownLanguage { found, known }) => assert!(found == text && known.len() == 98),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn serde_writes_the_code_and_reads_any_spelling() {
        assert_eq!(serde_json::to_string(&Language::HINDI).unwrap(), "\"hin\"");
        assert_eq!(serde_json::from_str::<Language>("\"Hi\\u006edi\"").unwrap(), Language::HINDI);
        assert!(serde_json::from_str::<Language>("\"xx\"").unwrap_err().to_string().contains("unknown language"));
        assert_eq!(format!("{0} {0:?} {0:>5}", Language::HINDI), "hin Language(hin)   hin");
    }
}
