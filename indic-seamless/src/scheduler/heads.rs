//! The output projections of scripts that were asked for.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{model::PartialHead, script::Script};

/// What they may take together. The whole projection of the large model has 262 MB in int8, the part of an Indian script 3 to 12.
const MAX_BYTES: u64 = 128 << 20;

/// Output projections by script, the one that was used last behind the others. Beyond [`MAX_BYTES`] the first are dropped.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Vec<(Script, Arc<PartialHead>)>>);

impl Heads {
    pub(super) fn get(&self, script: Script, make: impl FnOnce() -> PartialHead) -> Arc<PartialHead> {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = heads.iter().position(|(other, _)| *other == script).map(|place| heads.remove(place).1);
        let head = found.unwrap_or_else(|| Arc::new(make()));
        heads.push((script, Arc::clone(&head)));
        while heads.len() > 1 && heads.iter().map(|(_, head)| head.bytes()).sum::<u64>() > MAX_BYTES {
            heads.remove(0);
        }
        head
    }
}
