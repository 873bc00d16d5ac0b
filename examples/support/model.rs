//! `--model`.

#![allow(dead_code, reason = "`check` takes the model without a flag")]

#[path = "progress.rs"]
pub(crate) mod progress;

use std::path::PathBuf;

/// Which model to use.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model that is part of this program
    #[arg(
        long,
        env = "INDIC_SEAMLESS_MODEL",
        default_value = "ai4bharat/indic-seamless",
        value_name = "DIR|HUB_ID|demo"
    )]
    model: String,
}

impl ModelArgs {
    pub(crate) fn is_demo(&self) -> bool {
        self.model == DEMO
    }

    /// The folder, downloaded if it is an id on the hub.
    pub(crate) fn resolve(&self) -> indic_seamless::Result<PathBuf> {
        resolve(&self.model)
    }
}

/// The name of the model that is part of the program.
pub(crate) const DEMO: &str = "demo";

/// The folder of a model, downloaded if it is an id on the hub.
pub(crate) fn resolve(model: &str) -> indic_seamless::Result<PathBuf> {
    let dir = PathBuf::from(model);
    // An id on the hub has one slash; anything else, and what exists, is a folder.
    let is_id = model.split('/').count() == 2 && !model.starts_with(['.', '/', '~']);
    if dir.exists() || !is_id {
        return Ok(dir);
    }
    download(model)
}

/// The error for the demo model in a build without it.
#[cfg(not(feature = "demo"))]
pub(crate) fn no_demo() -> indic_seamless::Error {
    let wanted = "a folder or an id on the hub (this build has no `demo` feature)".into();
    indic_seamless::Error::InvalidOption { option: "model", found: "demo".into(), wanted }
}

#[cfg(feature = "hub")]
fn download(id: &str) -> indic_seamless::Result<PathBuf> {
    progress::download(&indic_seamless::checkpoint::HubModel::new(id))
}

#[cfg(not(feature = "hub"))]
fn download(id: &str) -> indic_seamless::Result<PathBuf> {
    Err(indic_seamless::Error::MissingFile {
        dir: id.into(),
        wanted: "the checkpoint's folder (this build has no `hub` feature)".into(),
    })
}
