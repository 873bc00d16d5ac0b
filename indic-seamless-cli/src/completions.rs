//! `indic-seamless completions`: completion scripts for shells.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{Cli, Outcome, output};

/// Print a completion script for a shell
///
/// For bash: indic-seamless completions bash > ~/.local/share/bash-completion/completions/indic-seamless
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Outcome {
    // By way of memory: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "indic-seamless", &mut script);
    output::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
