//! Searches that went wrong: how they are recognised, flagged and repeated.

use super::{
    Retry,
    session::{Session, Task},
};
use crate::{
    error::Result,
    generation::{GenerationConfig, Hypothesis, NO_REPEAT, is_loop, most_tokens},
    model::Encoded,
    segmentation::Clip,
    transcript::Flag,
};

impl Task {
    /// The search for a clip. It stops early where it is clear that it will be repeated, and so does the second search there:
    /// it has gone astray, too.
    pub(super) fn bounded(&self, clip: &Clip) -> GenerationConfig {
        // In beam search the limit would also affect shorter hypotheses.
        let may = self.retries(clip) && self.generation.num_beams == 1;
        let most = if may { most_tokens(clip.seconds()) + 1 } else { usize::MAX };
        let max_new_tokens = self.generation.max_new_tokens.min(most.max(self.generation.min_new_tokens));
        GenerationConfig { max_new_tokens, ..self.generation.clone() }
    }

    /// Whether a search for this clip that went wrong is repeated.
    fn retries(&self, clip: &Clip) -> bool {
        // Already without repetitions: a second search would be the same.
        if (1..=NO_REPEAT).contains(&self.generation.no_repeat_ngram_size) {
            return false;
        }
        match self.retry {
            Retry::Auto => !clip.is_whole(),
            Retry::Always => true,
            Retry::Never => false,
        }
    }

    /// What is wrong with the best hypothesis of a search by `generation`.
    fn flags(&self, clip: &Clip, best: Option<&Hypothesis>, generation: &GenerationConfig) -> Vec<Flag> {
        let Some(best) = best else { return Vec::new() };
        let new = best.tokens.get(self.prompt.len()..).unwrap_or_default();
        let ended = new.last().is_some_and(|last| generation.eos_token_id.contains(last));
        // The last token may have been forced to be the end.
        let cut_off = new.len() == generation.max_new_tokens && (!ended || !generation.forced_eos_token_id.is_empty());
        let all = [
            (is_loop(new), Flag::Loop),
            (new.len() > most_tokens(clip.seconds()), Flag::RunAway),
            (cut_off && !new.is_empty(), Flag::Truncated),
        ];
        all.into_iter().filter_map(|(is, flag)| is.then_some(flag)).collect()
    }
}

impl Session<'_, '_> {
    /// The hypotheses of a clip and their flags, from a second search without repetitions if the first one went wrong.
    pub(super) fn checked(
        &mut self,
        clip: &Clip,
        number: usize,
        encoded: &Encoded,
        found: Vec<Hypothesis>,
    ) -> Result<(Vec<Hypothesis>, Vec<Flag>)> {
        let flags = self.task.flags(clip, found.first(), &self.task.bounded(clip));
        let is_wrong = flags.iter().any(|flag| matches!(flag, Flag::Loop | Flag::RunAway));
        if !is_wrong || !self.task.retries(clip) {
            return Ok((found, flags));
        }
        tracing::debug!(start = clip.start, end = clip.end, ?flags, "searching again without repetitions");
        let strict = GenerationConfig { no_repeat_ngram_size: NO_REPEAT, ..self.task.bounded(clip) };
        let again = self.search_again(number, encoded, &strict)?;
        if again.is_empty() {
            return Ok((found, flags));
        }
        let mut flags = self.task.flags(clip, again.first(), &strict);
        flags.insert(0, Flag::Retried);
        Ok((again, flags))
    }
}
