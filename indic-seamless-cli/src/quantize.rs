//! `indic-seamless quantize`: writes a checkpoint with int8 or int4 weights.

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use indic_seamless::{Error, Precision};

use crate::{Outcome, model::ModelArgs, progress::progress_bar};

/// Write a checkpoint with int8 or int4 weights: a quarter of the size of f32 or less, and several times the speed
///
/// The new folder loads like any other: `--model DIR`. It is complete or does not exist.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Type of the weights to write; int4 is for the feed-forward blocks of the decoder, the rest is int8
    #[arg(long, value_enum, default_value_t = Target::Int8)]
    precision: Target,
    /// New folder for the result
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    Int8,
    Int4,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let precision = match args.precision {
        Target::Int8 => Precision::Int8,
        Target::Int4 => Precision::Int4,
    };
    // Before a download of gigabytes.
    if args.output.symlink_metadata().is_ok() {
        return Err(Error::AlreadyExists { path: args.output.clone() }.into());
    }
    let checkpoint = args.model.find()?.open()?;
    let bar = progress_bar("quantizing {bar:30} {decimal_bytes}/{decimal_total_bytes}");
    checkpoint.quantize(&args.output, precision, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    eprintln!("{}: {precision} weights, checked", args.output.display());
    Ok(ExitCode::SUCCESS)
}
