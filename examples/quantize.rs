//! Writes a checkpoint with int8 weights: a quarter of the size, and several times the speed.
//!
//! Run with
//!
//! ```text
//! cargo run --release --example quantize -- --model ai4bharat/indic-seamless --precision int8 --output DIR
//! cargo run --release --example transcribe -- --model DIR --lang hin speech.wav
//! ```
//!
//! The exit code is 0 if the folder was written, 2 for wrong usage, else 1, and then there is no folder.

#[path = "support/model.rs"]
mod model;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use indic_seamless::{Error, checkpoint::Checkpoint};

use self::model::{ModelArgs, progress::progress_bar};

/// Writes a checkpoint with int8 weights.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Type of the weights to write
    #[arg(long, value_enum, default_value_t = Target::Int8)]
    precision: Target,
    /// New folder for the result
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    Int8,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> indic_seamless::Result<()> {
    let Target::Int8 = args.precision;
    // Before a download of gigabytes.
    if args.output.symlink_metadata().is_ok() {
        return Err(Error::AlreadyExists { path: args.output.clone() });
    }
    let checkpoint = if args.model.is_demo() { demo() } else { Checkpoint::open(args.model.resolve()?) }?;
    let bar = progress_bar("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes}").with_message("quantizing");
    checkpoint.quantize(&args.output, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    eprintln!("{}: int8 weights, checked", args.output.display());
    Ok(())
}

#[cfg(feature = "demo")]
fn demo() -> indic_seamless::Result<Checkpoint> {
    Checkpoint::demo()
}

#[cfg(not(feature = "demo"))]
fn demo() -> indic_seamless::Result<Checkpoint> {
    Err(model::no_demo())
}
