//! The fields of a request.

use std::str::FromStr;

use axum::http::StatusCode;

use super::{
    super::{Shared, fields::once, problem::Problem, quote::quoted},
    chunking::{self, Chunking},
    models,
};
use crate::{
    error::{Error, Result},
    format::OutputFormat,
    language::Language,
    transcriber::Segmentation,
};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Task {
    Transcribe,
    Translate,
}

/// The language of the text.
#[derive(Debug, PartialEq)]
pub(super) enum Text {
    /// That of the service's settings.
    Default,
    /// The one that a field names.
    In(&'static str, Language),
    /// The spoken one, guessed among these; without any, among all.
    Spoken(Vec<Language>),
}

/// The format of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Format {
    Json,
    VerboseJson,
    Plain(OutputFormat),
}

impl Format {
    const ALL: [(&str, Self); 5] = [
        ("json", Self::Json),
        ("text", Self::Plain(OutputFormat::TEXT)),
        ("srt", Self::Plain(OutputFormat::SRT)),
        ("vtt", Self::Plain(OutputFormat::VTT)),
        ("verbose_json", Self::VerboseJson),
    ];
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) text: Text,
    pub(super) format: Format,
    /// Whether the text is translated.
    pub(super) translates: bool,
    pub(super) stream: bool,
    pub(super) logprobs: bool,
    pub(super) segments: bool,
    pub(super) words: bool,
    pub(super) segmentation: Segmentation,
}

impl Options {
    /// Whether the times of words are needed.
    pub(super) fn uses_words(&self) -> bool {
        self.words || matches!(self.format, Format::Plain(format) if format.uses_words())
    }
}

pub(super) const LANGUAGES: &str = "languages";
const GRANULARITIES: &str = "timestamp_granularities";
/// The fields of `/v1/audio/transcriptions` beside the file.
const OF_TRANSCRIPTIONS: [&str; 12] = [
    "model",
    "language",
    "to_language",
    LANGUAGES,
    "prompt",
    "keywords",
    "temperature",
    "response_format",
    GRANULARITIES,
    "include",
    "stream",
    chunking::FIELD,
];
/// Those of `/v1/audio/translations`.
const OF_TRANSLATIONS: [&str; 5] = ["model", "language", "prompt", "temperature", "response_format"];
/// Those that may be given several times, as `NAME`, `NAME[]` or `NAME[0]`.
const LISTS: [&str; 4] = [LANGUAGES, "keywords", GRANULARITIES, "include"];
/// Those of models that tell speakers apart.
const OF_SPEAKERS: [&str; 2] = ["known_speaker_names", "known_speaker_references"];

/// The fields that were given so far.
pub(super) struct Fields<'a> {
    shared: &'a Shared,
    task: Task,
    model: Option<()>,
    /// `Some(None)` for `auto`.
    language: Option<Option<Language>>,
    to_language: Option<Language>,
    languages: Vec<Language>,
    temperature: Option<()>,
    format: Option<Format>,
    segments: bool,
    words: bool,
    logprobs: bool,
    stream: Option<bool>,
    chunking: Chunking,
}

impl<'a> Fields<'a> {
    pub(super) fn new(shared: &'a Shared, task: Task) -> Self {
        Self {
            shared,
            task,
            model: None,
            language: None,
            to_language: None,
            languages: Vec::new(),
            temperature: None,
            format: None,
            segments: false,
            words: false,
            logprobs: false,
            stream: None,
            chunking: Chunking::default(),
        }
    }

    /// The field of a name, and what stands in brackets behind it.
    pub(super) fn find<'n>(&self, name: &'n str) -> Result<(&'static str, Option<&'n str>), Problem> {
        let known: &[&str] = match self.task {
            Task::Transcribe => &OF_TRANSCRIPTIONS,
            Task::Translate => &OF_TRANSLATIONS,
        };
        let split = name.split_once('[').and_then(|(field, rest)| Some((field, rest.strip_suffix(']')?)));
        let (field, inner) = split.map_or((name, None), |(field, inner)| (field, Some(inner)));
        if let Some(field) = OF_SPEAKERS.into_iter().find(|known| *known == field) {
            return Err(unsupported(field, format!("{field} is not supported: speakers are not told apart")));
        }
        let is_place = |inner: &str| inner.bytes().all(|digit| digit.is_ascii_digit());
        let fits = |field: &str| {
            inner.is_none_or(|inner| field == chunking::FIELD || LISTS.contains(&field) && is_place(inner))
        };
        let found = known.iter().find(|known| **known == field && fits(field));
        found.map(|field| (*field, inner)).ok_or_else(|| {
            let detail = format!("unknown field {:?}, wanted one of file, {}", quoted(name), known.join(", "));
            Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail)
        })
    }

    pub(super) fn set(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let (field, inner) = self.find(name)?;
        let text = text.trim();
        // Forms in web pages send what was left empty.
        if text.is_empty() && field != "model" {
            return Ok(());
        }
        self.put(field, inner, text).map_err(|problem| problem.of(field))
    }

    fn put(&mut self, field: &'static str, inner: Option<&str>, text: &str) -> Result<(), Problem> {
        match (field, inner) {
            ("model", _) => {
                models::check(text, self.shared)?;
                once(field, &mut self.model, ())
            }
            ("language", _) if text.eq_ignore_ascii_case("auto") => once(field, &mut self.language, None),
            ("language", _) => once(field, &mut self.language, Some(parse(text)?)),
            ("to_language", _) => once(field, &mut self.to_language, parse(text)?),
            (LANGUAGES, _) => {
                let language = parse(text)?;
                if !self.languages.contains(&language) {
                    self.languages.push(language);
                }
                Ok(())
            }
            // The model takes no hints.
            ("prompt" | "keywords", _) => Ok(()),
            ("temperature", _) => {
                if !text.parse().is_ok_and(|value: f64| (0.0..=1.0).contains(&value)) {
                    return Err(invalid(field, text, "a number from 0 to 1"));
                }
                // Searches do not sample.
                once(field, &mut self.temperature, ())
            }
            ("response_format", _) => once(field, &mut self.format, format(text)?),
            (GRANULARITIES, _) => {
                match text {
                    "segment" => self.segments = true,
                    "word" => self.words = true,
                    _ => return Err(invalid(field, text, "word or segment")),
                }
                Ok(())
            }
            ("include", _) if text == "logprobs" => {
                self.logprobs = true;
                Ok(())
            }
            ("include", _) => Err(invalid(field, text, "logprobs")),
            ("stream", _) => {
                let stream = bool::from_str(&text.to_ascii_lowercase());
                once(field, &mut self.stream, stream.map_err(|_| invalid(field, text, "true or false"))?)
            }
            (_, None) => self.chunking.set(text),
            (_, Some(inner)) => self.chunking.set_inner(inner, text),
        }
    }

    /// The options, and the defaults of those that were not given.
    pub(super) fn finish(self) -> Result<Options, Problem> {
        let Self { task, language, to_language, languages, format, segments, words, logprobs, stream, .. } = self;
        let (format, stream) = (format.unwrap_or(Format::Json), stream.unwrap_or_default());
        if (segments || words) && format != Format::VerboseJson {
            let detail = format!("{GRANULARITIES} is given, wanted the response_format verbose_json with it");
            return Err(unsupported(GRANULARITIES, detail));
        }
        if logprobs && format != Format::Json {
            return Err(unsupported("include", "logprobs are asked for, wanted the response_format json with them"));
        }
        if stream && ![Format::Json, Format::Plain(OutputFormat::TEXT)].contains(&format) {
            return Err(unsupported("stream", "stream is true, wanted the response_format json or text with it"));
        }
        let text = match (task, to_language, language, languages.as_slice()) {
            (Task::Translate, ..) => Text::In("model", Language::ENGLISH),
            (_, Some(language), ..) => Text::In("to_language", language),
            (_, _, Some(Some(language)), _) => Text::In("language", language),
            (_, _, _, [language]) => Text::In(LANGUAGES, *language),
            (_, _, None, []) => Text::Default,
            _ => Text::Spoken(languages),
        };
        Ok(Options {
            text,
            format,
            translates: task == Task::Translate || to_language.is_some(),
            stream,
            logprobs,
            // Segments unless only words are asked for.
            segments: segments || !words,
            words,
            segmentation: self.chunking.finish()?,
        })
    }
}

fn parse(text: &str) -> Result<Language, Error> {
    // No language has a name that would be shortened.
    quoted(text).parse()
}

fn format(text: &str) -> Result<Format, Problem> {
    const FIELD: &str = "response_format";
    if let Some((_, format)) = Format::ALL.iter().find(|(name, _)| *name == text) {
        return Ok(*format);
    }
    if text == "diarized_json" {
        return Err(unsupported(FIELD, "diarized_json is not supported: speakers are not told apart"));
    }
    Err(invalid(FIELD, text, &Format::ALL.map(|(name, _)| name).join(", ")))
}

/// The problem of a value that means nothing.
pub(super) fn invalid(field: &'static str, found: &str, wanted: &str) -> Problem {
    let detail = format!("{field} is {:?}, wanted {wanted}", quoted(found));
    Problem::new(StatusCode::BAD_REQUEST, "invalid_value", detail).of(field)
}

/// The problem of a value that means something, but not here.
fn unsupported(field: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "unsupported_value", detail).of(field)
}
