//! What a transcription yields.

use serde::Serialize;

use crate::language::Language;

/// The text of a recording.
///
/// Serialises to the JSON that the `transcribe` example prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transcript {
    /// Length of the recording in seconds.
    pub duration_s: f64,
    /// The language of the text.
    pub language: Language,
    /// The whole text.
    pub text: String,
    /// Its parts in the order of time.
    pub segments: Vec<Segment>,
    /// Where the time went.
    pub timings: Timings,
}

/// A stretch of a recording with its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// Where it begins, in seconds from the start of the recording.
    pub start: f64,
    /// Where it ends, in seconds from the start of the recording.
    pub end: f64,
    /// The text of the best hypothesis.
    pub text: String,
    /// The decoder's whole sequence, `[3, language, …, 3]`.
    pub tokens: Vec<u32>,
    /// Beam search: the sum of the new tokens' log-probabilities over `length^length_penalty`; greedy: their mean.
    pub score: f32,
    /// The mean log-probability of the new tokens.
    pub avg_logprob: f32,
    /// The next best hypotheses, as many as `num_return_sequences` asks for beyond the first.
    pub alternatives: Vec<Alternative>,
}

/// A hypothesis that was not the best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// Its text.
    pub text: String,
    /// The decoder's whole sequence.
    pub tokens: Vec<u32>,
    /// As [`Segment::score`].
    pub score: f32,
}

/// Where the time went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timings {
    /// Loading the model, once for all recordings.
    pub load_ms: f64,
    /// Decoding and resampling the recording; 0 if that was done by the caller.
    pub audio_ms: f64,
    /// Log-mel features.
    pub features_ms: f64,
    /// The speech encoder.
    pub encoder_ms: f64,
    /// The text decoder and the search, until the last token.
    pub generation_ms: f64,
    /// From the recording to the text, without loading.
    pub total_ms: f64,
    /// Tokens of the best hypotheses after their prompts.
    pub new_tokens: usize,
}
