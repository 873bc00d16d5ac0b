//! Reads a checkpoint without running it, and lists every problem.
//!
//! [`Checkpoint::open`](super::Checkpoint::open) and [`load`](super::Checkpoint::load) stop at the first fault. A check finds
//! all of them: it compares the small files with each other, the names, shapes and types of tensors with `config.json`, tests every
//! number, computes SHA-256 sums, and estimates the memory that the model would take. Its [`CheckReport`] is plain text to
//! paste into an issue.

mod configs;
mod content;
mod headers;
mod languages;
mod memory;
mod problem;
mod report;
mod scan;
mod tensors;

use std::{borrow::Cow, path::Path};

use self::{configs::Configs, content::Content, headers::WeightFiles};
pub use self::{
    memory::{Caches, MemoryEstimate},
    problem::{CheckProblem, CheckProblemKind},
    report::{CheckReport, CheckedFile, LanguageSummary, TensorCount, TensorSummary},
};
use super::{
    OnProgress, WeightAccess,
    layout::{CONFIG, OTHERS, SENTENCEPIECE, TOKENIZER_JSON},
    source::Source,
};
use crate::backend::Precision;

/// What a check looks at; [`folder`](Self::folder) and the other methods run it.
///
/// ```
/// use indic_seamless::checkpoint::check::{CheckOptions, CheckProblemKind};
///
/// let report = CheckOptions::new().folder("no/such/folder", &mut |_, _| {});
/// assert_eq!(report.problems[0].kind, CheckProblemKind::MissingFile);
/// ```
#[derive(Debug, Clone)]
pub struct CheckOptions {
    precision: Precision,
    hashes: bool,
    values: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { precision: Precision::Auto, hashes: true, values: true }
    }
}

impl CheckOptions {
    /// A check of everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The precision that the model would be loaded in; the report marks its estimate.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Whether to compute the SHA-256 sums of the files, which reads all their bytes. A file in the cache of the hub has its
    /// sum as its name, and the two are compared. On by default.
    #[must_use]
    pub fn hashes(mut self, hashes: bool) -> Self {
        self.hashes = hashes;
        self
    }

    /// Whether to test all weights for NaN, infinities and int8 bytes of -128, which reads all their bytes. On by default.
    #[must_use]
    pub fn values(mut self, values: bool) -> Self {
        self.values = values;
        self
    }

    /// Checks the checkpoint in a folder. `progress` is told the bytes read so far and in all.
    ///
    /// It never fails: a file that cannot be read is a problem in the report.
    pub fn folder(&self, dir: impl AsRef<Path>, progress: OnProgress<'_>) -> CheckReport {
        let dir = dir.as_ref();
        match Source::folder(dir, WeightAccess::default()) {
            Ok(source) => self.check(&source, progress),
            Err(error) => {
                let mut report = CheckReport::new(dir, self.precision);
                report.problems.push(CheckProblem::from_error("", &error));
                report
            }
        }
    }

    /// Checks a checkpoint in memory, as [`Checkpoint::from_files`](super::Checkpoint::from_files) takes it.
    ///
    /// ```
    /// use indic_seamless::checkpoint::check::CheckOptions;
    ///
    /// let files = [("config.json".to_owned(), b"{".as_slice().into())];
    /// let report = CheckOptions::new().files("half", files, &mut |_, _| {});
    /// let files: Vec<&str> = report.problems.iter().map(|problem| problem.file.as_str()).collect();
    /// assert_eq!(files, ["generation_config.json", "sentencepiece.bpe.model", "model.safetensors", "config.json"]);
    /// ```
    pub fn files(
        &self,
        name: &str,
        files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>,
        progress: OnProgress<'_>,
    ) -> CheckReport {
        self.check(&Source::memory(name, files), progress)
    }

    /// Checks the [demo model](crate::Transcriber::demo).
    ///
    /// ```
    /// use indic_seamless::checkpoint::check::CheckOptions;
    ///
    /// let report = CheckOptions::new().demo(&mut |_, _| {});
    /// assert!(report.is_ok());
    /// println!("{report}");
    /// ```
    #[cfg(feature = "demo")]
    pub fn demo(&self, progress: OnProgress<'_>) -> CheckReport {
        let files = super::DEMO.iter().map(|&(name, content)| (name.to_owned(), Cow::Borrowed(content)));
        self.files("demo", files, progress)
    }

    fn check(&self, source: &Source, progress: OnProgress<'_>) -> CheckReport {
        let mut report = CheckReport::new(source.dir(), self.precision);
        let configs = Configs::read(source, &mut report);
        languages::check(&configs, &mut report);
        let weights = WeightFiles::read(source, &mut report);
        let tensors = configs.model.as_ref().map(|config| tensors::compare(config, &weights, &mut report));
        if let (Some(config), Some(tensors)) = (&configs.model, &tensors) {
            memory::estimate(config, tensors, self.precision, &mut report);
        }
        self.read_all(source, &weights, tensors.as_deref().unwrap_or_default(), &mut report, progress);
        report.sort();
        report
    }

    /// Lists the files, and reads those that the options require.
    fn read_all(
        &self,
        source: &Source,
        weights: &WeightFiles,
        tensors: &[tensors::Needed<'_>],
        report: &mut CheckReport,
        progress: OnProgress<'_>,
    ) {
        let small = [CONFIG].into_iter().chain(OTHERS).chain([SENTENCEPIECE, TOKENIZER_JSON]).map(str::to_owned);
        let names: Vec<String> = small.chain(weights.names()).collect();
        let contents: Vec<(String, Content)> = names
            .into_iter()
            .filter_map(|name| match Content::open(source, &name) {
                Ok(content) => content.map(|content| (name, content)),
                Err(error) => {
                    report.problem(&name, &error);
                    None
                }
            })
            .collect();
        let mut reading = scan::Reading::new(self.hashes, self.values, progress);
        for (name, content) in &contents {
            reading.plan(content, &tensors::values(name, tensors));
        }
        for (name, content) in &contents {
            let sha256 = match reading.read(content, &tensors::values(name, tensors)) {
                Ok(found) => {
                    report.values += found.values;
                    report.problems.extend(found.problems(name, tensors));
                    found.sha256
                }
                Err(error) => {
                    report.problem(name, &error);
                    None
                }
            };
            if let (Some(found), Some(wanted)) = (&sha256, content.blob_name())
                && *found != wanted
            {
                report.problems.push(CheckProblem {
                    kind: CheckProblemKind::Checksum,
                    file: name.clone(),
                    place: Some("SHA-256".to_owned()),
                    found: found.clone(),
                    wanted: format!("{wanted}, the name of its blob in the cache"),
                });
            }
            report.files.push(CheckedFile { name: name.clone(), bytes: content.len() as u64, sha256 });
        }
    }
}
