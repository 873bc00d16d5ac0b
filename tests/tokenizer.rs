//! Equality with the reference's tokenizer, from either of its files, and what broken files lead to.
//!
//! Reads the folders in `tests/golden` and those named in `INDIC_SEAMLESS_GOLDEN` (parted by colons), each with `model/`
//! and `golden/tokenizer.json`.

#![allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use indic_seamless::{
    Error, Language,
    checkpoint::TokenizerFiles,
    text::{DecodeOptions, Tokenizer},
};
use serde_json::Value;

fn folders() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut folders: Vec<PathBuf> = fs::read_dir(&golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.extend(env::var_os("INDIC_SEAMLESS_GOLDEN").iter().flat_map(env::split_paths));
    folders.sort();
    folders
}

/// The small checkpoint's tokenizer files.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/tiny/model")
}

fn files(dir: &Path) -> TokenizerFiles {
    let read = |name: &str| fs::read(dir.join(name)).ok().map(Into::into);
    TokenizerFiles {
        sentencepiece: read("sentencepiece.bpe.model"),
        tokenizer_json: read("tokenizer.json"),
        added_tokens: read("added_tokens.json"),
        config: read("tokenizer_config.json"),
    }
}

/// The tokenizer as made from each selection of its files that tells all there is to know.
fn tokenizers(dir: &Path) -> Vec<(&'static str, Tokenizer)> {
    let all = || files(dir);
    let spm = all().sentencepiece;
    let config_without_tokens = all().config.map(|bytes| {
        let mut config: Value = serde_json::from_slice(&bytes).unwrap();
        config.as_object_mut().unwrap().remove("added_tokens_decoder");
        serde_json::to_vec(&config).unwrap().into()
    });
    let mut made = vec![
        ("folder", Tokenizer::from_dir(dir)),
        ("all files", Tokenizer::from_files(all())),
        (
            "pieces and the languages' own order",
            Tokenizer::from_files(TokenizerFiles {
                sentencepiece: spm.clone(),
                config: config_without_tokens.clone(),
                ..TokenizerFiles::default()
            }),
        ),
        (
            "pieces and added_tokens.json",
            Tokenizer::from_files(TokenizerFiles {
                config: config_without_tokens.clone(),
                tokenizer_json: None,
                ..all()
            }),
        ),
    ];
    if all().tokenizer_json.is_some() {
        let json = TokenizerFiles { tokenizer_json: all().tokenizer_json, ..TokenizerFiles::default() };
        let config = config_without_tokens;
        made.push(("tokenizer.json", Tokenizer::from_files(TokenizerFiles { config, ..json })));
    }
    made.into_iter()
        .map(|(name, tokenizer)| (name, tokenizer.unwrap_or_else(|error| panic!("{name}: {error}"))))
        .collect()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn equal_to_the_reference() {
    let mut cases = 0;
    for folder in folders() {
        let Ok(golden) = fs::read(folder.join("golden/tokenizer.json")) else { continue };
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        let list = |key: &str| golden[key].as_array().unwrap().clone();
        for (source, tokenizer) in tokenizers(&folder.join("model")) {
            let place = format!("{} from {source}", folder.display());
            for case in list("decode") {
                let ids = ids(&case["ids"]);
                for skip in [true, false] {
                    for clean in [true, false] {
                        let options = DecodeOptions { skip_special_tokens: skip, clean_up: Some(clean) };
                        let wanted = &case[format!("slow_skip{}_clean{}", u8::from(skip), u8::from(clean))];
                        assert_eq!(&tokenizer.decode(&ids, options).unwrap(), wanted, "{place}: {ids:?}, {options:?}");
                        cases += 1;
                    }
                }
                let text = tokenizer.decode(&ids, DecodeOptions::default()).unwrap();
                assert_eq!(&text, &case["slow_default_skip1"], "{place}: {ids:?}");
            }
            for case in list("encode") {
                let text = case["text"].as_str().unwrap();
                let language: Language = case["src_lang"].as_str().unwrap().parse().unwrap();
                let found = tokenizer.encode_source(text, language).unwrap();
                assert_eq!(found, ids(&case["slow"]), "{place}: {text:?}");
                assert_eq!(found[1..found.len() - 1], tokenizer.encode(text).unwrap());
                cases += 1;
            }
            for case in list("target") {
                let text = case["text"].as_str().unwrap();
                let language: Language = case["tgt_lang"].as_str().unwrap().parse().unwrap();
                assert_eq!(tokenizer.encode_target(text, language).unwrap(), ids(&case["ids"]), "{place}: {text:?}");
                cases += 1;
            }
        }
    }
    assert!(cases > 0, "no golden/tokenizer.json found");
    println!("{cases} cases");
}

#[test]
fn ids_of_languages_and_of_training_tags() {
    for (source, tokenizer) in tokenizers(&model()) {
        assert_eq!(tokenizer.vocab_size(), 1102, "{source}");
        assert_eq!(tokenizer.languages().count(), 98);
        assert_eq!(tokenizer.language_id(Language::HINDI), Some(1033));
        assert_eq!(tokenizer.language_id("cmn_Hant".parse().unwrap()), Some(1017));
        assert_eq!((tokenizer.piece(4), tokenizer.piece(1033)), (Some("▁t"), Some("__hin__")));
        assert_eq!((tokenizer.piece(0), tokenizer.piece(1102)), (Some("<pad>"), None));

        let all = DecodeOptions { skip_special_tokens: false, clean_up: None };
        assert_eq!(tokenizer.decode(&[4, 1099, 1100, 1101, 4], DecodeOptions::default()).unwrap(), "t t");
        assert_eq!(
            tokenizer.decode(&[4, 1099, 1100, 1101, 4], all).unwrap(),
            "t <MINED_DATA> <MMT_BT_DATA> <SMT_BT_DATA> t"
        );
        for id in [1102, 5000, u32::MAX] {
            let error = tokenizer.decode(&[4, id], all).unwrap_err();
            assert!(matches!(error, Error::TokenOutOfRange { id: found, vocabulary: 1102, .. } if found == id));
        }
        assert_eq!(tokenizer.encode("<MINED_DATA>").unwrap().iter().filter(|&&id| id > 1000).count(), 0);
    }
}

#[test]
fn decoding_many_texts_is_the_inverse_of_encoding_them() {
    for (source, tokenizer) in tokenizers(&model()) {
        for text in ["हिन्दी", "the weather here", "இன்று வானிலை", "it 's here", "a</s>b", "__hin__"]
        {
            let tokens = tokenizer.encode(text).unwrap();
            let options = DecodeOptions { skip_special_tokens: false, clean_up: Some(false) };
            assert_eq!(tokenizer.decode(&tokens, options).unwrap(), text, "{source}");
        }
        let long = "आज मौसम अच्छा है। ".repeat(2000);
        assert_eq!(tokenizer.decode(&tokenizer.encode(&long).unwrap(), DecodeOptions::default()).unwrap(), long.trim());
    }
}

#[test]
fn words_end_at_blanks_and_in_scripts_without_blanks_where_words_do() {
    let pieces = "<pad> <unk> <s> </s> ▁今天 天气 很 好 。 ▁ 我 用 Rust 写 程 序 ▁今 天天 气 ▁well - known ▁สวัสดี ครับ";
    let pieces: Vec<&str> = pieces.split(' ').collect();
    let vocabulary: serde_json::Map<String, Value> =
        pieces.iter().zip(0..).map(|(p, id)| ((*p).to_owned(), id.into())).collect();
    let json = serde_json::json!({ "model": { "type": "BPE", "vocab": vocabulary, "merges": [] } });
    let tokenizer_json = Some(serde_json::to_vec(&json).unwrap().into());
    let tokenizer = Tokenizer::from_files(TokenizerFiles { tokenizer_json, ..TokenizerFiles::default() }).unwrap();
    for (tokens, wanted) in [
        ("▁今天 天气 很 好 。 我 用 Rust 写 程 序", "今天 天气 很好。 我 用 Rust 写 程序"),
        // A token that belongs to two words keeps them together.
        ("▁今 天天 气 。", "今天天气。"),
        ("▁ 我 ▁well - known 好", "我 well-known 好"),
        ("▁สวัสดี ครับ", "สวัสดี ครับ"),
    ] {
        let ids: Vec<u32> =
            tokens.split(' ').map(|t| pieces.iter().position(|piece| *piece == t).unwrap() as u32).collect();
        let words = tokenizer.words(&ids).unwrap();
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "), wanted);
        // Each token belongs to one word.
        let ends = words.iter().map(|word| word.tokens.end);
        assert!(words.iter().skip(1).map(|word| word.tokens.start).eq(ends.take(words.len() - 1)), "{words:?}");
        assert_eq!((words[0].tokens.start, words.last().unwrap().tokens.end), (0, ids.len()));
        for word in &words {
            assert_eq!(tokenizer.decode(&ids[word.tokens.clone()], DecodeOptions::default()).unwrap(), word.text);
        }
    }
}

#[test]
fn missing_files() {
    let dir = tempfile::tempdir().unwrap();
    for dir in [dir.path(), &dir.path().join("nowhere")] {
        let error = Tokenizer::from_dir(dir).unwrap_err();
        assert!(matches!(&error, Error::MissingFile { dir: found, .. } if found == dir));
        let text = error.to_string();
        assert!(text.contains("sentencepiece.bpe.model") && text.contains("tokenizer.json"), "{text}");
    }
    assert!(matches!(Tokenizer::from_files(TokenizerFiles::default()), Err(Error::MissingFile { .. })));
}

#[test]
fn broken_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (file, content) in [
        ("sentencepiece.bpe.model", &b""[..]),
        ("sentencepiece.bpe.model", b"\x0a\x05ab"),
        ("sentencepiece.bpe.model", b"version https://git-lfs.github.com/spec/v1\n"),
        ("tokenizer.json", b""),
        ("tokenizer.json", b"[]"),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", br#"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 2}, "merges": []}}"#),
        ("tokenizer.json", br#"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}"#),
        ("tokenizer.json", br#"{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}"#),
        ("tokenizer.json", br#"{"model": {"type": "Unigram", "vocab": {"a": 0}}}"#),
        ("tokenizer.json", br#"{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}"#),
    ] {
        fs::write(dir.path().join(file), content).unwrap();
        let error = Tokenizer::from_dir(dir.path()).unwrap_err();
        fs::remove_file(dir.path().join(file)).unwrap();
        let text = String::from_utf8_lossy(content);
        assert!(matches!(&error, Error::InvalidFile { path, .. } if *path == dir.path().join(file)), "{text}: {error}");
    }
    for (file, content) in [
        ("added_tokens.json", "[1]"),
        ("added_tokens.json", r#"{"__hin__": -4}"#),
        ("added_tokens.json", r#"{"__hin__": 1"#),
        ("tokenizer_config.json", r#"{"added_tokens_decoder": {"x": {"content": "y"}}}"#),
        ("tokenizer_config.json", r#"{"clean_up_tokenization_spaces": 3}"#),
    ] {
        fs::copy(model().join("sentencepiece.bpe.model"), dir.path().join("sentencepiece.bpe.model")).unwrap();
        fs::write(dir.path().join(file), content).unwrap();
        let error = Tokenizer::from_dir(dir.path()).unwrap_err();
        fs::remove_file(dir.path().join(file)).unwrap();
        assert!(
            matches!(&error, Error::InvalidFile { path, .. } if *path == dir.path().join(file)),
            "{content}: {error}"
        );
    }
}

/// Whatever the bytes, there is an answer.
fn try_all(files: TokenizerFiles) {
    if let Ok(tokenizer) = Tokenizer::from_files(files) {
        for id in [0, 4, 1000, 1033, 1101, u32::MAX] {
            let _ = tokenizer.decode(&[id, 570], DecodeOptions::default());
        }
        let _ = tokenizer.encode("it 's ＦＵＬＬ </s> हिन्दी");
        let _ = format!("{tokenizer:?}");
    }
}

#[test]
fn files_cut_short_or_damaged_do_no_harm() {
    let whole = files(&model());
    let (spm, json) = (whole.sentencepiece.unwrap(), whole.tokenizer_json.unwrap());
    let only_spm = |bytes: Vec<u8>| TokenizerFiles { sentencepiece: Some(bytes.into()), ..TokenizerFiles::default() };
    let only_json = |bytes: Vec<u8>| TokenizerFiles { tokenizer_json: Some(bytes.into()), ..TokenizerFiles::default() };
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..60 {
        try_all(only_spm(spm[..random(spm.len())].to_vec()));
        let mut damaged = spm.to_vec();
        for _ in 0..round {
            let at = random(spm.len());
            damaged[at] = random(256) as u8;
        }
        try_all(only_spm(damaged));
        try_all(only_spm((0..random(4000)).map(|_| random(256) as u8).collect()));
    }
    for _ in 0..12 {
        let cut = only_json(json[..random(json.len())].to_vec());
        assert!(matches!(Tokenizer::from_files(cut), Err(Error::InvalidFile { .. })));
        let mut damaged = json.to_vec();
        for _ in 0..3 {
            let at = random(json.len());
            damaged[at] = b'a' + random(26) as u8;
        }
        try_all(only_json(damaged));
    }
    let merges = br#"{"model": {"vocab": {"a": 0, "b": 1}, "merges": ["a c"]}}"#;
    let tokenizer = Tokenizer::from_files(only_json(merges.to_vec())).unwrap();
    assert!(matches!(tokenizer.encode("a"), Err(Error::InvalidFile { .. })));
}

#[test]
fn tokens_far_beyond_the_pieces() {
    let config = format!(r#"{{"added_tokens_decoder": {{"{}": {{"content": "__hin__"}}}}}}"#, u32::MAX);
    let tokenizer =
        Tokenizer::from_files(TokenizerFiles { config: Some(config.into_bytes().into()), ..files(&model()) });
    let tokenizer = tokenizer.unwrap();
    assert_eq!(tokenizer.language_id(Language::HINDI), Some(u32::MAX));
    assert_eq!(tokenizer.language_id(Language::ENGLISH), None);
    assert!(matches!(tokenizer.encode_target("a", Language::ENGLISH), Err(Error::UnknownLanguage { .. })));
    assert!(tokenizer.decode(&[2000], DecodeOptions::default()).is_err());
    // Only those that there are.
    let tokens = tokenizer.tokens_of("tamil".parse().unwrap());
    assert!(tokens.starts_with(&[0, 1, 2, 3]) && tokens.ends_with(&[u32::MAX]), "{tokens:?}");
}

/// How long loading takes: `INDIC_SEAMLESS_TOKENIZER=path/to/model cargo test --release -- --ignored --nocapture load`.
#[test]
#[ignore = "a measurement"]
fn load_time() {
    let dir = env::var_os("INDIC_SEAMLESS_TOKENIZER").map_or_else(model, PathBuf::from);
    for _ in 0..3 {
        let start = Instant::now();
        let tokenizer = Tokenizer::from_dir(&dir).unwrap();
        let loaded = start.elapsed();
        tokenizer.encode("a").unwrap();
        println!("{tokenizer:?}: loaded in {loaded:?}, first text encoded after {:?}", start.elapsed() - loaded);
    }
    let Some(json) = files(&dir).tokenizer_json else { return };
    let start = Instant::now();
    let json = TokenizerFiles { tokenizer_json: Some(json), ..TokenizerFiles::default() };
    let tokenizer = Tokenizer::from_files(json).unwrap();
    let loaded = start.elapsed();
    tokenizer.encode("a").unwrap();
    println!("{tokenizer:?}: loaded in {loaded:?}, first text encoded after {:?}", start.elapsed() - loaded);
}
