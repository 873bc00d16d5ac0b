//! Which model to use: a folder, an id on the Hugging Face hub, or the demo model.

use std::path::PathBuf;

use indic_seamless::{
    Result, Transcriber, TranscriberBuilder,
    checkpoint::{
        Checkpoint,
        check::{CheckOptions, CheckReport},
    },
};

use crate::progress::progress_bar;

/// The name of the model that is part of the program.
const DEMO: &str = "demo";

/// `--model`
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
    /// The model, downloaded if it is an id on the hub.
    pub(crate) fn find(&self) -> Result<Model> {
        Model::find(&self.model)
    }

    /// What the model is called: its id on the hub, `demo`, or the name of its folder.
    #[cfg(feature = "service")]
    pub(crate) fn id(&self) -> String {
        // Also of a folder such as `.`.
        let folder = std::path::absolute(&self.model).ok().filter(|folder| folder.exists());
        let name = folder.and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
        name.unwrap_or_else(|| self.model.clone())
    }
}

/// A model that is on this machine.
pub(crate) enum Model {
    /// The demo model.
    #[cfg(feature = "demo")]
    Demo,
    /// The folder of a checkpoint.
    Folder(PathBuf),
}

impl Model {
    /// The model of a name, downloaded if it is an id on the hub.
    pub(crate) fn find(name: &str) -> Result<Self> {
        if name == DEMO {
            return demo();
        }
        let dir = PathBuf::from(name);
        // Whatever exists is a folder.
        let dir = if dir.exists() { dir } else { download(name)? };
        Ok(Self::Folder(dir))
    }

    /// Whether this is the demo model.
    pub(crate) fn is_demo(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }

    /// Reads the small files and maps the weights.
    pub(crate) fn open(&self) -> Result<Checkpoint> {
        match self {
            #[cfg(feature = "demo")]
            Self::Demo => Checkpoint::demo(),
            Self::Folder(dir) => Checkpoint::open(dir),
        }
    }

    /// Loads the model, with a progress bar.
    pub(crate) fn load(&self, builder: TranscriberBuilder) -> Result<Transcriber> {
        let dir = match self {
            #[cfg(feature = "demo")]
            Self::Demo => return builder.build_demo(),
            Self::Folder(dir) => dir,
        };
        let bar = progress_bar("loading {bar:30} {decimal_bytes}/{decimal_total_bytes}");
        let transcriber = builder.build_with_progress(dir, &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        transcriber
    }

    /// Checks the files, with a progress bar.
    pub(crate) fn check(&self, options: &CheckOptions) -> CheckReport {
        let bar = progress_bar("checking {bar:30} {decimal_bytes}/{decimal_total_bytes} {eta}");
        let mut progress = |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let report = match self {
            #[cfg(feature = "demo")]
            Self::Demo => options.demo(&mut progress),
            Self::Folder(dir) => options.folder(dir, &mut progress),
        };
        bar.finish_and_clear();
        report
    }
}

#[cfg(feature = "demo")]
fn demo() -> Result<Model> {
    Ok(Model::Demo)
}

#[cfg(not(feature = "demo"))]
fn demo() -> Result<Model> {
    Err(indic_seamless::Error::InvalidOption {
        option: "model",
        found: DEMO.to_owned(),
        wanted: "a folder or an id on the hub (this build has no `demo` feature)".to_owned(),
    })
}

/// Downloads a model if the name is an id on the hub; else it is that of a folder, which is missing.
#[cfg(feature = "hub")]
fn download(name: &str) -> Result<PathBuf> {
    use indic_seamless::checkpoint::HubModel;

    if HubModel::is_id(name) { crate::fetch::download(&HubModel::new(name)) } else { Ok(name.into()) }
}

#[cfg(not(feature = "hub"))]
fn download(name: &str) -> Result<PathBuf> {
    Err(indic_seamless::Error::MissingFile {
        dir: name.into(),
        wanted: "the checkpoint's folder (this build has no `hub` feature)".to_owned(),
    })
}
