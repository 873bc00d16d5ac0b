//! `--model`, and progress bars.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use indicatif::{ProgressBar, ProgressStyle};

/// The folder that `--model` means, downloaded if it is an id on the hub.
pub(crate) fn resolve(model: &str) -> indic_seamless::Result<PathBuf> {
    let dir = PathBuf::from(model);
    // An id on the hub has one slash; anything else, and what exists, is a folder.
    let is_id = model.split('/').count() == 2 && !model.starts_with(['.', '/', '~']);
    if dir.exists() || !is_id {
        return Ok(dir);
    }
    download(model)
}

#[cfg(feature = "hub")]
fn download(id: &str) -> indic_seamless::Result<PathBuf> {
    let bar = progress_bar("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes} {eta}");
    let dir = indic_seamless::checkpoint::HubModel::new(id).download(&mut |progress| {
        bar.set_message(progress.file.to_owned());
        bar.set_length(progress.size);
        bar.set_position(progress.done);
    });
    bar.finish_and_clear();
    dir
}

#[cfg(not(feature = "hub"))]
fn download(id: &str) -> indic_seamless::Result<PathBuf> {
    Err(indic_seamless::Error::MissingFile {
        dir: id.into(),
        wanted: "the checkpoint's folder (this build has no `hub` feature)".into(),
    })
}

/// A bar on standard error; invisible if that is no terminal.
pub(crate) fn progress_bar(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
