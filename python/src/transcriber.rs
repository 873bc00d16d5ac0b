//! The model.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc::channel},
    thread,
};

use indic_seamless::{Error, Precision, Result, TranscriberBuilder, checkpoint::HubModel};
use pyo3::{prelude::*, types::PyAny};

use crate::{
    audio::Audio,
    error::raise,
    options::Options,
    stream::Stream,
    work::{Work, ended, wait},
};

/// The name of the model that is part of the package.
const DEMO: &str = "demo";

enum News {
    Progress(u64, u64),
    Done(Box<Result<indic_seamless::Transcriber>>),
}

/// Where a model comes from.
struct Place {
    model: String,
    revision: Option<String>,
    token: Option<String>,
}

impl Place {
    fn load(
        self,
        builder: TranscriberBuilder,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<indic_seamless::Transcriber> {
        self.check()?;
        if self.model == DEMO {
            return builder.build_demo();
        }
        if self.exists() {
            return builder.build_with_progress(&self.model, progress);
        }
        builder.build(self.folder(progress)?)
    }

    /// Only a model of the hub has revisions.
    fn check(&self) -> Result<()> {
        match &self.revision {
            Some(revision) if self.model == DEMO || self.exists() => Err(Error::InvalidOption {
                option: "revision",
                found: revision.clone(),
                wanted: format!("none: {} is not on the hub", self.model),
            }),
            _ => Ok(()),
        }
    }

    /// Whatever exists is a folder.
    fn exists(&self) -> bool {
        Path::new(&self.model).exists()
    }

    /// The folder of the checkpoint; that of a model of the hub is downloaded first.
    fn folder(self, progress: &mut dyn FnMut(u64, u64)) -> Result<PathBuf> {
        self.check()?;
        if self.exists() {
            return Ok(self.model.into());
        }
        if !HubModel::is_id(&self.model) {
            return Err(Error::MissingFile {
                dir: PathBuf::from(self.model),
                wanted: "the folder of a checkpoint".to_owned(),
            });
        }
        let mut hub = HubModel::new(self.model);
        if let Some(revision) = self.revision {
            hub = hub.revision(revision);
        }
        if let Some(token) = self.token {
            hub = hub.token(token);
        }
        hub.download(&mut |download| progress(download.total_done, download.total_size))
    }
}

/// The folder of a model, but for `demo`, which has none; a model of the hub is downloaded first.
#[pyfunction]
pub(crate) fn folder(py: Python<'_>, model: String, revision: Option<String>) -> PyResult<PathBuf> {
    let (sender, done) = channel();
    let place = Place { model, revision, token: None };
    let run = move || {
        let _ = sender.send(place.folder(&mut |_, _| ()));
    };
    thread::Builder::new().name("download".to_owned()).spawn(run)?;
    wait(py, &Mutex::new(done))?.ok_or_else(ended)?.map_err(|error| raise(py, &error))
}

/// A loaded model.
#[pyclass(frozen)]
#[derive(Debug)]
pub(crate) struct Transcriber(Arc<indic_seamless::Transcriber>);

#[pymethods]
impl Transcriber {
    /// Loads a model: the folder of a checkpoint, an id on the Hugging Face hub, or `demo`.
    #[staticmethod]
    #[pyo3(signature = (model, precision, threads, revision, token, on_progress))]
    fn load(
        py: Python<'_>,
        model: String,
        precision: &str,
        threads: Option<usize>,
        revision: Option<String>,
        token: Option<String>,
        on_progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let precision: Precision = precision.parse().map_err(|error| raise(py, &error))?;
        let builder = indic_seamless::Transcriber::builder().precision(precision).threads(threads);
        let (sender, news) = channel();
        let place = Place { model, revision, token };
        let run = move || {
            let mut progress = |done, total| {
                let _ = sender.send(News::Progress(done, total));
            };
            let loaded = place.load(builder, &mut progress);
            let _ = sender.send(News::Done(Box::new(loaded)));
        };
        thread::Builder::new().name("load".to_owned()).spawn(run)?;
        let news = Mutex::new(news);
        loop {
            match wait(py, &news)?.ok_or_else(ended)? {
                News::Progress(done, total) => {
                    if let Some(on_progress) = on_progress {
                        on_progress.call1((done, total))?;
                    }
                }
                News::Done(loaded) => {
                    return loaded.map(|loaded| Self(Arc::new(loaded))).map_err(|error| raise(py, &error));
                }
            }
        }
    }

    /// Starts to transcribe a recording.
    fn start(&self, py: Python<'_>, audio: &Bound<'_, PyAny>, rate: Option<u32>, options: &str) -> PyResult<Work> {
        let audio = Audio::of(audio, rate)?;
        let start = |options| Work::start(self.0.clone(), audio, options);
        Options::of(options).and_then(start).map_err(|error| raise(py, &error))
    }

    /// Starts a transcription of speech that arrives piece by piece.
    fn stream(&self, py: Python<'_>, options: &str) -> PyResult<Stream> {
        let start = || Options::of(options).and_then(|options| Stream::start(self.0.clone(), options));
        py.detach(start).map_err(|error| raise(py, &error))
    }

    /// The languages that the checkpoint knows, by their codes.
    fn languages(&self) -> Vec<String> {
        self.0.checkpoint().languages().map(str::to_owned).collect()
    }

    /// The type of the weights in memory.
    fn precision(&self) -> &'static str {
        self.0.precision().name()
    }
}
