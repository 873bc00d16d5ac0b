//! Downloads a model from the Hugging Face hub into the cache that all Hugging Face programs share, and prints its folder.
//!
//! Run with
//!
//! ```text
//! export HF_TOKEN=hf_...
//! cargo run --release --example fetch -- [--model ID] [--revision BRANCH|TAG|COMMIT]
//! ```
//!
//! What is there already is not downloaded again, and what broke off is resumed. The exit code is 0 if all files are
//! there, 2 for wrong usage, else 1, with one line on standard error that says what to do.

#[path = "support/progress.rs"]
mod progress;

use std::process::ExitCode;

use clap::Parser;
use indic_seamless::checkpoint::HubModel;

/// Downloads a model from the Hugging Face hub and prints its folder.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Id of the model on the hub
    #[arg(long, default_value = "ai4bharat/indic-seamless", value_name = "ID")]
    model: String,
    /// Branch, tag or commit
    #[arg(long, default_value = "main")]
    revision: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Attempts that are tried again: RUST_LOG=info.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    match progress::download(&HubModel::new(args.model).revision(args.revision)) {
        Ok(dir) => {
            println!("{}", dir.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
