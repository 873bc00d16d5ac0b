//! The program `indic-seamless`: speech recognition and translation with SeamlessM4T v2 on the command line.
//!
//! Results go to standard output, everything else to standard error. The exit code is 0 for success, 2 for wrong usage and 1
//! for any other error, which is one line on standard error. Tasks of batch engines have 75 for what may succeed later.

mod check;
mod completions;
#[cfg(feature = "hub")]
mod fetch;
mod info;
mod languages;
mod manual;
mod memory;
mod model;
mod output;
mod progress;
mod quantize;
#[cfg(feature = "service")]
mod serve;
mod transcribe;

#[doc(hidden)]
pub use self::transcribe::fuzzing;

use std::{error::Error as StdError, io, process::ExitCode};

use clap::{Parser, Subcommand};
use indic_seamless::Error;
use tracing_subscriber::EnvFilter;

/// Speech recognition and translation with SeamlessM4T v2.
#[derive(Parser)]
#[command(name = "indic-seamless", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Transcribe(Box<transcribe::Args>),
    #[cfg(feature = "s3")]
    Worker(Box<transcribe::WorkerArgs>),
    #[cfg(feature = "service")]
    Serve(serve::Args),
    Quantize(quantize::Args),
    #[cfg(feature = "hub")]
    Fetch(fetch::Args),
    Check(check::Args),
    Languages(languages::Args),
    Info(info::Args),
    Completions(completions::Args),
    Manual(manual::Args),
}

/// What a subcommand ends with. The exit code is not 0 if some of the work failed, which the subcommand has reported itself.
type Outcome = Result<ExitCode, Box<dyn StdError>>;

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    indic_seamless::hide_caught_panics();
    let Cli { command } = Cli::parse();
    command.start_log();
    let hint = command.can_use_demo();
    match command.run() {
        Ok(code) => code,
        Err(error) => report(error.as_ref(), hint),
    }
}

impl Command {
    fn run(self) -> Outcome {
        match self {
            Self::Transcribe(args) => transcribe::run(*args),
            #[cfg(feature = "s3")]
            Self::Worker(args) => transcribe::work(*args),
            #[cfg(feature = "service")]
            Self::Serve(args) => serve::run(args),
            Self::Quantize(args) => quantize::run(&args),
            #[cfg(feature = "hub")]
            Self::Fetch(args) => fetch::run(args),
            Self::Check(args) => check::run(&args),
            Self::Languages(args) => languages::run(&args),
            Self::Info(args) => info::run(&args),
            Self::Completions(args) => completions::run(&args),
            Self::Manual(args) => manual::run(&args),
        }
    }

    /// Whether the demo model is of use to this subcommand where no other model can be had.
    fn can_use_demo(&self) -> bool {
        match self {
            Self::Transcribe(_) => cfg!(feature = "demo"),
            #[cfg(feature = "s3")]
            Self::Worker(_) => cfg!(feature = "demo"),
            #[cfg(feature = "service")]
            Self::Serve(_) => cfg!(feature = "demo"),
            _ => false,
        }
    }

    /// Writes log messages to standard error: warnings, or what `RUST_LOG` asks for.
    fn start_log(&self) {
        // It starts a log of its own.
        #[cfg(feature = "service")]
        if matches!(self, Self::Serve(_)) {
            return;
        }
        // Their reports have all warnings already.
        if !matches!(self, Self::Check(_) | Self::Info(_)) {
            let log = tracing_subscriber::fmt().with_writer(io::stderr);
            log.with_env_filter(log_filter("warn")).without_time().init();
        }
    }
}

/// What `RUST_LOG` asks for, else messages from this level on.
fn log_filter(level: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}

/// Prints an error; returns the exit code.
fn report(error: &(dyn StdError + 'static), hint: bool) -> ExitCode {
    eprintln!("error: {error}");
    let error = error.downcast_ref::<Error>();
    if hint && matches!(error, Some(Error::Hub { .. })) {
        eprintln!(
            "hint: `--model demo` needs no download: it knows digits and some everyday words in Bengali, English, Hindi, Tamil \
             and Telugu"
        );
    }
    let usage = matches!(
        error,
        Some(Error::InvalidOption { .. } | Error::UnknownLanguage { .. } | Error::UnsupportedScript { .. })
    );
    ExitCode::from(if usage { 2 } else { 1 })
}
