//! What the scheduler found for a clip, as a segment.

use super::session::Session;
use crate::{
    error::Result,
    generation::Hypothesis,
    model::Encoded,
    segmentation::Clip,
    text::DecodeOptions,
    transcript::{Alternative, Segment},
};

impl Session<'_, '_> {
    /// The segment of clip `number` for which a search found `hypotheses`; `None` if there is no text in it.
    pub(super) fn segment(
        &mut self,
        clip: &Clip,
        number: usize,
        encoded: &Encoded,
        hypotheses: Vec<Hypothesis>,
    ) -> Result<Option<Segment>> {
        let (hypotheses, flags) = self.checked(clip, number, encoded, hypotheses)?;
        let Some((best, others)) = hypotheses.split_first() else { return Ok(None) };
        self.stopwatch.count(best.logprobs.len());
        let tokenizer = self.transcriber.checkpoint().tokenizer();
        let text = |tokens: &[u32]| tokenizer.decode(tokens, DecodeOptions::default());
        let alternative = |other: &Hypothesis| {
            Ok(Alternative { text: text(&other.tokens)?, tokens: other.tokens.clone(), score: other.score })
        };
        let segment = Segment {
            speaker: None,
            start: clip.start,
            end: clip.end,
            end_reason: clip.end_reason,
            text: text(&best.tokens)?,
            tokens: best.tokens.clone(),
            score: best.score,
            avg_logprob: best.avg_logprob(),
            logprobs: best.logprobs.clone(),
            flags,
            words: if self.task.words { self.words(clip, encoded, best)? } else { Vec::new() },
            alternatives: others.iter().map(alternative).collect::<Result<_>>()?,
        };
        // A recording that is not cut gives a segment in any case, as the reference does.
        if segment.text.is_empty() && !clip.is_whole() {
            tracing::debug!(start = segment.start, end = segment.end, "detected as speech, but without text");
            return Ok(None);
        }
        Ok(Some(segment))
    }
}
