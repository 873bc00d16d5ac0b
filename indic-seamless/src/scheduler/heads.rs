//! The output projections of scripts that were asked for.

use std::sync::Arc;

use super::Loaded;
use crate::{device::guard, error::Result, model::PartialHead, script::Script, text::Tokenizer};

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
    /// [`Error::Device`](crate::Error::Device).
    pub(super) fn get(&mut self, loaded: &Loaded, script: Script) -> Result<Arc<PartialHead>> {
        let Self(heads) = self;
        let head = match heads.iter().position(|(other, _)| *other == script) {
            Some(place) => heads.remove(place).1,
            None => {
                let tokens = tokens(loaded.checkpoint.tokenizer(), script, loaded.model.vocabulary());
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

/// The tokens of a script that the model has.
fn tokens(tokenizer: &Tokenizer, script: Script, vocabulary: usize) -> Vec<u32> {
    let mut tokens = tokenizer.tokens_of(script);
    tokens.retain(|&token| (token as usize) < vocabulary);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::TokenizerFiles, language::Language};

    #[test]
    fn tokens_beyond_the_model_are_left_out() {
        let pieces = r#"{ "model": { "vocab": { "क": 0, "ख": 1, "ग": 2, "घ": 3 } } }"#;
        let added = |id: u32| format!(r#""{id}": {{ "content": "न", "special": false }}"#);
        let added: Vec<String> = [0, 1, 2, 3, u32::MAX].map(added).into();
        let files = TokenizerFiles {
            tokenizer_json: Some(pieces.as_bytes().into()),
            config: Some(format!(r#"{{ "added_tokens_decoder": {{ {} }} }}"#, added.join(", ")).into_bytes().into()),
            ..TokenizerFiles::default()
        };
        let tokenizer = Tokenizer::from_files(files).expect("tokenizer");
        assert_eq!(tokens(&tokenizer, Script::of(Language::HINDI), 4), [0, 1, 2, 3]);
    }
}
