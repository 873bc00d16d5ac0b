//! Settings of a transcriber, and how it is loaded.

use std::{path::Path, time::Instant};

use rayon::ThreadPool;

use super::{Transcriber, milliseconds};
use crate::{
    backend::{Backend, Precision},
    checkpoint::{Checkpoint, OnProgress},
    error::{Error, Result},
    isa::Isa,
};

/// Settings of a [`Transcriber`].
#[derive(Debug, Clone, Default)]
pub struct TranscriberBuilder {
    backend: Backend,
    precision: Precision,
    threads: Option<usize>,
}

impl TranscriberBuilder {
    /// Where the model runs; Flex by default.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The type of the weights in memory; by default what suits the checkpoint.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// How many threads a CPU backend uses; by default those of rayon's global pool, one per core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Loads the checkpoint in `dir`.
    ///
    /// # Errors
    ///
    /// What is missing, broken or contradictory in the folder; [`Error::InvalidOption`] for a setting.
    pub fn build(self, dir: impl AsRef<Path>) -> Result<Transcriber> {
        self.build_with_progress(dir, &mut |_, _| {})
    }

    /// [`build`](Self::build), telling `progress` the bytes of weights loaded so far and in all.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_progress(self, dir: impl AsRef<Path>, progress: OnProgress<'_>) -> Result<Transcriber> {
        self.build_from(|| Checkpoint::open(dir), progress)
    }

    /// Loads the [demo model](Transcriber::demo).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a setting.
    #[cfg(feature = "demo")]
    pub fn build_demo(self) -> Result<Transcriber> {
        self.build_from(Checkpoint::demo, &mut |_, _| {})
    }

    /// Loads a checkpoint that was opened otherwise, such as one [in memory](Checkpoint::from_files).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_checkpoint(self, checkpoint: Checkpoint, progress: OnProgress<'_>) -> Result<Transcriber> {
        self.build_from(|| Ok(checkpoint), progress)
    }

    /// The type that the weights will have.
    fn resolved_precision(&self, checkpoint: &Checkpoint) -> Result<Precision> {
        let has_bf16 = self.backend == Backend::Flex;
        match (self.precision, checkpoint.precision()) {
            (Precision::Auto, Precision::Bf16) if !has_bf16 => Ok(Precision::F32),
            (Precision::Auto, stored) => Ok(stored),
            (Precision::Bf16, _) if !has_bf16 => Err(Error::InvalidOption {
                option: "precision",
                found: format!("bf16 on {}", self.backend),
                wanted: "f32 or int8 there, or the backend flex".to_owned(),
            }),
            (asked, _) => Ok(asked),
        }
    }

    fn build_from(self, open: impl FnOnce() -> Result<Checkpoint>, progress: OnProgress<'_>) -> Result<Transcriber> {
        let started = Instant::now();
        let device = self.backend.device()?;
        let threads = self.threads.map(thread_pool).transpose()?;
        let checkpoint = open()?;
        Isa::checked()?;
        let precision = self.resolved_precision(&checkpoint)?;
        let model = checkpoint.load(precision, &device, progress)?;
        let load_ms = milliseconds(started);
        tracing::info!(dir = %checkpoint.dir().display(), backend = %self.backend, %precision, load_ms, "loaded");
        Ok(Transcriber { checkpoint, model, backend: self.backend, precision, threads, load_ms })
    }
}

fn thread_pool(threads: usize) -> Result<ThreadPool> {
    let invalid = |wanted: String| Error::InvalidOption { option: "threads", found: threads.to_string(), wanted };
    if threads == 0 {
        return Err(invalid("at least 1".to_owned()));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("indic-seamless-{i}"));
    pool.build().map_err(|error| invalid(format!("a number of threads that can be started ({error})")))
}
