//! The output projections of scripts that were asked for.

use std::sync::Arc;

use super::Loaded;
use crate::{device::guard, error::Result, model::PartialHead, script::Script};

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
            None => Arc::new(guard(&loaded.model.device(), || Ok(copy(loaded, script)))?),
        };
        heads.push((script, Arc::clone(&head)));
        while heads.len() > 1 && heads.iter().map(|(_, head)| head.bytes()).sum::<u64>() > MAX_BYTES {
            heads.remove(0);
        }
        Ok(head)
    }
}

fn copy(Loaded { checkpoint, model }: &Loaded, script: Script) -> PartialHead {
    let mut tokens = checkpoint.tokenizer().tokens_of(script);
    tokens.retain(|&token| (token as usize) < model.vocabulary());
    model.partial_head(tokens)
}
