//! The answers: `json`, `verbose_json`, text and subtitles.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    fields::{Format, Options},
    logprobs::{self, Logprob},
};
use crate::{
    damage::Damage,
    language::Language,
    subtitles::SubtitleOptions,
    text::Tokenizer,
    transcript::{Flag, Segment, Transcript, Word},
};

/// The level of zlib that programs use by default.
const LEVEL: u8 = 6;

/// The answer in JSON.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = OpenAiAnswer)]
pub(crate) enum Answer {
    Json(Transcription),
    Verbose(VerboseTranscription),
}

/// The answer in `json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiTranscription)]
pub(crate) struct Transcription {
    /// The whole text.
    #[schema(example = "कृपया आज का मौसम")]
    text: String,
    /// Present with `include[]=logprobs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<Logprob>>,
    /// The spoken language, if it was guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    languages: Option<[Guessed; 1]>,
    usage: Usage,
    /// Where the recording is damaged, and text may be missing; absent if it is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damage: Vec<Damage>,
}

/// The answer in `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiVerboseTranscription)]
pub(crate) struct VerboseTranscription {
    /// `transcribe` or `translate`.
    task: &'static str,
    /// The English name of the text's language, in lower case.
    #[schema(example = "hindi")]
    language: String,
    /// Length of the recording in seconds.
    duration: f64,
    /// The whole text.
    text: String,
    /// The segments, ordered by time; absent if only words are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<VerboseSegment>>,
    /// Present with `timestamp_granularities[]=word`.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<VerboseWord>>,
    usage: Usage,
    /// Where the recording is damaged, and text may be missing; absent if it is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damage: Vec<Damage>,
}

/// A segment of the recording with its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiSegment)]
struct VerboseSegment {
    /// Its number, from 0.
    id: usize,
    /// Its start in hundredths of a second.
    seek: u64,
    /// Start in seconds.
    start: f64,
    /// End in seconds.
    end: f64,
    /// The text.
    text: String,
    /// The tokens of the text.
    tokens: Vec<u32>,
    /// Always 0: the search does not sample.
    temperature: f32,
    /// The mean log-probability of the tokens: how sure the model is; 0 is certain.
    avg_logprob: f32,
    /// The length of the text over that of the text compressed by zlib. Text that repeats itself has more than 2.4.
    compression_ratio: f64,
    /// Always 0: what the speech detector hears no speech in is not transcribed.
    no_speech_prob: f32,
    /// Reasons to distrust the text, as in the answer of `/speech-to-text`; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    flags: Vec<Flag>,
}

/// A word.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiWord)]
struct VerboseWord {
    /// The word, with its punctuation.
    word: String,
    /// Start in seconds.
    start: f64,
    /// End in seconds.
    end: f64,
}

/// A language that was guessed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiLanguage)]
pub(super) struct Guessed {
    /// Its language tag.
    #[schema(example = "hi")]
    code: &'static str,
}

/// What the recording counts for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiUsage)]
struct Usage {
    /// Always `duration`.
    r#type: &'static str,
    /// The length of the recording in whole seconds, rounded up.
    seconds: u64,
}

impl Usage {
    fn of(transcript: &Transcript) -> Self {
        Self { r#type: "duration", seconds: transcript.duration_s.ceil() as u64 }
    }
}

/// The language that was guessed, if it was.
pub(super) fn guessed(language: Language, was_guessed: bool) -> Option<[Guessed; 1]> {
    was_guessed.then(|| [Guessed { code: language.bcp47() }])
}

/// The answer in the format that was asked for.
pub(super) fn respond(
    transcript: &Transcript,
    options: &Options,
    was_guessed: bool,
    tokenizer: &Tokenizer,
) -> Response {
    match options.format {
        Format::Json => Json(Answer::Json(Transcription {
            text: transcript.text.clone(),
            logprobs: options.logprobs.then(|| logprobs::of_transcript(transcript, tokenizer)),
            languages: guessed(transcript.language, was_guessed),
            usage: Usage::of(transcript),
            damage: transcript.damage.clone(),
        }))
        .into_response(),
        Format::VerboseJson => Json(Answer::Verbose(verbose(transcript, options, tokenizer))).into_response(),
        Format::Plain(format) => {
            let content_type = format!("{}; charset=utf-8", format.media_type());
            let body = format.render(transcript, &SubtitleOptions::default());
            ([(header::CONTENT_TYPE, content_type)], body).into_response()
        }
    }
}

fn verbose(transcript: &Transcript, options: &Options, tokenizer: &Tokenizer) -> VerboseTranscription {
    let segments = || {
        let numbered = transcript.segments.iter().enumerate();
        numbered.map(|(id, segment)| verbose_segment(id, segment, tokenizer)).collect()
    };
    let word = |word: &Word| VerboseWord { word: word.text.clone(), start: word.start, end: word.end };
    let words = || transcript.segments.iter().flat_map(|segment| &segment.words).map(word).collect();
    VerboseTranscription {
        task: if options.translates { "translate" } else { "transcribe" },
        language: transcript.language.name().to_lowercase(),
        duration: transcript.duration_s,
        text: transcript.text.clone(),
        segments: options.segments.then(segments),
        words: options.words.then(words),
        usage: Usage::of(transcript),
        damage: transcript.damage.clone(),
    }
}

fn verbose_segment(id: usize, segment: &Segment, tokenizer: &Tokenizer) -> VerboseSegment {
    VerboseSegment {
        id,
        seek: (segment.start * 100.0).round() as u64,
        start: segment.start,
        end: segment.end,
        text: segment.text.clone(),
        tokens: logprobs::tokens(segment, tokenizer).map(|(token, _)| token).collect(),
        temperature: 0.0,
        avg_logprob: segment.avg_logprob,
        compression_ratio: compression_ratio(&segment.text),
        no_speech_prob: 0.0,
        flags: segment.flags.clone(),
    }
}

fn compression_ratio(text: &str) -> f64 {
    text.len() as f64 / compress_to_vec_zlib(text.as_bytes(), LEVEL).len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_repeats_itself_is_compressed_well() {
        // As Python's zlib.compress has it.
        assert_eq!(compression_ratio("the weather is pleasant today"), 29.0 / 37.0);
        assert!(compression_ratio(&"la la ".repeat(50)) > 2.4);
        assert_eq!(compression_ratio(""), 0.0);
    }
}
