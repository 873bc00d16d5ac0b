//! What a transcription yields.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// The text of a recording.
///
/// Serialises to the JSON that the `transcribe` example prints, and can be read back from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

impl Transcript {
    /// A transcript of segments, such as those of a [`TranscriptStream`](crate::TranscriptStream); their texts are joined by
    /// blanks.
    ///
    /// ```
    /// use indic_seamless::{Language, Segment, Timings, Transcript};
    ///
    /// let segment = |text: &str| Segment { text: text.to_owned(), ..Segment::default() };
    /// let segments = vec![segment("one two"), segment("three")];
    /// let transcript = Transcript::new(12.5, Language::ENGLISH, segments, Timings::default());
    /// assert_eq!(transcript.text, "one two three");
    /// ```
    pub fn new(duration_s: f64, language: Language, segments: Vec<Segment>, timings: Timings) -> Self {
        let texts = segments.iter().map(|segment| segment.text.as_str()).filter(|text| !text.is_empty());
        let text = texts.collect::<Vec<_>>().join(" ");
        Self { duration_s, language, text, segments, timings }
    }
}

/// A stretch of a recording with its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// What is wrong with the text; nothing, as a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The words, if they [were asked for](crate::TranscribeOptions::words).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// The next best hypotheses, as many as `num_return_sequences` asks for beyond the first.
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
}

/// A sign that a text is not to be trusted.
///
/// ```
/// use indic_seamless::Flag;
///
/// assert_eq!(serde_json::to_value([Flag::Retried, Flag::RunAway])?, serde_json::json!(["retried", "run_away"]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A first search went wrong; this is the text of a second one, in which no four tokens come twice.
    Retried,
    /// The text repeats itself: the same few tokens come five times or more in a row, one or two tokens eight times.
    Loop,
    /// The text is longer than anybody can say in the time.
    RunAway,
    /// The text was cut off at `max_new_tokens`.
    Truncated,
}

/// A word of a segment.
///
/// ```
/// use indic_seamless::{Language, TranscribeOptions, Transcriber, Waveform};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
/// let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
/// let transcript = Transcriber::demo()?.transcribe_with(&recording, Language::HINDI, options)?;
/// let words = &transcript.segments[0].words;
/// assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["कृपया", "आज", "का", "मौसम"]);
/// assert!(words.iter().all(|word| word.confidence > 0.5 && word.start <= word.end));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Word {
    /// The word, with its punctuation.
    pub text: String,
    /// Where it begins, in seconds from the start of the recording.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// The mean probability of its tokens, 0 to 1.
    pub confidence: f32,
}

/// A hypothesis that was not the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Its text.
    pub text: String,
    /// The decoder's whole sequence.
    pub tokens: Vec<u32>,
    /// As [`Segment::score`].
    pub score: f32,
}

/// Where the time went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Timings {
    /// Loading the model, once for all recordings.
    pub load_ms: f64,
    /// Decoding and resampling the recording; 0 if that was done by the caller.
    pub audio_ms: f64,
    /// Looking for speech and pauses; 0 for a recording that was not cut.
    pub segmentation_ms: f64,
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
