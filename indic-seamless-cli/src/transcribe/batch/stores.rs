//! From a recording in one store to its results in another.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use indic_seamless::{Error, OutputFormat, Result};

use super::{buckets::Buckets, failure::is_refusal, location::Location, output::Output, row::Row};
use crate::transcribe::{
    file::{Recording, Work, is_pipe},
    of_file,
    options::{Channels, Options, TextLanguage},
};

/// After so many failures in a row that may pass, such as those of a store out of reach, the rest is left to another run.
pub(super) const GIVE_UP: usize = 10;

/// The name of a result.
pub(super) fn result(row: &Row, lang: TextLanguage, format: OutputFormat) -> String {
    format!("{}.{}", row.result(lang), format.extension())
}

/// Where recordings come from, and where results go.
pub(super) struct Stores {
    pub(super) output: Output,
    pub(super) buckets: Arc<Buckets>,
}

/// What has become of a row.
pub(super) enum Ended {
    /// Seconds of audio.
    Written(f64),
    /// The error, and what it says about the recording.
    Failed(Error, String),
    /// The error of a result that may not be written, as others may not be either.
    Refused(Error),
    /// The run was given up before.
    NotBegun,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        Self::Failed(error, text)
    }
}

impl Stores {
    /// The formats in which each row lacks a result.
    pub(super) fn lacking(&self, rows: &[Row], options: &Options) -> Result<Vec<Vec<OutputFormat>>> {
        let formats = options.formats();
        let of_row = |row| formats.iter().map(move |format| result(row, options.lang, *format));
        let names: Vec<String> = rows.iter().flat_map(of_row).collect();
        let has = self.output.has(&names)?;
        let lacking =
            |has: &[bool]| formats.iter().zip(has).filter(|(_, has)| !**has).map(|(format, _)| *format).collect();
        Ok(has.chunks(formats.len()).map(lacking).collect())
    }

    /// Transcribes a row and writes its results in these formats. It is the `number`-th of the work.
    pub(super) fn transcribe(&self, work: &Work, number: usize, row: &Row, formats: &[OutputFormat]) -> Ended {
        let name = PathBuf::from(row.audio.to_string());
        self.try_transcribe(work, number, row, &name, formats).unwrap_or_else(|error| {
            let text = of_file(&name, &error);
            Ended::Failed(error, text)
        })
    }

    fn try_transcribe(
        &self,
        work: &Work,
        number: usize,
        row: &Row,
        name: &Path,
        formats: &[OutputFormat],
    ) -> Result<Ended> {
        let copy = match &row.audio {
            Location::File(_) => None,
            Location::Object(url) => Some(self.buckets.copy(url)?),
        };
        let file = copy.as_ref().map_or(name, |copy| copy.path());
        if is_pipe(file) {
            let source = io::Error::new(ErrorKind::InvalidInput, "a pipe or device found, wanted a file");
            return Err(Error::Io { action: "read", path: name.to_owned(), source });
        }
        if row.channel.is_some() && work.options.channels == Channels::Split {
            let (found, wanted) = ("split, and a channel,".to_owned(), "one of them".to_owned());
            return Err(Error::InvalidOption { option: "channels", found, wanted });
        }
        let choice = row.choice(&work.choice);
        choice.generation.check()?;
        let done = work.transcribe(&Recording { number, name, file, is_pipe: false, choice: &choice });
        work.bar.above(|| done.warn(name));
        if let Some(error) = done.error {
            // What was transcribed of it is not a result.
            let text = of_file(file, &error);
            let text =
                if copy.is_some() { text.replace(&*file.to_string_lossy(), &name.to_string_lossy()) } else { text };
            return Ok(Ended::Failed(error, text));
        }
        let Some(transcript) = done.transcript else { return Ok(Ended::Written(0.0)) };
        for format in formats {
            let text = work.rendered((name, Some(&row.id)), &transcript, *format);
            match self.output.put(&result(row, work.options.lang, *format), text, *format) {
                Err(error) if is_refusal(&error) => return Ok(Ended::Refused(error)),
                put => put?,
            }
        }
        Ok(Ended::Written(transcript.duration_s))
    }
}
