//! The body of a successful transcription: JSON, or one of the other [`OutputFormat`]s.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{PartialSchema, ToSchema, openapi};

use crate::{
    damage::Damage,
    format::OutputFormat,
    language::Language,
    subtitles::SubtitleOptions,
    transcript::{EndReason, Flag, Segment, Timings, Transcript, Word},
};

/// The JSON answer of `POST /speech-to-text`, for hosts that deliver it by another way.
///
/// ```
/// use indic_seamless::{Language, Timings, Transcript, service::SpeechAnswer};
///
/// let transcript = Transcript::new(0.0, Language::HINDI, Vec::new(), Timings::default());
/// let json = serde_json::to_value(SpeechAnswer::new(&transcript, false))?;
/// assert_eq!(json, serde_json::json!({ "transcription": "" }));
/// let json = serde_json::to_value(SpeechAnswer::new(&transcript, true))?;
/// assert_eq!(json["language"], "hin");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SpeechAnswer {
    /// The whole text.
    #[schema(example = "कृपया आज का मौसम")]
    transcription: String,
    /// Where the recording is damaged, and text may be missing; absent if it is whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    damage: Vec<Damage>,
    /// Present with `segments=true` or `words=true`.
    #[serde(flatten)]
    details: Option<SpeechDetails>,
}

/// What `segments=true` adds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct SpeechDetails {
    /// The code of the text's language.
    #[schema(example = "hin")]
    language: &'static str,
    /// Length of the recording in seconds.
    duration_s: f64,
    /// The segments, ordered by time.
    segments: Vec<AnswerSegment>,
    /// Where the time went, in milliseconds.
    timings: Timings,
    /// The subtitles as a file; present at the end of a stream of events with `format=srt` or `format=vtt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitles: Option<String>,
}

/// A segment of the recording with its text: a [`Segment`] without tokens, score and alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = SpeechSegment)]
pub(crate) struct AnswerSegment {
    /// Start in seconds.
    start: f64,
    /// End in seconds.
    end: f64,
    /// Why it ends there. `whole`: the recording was not cut. `pause`: a long pause follows. `target_length`: it was long
    /// enough and cut at a short pause. `least_speech`: it was too long and cut where the speech detector was least sure.
    /// `limit`: it would have exceeded the longest length, and was cut where speech was least likely. `end_of_recording`:
    /// the recording ends. `unknown`: not known. More values may follow.
    end_reason: EndReason,
    /// The text.
    text: String,
    /// The mean log-probability of the tokens: how sure the model is; 0 is certain.
    avg_logprob: f32,
    /// Reasons to distrust the text; absent if there are none. `retried`: the first search failed, and this is the text of a
    /// second, stricter one. `loop`: the text repeats itself. `run_away`: it is longer than anybody can say in the time.
    /// `truncated`: it was cut off at the limit of tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    flags: Vec<Flag>,
    /// The words; present with `words=true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    words: Vec<Word>,
}

impl From<&Segment> for AnswerSegment {
    fn from(segment: &Segment) -> Self {
        let Segment { start, end, end_reason, text, avg_logprob, flags, words, .. } = segment.clone();
        Self { start, end, end_reason, text, avg_logprob, flags, words }
    }
}

impl SpeechAnswer {
    /// The answer for a transcript; `details` adds language, duration, segments and timings, as `segments=true` does.
    pub fn new(transcript: &Transcript, details: bool) -> Self {
        let all = || SpeechDetails {
            language: transcript.language.code(),
            duration_s: transcript.duration_s,
            segments: transcript.segments.iter().map(AnswerSegment::from).collect(),
            timings: transcript.timings,
            subtitles: None,
        };
        Self { transcription: transcript.text.clone(), damage: transcript.damage.clone(), details: details.then(all) }
    }

    /// The last event of a stream: all details, subtitles if the format is one of them, and words if they were asked for.
    pub(crate) fn last(mut transcript: Transcript, format: OutputFormat, words: bool) -> Self {
        let subtitles = format.uses_words().then(|| format.render(&transcript, &SubtitleOptions::default()));
        if !words {
            transcript.clear_words();
        }
        let mut answer = Self::new(&transcript, true);
        if let Some(details) = &mut answer.details {
            details.subtitles = subtitles;
        }
        answer
    }
}

/// The answer in a format. `details` is for JSON, as in [`SpeechAnswer::new`].
pub(crate) fn respond(format: OutputFormat, transcript: &Transcript, details: bool) -> Response {
    if format == OutputFormat::JSON {
        return Json(SpeechAnswer::new(transcript, details)).into_response();
    }
    let content_type = format!("{}; charset=utf-8", format.media_type());
    let body = format.render(transcript, &SubtitleOptions::default());
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

impl PartialSchema for OutputFormat {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        let list: Vec<String> = Self::ALL.iter().map(|format| format!("`{format}`: {}.", format.summary())).collect();
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .description(Some(format!("The format of the answer. {}", list.join(" "))))
            .enum_values(Some(Self::ALL.iter().map(|format| Value::from(format.name()))))
            .into()
    }
}

impl ToSchema for OutputFormat {}

impl PartialSchema for Language {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .description(Some(
                "A language by its code: ISO 639-3, and `cmn_Hant` for Chinese in traditional characters.",
            ))
            .enum_values(Some(Self::all().map(Self::code)))
            .into()
    }
}

impl ToSchema for Language {}
