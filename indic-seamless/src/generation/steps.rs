//! The step loop: the decoder and the search take turns. The caller decides when the next step runs.

use std::sync::Arc;

use super::{
    GenerationConfig, Hypothesis, LogitsProcessor, StepDecoder, TokenEvent, beam, greedy, processors::Processors,
};
use crate::error::{Error, Result};

/// The input of the next decoder step: hypothesis `i` continues the present hypothesis `parents[i]` with `tokens[i]`.
#[derive(Debug, Default)]
pub(crate) struct Next {
    pub(crate) parents: Vec<usize>,
    pub(crate) tokens: Vec<u32>,
}

/// A way to choose tokens.
pub(super) trait Search: Send {
    /// Chooses tokens by the logits after the last ones, `[hypotheses, vocabulary]`, which it may change. Returns the
    /// next input, or `None` if all items have ended.
    ///
    /// # Errors
    ///
    /// Those of the logits processors.
    fn advance(&mut self, logits: &mut [f32], on_token: &mut dyn FnMut(TokenEvent)) -> Result<Option<Next>>;

    /// The best hypotheses of each item, best first.
    fn results(self: Box<Self>) -> Vec<Vec<Hypothesis>>;
}

/// A generation under way.
pub(crate) struct Steps {
    search: Box<dyn Search>,
    next: Input,
    first_item: usize,
}

/// What the decoder is to be fed next.
pub(crate) enum Input {
    /// The prompts of all items, row after row.
    Prompts(Vec<u32>),
    /// A token for each hypothesis.
    Tokens(Next),
    /// Nothing: the search has ended.
    Nothing,
}

impl Steps {
    /// Prepares the search that [`generate`](super::generate) describes. Processors and listeners are told numbers of items from
    /// `first_item` on.
    pub(crate) fn new(
        prompts: &[Vec<u32>],
        config: &GenerationConfig,
        processors: &[Arc<dyn LogitsProcessor>],
        first_item: usize,
    ) -> Result<Self> {
        config.check()?;
        let length = prompts.first().map_or(0, Vec::len);
        if length == 0 || prompts.iter().any(|prompt| prompt.len() != length) {
            return Err(Error::InvalidOption {
                option: "prompts",
                found: format!("lengths {:?}", prompts.iter().map(Vec::len).collect::<Vec<_>>()),
                wanted: "one length of at least 1".to_owned(),
            });
        }
        let processors = Processors::new(config, processors, length, first_item);
        let search: Box<dyn Search> = if config.num_beams == 1 {
            Box::new(greedy::Greedy::new(prompts, config, processors))
        } else {
            Box::new(beam::Beams::new(prompts, config, processors))
        };
        Ok(Self { search, next: Input::Prompts(prompts.concat()), first_item })
    }

    /// Whether the search has ended.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.next, Input::Nothing)
    }

    /// What the decoder is to be fed next.
    pub(crate) fn input(&self) -> &Input {
        &self.next
    }

    /// Lets the search choose tokens by the logits after those that were fed, `[hypotheses, vocabulary]`, which it may change.
    pub(crate) fn choose(&mut self, logits: &mut [f32], on_token: &mut dyn FnMut(TokenEvent)) -> Result<()> {
        let first = self.first_item;
        let mut numbered = |event: TokenEvent| on_token(TokenEvent { item: first + event.item, ..event });
        self.next = self.search.advance(logits, &mut numbered)?.map_or(Input::Nothing, Input::Tokens);
        Ok(())
    }

    /// Runs one decoder step and lets the search choose tokens. Does nothing once the search has [`ended`](Self::ended).
    pub(super) fn advance(
        &mut self,
        decoder: &mut dyn StepDecoder,
        logits: &mut Vec<f32>,
        on_token: &mut dyn FnMut(TokenEvent),
    ) -> Result<()> {
        match &self.next {
            Input::Prompts(prompts) => decoder.prompt(prompts, logits)?,
            Input::Tokens(Next { parents, tokens }) => decoder.step(parents, tokens, logits)?,
            Input::Nothing => return Ok(()),
        }
        self.choose(logits, on_token)
    }

    /// The best hypotheses of each item, best first.
    pub(crate) fn results(self) -> Vec<Vec<Hypothesis>> {
        self.search.results()
    }
}
