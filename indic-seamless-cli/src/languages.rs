//! `indic-seamless languages`: the languages that can be asked for.

use std::{fmt::Write as _, process::ExitCode};

use indic_seamless::Language;

use crate::{Outcome, output};

/// List the languages: code, two-letter code and English name, each of which `--lang` takes
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Outcome {
    let mut lines = String::new();
    for language in Language::all() {
        let (code, short, name) = (language.code(), language.iso639_1().unwrap_or("-"), language.name());
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{code:<8}  {short:<2}  {name}");
    }
    output::write(lines.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
