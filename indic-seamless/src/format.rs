//! The formats in which a transcript can be written. A new format is one row here; the service and the command-line program
//! offer whatever the table holds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    error::{Error, Result, by_name},
    subtitles::{SubtitleOptions, srt, vtt},
    transcript::Transcript,
};

/// A format for transcripts: plain text, JSON, or subtitles.
///
/// Parses from its name, and serialises to it.
///
/// ```
/// use indic_seamless::{Language, OutputFormat, Segment, Timings, Transcript, subtitles::SubtitleOptions};
///
/// let segment = Segment { end: 1.5, text: "good morning".to_owned(), ..Segment::default() };
/// let transcript = Transcript::new(1.5, Language::ENGLISH, vec![segment], Timings::default());
/// let format: OutputFormat = "srt".parse()?;
/// assert_eq!((format.extension(), format.media_type()), ("srt", "application/x-subrip"));
/// let subtitles = format.render(&transcript, &SubtitleOptions::default());
/// assert_eq!(subtitles, "1\n00:00:00,000 --> 00:00:01,500\ngood morning\n\n");
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct OutputFormat(&'static Row);

/// All that is known of a format.
struct Row {
    name: &'static str,
    summary: &'static str,
    media_type: &'static str,
    extension: &'static str,
    is_line: bool,
    streams: bool,
    uses_words: bool,
    render: fn(&Transcript, &SubtitleOptions) -> String,
}

impl OutputFormat {
    /// The text alone.
    pub const TEXT: Self = Self(&Row {
        name: "text",
        summary: "The text, on one line; with speakers, a line for each turn",
        media_type: "text/plain",
        extension: "txt",
        is_line: true,
        streams: true,
        uses_words: false,
        render: |transcript, _| transcript.text.clone(),
    });

    /// The [`Transcript`] as a JSON object.
    pub const JSON: Self = Self(&Row {
        name: "json",
        summary: "A JSON object with segments, scores and timings, on one line",
        media_type: "application/json",
        extension: "json",
        is_line: true,
        streams: false,
        uses_words: false,
        // Numbers and strings can always be written as JSON.
        render: |transcript, _| serde_json::to_string(transcript).unwrap_or_default(),
    });

    /// [SubRip subtitles](srt).
    pub const SRT: Self = Self(&Row {
        name: "srt",
        summary: "SubRip subtitles, of one recording",
        media_type: "application/x-subrip",
        extension: "srt",
        is_line: false,
        streams: false,
        uses_words: true,
        render: |transcript, options| srt(&transcript.segments, options),
    });

    /// [WebVTT subtitles](vtt).
    pub const VTT: Self = Self(&Row {
        name: "vtt",
        summary: "WebVTT subtitles, of one recording",
        media_type: "text/vtt",
        extension: "vtt",
        is_line: false,
        streams: false,
        uses_words: true,
        render: |transcript, options| vtt(&transcript.segments, options),
    });

    /// The table of formats.
    pub const ALL: &'static [Self] = &[Self::TEXT, Self::JSON, Self::SRT, Self::VTT];

    /// The name on command lines and in requests, such as `srt`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// One line of help.
    pub fn summary(self) -> &'static str {
        self.0.summary
    }

    /// The media type (MIME type), without parameters. The encoding is always UTF-8.
    pub fn media_type(self) -> &'static str {
        self.0.media_type
    }

    /// The extension of file names, without the dot.
    pub fn extension(self) -> &'static str {
        self.0.extension
    }

    /// Whether a transcript is one line, so that a file can hold several transcripts, one after the other; a text with
    /// [speakers](Transcript::with_speakers) has a line for each turn. [`render`](Self::render) leaves out the last line break.
    pub fn is_line(self) -> bool {
        self.0.is_line
    }

    /// Whether each segment can be written on its own as soon as it is finished.
    pub fn streams(self) -> bool {
        self.0.streams
    }

    /// Whether the times of words, where [`Segment::words`](crate::Segment::words) has them, make the result better:
    /// subtitles follow them. Set [`TranscribeOptions::words`](crate::TranscribeOptions::words) for such a format.
    pub fn uses_words(self) -> bool {
        self.0.uses_words
    }

    /// Writes a transcript in this format. Only subtitles use `options`.
    pub fn render(self, transcript: &Transcript, options: &SubtitleOptions) -> String {
        (self.0.render)(transcript, options)
    }
}

/// Formats are told apart by their names.
impl PartialEq for OutputFormat {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for OutputFormat {}

impl fmt::Debug for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputFormat({self})")
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Fails with [`Error::InvalidOption`], which lists the names.
impl FromStr for OutputFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name("format", text, Self::ALL.iter().copied(), Self::name)
    }
}

impl Serialize for OutputFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for OutputFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        language::Language,
        transcript::{Segment, Timings},
    };

    fn transcript() -> Transcript {
        let segment =
            |start: f64, text: &str| Segment { start, end: start + 1.0, text: text.to_owned(), ..Segment::default() };
        Transcript::new(3.0, Language::HINDI, vec![segment(0.0, "नमस्ते"), segment(2.0, "दुनिया")], Timings::default())
    }

    #[test]
    fn every_row_can_be_named_and_rendered() {
        let (transcript, options) = (transcript(), SubtitleOptions::default());
        let mut seen = HashSet::new();
        for &format in OutputFormat::ALL {
            assert_eq!(format.name().parse::<OutputFormat>().expect("known"), format);
            assert!(seen.insert(format.name()) && seen.insert(format.media_type()), "{format} twice");
            let text = format.render(&transcript, &options);
            assert!(text.contains("नमस्ते") && text.contains("दुनिया"), "{format}: {text}");
            assert_eq!(!text.contains('\n'), format.is_line(), "{format}: {text:?}");
        }
    }

    #[test]
    fn json_is_the_whole_transcript() {
        let json = OutputFormat::JSON.render(&transcript(), &SubtitleOptions::default());
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&json["language"], &json["segments"][1]["start"]), (&"hin".into(), &2.0.into()));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "docx".parse::<OutputFormat>().expect_err("unknown").to_string();
        assert!(error.contains("docx") && error.contains("text, json, srt or vtt"), "{error}");
        assert!(serde_json::from_str::<OutputFormat>("\"docx\"").is_err());
        assert_eq!(serde_json::to_string(&OutputFormat::VTT).expect("JSON"), "\"vtt\"");
    }
}
