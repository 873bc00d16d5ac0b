//! Clips to segments: encoder, search, text.

use std::{
    mem,
    ops::ControlFlow,
    slice,
    sync::{Mutex, PoisonError},
};

use super::{
    ModelDecoder,
    session::{Listeners, Session, Task},
    stopwatch::Phase,
};
use crate::{
    error::{Error, Result, StopReason},
    features::{FeatureBatch, Features},
    generation::{GenerationConfig, Hypothesis, Steps, TokenEvent},
    model::{Advanced, Encoded, Encoding},
    segmentation::Clip,
    text::DecodeOptions,
    transcript::{Alternative, Segment},
};

impl Session<'_, '_> {
    /// The segments of clips that are decoded together; `None` where there is no text.
    ///
    /// Clips are encoded one by one, as the encoder is bound by arithmetic and padding would change its output. They are
    /// decoded in one batch, as the decoder is bound by reading the weights.
    pub(super) fn decode(&mut self, clips: &[&Clip]) -> Result<Vec<Option<Segment>>> {
        let encoded = clips.iter().map(|clip| self.encode(&clip.samples)).collect::<Result<Vec<_>>>()?;
        let generation = self.task.bounded(clips);
        let found = self.search(&encoded, &generation)?;
        let mut segments = Vec::with_capacity(clips.len());
        for ((clip, encoded), hypotheses) in clips.iter().zip(&encoded).zip(found) {
            segments.push(self.segment(clip, encoded, hypotheses, &generation)?);
        }
        Ok(segments)
    }

    /// The segment of a clip for which the search found `hypotheses`.
    fn segment(
        &mut self,
        clip: &Clip,
        encoded: &Encoded,
        hypotheses: Vec<Hypothesis>,
        generation: &GenerationConfig,
    ) -> Result<Option<Segment>> {
        let (hypotheses, flags) = self.checked(clip, encoded, hypotheses, generation)?;
        let Some((best, others)) = hypotheses.split_first() else { return Ok(None) };
        self.stopwatch.count(best.logprobs.len());
        let tokenizer = self.transcriber.checkpoint.tokenizer();
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

    /// The encoder's output for samples at 16 kHz.
    fn encode(&mut self, samples: &[f32]) -> Result<Encoded> {
        let Self { transcriber, task: Task { cancel, .. }, stopwatch, .. } = self;
        let (transcriber, cancel) = (*transcriber, &*cancel);
        let mut inspect =
            |_, _: &_| if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let mut encoding: Option<Encoding<'_>> = None;
        let step = || {
            let advanced = match encoding.take() {
                Some(encoding) => stopwatch.time(Phase::Encoder, || encoding.advance(&mut inspect)),
                None => {
                    let features = stopwatch.time(Phase::Features, || {
                        let features = Features::extract(samples)?;
                        Ok(FeatureBatch::new(&[features], transcriber.checkpoint.padding_value()))
                    })?;
                    let start = || transcriber.model.start_encoding(&features, &mut inspect);
                    stopwatch.time(Phase::Encoder, start).map_continue(Advanced::Layer)
                }
            };
            match advanced {
                ControlFlow::Continue(Advanced::Done(encoded)) => Ok(ControlFlow::Break(encoded)),
                ControlFlow::Continue(Advanced::Layer(next)) => {
                    encoding = Some(next);
                    Ok(ControlFlow::Continue(false))
                }
                ControlFlow::Break(()) => {
                    let reason = cancel.reason().unwrap_or(StopReason::Cancelled);
                    Err(Error::Stopped { reason, partial: None })
                }
            }
        };
        transcriber.in_turns(cancel, step, || {})
    }

    /// The hypotheses of one clip, best first.
    pub(super) fn search_one(&mut self, encoded: &Encoded, generation: &GenerationConfig) -> Result<Vec<Hypothesis>> {
        Ok(self.search(slice::from_ref(encoded), generation)?.pop().unwrap_or_default())
    }

    /// The hypotheses of each clip, best first.
    fn search(&mut self, encoded: &[Encoded], generation: &GenerationConfig) -> Result<Vec<Vec<Hypothesis>>> {
        let Self { transcriber, task, listeners: Listeners { on_token, .. }, stopwatch, .. } = self;
        let (transcriber, Task { prompt, processors, cancel, .. }) = (*transcriber, &*task);
        let mut steps = Steps::new(&vec![prompt.clone(); encoded.len()], generation, processors)?;
        let mut decoder = None;
        let has_listener = on_token.is_some();
        let events = Mutex::new(Vec::<TokenEvent>::new());
        let events = || events.lock().unwrap_or_else(PoisonError::into_inner);
        let step = || {
            if steps.ended() {
                return Ok(ControlFlow::Break(()));
            }
            stopwatch.time(Phase::Generation, || {
                let decoder = decoder.get_or_insert_with(|| {
                    let encoded = Encoded::batch(encoded.to_vec());
                    ModelDecoder::new(&transcriber.model, &encoded, generation, prompt.len())
                });
                steps.advance(decoder, &mut |event| {
                    if has_listener {
                        events().push(event);
                    }
                })
            })?;
            Ok(if steps.ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(has_listener) })
        };
        let mut tell = || {
            if let Some(on_token) = on_token {
                // The lock is released first: the listener may take its time.
                mem::take(&mut *events()).into_iter().for_each(&mut **on_token);
            }
        };
        transcriber.in_turns(cancel, step, &mut tell)?;
        tell();
        Ok(steps.results())
    }
}
