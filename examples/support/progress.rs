//! Progress bars on standard error.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error; invisible if that is no terminal.
pub(crate) fn progress_bar(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// Downloads a model while a bar shows the bytes of all files; the folder that holds them.
#[cfg(feature = "hub")]
pub(crate) fn download(model: &indic_seamless::checkpoint::HubModel) -> indic_seamless::Result<std::path::PathBuf> {
    let bar = progress_bar("{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}");
    let dir = model.download(&mut |progress| {
        bar.set_length(progress.total_size);
        if bar.position() == 0 {
            // What was there before is no part of the speed.
            bar.set_position(progress.total_done);
            bar.reset_eta();
        }
        bar.set_message(progress.file.to_owned());
        bar.set_position(progress.total_done);
    });
    bar.finish_and_clear();
    dir
}
