//! How people write languages: by name, by code, or as a language tag.

use unicode_normalization::UnicodeNormalization as _;

use super::Language;
use crate::error::{Error, Result};

/// [Extended language subtags](https://www.rfc-editor.org/rfc/rfc5646#section-2.2.2): `zh-yue` is `yue`.
const EXTENDED: [(&str, &[&str]); 2] = [("zh", &["cmn", "yue"]), ("ar", &["arb", "ary", "arz"])];

/// Regions in which `ar`, Arabic of any kind, is spoken as a language of its own here.
const ARABIC: [(&str, &str); 2] = [("EG", "arz"), ("MA", "ary")];

/// Regions in which a language is written in another script than elsewhere, by the
/// [likely subtags](https://github.com/unicode-org/cldr/blob/main/common/supplemental/likelySubtags.xml) of CLDR. Sindhi in
/// India is left out, since it is written in both scripts.
const LOCAL_SCRIPTS: [(&str, &str, &str); 12] = [
    ("azj", "IQ", "Arab"),
    ("azj", "IR", "Arab"),
    ("cmn", "HK", "Hant"),
    ("cmn", "MO", "Hant"),
    ("cmn", "TW", "Hant"),
    ("kaz", "CN", "Arab"),
    ("khk", "CN", "Mong"),
    ("kir", "CN", "Arab"),
    ("pan", "PK", "Arab"),
    ("srp", "ME", "Latn"),
    ("uzn", "AF", "Arab"),
    ("yue", "CN", "Hans"),
];

/// Scripts of tags that are another script's variant or part.
const SAME_SCRIPTS: [(&str, &str); 2] = [("Aran", "Arab"), ("Hang", "Kore")];

/// Variants that change neither the language nor its script. Others do, such as `fonipa` and `pinyin`.
const VARIANTS: [&str; 9] =
    ["1901", "1996", "abl1943", "ao1990", "ekavsk", "ijekavsk", "oxendict", "scotland", "valencia"];

/// How similar a name is that is suggested for an unknown one: 1 is equal.
const SIMILAR: f64 = 0.88;
/// The most suggestions.
const SUGGESTIONS: usize = 3;
/// Nothing is suggested for longer texts, in characters: no name is that long.
const LONGEST: usize = 40;

/// The language with this code, name or token, in any spelling.
pub(super) fn named(text: &str) -> Option<Language> {
    let wanted = folded(text);
    let plain = wanted.strip_prefix("__").and_then(|rest| rest.strip_suffix("__")).unwrap_or(&wanted);
    let is_wanted = |spelling: &str| !plain.is_empty() && folded(spelling) == plain;
    Language::all().find(|language| language.row().codes().chain(language.row().names()).any(is_wanted))
}

/// The language of a [tag](https://www.rfc-editor.org/rfc/rfc5646); `None` if it is no tag, or its language is unknown.
pub(super) fn tagged(text: &str) -> Option<Result<Language>> {
    let subtags: Vec<&str> = text.trim().split(['-', '_']).collect();
    if !subtags.iter().all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return None;
    }
    let (primary, mut rest) = subtags.split_first()?;
    let mut language = with_code(primary)?;
    if let Some((extended, behind)) = rest.split_first()
        && let Some(other) = extended_language(primary, extended)
    {
        (language, rest) = (other, behind);
    }
    let (script, rest) = take(rest, |tag| tag.len() == 4 && tag.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let (region, rest) = take(rest, |tag| {
        let is = |length, class: fn(&u8) -> bool| tag.len() == length && tag.as_bytes().iter().all(class);
        is(2, u8::is_ascii_alphabetic) || is(3, u8::is_ascii_digit)
    });
    // Behind a single character are extensions and what is for private use.
    let mut variants = rest.iter().take_while(|tag| tag.len() > 1);
    if rest.last().is_some_and(|tag| tag.len() == 1)
        || !variants.all(|tag| VARIANTS.iter().any(|known| known.eq_ignore_ascii_case(tag)))
    {
        return None;
    }
    if let Some(region) = region {
        let is_any_arabic = ["ar", "ara"].iter().any(|code| code.eq_ignore_ascii_case(primary));
        let dialect = ARABIC.iter().find(|(place, _)| language.code() == "arb" && place.eq_ignore_ascii_case(region));
        if let Some(other) = dialect.filter(|_| is_any_arabic).and_then(|(_, code)| Language::of_code(code)) {
            language = other;
        }
    }
    Some(in_script(text, language, script, region))
}

/// The language as it is written in a script or region.
fn in_script(text: &str, language: Language, script: Option<&str>, region: Option<&str>) -> Result<Language> {
    let local = || {
        let region = region?;
        let here =
            |(code, place, _): &&(&str, &str, &str)| *code == language.code() && place.eq_ignore_ascii_case(region);
        LOCAL_SCRIPTS.iter().find(here).map(|(_, _, script)| *script)
    };
    let Some(script) = script.or_else(local) else { return Ok(language) };
    let same = SAME_SCRIPTS.iter().find(|(variant, _)| variant.eq_ignore_ascii_case(script));
    let script = same.map_or(script, |(_, script)| *script);
    // Chinese in traditional characters has a code of its own.
    let base = language.code().split('_').next().unwrap_or_default();
    let mut written = Language::all().filter(|other| other.code().split('_').next() == Some(base));
    written.find(|other| other.script().eq_ignore_ascii_case(script)).ok_or_else(|| Error::UnsupportedScript {
        found: text.to_owned(),
        language,
        script: script.to_owned(),
    })
}

/// The first subtag if it is of this kind, and the others.
fn take<'t, 's>(tags: &'t [&'s str], is: impl Fn(&str) -> bool) -> (Option<&'s str>, &'t [&'s str]) {
    match tags.split_first() {
        Some((first, rest)) if is(first) => (Some(first), rest),
        _ => (None, tags),
    }
}

/// The language that a tag beginning with this subtag names.
fn with_code(subtag: &str) -> Option<Language> {
    Language::all().find(|language| language.row().codes().any(|code| code.eq_ignore_ascii_case(subtag)))
}

fn extended_language(primary: &str, extended: &str) -> Option<Language> {
    let (_, known) = EXTENDED.iter().find(|(code, _)| code.eq_ignore_ascii_case(primary))?;
    with_code(known.iter().find(|code| code.eq_ignore_ascii_case(extended))?)
}

/// The languages whose names or codes are most like `text`, the likeliest first.
pub(super) fn similar(text: &str) -> Vec<Language> {
    if text.chars().nth(LONGEST).is_some() {
        return Vec::new();
    }
    let wanted = folded(text);
    // Of a tag, the language alone.
    let first = wanted.split('_').next().unwrap_or_default();
    let likeness = |spelling: &str| {
        let known = folded(spelling);
        let is_word_of_it = known.split('_').any(|word| word == wanted);
        let like = strsim::jaro_winkler(&wanted, &known).max(strsim::jaro_winkler(first, &known));
        if is_word_of_it { 1.0 } else { like }
    };
    let score = |language: Language| {
        let row = language.row();
        (row.codes().chain(row.names()).map(likeness).fold(0.0, f64::max), language)
    };
    let mut found: Vec<_> = Language::all().map(score).filter(|(score, _)| *score >= SIMILAR).collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found.into_iter().map(|(_, language)| language).take(SUGGESTIONS).collect()
}

/// The common form of the spellings of a name: lower case, without accents and apostrophes, `_` between words.
pub(super) fn folded(text: &str) -> String {
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c) || ['\'', '’', 'ʻ', 'ʼ'].contains(c);
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')');
    for c in text.chars().flat_map(char::to_lowercase).nfd().filter(|c| !is_accent(c)) {
        let was_blank = std::mem::replace(&mut blank, c.is_whitespace() || ['(', ')', ','].contains(&c));
        match c {
            '-' => out.push('_'),
            _ if !blank => out.push(c),
            _ if !was_blank => out.push('_'),
            _ => {}
        }
    }
    out
}
