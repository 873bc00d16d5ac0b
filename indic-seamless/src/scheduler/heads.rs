//! The output projections of scripts that were asked for.

use std::sync::Arc;

use super::Loaded;
use crate::{
    device::guard,
    error::{Error, Result},
    model::PartialHead,
    script::Script,
    text::Tokenizer,
};

/// What they may take together. The whole projection of the large model has 262 MB in int8, the part of an Indian script 3 to 12.
const MAX_BYTES: u64 = 128 << 20;

/// Output projections by script, the one that was used last behind the others. Beyond [`MAX_BYTES`] the first are dropped.
#[derive(Debug, Default)]
pub(super) struct Heads(Vec<(Script, Arc<PartialHead>)>);

impl Heads {
    /// The output projection for the tokens of a script, which is copied when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a script that the model cannot write anything in; [`Error::Device`].
    pub(super) fn get(&mut self, loaded: &Loaded, script: Script) -> Result<Arc<PartialHead>> {
        let Self(heads) = self;
        let head = match heads.iter().position(|(other, _)| *other == script) {
            Some(place) => heads.remove(place).1,
            None => {
                let tokens = tokens(loaded.checkpoint.tokenizer(), script, loaded.model.vocabulary())?;
                Arc::new(guard(&loaded.model.device(), || Ok(loaded.model.partial_head(tokens)))?)
            }
        };
        heads.push((script, Arc::clone(&head)));
        while heads.len() > 1 && heads.iter().map(|(_, head)| head.bytes()).sum::<u64>() > MAX_BYTES {
            heads.remove(0);
        }
        Ok(head)
    }
}

/// The tokens of a script that the model has, with letters among them: special tokens and signs are of all scripts.
fn tokens(tokenizer: &Tokenizer, script: Script, vocabulary: usize) -> Result<Vec<u32>> {
    let mut tokens = tokenizer.tokens_of(script);
    tokens.retain(|&token| (token as usize) < vocabulary);
    let has_letters = |&token: &u32| {
        !tokenizer.is_special(token) && tokenizer.piece(token).is_some_and(|piece| script.has_letters_in(piece))
    };
    if !tokens.iter().any(has_letters) {
        let wanted = "a script that the tokenizer has letters of".to_owned();
        return Err(Error::InvalidOption { option: "script", found: script.to_string(), wanted });
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::TokenizerFiles, language::Language};

    #[test]
    fn a_script_without_tokens_is_refused() {
        let pieces = r#"{ "model": { "vocab": { "क": 0, "ख": 1, "ग": 2, "घ": 3 } } }"#;
        let added = |id: u32| format!(r#""{id}": {{ "content": "न", "special": false }}"#);
        let added: Vec<String> = [0, 1, 2, 3, u32::MAX].map(added).into();
        let files = TokenizerFiles {
            tokenizer_json: Some(pieces.as_bytes().into()),
            config: Some(format!(r#"{{ "added_tokens_decoder": {{ {} }} }}"#, added.join(", ")).into_bytes().into()),
            ..TokenizerFiles::default()
        };
        let tokenizer = Tokenizer::from_files(files).expect("tokenizer");
        assert_eq!(tokens(&tokenizer, Script::of(Language::HINDI), 4).expect("tokens"), [0, 1, 2, 3]);
        let tamil = "tamil".parse().expect("script");
        assert!(matches!(tokens(&tokenizer, tamil, 4), Err(Error::InvalidOption { option: "script", .. })));
    }
}
