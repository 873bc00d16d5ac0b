//! The step loop: a decoder and a search by turns, so that whoever runs it can do something else between two steps.

use super::{GenerationConfig, Hypothesis, StepDecoder, TokenEvent, beam, greedy};
use crate::error::{Error, Result};

/// What a search wants to be fed to the decoder next: `tokens[i]` to the hypothesis that comes from `parents[i]`.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) parents: Vec<usize>,
    pub(super) tokens: Vec<u32>,
}

/// A way to choose tokens.
pub(super) trait Search: Send {
    /// Takes the logits after the last tokens, `[hypotheses, vocabulary]`, which it may change; what comes next, or
    /// nothing if all items have ended.
    fn advance(&mut self, logits: &mut [f32], on_token: &mut dyn FnMut(TokenEvent)) -> Option<Next>;

    /// The best hypotheses of each item, best first.
    fn results(self: Box<Self>) -> Vec<Vec<Hypothesis>>;
}

/// A generation under way.
pub(crate) struct Steps {
    search: Box<dyn Search>,
    next: Feed,
    logits: Vec<f32>,
}

enum Feed {
    Prompts(Vec<u32>),
    Tokens(Next),
    Nothing,
}

impl Steps {
    /// Prepares the search that [`generate`](super::generate) describes.
    pub(crate) fn new(prompts: &[Vec<u32>], config: &GenerationConfig) -> Result<Self> {
        config.check()?;
        let length = prompts.first().map_or(0, Vec::len);
        if length == 0 || prompts.iter().any(|prompt| prompt.len() != length) {
            return Err(Error::InvalidOption {
                option: "prompts",
                found: format!("lengths {:?}", prompts.iter().map(Vec::len).collect::<Vec<_>>()),
                wanted: "one length of at least 1".to_owned(),
            });
        }
        // Without a token to choose, greedy search returns the prompts as they are.
        let search: Box<dyn Search> = if config.num_beams == 1 || config.max_new_tokens == 0 {
            Box::new(greedy::Greedy::new(prompts, config))
        } else {
            Box::new(beam::Beams::new(prompts, config))
        };
        let next = if config.max_new_tokens == 0 { Feed::Nothing } else { Feed::Prompts(prompts.concat()) };
        Ok(Self { search, next, logits: Vec::new() })
    }

    /// Whether there is nothing left to feed.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.next, Feed::Nothing)
    }

    /// Feeds the decoder once and lets the search choose; nothing once it has [`ended`](Self::ended).
    pub(crate) fn advance(
        &mut self,
        decoder: &mut dyn StepDecoder,
        on_token: &mut dyn FnMut(TokenEvent),
    ) -> Result<()> {
        match &self.next {
            Feed::Prompts(prompts) => decoder.prompt(prompts, &mut self.logits)?,
            Feed::Tokens(Next { parents, tokens }) => decoder.step(parents, tokens, &mut self.logits)?,
            Feed::Nothing => return Ok(()),
        }
        self.next = self.search.advance(&mut self.logits, on_token).map_or(Feed::Nothing, Feed::Tokens);
        Ok(())
    }

    /// The best hypotheses of each item, best first.
    pub(crate) fn results(self) -> Vec<Vec<Hypothesis>> {
        self.search.results()
    }
}
