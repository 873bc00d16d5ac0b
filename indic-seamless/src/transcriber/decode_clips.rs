//! The model's work on clips, in steps that let other calls on the same transcriber in between.

use std::{
    mem,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{ModelDecoder, Transcriber, milliseconds, session::Session};
use crate::{
    cancel::CancelToken,
    error::{Error, Result, StopReason},
    features::{FeatureBatch, Features},
    generation::{GenerationConfig, Hypothesis, Steps, TokenEvent},
    model::{Advanced, Encoded, Encoding},
};

impl Transcriber {
    /// Calls `step` with the threads of this transcriber until it breaks, by turns with other calls. `between` is called
    /// after each step that says `Continue(true)`, without holding anybody up.
    ///
    /// # Errors
    ///
    /// Those of `step`, [`Error::Stopped`], and [`Error::FileChanged`].
    pub(super) fn in_turns<T: Send>(
        &self,
        stop: &CancelToken,
        mut step: impl FnMut() -> Result<ControlFlow<T, bool>> + Send,
        between: impl FnMut() + Send,
    ) -> Result<T> {
        let step = || match self.checkpoint.check_unchanged().and_then(|()| step()) {
            Ok(flow) => flow.map_break(Ok),
            Err(error) => ControlFlow::Break(Err(error)),
        };
        let done = self.turns.run(stop, step, between)??;
        // What the last step read counts, too.
        self.checkpoint.check_unchanged()?;
        Ok(done)
    }

    /// [`in_turns`](Self::in_turns) for work of one step.
    pub(super) fn in_turn<T: Send>(&self, stop: &CancelToken, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let mut work = Some(work);
        let step = || match work.take() {
            Some(work) => work().map(ControlFlow::Break),
            None => unreachable!("the first step is the last"),
        };
        self.in_turns(stop, step, || {})
    }
}

impl Session<'_, '_> {
    /// The encoder's output for 16 kHz samples.
    pub(super) fn encode(&mut self, samples: &[f32]) -> Result<Encoded> {
        let Self { transcriber, cancel, timings, .. } = self;
        let (transcriber, cancel) = (*transcriber, &*cancel);
        let mut inspect =
            |_, _: &_| if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let mut encoding: Option<Encoding<'_>> = None;
        let step = || {
            let mut started = Instant::now();
            let advanced = match encoding.take() {
                Some(encoding) => encoding.advance(&mut inspect),
                None => {
                    let features = Features::extract(samples)?;
                    let features = FeatureBatch::new(&[features], transcriber.checkpoint.padding_value());
                    timings.features_ms += milliseconds(started);
                    started = Instant::now();
                    transcriber.model.start_encoding(&features, &mut inspect).map_continue(Advanced::Layer)
                }
            };
            timings.encoder_ms += milliseconds(started);
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

    /// The best hypotheses of each clip.
    pub(super) fn search(
        &mut self,
        encoded: &[Encoded],
        generation: &GenerationConfig,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        let Self { transcriber, cancel, timings, prompt, processors, on_token, .. } = self;
        let (transcriber, cancel) = (*transcriber, &*cancel);
        let mut steps = Steps::new(&vec![prompt.clone(); encoded.len()], generation, processors)?;
        let mut decoder = None;
        let has_listener = on_token.is_some();
        let events = Mutex::new(Vec::<TokenEvent>::new());
        let events = || events.lock().unwrap_or_else(PoisonError::into_inner);
        let step = || {
            if steps.ended() {
                return Ok(ControlFlow::Break(()));
            }
            let started = Instant::now();
            let decoder = decoder.get_or_insert_with(|| {
                let encoded = Encoded::batch(encoded.to_vec());
                ModelDecoder::new(&transcriber.model, &encoded, generation, prompt.len())
            });
            steps.advance(decoder, &mut |event| {
                if has_listener {
                    events().push(event);
                }
            })?;
            timings.generation_ms += milliseconds(started);
            Ok(if steps.ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(has_listener) })
        };
        let mut tell = || {
            if let Some(on_token) = on_token {
                // Not under the lock: the listener may take its time.
                mem::take(&mut *events()).into_iter().for_each(&mut **on_token);
            }
        };
        transcriber.in_turns(cancel, step, &mut tell)?;
        tell();
        Ok(steps.results())
    }

    /// How the last layer looks at the encoder's output, `[tokens, positions]`, and the number of positions: see
    /// [`SpeechToText::cross_attention`](crate::model::SpeechToText::cross_attention).
    pub(super) fn cross_attention(&mut self, encoded: &Encoded, tokens: &[u32]) -> Result<(Vec<f32>, usize)> {
        let Self { transcriber, cancel, timings, .. } = self;
        transcriber.in_turn(cancel, || {
            let started = Instant::now();
            let weights = transcriber.model.cross_attention(encoded, tokens).mean_dim(0);
            let [_, _, positions] = weights.dims();
            let weights = weights.into_data().try_into_vec::<f32>().unwrap_or_default();
            timings.generation_ms += milliseconds(started);
            Ok((weights, positions))
        })
    }
}
