//! Languages: every spelling that the documentation promises, and what no one has thought of.

use indic_seamless::{Error, Language};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::check;

/// Scripts by their ISO 15924 codes: those of the model, variants of them, and others.
const SCRIPTS: [&str; 16] = [
    "Deva", "Latn", "Cyrl", "Hans", "Hant", "Arab", "Aran", "Kore", "Hang", "Guru", "Beng", "Taml", "Mtei", "Olck",
    "Mong", "Zyyy",
];

fn language() -> impl Strategy<Value = Language> {
    select(Language::all().collect::<Vec<_>>())
}

/// The code without a script.
fn base(language: Language) -> &'static str {
    language.code().split('_').next().unwrap_or_default()
}

/// What became of a text.
#[derive(Debug, PartialEq)]
enum Outcome {
    Found(Language),
    WrongScript(Language, String),
    Unknown,
}

/// Parses a text, and checks what an error says.
fn outcome(text: &str) -> Result<Outcome, TestCaseError> {
    Ok(match text.parse::<Language>() {
        Ok(language) => Outcome::Found(language),
        Err(Error::UnsupportedScript { found, language, script }) => {
            prop_assert_eq!(found, text);
            prop_assert_ne!(&script, language.script());
            Outcome::WrongScript(language, script.to_uppercase())
        }
        Err(Error::UnknownLanguage { found, similar, known }) => {
            prop_assert_eq!(found, text);
            prop_assert!(similar.len() <= 3 && known.len() == Language::all().len());
            Outcome::Unknown
        }
        Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
    })
}

/// Letters in upper or lower case, as `upper` has it in turn.
fn cased(text: &str, upper: &[bool]) -> String {
    let mut upper = upper.iter().cycle();
    text.chars()
        .map(|c| if upper.next() == Some(&true) { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect()
}

#[test]
fn every_spelling_of_a_language_is_found() {
    let blanks = || "[ \t\r\n\u{a0}\u{3000}]{0,3}";
    let made = (language(), 0..5, vec(any::<bool>(), 1..9), blanks(), blanks());
    check(2000, made, |(language, kind, upper, before, behind)| {
        let text = match kind {
            0 => language.code().to_owned(),
            1 => language.name().to_owned(),
            2 => language.bcp47().to_owned(),
            3 => language.token(),
            _ => format!("{}_{}", base(language), language.script()),
        };
        let text = format!("{before}{}{behind}", cased(&text, &upper));
        prop_assert_eq!(outcome(&text)?, Outcome::Found(language), "{:?}", text);
        Ok(())
    });
}

#[test]
fn accents_and_what_joins_words_do_not_matter_in_names() {
    let joint = select(vec!["-", "_", " ", "  ", "\t"]);
    let made = (language(), joint, any::<prop::sample::Index>(), prop::char::range('\u{300}', '\u{36f}'));
    check(1000, made, |(language, joint, place, accent)| {
        let mut letters: Vec<char> = language.name().chars().collect();
        letters.insert(1 + place.index(letters.len()), accent);
        let text: String = letters.into_iter().collect::<String>().replace([' ', '-'], joint);
        prop_assert_eq!(outcome(&text)?, Outcome::Found(language), "{:?}", text);
        Ok(())
    });
}

#[test]
fn the_script_of_a_tag_is_the_one_that_is_written() {
    let region = prop_oneof![Just(String::new()), "-[A-Z]{2}", "-[0-9]{3}"];
    let rest = select(vec!["", "-1996", "-u-ca-gregory", "-x-home"]);
    check(4000, (language(), select(&SCRIPTS[..]), region, rest), |(language, script, region, rest)| {
        let tag = format!("{}-{script}{region}{rest}", base(language));
        let wanted = match script {
            "Aran" => "Arab",
            "Hang" => "Kore",
            other => other,
        };
        match outcome(&tag)? {
            Outcome::Found(found) => {
                prop_assert_eq!(found.script(), wanted, "{}", tag);
                prop_assert_eq!(base(found), base(language), "{}", tag);
            }
            Outcome::WrongScript(found, script) => {
                prop_assert_eq!((base(found), script), (base(language), wanted.to_uppercase()), "{}", tag);
            }
            Outcome::Unknown => return Err(TestCaseError::fail(tag)),
        }
        Ok(())
    });
}

#[test]
fn case_and_the_kind_of_dash_do_not_matter_in_tags() {
    let known = language().prop_map(|language| language.bcp47().to_owned());
    let primary = prop_oneof![3 => known, 1 => "[a-z]{1,8}"];
    let subtag = prop_oneof![select(&SCRIPTS[..]).prop_map(str::to_owned), "[A-Z]{2}", "[a-z0-9]{1,8}", "u|x"];
    check(4000, (primary, vec(subtag, 0..5), vec(any::<bool>(), 1..9)), |(primary, subtags, upper)| {
        let mut tag = primary;
        for subtag in subtags {
            tag.push('-');
            tag.push_str(&subtag);
        }
        let found = outcome(&tag)?;
        for other in [cased(&tag, &upper), tag.replace('-', "_"), format!(" {tag}\n")] {
            prop_assert_eq!(&outcome(&other)?, &found, "{:?} and {:?}", tag, other);
        }
        Ok(())
    });
}

#[test]
fn any_text_has_an_answer() {
    let known = language().prop_map(|language| language.name().to_owned());
    let part = prop_oneof![known, ".{0,12}", "[a-z_ -]{0,12}"];
    check(2000, vec(part, 0..4), |parts| {
        let text = parts.concat();
        if let Outcome::Found(language) = outcome(&text)? {
            prop_assert_eq!(outcome(language.code())?, Outcome::Found(language));
            prop_assert_eq!(serde_json::from_value::<Language>(text.into()).ok(), Some(language));
        }
        Ok(())
    });
}
