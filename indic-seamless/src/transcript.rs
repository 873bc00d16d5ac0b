//! The result of a transcription.

use serde::{Deserialize, Serialize};

use crate::{damage::Damage, language::Language, script};

/// The text of a recording.
///
/// Serialises to JSON, as [a schema] describes it, and can be read back from it. Then times may differ in their last digit, unless
/// your crate turns on the feature `float_roundtrip` of `serde_json`. `--format json` of the programs adds the file and how it was
/// computed.
///
/// [a schema]: https://github.com/indic-seamless/indic-seamless/blob/main/docs/transcript.schema.json
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Transcript {
    /// Length of the recording in seconds.
    pub duration_s: f64,
    /// The language of the text.
    pub language: Language,
    /// The whole text.
    pub text: String,
    /// Its parts in the order of time.
    pub segments: Vec<Segment>,
    /// Where the recording is damaged; usually nowhere. The text is that of everything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<Damage>,
    /// Where the time went.
    pub timings: Timings,
}

impl Transcript {
    /// A transcript of segments, such as those of a [`TranscriptStream`](crate::TranscriptStream). Its text is theirs, joined
    /// by blanks; in scripts without blanks, such as Chinese and Thai, by nothing.
    ///
    /// ```
    /// use indic_seamless::{Language, Segment, Timings, Transcript};
    ///
    /// let segment = |text: &str| Segment { text: text.to_owned(), ..Segment::default() };
    /// let segments = vec![segment("one two"), segment("three")];
    /// let transcript = Transcript::new(12.5, Language::ENGLISH, segments, Timings::default());
    /// assert_eq!(transcript.text, "one two three");
    ///
    /// let segments = vec![segment("今天天气很好。"), segment("我们去公园吧。")];
    /// let transcript = Transcript::new(4.5, "cmn".parse()?, segments, Timings::default());
    /// assert_eq!(transcript.text, "今天天气很好。我们去公园吧。");
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn new(duration_s: f64, language: Language, segments: Vec<Segment>, timings: Timings) -> Self {
        let text = joined(&segments);
        Self { duration_s, language, text, segments, damage: Vec::new(), timings }
    }

    /// One transcript of what several speakers said, each recorded on a channel of their own: the segments of all in the order
    /// of time. [`Segment::speaker`] counts the transcripts from 1; the text has a line for each turn.
    ///
    /// ```
    /// use indic_seamless::{Language, Segment, Timings, Transcript};
    ///
    /// let said = |start: f64, text: &str| Segment { start, end: start + 1.0, text: text.to_owned(), ..Segment::default() };
    /// let of = |segments| Transcript::new(9.0, Language::ENGLISH, segments, Timings::default());
    /// let call = of(vec![said(0.0, "hello"), said(5.0, "fine")]).with_speakers([of(vec![said(2.0, "how are you")])]);
    /// assert_eq!(call.text, "1: hello\n2: how are you\n1: fine");
    /// ```
    #[must_use]
    pub fn with_speakers(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.segments.iter_mut().for_each(|segment| segment.speaker = Some(1));
        for (number, mut other) in (2..).zip(others) {
            other.segments.iter_mut().for_each(|segment| segment.speaker = Some(number));
            self.segments.extend(other.segments);
            self.duration_s = self.duration_s.max(other.duration_s);
            // Damage is the recording's, not a channel's.
            let new: Vec<_> = other.damage.into_iter().filter(|damage| !self.damage.contains(damage)).collect();
            self.damage.extend(new);
            self.timings += other.timings;
        }
        self.segments.sort_by(|a, b| a.start.total_cmp(&b.start));
        let line = |turn: &[Segment]| {
            let (speaker, said) = (turn.first()?.speaker?, joined(turn));
            (!said.is_empty()).then(|| format!("{speaker}: {said}"))
        };
        let turns = self.segments.chunk_by(|a, b| a.speaker == b.speaker);
        self.text = turns.filter_map(line).collect::<Vec<_>>().join("\n");
        self
    }

    /// Removes the words of all segments, such as those that were computed for [subtitles](crate::subtitles) only.
    ///
    /// ```
    /// use indic_seamless::{Language, Segment, Timings, Transcript, Word};
    ///
    /// let words = vec![Word { text: "one".to_owned(), start: 0.5, end: 0.9, confidence: 0.8 }];
    /// let segment = Segment { text: "one".to_owned(), words, ..Segment::default() };
    /// let mut transcript = Transcript::new(1.0, Language::ENGLISH, vec![segment], Timings::default());
    /// transcript.clear_words();
    /// assert!(transcript.segments[0].words.is_empty());
    /// ```
    pub fn clear_words(&mut self) {
        self.segments.iter_mut().for_each(|segment| segment.words.clear());
    }
}

/// The texts of segments, joined by spaces where their scripts have some.
fn joined(segments: &[Segment]) -> String {
    let mut text = String::new();
    for next in segments {
        append(&mut text, &next.text);
    }
    text
}

/// Adds a text behind another, with a blank between them where their scripts have some. Returns what was added.
pub(crate) fn append<'a>(text: &'a mut String, next: &str) -> &'a str {
    let end = text.len();
    if !text.is_empty() && !next.is_empty() {
        text.push_str(script::separator(text, next));
    }
    text.push_str(next);
    text.get(end..).unwrap_or_default()
}

/// A part of a recording with its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
pub struct Segment {
    /// Where it begins, in seconds from the start of the recording.
    pub start: f64,
    /// Where it ends, in seconds from the start of the recording.
    pub end: f64,
    /// Why it ends there.
    #[serde(default)]
    pub end_reason: EndReason,
    /// Who speaks, from 1, if each speaker has a channel: [`Transcript::with_speakers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<usize>,
    /// The text of the best hypothesis.
    pub text: String,
    /// The decoder's whole sequence, `[3, language, …, 3]`.
    pub tokens: Vec<u32>,
    /// Beam search: the sum of the new tokens' log-probabilities over `length^length_penalty`; greedy: their mean.
    pub score: f32,
    /// The mean log-probability of the new tokens.
    pub avg_logprob: f32,
    /// The log-probability of each new token, in their order: they are the last ones of [`tokens`](Self::tokens).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<f32>,
    /// Signs that the text may be wrong; usually none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The words, if [requested](crate::TranscribeOptions::words).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// The next best hypotheses, as many as `num_return_sequences` asks for beyond the first.
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
}

/// Why a segment ends where it does.
///
/// [`SegmentationOptions`](crate::segmentation::SegmentationOptions) has the lengths that the variants refer to.
///
/// ```
/// use indic_seamless::EndReason;
///
/// assert_eq!(serde_json::to_value(EndReason::TargetLength)?, serde_json::json!("target_length"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// Not known: the segment was made by hand, or read from a result that does not say.
    #[default]
    Unknown,
    /// The recording was not cut: the segment is all of it.
    Whole,
    /// A pause longer than `max_pause_s` follows.
    Pause,
    /// The segment has reached `target_min_s` and ends at the next pause, however short; or it has exceeded `target_max_s`
    /// and ends at its last pause.
    TargetLength,
    /// The segment has exceeded `target_max_s` without a pause and was cut inside speech, where the detector was least sure
    /// of it.
    LeastSpeech,
    /// Speech went on beyond `max_s` without a pause or a moment of doubt. The segment was cut before that, where speech was
    /// least likely.
    Limit,
    /// The recording ends before a pause is long enough to end the segment.
    EndOfRecording,
}

/// A sign that a text may be wrong.
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
#[non_exhaustive]
pub enum Flag {
    /// The first search looped or ran away. This is the text of a second one, in which no sequence of four tokens repeats.
    Retried,
    /// The text loops: the same few tokens at least five times in a row, or the same one or two at least eight times.
    Loop,
    /// The text is longer than anyone can speak in the time.
    RunAway,
    /// The text was cut off at `max_new_tokens`; in a second search, if it is greedy, as soon as it was longer than anyone can
    /// speak in the time.
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

/// A hypothesis that ranks below the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "service", derive(utoipa::ToSchema))]
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
    /// Decoding and resampling the recording, on a thread ahead of the model; close to 0 for a decoded
    /// [`Waveform`](crate::Waveform).
    pub audio_ms: f64,
    /// Detecting speech and pauses, on the same thread; 0 for a recording that was not cut.
    pub segmentation_ms: f64,
    /// Log-mel features.
    pub features_ms: f64,
    /// The speech encoder.
    pub encoder_ms: f64,
    /// The text decoder and the search.
    pub generation_ms: f64,
    /// From the recording to the text, without loading.
    pub total_ms: f64,
    /// Tokens of the best hypotheses after their prompts.
    pub new_tokens: usize,
}

impl Timings {
    /// Adds audio decoding that was done before the transcription, in milliseconds.
    ///
    /// ```
    /// let mut timings = indic_seamless::Timings { total_ms: 100.0, ..Default::default() };
    /// timings.add_audio(20.0);
    /// assert_eq!((timings.audio_ms, timings.total_ms), (20.0, 120.0));
    /// ```
    pub fn add_audio(&mut self, audio_ms: f64) {
        self.audio_ms += audio_ms;
        self.total_ms += audio_ms;
    }
}

/// Adds up the work on several recordings with one model.
impl std::ops::AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.load_ms = self.load_ms.max(other.load_ms);
        self.audio_ms += other.audio_ms;
        self.segmentation_ms += other.segmentation_ms;
        self.features_ms += other.features_ms;
        self.encoder_ms += other.encoder_ms;
        self.generation_ms += other.generation_ms;
        self.total_ms += other.total_ms;
        self.new_tokens += other.new_tokens;
    }
}
