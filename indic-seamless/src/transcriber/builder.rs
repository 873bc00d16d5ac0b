//! Settings of a transcriber, and loading it.

use std::{path::Path, sync::Arc, time::Instant};

use rayon::ThreadPool;

use super::Transcriber;
use crate::{
    backend::{Backend, Precision},
    checkpoint::{Checkpoint, OnProgress, WeightAccess},
    error::{Error, Result},
    kernels::Isa,
    scheduler::{Loaded, Scheduler},
};

/// The most threads: more than any machine has cores.
const MOST_THREADS: usize = 1024;

/// Settings of a [`Transcriber`].
#[derive(Debug, Clone, Default)]
pub struct TranscriberBuilder {
    backend: Backend,
    device: Option<usize>,
    precision: Precision,
    access: WeightAccess,
    threads: Option<usize>,
    cache_bytes: Option<u64>,
}

impl TranscriberBuilder {
    /// The backend that runs the model; Flex by default.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Which of the backend's devices, by its number from 0: see [`Backend::device_at`]. By default, and with `None`, that which
    /// the backend prefers.
    #[must_use]
    pub fn device(mut self, number: impl Into<Option<usize>>) -> Self {
        self.device = number.into();
        self
    }

    /// The type of the weights in memory; by default that of the checkpoint.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The number of threads of a CPU backend, at most 1024; by default, and with `None`, one per core, or `RAYON_NUM_THREADS`. Each
    /// transcriber has its own threads: two that work at the same time compete for the cores.
    #[must_use]
    pub fn threads(mut self, threads: impl Into<Option<usize>>) -> Self {
        self.threads = threads.into();
        self
    }

    /// The memory for the decoder's caches, in bytes: 112 MiB by default and with `None`. With more, more clips share the decoder's
    /// steps; a clip of 10 s takes about 10 MB. A search that by itself needs more gets it.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.cache_bytes = bytes.into();
        self
    }

    /// Whether weight files are mapped, which is the default, or copied into memory.
    #[must_use]
    pub fn weight_access(mut self, access: WeightAccess) -> Self {
        self.access = access;
        self
    }

    /// Loads the checkpoint in `dir`.
    ///
    /// # Errors
    ///
    /// Files or tensors that are missing, damaged or inconsistent; [`Error::InvalidOption`] for an invalid setting;
    /// [`Error::Device`] of a GPU.
    pub fn build(self, dir: impl AsRef<Path>) -> Result<Transcriber> {
        self.build_with_progress(dir, &mut |_, _| {})
    }

    /// [`build`](Self::build), calling `progress` with the bytes of weights loaded so far and in total.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_progress(self, dir: impl AsRef<Path>, progress: OnProgress<'_>) -> Result<Transcriber> {
        let access = self.access;
        self.build_from(|| Checkpoint::open_with(dir, access), progress)
    }

    /// Loads the [demo model](Transcriber::demo).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for an invalid setting.
    #[cfg(feature = "demo")]
    pub fn build_demo(self) -> Result<Transcriber> {
        self.build_from(Checkpoint::demo, &mut |_, _| {})
    }

    /// Loads an open checkpoint, such as one [in memory](Checkpoint::from_files).
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
        let device = self.backend.device_at(self.device)?;
        let pool = thread_pool(self.threads)?;
        let checkpoint = open()?;
        Isa::checked()?;
        let precision = self.resolved_precision(&checkpoint)?;
        let model = checkpoint.load(precision, &device, progress)?;
        let load_ms = started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(dir = %checkpoint.dir().display(), backend = %self.backend, %precision, load_ms, "loaded");
        let loaded = Arc::new(Loaded { checkpoint, model });
        let scheduler = Scheduler::start(Arc::clone(&loaded), self.cache_bytes, pool)?;
        Ok(Transcriber { loaded, scheduler, backend: self.backend, precision, load_ms })
    }
}

fn thread_pool(threads: Option<usize>) -> Result<ThreadPool> {
    let invalid = |wanted: String| {
        let found = threads.map_or_else(|| "one per core".to_owned(), |threads| threads.to_string());
        Error::InvalidOption { option: "threads", found, wanted }
    };
    if threads.is_some_and(|threads| !(1..=MOST_THREADS).contains(&threads)) {
        return Err(invalid(format!("1 to {MOST_THREADS}")));
    }
    let pool = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("indic-seamless-{i}"));
    // Zero is rayon's own default.
    let pool = pool.num_threads(threads.unwrap_or(0)).build();
    pool.map_err(|error| invalid(format!("a number of threads that can be started ({error})")))
}
