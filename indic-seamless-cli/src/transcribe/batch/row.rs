//! A row of a manifest: a recording, the name of its result, and what it wants otherwise than the others.

use std::{collections::HashMap, num::NonZeroUsize, path::Path, str::FromStr, time::Duration};

use indic_seamless::{Error, ScriptChoice, audio::Channel};

use super::{
    location::{Base, Location, SCHEME},
    manifest::{Kind, Problem},
    summary::SUMMARIES,
};
use crate::transcribe::{
    inputs::tail,
    options::{Choice, TextLanguage, seconds},
};

/// The columns. `-` may stand for `_`.
const COLUMNS: &str = "audio, id, lang (or language), num_beams, start, duration, channel, track, script";
/// The longest name of a file that all file systems have, in bytes, with room for language and ending.
const LONGEST_NAME: usize = 200;
/// The longest key of an object in S3, with room for a prefix.
const LONGEST_ID: usize = 800;

/// A row of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Its line, from 1.
    pub(super) line: u64,
    pub(super) audio: Location,
    /// The name of the result, without language and ending.
    pub(super) id: String,
    pub(super) lang: Option<TextLanguage>,
    pub(super) num_beams: Option<usize>,
    pub(super) start: Option<Duration>,
    pub(super) duration: Option<Duration>,
    pub(super) channel: Option<usize>,
    pub(super) track: Option<NonZeroUsize>,
    pub(super) script: Option<ScriptChoice>,
}

/// Reads rows.
pub(super) struct Rows<'a> {
    base: &'a Base,
    own_name: fn(&str) -> String,
    /// Languages by their spellings: to understand one takes longer than the rest of a row.
    languages: HashMap<String, TextLanguage>,
}

impl<'a> Rows<'a> {
    /// Paths go on from `base`, and without an id the results of a row have the recording's `own_name`.
    pub(super) fn new(base: &'a Base, own_name: fn(&str) -> String) -> Self {
        Self { base, own_name, languages: HashMap::new() }
    }

    /// Reads the cells of a row, each with the name of its column. Empty ones count as absent.
    ///
    /// # Errors
    ///
    /// The first problem.
    pub(super) fn read(&mut self, line: u64, cells: &[(String, String)]) -> Result<Row, Problem> {
        let mut row = Row {
            line,
            audio: Location::File("-".into()),
            id: String::new(),
            lang: None,
            num_beams: None,
            start: None,
            duration: None,
            channel: None,
            track: None,
            script: None,
        };
        let mut audio = None;
        let mut seen = Vec::new();
        for (column, cell) in cells {
            let name = match column.replace('-', "_") {
                language if language == "language" => "lang".to_owned(),
                name => name,
            };
            if seen.contains(&name) {
                return Err(Problem::new(line, Kind::Columns, format!("column {name} twice"), "it once"));
            }
            let wrong = |wanted: String| Problem::new(line, Kind::Values, format!("{name} {cell:?}"), wanted);
            let is_given = !cell.is_empty();
            match &*name {
                "audio" if is_given => audio = Some(cell),
                "id" if is_given => row.id = id(cell).map_err(wrong)?,
                "lang" if is_given => row.lang = Some(self.language(cell).map_err(|error| wrong(language(&error)))?),
                "num_beams" if is_given => row.num_beams = Some(number::<NonZeroUsize>(cell).map_err(wrong)?.get()),
                "start" if is_given => row.start = Some(seconds(cell).map_err(|_| wrong(SECONDS.to_owned()))?),
                "duration" if is_given => row.duration = Some(seconds(cell).map_err(|_| wrong(SECONDS.to_owned()))?),
                "channel" if is_given => row.channel = Some(number(cell).map_err(wrong)?),
                "track" if is_given => row.track = Some(number(cell).map_err(wrong)?),
                "script" if is_given => row.script = Some(cell.parse().map_err(|error| wrong(script(&error)))?),
                "audio" | "id" | "lang" | "num_beams" | "start" | "duration" | "channel" | "track" | "script" => {}
                _ => return Err(Problem::new(line, Kind::Columns, format!("column {column:?}"), COLUMNS)),
            }
            seen.push(name);
        }
        let Some(audio) = audio else {
            return Err(Problem::new(line, Kind::Columns, "no audio", "the path of a recording, or s3://BUCKET/KEY"));
        };
        let wrong = |wanted: &str| Problem::new(line, Kind::Values, format!("audio {audio:?}"), wanted);
        row.audio = self.base.resolve(audio).map_err(wrong)?;
        if matches!(&row.audio, Location::Object(url) if url.key.is_empty() || url.key.ends_with('/')) {
            return Err(wrong("the key of an object"));
        }
        if row.id.is_empty() {
            row.id = id(&(self.own_name)(audio)).map_err(|wanted| wrong(&format!("an id: {wanted}")))?;
        }
        Ok(row)
    }

    fn language(&mut self, text: &str) -> Result<TextLanguage, Error> {
        if let Some(language) = self.languages.get(text) {
            return Ok(*language);
        }
        let language = text.parse()?;
        self.languages.insert(text.to_owned(), language);
        Ok(language)
    }
}

impl Row {
    /// What it is transcribed with, where others are with `base`.
    pub(super) fn choice(&self, base: &Choice) -> Choice {
        let mut choice = base.clone();
        choice.lang = self.lang.unwrap_or(choice.lang);
        choice.generation.num_beams = self.num_beams.unwrap_or(choice.generation.num_beams);
        choice.script = self.script.unwrap_or(choice.script);
        if let Some(start) = self.start {
            choice.audio = choice.audio.start(start);
        }
        if let Some(duration) = self.duration {
            choice.audio = choice.audio.duration(duration);
        }
        if let Some(channel) = self.channel {
            choice.audio = choice.audio.channel(Channel::Only(channel));
        }
        if let Some(track) = self.track {
            choice.audio = choice.audio.track(track.get());
        }
        choice
    }

    /// The name of its results without the ending of the format, where those without a language have `lang`.
    pub(super) fn result(&self, lang: TextLanguage) -> String {
        format!("{}.{}", self.id, self.lang.unwrap_or(lang).code())
    }
}

const SECONDS: &str = "a number of seconds";

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    // No sign: `parse` takes "+1".
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        // Only a number that must not be 0 refuses it.
        let least = if "0".parse::<T>().is_ok() { 0 } else { 1 };
        format!("a whole number from {least} on")
    })
}

fn language(error: &Error) -> String {
    match error {
        Error::UnknownLanguage { similar, .. } if !similar.is_empty() => {
            let names: Vec<String> =
                similar.iter().map(|language| format!("{language} ({})", language.name())).collect();
            format!("a language, such as {}", names.join(", "))
        }
        Error::UnknownLanguage { .. } => "a language that `indic-seamless languages` lists, or auto".to_owned(),
        other => format!("a language that the model writes: {other}"),
    }
}

fn script(error: &Error) -> String {
    match error {
        Error::InvalidOption { wanted, .. } => wanted.clone(),
        other => other.to_string(),
    }
}

/// A name for results: names of files with slashes between them, which stay in the folder of results.
fn id(text: &str) -> Result<String, String> {
    let is_plain = |name: &str| {
        !["", ".", ".."].contains(&name) && name.len() <= LONGEST_NAME && !name.contains(['\\', '\0', '\n', '\r'])
    };
    if text.len() > LONGEST_ID || !text.split('/').all(is_plain) {
        return Err(format!(
            "names of at most {LONGEST_NAME} bytes each, {LONGEST_ID} together, with / between them, and without . and .."
        ));
    }
    if text.split('/').next() == Some(SUMMARIES) {
        return Err(format!("another folder than {SUMMARIES}, which is that of summaries"));
    }
    Ok(text.to_owned())
}

/// The name of a recording as it is written, with all folders or the key, but without its extension: each row of a manifest has
/// one that no other row has.
pub(super) fn stem(audio: &str) -> String {
    let path = audio.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).map_or(audio, |(_, key)| key);
    tail(Path::new(path), usize::MAX).with_extension("").to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use indic_seamless::Language;

    use super::*;

    fn read(cells: &[(&str, &str)]) -> Result<Row, String> {
        let cells: Vec<_> = cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
        Rows::new(&Base::Folder("lists".into()), stem).read(3, &cells).map_err(|problem| problem.to_string())
    }

    #[test]
    fn all_columns() {
        let cells = [
            ("audio", "a.wav"),
            ("id", "may/1"),
            ("language", "Tamil"),
            ("num-beams", "3"),
            ("start", "1.5"),
            ("duration", "2"),
            ("channel", "1"),
            ("track", "2"),
            ("script", "tamil"),
        ];
        let row = read(&cells).unwrap();
        assert_eq!((row.line, row.id.as_str(), row.num_beams), (3, "may/1", Some(3)));
        assert_eq!(row.audio, Location::File("lists/a.wav".into()));
        assert_eq!((row.start, row.duration), (Some(Duration::from_millis(1500)), Some(Duration::from_secs(2))));
        assert_eq!((row.channel, row.track.map(NonZeroUsize::get)), (Some(1), Some(2)));
        assert_eq!((row.result(TextLanguage::Spoken), row.script), ("may/1.tam".to_owned(), "tamil".parse().ok()));
        // Empty cells are absent.
        let plain = read(&[("audio", "a.wav"), ("id", ""), ("lang", ""), ("num_beams", "")]).unwrap();
        assert_eq!((plain.id.as_str(), plain.lang, plain.num_beams), ("a", None, None));
        assert_eq!(plain.result(TextLanguage::Known(Language::HINDI)), "a.hin");
        assert_eq!(read(&[("audio", "a.wav"), ("lang", "auto")]).unwrap().result(TextLanguage::Spoken), "a.auto");
    }

    #[test]
    fn a_language_is_understood_once() {
        let base = Base::Folder("lists".into());
        let mut rows = Rows::new(&base, stem);
        let mut lang = |text: &str| {
            let cells = [("audio", "a.wav"), ("lang", text)].map(|(name, cell)| (name.to_owned(), cell.to_owned()));
            rows.read(1, &cells).map(|row| row.lang)
        };
        let all: Vec<_> = ["hin", "Tamil", "hin", "auto", "hin"].map(|text| lang(text).unwrap()).into();
        assert!(all[0] == all[2] && all[2] == all[4] && all[0] != all[1] && all[3] == Some(TextLanguage::Spoken));
        assert!(lang("klingon").is_err());
        assert_eq!(rows.languages.len(), 3);
    }

    #[test]
    fn a_result_has_the_name_that_the_manifest_writes() {
        let id = |audio| read(&[("audio", audio)]).map(|row| row.id);
        for (audio, wanted) in [
            ("a.wav", "a"),
            ("d1/call.wav", "d1/call"),
            ("/data/call.tar.mp3", "data/call.tar"),
            ("../a.wav", "a"),
            ("s3://speech/recordings/hin/a.wav", "recordings/hin/a"),
        ] {
            assert_eq!(id(audio).as_deref(), Ok(wanted), "{audio}");
        }
        assert!(id("_summary/a.wav").is_err_and(|error| error.contains("wanted an id")));
    }

    #[test]
    fn problems_name_line_found_and_wanted() {
        let says = |cells: &[(&str, &str)], wanted: &str| {
            let error = read(&[&[("audio", "a.wav")], cells].concat()).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        };
        says(&[("text", "hello")], "line 3: column \"text\" found, wanted audio, id, lang (or language), num_beams");
        says(&[("lang", "hin"), ("language", "hin")], "line 3: column lang twice found");
        says(&[("lang", "Hindy")], "line 3: lang \"Hindy\" found, wanted a language, such as hin (Hindi)");
        says(&[("lang", "pa-Arab")], "a language that the model writes");
        says(&[("num_beams", "0")], "num_beams \"0\" found, wanted a whole number from 1 on");
        says(&[("channel", "-1")], "channel \"-1\" found, wanted a whole number from 0 on");
        says(&[("track", "0")], "wanted a whole number from 1 on");
        says(&[("start", "soon")], "start \"soon\" found, wanted a number of seconds");
        says(&[("start", "-1")], "wanted a number of seconds");
        says(&[("script", "elvish")], "script \"elvish\" found, wanted any, auto");
        for id in ["../a", "a//b", "/a", "a/", "..", "a\nb", "a\\b", "_summary/a", &"a".repeat(201)] {
            says(&[("id", id)], "found, wanted");
        }
        assert!(read(&[("id", "a")]).unwrap_err().contains("line 3: no audio found"));
        assert!(read(&[("audio", "")]).unwrap_err().contains("no audio found"));
        assert!(read(&[("audio", "s3://speech/folder/")]).unwrap_err().contains("the key of an object"));
        assert!(read(&[("audio", "https://x/a.wav")]).unwrap_err().contains("wanted a path, or s3://"));
    }
}
