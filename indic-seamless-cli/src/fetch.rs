//! `indic-seamless fetch`: downloads a model into the cache that all Hugging Face programs share.

use std::{path::PathBuf, process::ExitCode};

use indic_seamless::{Result, checkpoint::HubModel};

use crate::{Outcome, output, progress::progress_bar};

/// Download a model from the Hugging Face hub and print its folder
///
/// A file that is in the cache is not downloaded again, and an interrupted download is resumed. A gated model needs a token in
/// the variable `HF_TOKEN`. `RUST_LOG=info` shows each retry.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Id of the model on the hub
    #[arg(long, default_value = "ai4bharat/indic-seamless", value_name = "ID")]
    model: String,
    /// Branch, tag or commit
    #[arg(long, default_value = "main")]
    revision: String,
}

pub(crate) fn run(args: Args) -> Outcome {
    let dir = download(&HubModel::new(args.model).revision(args.revision))?;
    output::line(dir.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Downloads a model while a bar shows the bytes of all files; returns its folder.
pub(crate) fn download(model: &HubModel) -> Result<PathBuf> {
    let bar = progress_bar("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}");
    let dir = model.download(&mut |progress| {
        bar.set_length(progress.total_size);
        if bar.position() == 0 {
            // Bytes of an earlier download do not count towards the speed.
            bar.set_position(progress.total_done);
            bar.reset_eta();
        }
        bar.set_message(progress.file.to_owned());
        bar.set_position(progress.total_done);
    });
    bar.finish_and_clear();
    dir
}
