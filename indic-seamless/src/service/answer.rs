//! What a client gets: JSON, plain text, or subtitles.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    subtitles::{SubtitleOptions, srt, vtt},
    transcript::{EndReason, Flag, Segment, Timings, Transcript, Word},
};

/// The form of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// An object with the text, and more if asked for.
    #[default]
    Json,
    /// The text alone.
    Text,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
}

/// What is said, or its translation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SpeechAnswer {
    /// The whole text.
    #[schema(example = "कृपया आज का मौसम")]
    transcription: String,
    /// What was asked for with `segments=true`.
    #[serde(flatten)]
    more: Option<SpeechDetails>,
}

/// What `segments=true` adds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct SpeechDetails {
    /// The code of the text's language.
    #[schema(example = "hin")]
    language: &'static str,
    /// Length of the recording in seconds.
    duration_s: f64,
    /// The text in the order of time.
    segments: Vec<SpeechSegment>,
    /// Where the time went.
    timings: SpeechTimings,
}

/// A stretch of the recording with its text.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SpeechSegment {
    /// Where it begins, in seconds.
    start: f64,
    /// Where it ends, in seconds.
    end: f64,
    /// Why it ends there. `whole`: the recording was not cut. `pause`: a long pause follows. `target_length`: it was long
    /// enough and cut at a short pause. `least_speech`: it was too long and cut where the speech detector was least sure.
    /// `limit`: it reached the longest length. `end_of_recording`: the recording ends. More values may follow.
    #[schema(value_type = String, example = "pause")]
    end_reason: EndReason,
    /// Its text.
    text: String,
    /// The mean log-probability of its tokens: how sure the model is; 0 is certain.
    avg_logprob: f32,
    /// What is wrong with the text; left out when nothing is. `retried`: a first search went wrong, this is the text of a
    /// second, stricter one. `loop`: the text repeats itself. `run_away`: it is longer than anybody can say in the time.
    /// `truncated`: it was cut off at the limit of tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    flags: Vec<Flag>,
    /// What was asked for with `words=true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    words: Vec<SpeechWord>,
}

/// A word of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct SpeechWord {
    /// The word, with its punctuation.
    text: String,
    /// Where it begins, in seconds.
    start: f64,
    /// Where it ends, in seconds.
    end: f64,
    /// The mean probability of its tokens, 0 to 1.
    confidence: f32,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
struct SpeechTimings {
    audio_ms: f64,
    features_ms: f64,
    encoder_ms: f64,
    generation_ms: f64,
    total_ms: f64,
    new_tokens: usize,
}

impl From<&Segment> for SpeechSegment {
    fn from(segment: &Segment) -> Self {
        let Segment { start, end, end_reason, ref text, avg_logprob, ref flags, ref words, .. } = *segment;
        let words = words.iter().map(|Word { text, start, end, confidence }| SpeechWord {
            text: text.clone(),
            start: *start,
            end: *end,
            confidence: *confidence,
        });
        Self { start, end, end_reason, text: text.clone(), avg_logprob, flags: flags.clone(), words: words.collect() }
    }
}

impl From<Timings> for SpeechTimings {
    fn from(timings: Timings) -> Self {
        let Timings { audio_ms, features_ms, encoder_ms, generation_ms, total_ms, new_tokens, .. } = timings;
        Self { audio_ms, features_ms, encoder_ms, generation_ms, total_ms, new_tokens }
    }
}

impl SpeechAnswer {
    pub(crate) fn new(transcript: &Transcript, segments: bool) -> Self {
        let details = || SpeechDetails {
            language: transcript.language.code(),
            duration_s: transcript.duration_s,
            segments: transcript.segments.iter().map(SpeechSegment::from).collect(),
            timings: transcript.timings.into(),
        };
        Self { transcription: transcript.text.clone(), more: segments.then(details) }
    }
}

impl Format {
    pub(crate) fn respond(self, transcript: &Transcript, segments: bool) -> Response {
        let typed =
            |content_type: &'static str, text: String| ([(header::CONTENT_TYPE, content_type)], text).into_response();
        match self {
            Self::Json => Json(SpeechAnswer::new(transcript, segments)).into_response(),
            Self::Text => typed("text/plain; charset=utf-8", transcript.text.clone()),
            Self::Srt => {
                typed("application/x-subrip; charset=utf-8", srt(&transcript.segments, &SubtitleOptions::default()))
            }
            Self::Vtt => typed("text/vtt; charset=utf-8", vtt(&transcript.segments, &SubtitleOptions::default())),
        }
    }
}
