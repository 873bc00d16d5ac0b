//! The words of a segment, with their times.

mod timing;

use std::{ops::Range, time::Instant};

use super::{
    session::{Session, Task},
    stopwatch::Phase,
};
use crate::{
    audio::Waveform,
    device::download,
    error::Result,
    features::FRAME_SHIFT,
    generation::{Hypothesis, align},
    model::Encoded,
    scheduler::Loaded,
    segmentation::Clip,
    text::WordTokens,
    transcript::Word,
};

impl Session<'_, '_> {
    /// The words of a hypothesis and when they are spoken.
    pub(super) fn words(&mut self, clip: &Clip, encoded: &Encoded, best: &Hypothesis) -> Result<Vec<Word>> {
        let checkpoint = self.transcriber.checkpoint();
        let prompt = self.task.prompt.len();
        let mut words = checkpoint.tokenizer().words(&best.tokens)?;
        // The prompt is not text, whatever its tokens.
        words.retain(|word| word.tokens.start >= prompt);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        // The step that reads a token predicts the next one.
        let read = &best.tokens[..best.tokens.len() - 1];
        let (weights, positions) = self.cross_attention(encoded, read)?;
        let tokens: Vec<_> = words.iter().map(|word| word.tokens.start - 1..word.tokens.end - 1).collect();
        let stride = 2 * FRAME_SHIFT * checkpoint.config().adaptor_stride;
        let position_s = stride as f64 / f64::from(Waveform::SAMPLE_RATE);
        let rough = align(&weights, positions, &tokens).into_iter();
        let rough: Vec<_> = rough.map(|word| word.start * position_s..word.end * position_s).collect();
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let times = timing::refine(&clip.samples, &rough, &texts);
        let within_speech = |time: f64| {
            ((clip.audio_start + time) * 1000.0).round().clamp(clip.start * 1000.0, clip.end * 1000.0) / 1000.0
        };
        let word = |(word, time): (&WordTokens, Range<f64>)| {
            let logprobs = best.logprobs.get(word.tokens.start - prompt..word.tokens.end - prompt).unwrap_or_default();
            let confidence = logprobs.iter().map(|p| p.exp()).sum::<f32>() / logprobs.len().max(1) as f32;
            let (start, end) = (within_speech(time.start), within_speech(time.end));
            Word { text: word.text.clone(), start, end, confidence }
        };
        Ok(words.iter().zip(times).map(word).collect())
    }

    /// The attention of the last layer to the encoder's output, `[tokens, positions]`, and the number of positions: see
    /// [`SpeechToText::cross_attention`](crate::model::SpeechToText::cross_attention).
    fn cross_attention(&mut self, encoded: &Encoded, tokens: &[u32]) -> Result<(Vec<f32>, usize)> {
        let Self { transcriber, task: Task { cancel, .. }, stopwatch, .. } = self;
        let (encoded, tokens) = (encoded.clone(), tokens.to_vec());
        let attention = move |loaded: &Loaded| {
            let started = Instant::now();
            let weights = loaded.model.cross_attention(&encoded, &tokens).mean_dim(0);
            let [_, _, positions] = weights.dims();
            let weights = download(weights)?;
            Ok((weights, positions, started.elapsed()))
        };
        let (weights, positions, time) = transcriber.scheduler.call(cancel, attention)?;
        stopwatch.add(Phase::Generation, time);
        Ok((weights, positions))
    }
}
