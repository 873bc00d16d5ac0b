//! Codes, names and tags of languages.

use std::collections::HashSet;

use super::{spelling::folded, *};

fn parse(text: &str) -> Result<&'static str> {
    text.parse::<Language>().map(Language::code)
}

#[test]
fn every_row_is_found_by_every_spelling() {
    for language in Language::all() {
        let (code, script) = (language.code(), language.script());
        let mut spellings = vec![language.token(), language.bcp47().to_owned(), code.replace('_', "-")];
        spellings.extend(language.row().codes().map(str::to_owned));
        spellings.extend(language.row().names().flat_map(|name| [name.to_owned(), name.replace(' ', "-")]));
        // As FLORES-200 and locales write it.
        let base = code.split('_').next().unwrap_or(code);
        spellings.extend([format!("{base}_{script}"), format!("{base}-{script}"), format!("{base}_{script}_ZZ")]);
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
    for row in &TABLE {
        assert!(row.code.len() == 3 || row.code == "cmn_Hant", "{}", row.code);
        assert!(row.iso639_1.is_empty() || row.iso639_1.len() == 2, "{}", row.iso639_1);
        assert!(row.script.len() == 4 && row.script.starts_with(|c: char| c.is_ascii_uppercase()), "{}", row.script);
        for text in row.codes().chain(row.names()) {
            assert!(seen.insert(folded(text)) || text == row.name && folded(text) == row.code, "{text}");
        }
    }
    let tags: HashSet<_> = Language::all().map(Language::bcp47).collect();
    assert_eq!(tags.len(), TABLE.len());
}

#[test]
fn language_tags_fall_back_to_their_language() {
    for (tag, code) in [
        ("hi-IN", "hin"),
        ("hi_IN", "hin"),
        ("EN-us", "eng"),
        ("en-001", "eng"),
        ("es-419", "spa"),
        ("pt-BR", "por"),
        ("ta-LK", "tam"),
        ("sd-IN", "snd"),
        ("pa-IN", "pan"),
        ("pa-Guru-IN", "pan"),
        ("ur-Aran-PK", "urd"),
        ("ko-Hang", "kor"),
        ("ca-ES-valencia", "cat"),
        ("de-1996", "deu"),
        ("en-GB-u-ca-gregory", "eng"),
        ("hi-x-home", "hin"),
        ("no-NO", "nob"),
        ("fil-PH", "tgl"),
        ("iw-IL", "heb"),
        ("ms-MY", "zlm"),
    ] {
        assert_eq!(parse(tag).unwrap(), code, "{tag}");
    }
}

#[test]
fn scripts_and_regions_that_mean_another_language_are_honoured() {
    for (tag, code) in [
        ("zh", "cmn"),
        ("zh-CN", "cmn"),
        ("zh-SG", "cmn"),
        ("zh-TW", "cmn_Hant"),
        ("zh_HK", "cmn_Hant"),
        ("zh-MO", "cmn_Hant"),
        ("zh-Hant", "cmn_Hant"),
        ("zh-Hant-CN", "cmn_Hant"),
        ("zh-Hans-TW", "cmn"),
        ("zho_Hans", "cmn"),
        ("zho_Hant", "cmn_Hant"),
        ("chi-hant", "cmn_Hant"),
        ("zh-cmn-Hant-TW", "cmn_Hant"),
        ("zh-yue", "yue"),
        ("yue-HK", "yue"),
        ("yue-Hant-HK", "yue"),
        ("ar-EG", "arz"),
        ("ar-MA", "ary"),
        ("ar-SA", "arb"),
        ("ar-arz", "arz"),
        ("arb-EG", "arb"),
    ] {
        assert_eq!(parse(tag).unwrap(), code, "{tag}");
    }
}

#[test]
fn a_script_that_the_model_does_not_write_is_refused() {
    for (tag, code, asked) in [
        ("pa-Arab", "pan", "Arab"),
        ("pa-PK", "pan", "Arab"),
        ("pan_Arab", "pan", "Arab"),
        ("sr-Latn", "srp", "Latn"),
        ("srp_Latn", "srp", "Latn"),
        ("hi-Latn", "hin", "Latn"),
        ("mni_Mtei", "mni", "Mtei"),
        ("uz-Cyrl", "uzn", "Cyrl"),
        ("uz-AF", "uzn", "Arab"),
        ("yue-Hans", "yue", "Hans"),
        ("zh-Latn", "cmn", "Latn"),
    ] {
        match tag.parse::<Language>() {
            Err(Error::UnsupportedScript { found, language, script }) => {
                assert_eq!((&*found, language.code(), &*script), (tag, code, asked));
            }
            other => panic!("{tag}: {other:?}"),
        }
    }
    assert_eq!(
        parse("pa-Arab").unwrap_err().to_string(),
        "language \"pa-Arab\": the model writes Punjabi in the script Guru, not in Arab; for that, ask for pan"
    );
}

#[test]
fn common_names_and_endonyms() {
    for (name, code) in [
        ("Chinese", "cmn"),
        ("Chinese (Traditional)", "cmn_Hant"),
        ("Chinese, Simplified", "cmn"),
        ("Mandarin", "cmn"),
        ("Oriya", "ory"),
        ("Odia", "ory"),
        ("Farsi", "pes"),
        ("Persian", "pes"),
        ("Bangla", "ben"),
        ("हिन्दी", "hin"),
        ("हिंदी", "hin"),
        ("தமிழ்", "tam"),
        // One letter, or a letter and its dot below.
        ("অসমী\u{9df}া", "asm"),
        ("অসমী\u{9af}\u{9bc}া", "asm"),
        ("francais", "fra"),
        ("Franc\u{327}ais", "fra"),
        ("Tieng Viet", "vie"),
    ] {
        assert_eq!(parse(name).unwrap(), code, "{name}");
    }
}

#[test]
fn an_unknown_language_is_answered_with_similar_ones() {
    for (text, code) in
        [("Hindii", "hin"), ("tamill-IN", "tam"), ("Kurdish", "ckb"), ("sr-latin", "srp"), ("Norwegain", "nob")]
    {
        let error = parse(text).unwrap_err();
        let Error::UnknownLanguage { similar, .. } = &error else { panic!("{text}: {error}") };
        assert_eq!(similar.first().map(|language| language.code()), Some(code), "{text}: {similar:?}");
    }
    let message = parse("Hindii").unwrap_err().to_string();
    assert!(message.starts_with("unknown language \"Hindii\"; similar: hin (Hindi)"), "{message}");
    let message = parse("klingon").unwrap_err().to_string();
    assert!(message.starts_with("unknown language \"klingon\"; known: afr amh arb "), "{message}");
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
    let long = "a".repeat(100_000);
    for text in [
        "",
        " ",
        "__",
        "____",
        "__ __",
        "klingon",
        "hindi!",
        "hin_",
        "\u{0}",
        "h i",
        "hin there",
        "hi-",
        "hi--IN",
        "hi-IN-x",
        "hi-I",
        "hi-INDI-IN-IN",
        "en-fonipa",
        "zh-arb",
        "hin-eng",
        "ku",
        "और",
        &long,
    ] {
        match text.parse::<Language>() {
            Err(Error::UnknownLanguage { found, known, .. }) => assert!(found == text && known.len() == 98),
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
