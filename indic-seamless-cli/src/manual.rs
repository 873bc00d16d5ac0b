//! `indic-seamless manual`: pages for `man`.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::CommandFactory;
use indic_seamless::Error;

use crate::{Cli, Outcome};

/// Write the manual pages to a folder
///
/// For all users: indic-seamless manual /usr/local/share/man/man1
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder, which is made if it is not there
    folder: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let io = |action| move |source| Error::Io { action, path: args.folder.clone(), source };
    fs::create_dir_all(&args.folder).map_err(io("create"))?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(io("write to"))?;
    Ok(ExitCode::SUCCESS)
}
