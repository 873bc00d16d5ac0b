//! The output projection for some of the tokens.

use burn::tensor::Tensor;

use super::SpeechToText;
use crate::{
    error::Result,
    nn::{Product, Weight},
};

/// The rows of the output projection that belong to some tokens, apart from the others, so that only these are read.
#[derive(Debug)]
pub struct PartialHead {
    tokens: Vec<u32>,
    weight: Weight,
    vocabulary: usize,
}

impl SpeechToText {
    /// A copy of the rows of the output projection that belong to `tokens`.
    ///
    /// # Panics
    ///
    /// If there is no token, or one is outside of the vocabulary.
    pub fn partial_head(&self, tokens: Vec<u32>) -> PartialHead {
        let vocabulary = self.vocabulary();
        assert!(!tokens.is_empty(), "at least one token");
        assert!(tokens.iter().all(|&token| (token as usize) < vocabulary), "tokens of the vocabulary");
        PartialHead { weight: self.shared.weight.subset(&tokens), tokens, vocabulary }
    }
}

impl PartialHead {
    /// Bytes of its weight.
    pub(crate) fn bytes(&self) -> u64 {
        self.weight.bytes()
    }

    /// The scores of the tokens for `hidden: [1, rows, hidden]` in `logits`, `[rows, vocabulary]` in slices of any kind; all other
    /// tokens are at minus infinity.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device).
    pub(crate) fn logits_into<'a>(
        &self,
        hidden: &Tensor<3>,
        logits: impl Iterator<Item = &'a mut [f32]>,
    ) -> Result<()> {
        let mut values = Vec::new();
        Product { weight: &self.weight, bias: None, activation: None }.forward_into(hidden, &mut values)?;
        for (logits, values) in logits.zip(values.chunks_exact(self.tokens.len())) {
            debug_assert_eq!(logits.len(), self.vocabulary, "a score for each token");
            logits.fill(f32::NEG_INFINITY);
            for (&token, &value) in self.tokens.iter().zip(values) {
                logits[token as usize] = value;
            }
        }
        Ok(())
    }
}
