//! The options of a request: fields of a form or of JSON, or query parameters.

use axum::http::Uri;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{form::FormFields, problem::Problem, quote::quoted};
use crate::{error::Error, format::OutputFormat, language::Language, scheduler::Priority, script::ScriptChoice};

/// How to transcribe a recording: fields of a form or of JSON, or query parameters.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpeechOptions {
    /// The language of the text; by default English, or what the service is set to. A code (`hin`, `hi`), a language tag
    /// (`hi-IN`) or a name (`Hindi`, `हिन्दी`), in any case. The spoken language for transcription, another one for translation.
    #[schema(example = "Hindi")]
    #[param(example = "Hindi")]
    target_lang: Option<String>,
    /// The format of the answer.
    #[param(inline)]
    pub(crate) format: OutputFormat,
    /// Beams of the search, 1 to 10; the model's own number by default.
    #[schema(minimum = 1, maximum = 10)]
    #[param(minimum = 1, maximum = 10)]
    pub(crate) beams: Option<usize>,
    /// Whether JSON also has segments, language, duration and timings.
    pub(crate) segments: bool,
    /// Whether segments list their words with times and confidence. Implies `segments`. Subtitles follow the times of words in any
    /// case.
    pub(crate) words: bool,
    /// `interactive`, or `batch` for a recording that may wait for all interactive ones.
    #[schema(value_type = String, example = "interactive")]
    #[param(value_type = String, example = "interactive")]
    pub(crate) priority: Priority,
    /// The only script of the text, such as `devanagari`; `auto` for that of the language, `any` for all.
    #[schema(value_type = String, example = "any")]
    #[param(value_type = String, example = "any")]
    pub(crate) script: ScriptChoice,
}

impl Default for SpeechOptions {
    fn default() -> Self {
        Self {
            target_lang: None,
            format: OutputFormat::JSON,
            beams: None,
            segments: false,
            words: false,
            priority: Priority::default(),
            script: ScriptChoice::default(),
        }
    }
}

impl SpeechOptions {
    /// The language of the text, if one was given.
    pub(crate) fn language(&self) -> Result<Option<Language>, Error> {
        self.target_lang.as_deref().map(str::parse).transpose()
    }
}

/// The names of the options.
pub(super) const OPTIONS: [&str; 7] = ["target_lang", "format", "beams", "segments", "words", "priority", "script"];

/// Beams cost time and memory; more than this do not help.
const MAX_BEAMS: usize = 10;

/// The value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// In a form or a query, where all is text.
    Text(&'a str),
    /// In JSON.
    String(&'a str),
    Bool(bool),
    Number(f64),
    Null,
    /// An array or an object, of which nothing more is read.
    Nested(&'static str),
}

impl Given<'_> {
    /// For errors.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Text(text) | Self::String(text) => format!("{:?}", quoted(text)),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Null => "null".to_owned(),
            Self::Nested(what) => what.to_owned(),
        }
    }
}

/// The options that were given so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    target_lang: Option<String>,
    format: Option<OutputFormat>,
    beams: Option<usize>,
    segments: Option<bool>,
    words: Option<bool>,
    priority: Option<Priority>,
    script: Option<ScriptChoice>,
}

impl Fields {
    /// The options in a query.
    pub(super) fn of_query(uri: &Uri) -> Result<Self, Problem> {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            fields.set(&name, Given::Text(&value))?;
        }
        Ok(fields)
    }

    /// Adds an option. In JSON, `null` is the same as nothing.
    pub(super) fn set(&mut self, name: &str, given: Given<'_>) -> Result<(), Problem> {
        let wanted = |wanted: &str| Problem::invalid_field(format!("{name} is {}, wanted {wanted}", given.describe()));
        // No valid value is so long that it would be shortened.
        let text = |kind: &str| match given {
            Given::Text(text) | Given::String(text) => Ok(quoted(text)),
            _ => Err(wanted(kind)),
        };
        match name {
            _ if !OPTIONS.contains(&name) => Err(unknown(name)),
            _ if matches!(given, Given::Null) => Ok(()),
            "target_lang" => once(name, &mut self.target_lang, text("the name of a language")?.into_owned()),
            "format" => once(name, &mut self.format, text("the name of a format")?.parse()?),
            "script" => once(name, &mut self.script, text("the name of a script")?.parse()?),
            "priority" => once(name, &mut self.priority, text("interactive or batch")?.parse()?),
            "beams" => {
                let beams = match given {
                    Given::Text(text) => text.parse().ok(),
                    Given::Number(number) if number.fract() == 0.0 && number >= 0.0 => Some(number as usize),
                    _ => None,
                };
                let beams: usize = beams.ok_or_else(|| wanted("a whole number"))?;
                if !(1..=MAX_BEAMS).contains(&beams) {
                    return Err(wanted(&format!("1 to {MAX_BEAMS}")));
                }
                once(name, &mut self.beams, beams)
            }
            _ => {
                let flag = match given {
                    Given::Text(text) => text.parse().ok(),
                    Given::Bool(flag) => Some(flag),
                    _ => None,
                };
                let slot = if name == "words" { &mut self.words } else { &mut self.segments };
                once(name, slot, flag.ok_or_else(|| wanted("true or false"))?)
            }
        }
    }

    /// The options, and the defaults of those that were not given.
    pub(super) fn finish(self) -> Result<SpeechOptions, Problem> {
        let Self { target_lang, format, beams, segments, words, priority, script } = self;
        let format = format.unwrap_or(OutputFormat::JSON);
        let (segments, words) = (segments.unwrap_or_default(), words.unwrap_or_default());
        let (priority, script) = (priority.unwrap_or_default(), script.unwrap_or_default());
        let options = SpeechOptions { target_lang, format, beams, segments, words, priority, script };
        options.language()?;
        Ok(options)
    }
}

impl FormFields for Fields {
    const FILE: &'static str = "audio";
    const LONGEST: usize = 1024;

    fn check(&self, name: &str) -> Result<(), Problem> {
        if OPTIONS.contains(&name) { Ok(()) } else { Err(unknown(name)) }
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        self.set(name, Given::Text(text))
    }
}

/// The problem of a field that does not exist.
pub(super) fn unknown(name: &str) -> Problem {
    let known = OPTIONS.join(", ");
    Problem::invalid_field(format!("unknown field {:?}; expected one of audio, {known}", quoted(name)))
}

/// Sets what must be given once.
pub(super) fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        Some(_) => Err(Problem::invalid_field(format!("{name} is given twice"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn text_fields_get_their_types() {
        let uri: Uri = "/speech-to-text?target_lang=hi&beams=5&segments=true&format=srt".parse().expect("a URI");
        let options = Fields::of_query(&uri).and_then(Fields::finish).expect("options");
        assert_eq!((options.beams, options.segments, options.format), (Some(5), true, OutputFormat::SRT));
        assert_eq!(options.language().expect("known"), Some(Language::HINDI));
        for (query, code) in [
            ("beams=0", "invalid_field"),
            ("beams=x", "invalid_field"),
            ("beams=2&beams=3", "invalid_field"),
            ("segments=1", "invalid_field"),
            ("format=xml", "invalid_field"),
            ("priority=high", "invalid_field"),
            ("script=runic", "invalid_field"),
            ("source_lang=en", "invalid_field"),
            ("audio=en", "invalid_field"),
            ("target_lang=klingon", "unknown_language"),
        ] {
            let uri: Uri = format!("/?{query}").parse().expect("a URI");
            let problem = Fields::of_query(&uri).and_then(Fields::finish).expect_err(query);
            assert_eq!((problem.status, problem.code), (StatusCode::UNPROCESSABLE_ENTITY, code), "{query}");
        }
    }
}
