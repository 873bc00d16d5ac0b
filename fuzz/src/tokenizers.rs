//! The files of a tokenizer; and with one that can be read, text to tokens and back.

use indic_seamless::{
    Language, Script,
    checkpoint::TokenizerFiles,
    text::{DecodeOptions, Tokenizer},
};

use crate::tiny::{SENTENCEPIECE, TINY};

const TEXT: &str = " ab c नमस्ते  \u{301}abc. \u{10ffff}";

/// `sentencepiece.bpe.model`.
pub(crate) fn sentencepiece(data: &[u8]) {
    use_all(TokenizerFiles { sentencepiece: Some(data.to_vec().into()), ..TokenizerFiles::default() });
}

/// `tokenizer.json`.
pub(crate) fn json(data: &[u8]) {
    use_all(TokenizerFiles { tokenizer_json: Some(data.to_vec().into()), ..TokenizerFiles::default() });
}

/// `tokenizer_config.json`.
pub(crate) fn config(data: &[u8]) {
    let sentencepiece = Some(TINY[SENTENCEPIECE].clone().into());
    use_all(TokenizerFiles { sentencepiece, config: Some(data.to_vec().into()), ..TokenizerFiles::default() });
}

fn use_all(files: TokenizerFiles) {
    let Ok(tokenizer) = Tokenizer::from_files(files) else { return };
    let count = tokenizer.vocab_size() as u32;
    // Ids of added tokens may be far apart.
    let ids: Vec<u32> = (0..count.min(2_000)).chain([count, u32::MAX]).collect();
    let known: Vec<u32> = ids.into_iter().filter(|&id| tokenizer.piece(id).is_some()).collect();
    for options in [DecodeOptions::default(), DecodeOptions { skip_special_tokens: false, clean_up: Some(true) }] {
        drop(tokenizer.decode(&known, options));
    }
    drop(tokenizer.words(&known));
    for script in Script::all() {
        drop(tokenizer.tokens_of(script));
    }
    if let Ok(tokens) = tokenizer.encode(TEXT) {
        assert!(tokens.iter().all(|&token| tokenizer.piece(token).is_some()), "{tokens:?}");
        drop(tokenizer.decode(&tokens, DecodeOptions::default()));
    }
    for language in Language::all() {
        drop(tokenizer.encode_target(TEXT, language));
    }
}
