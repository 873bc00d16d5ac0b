//! [`CheckReport`], and its text.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use super::{Caches, CheckProblem, MemoryEstimate};
use crate::{backend::Precision, error::Error};

/// How many problems of one kind are listed; the rest are counted.
const LISTED: usize = 20;

/// The result of a check.
///
/// It displays as plain text, without the problems: [`verdict`](Self::verdict) has these.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The folder, or the name of a checkpoint in memory.
    pub checkpoint: PathBuf,
    /// The files that the crate reads.
    pub files: Vec<CheckedFile>,
    /// The tensors; `None` without a valid `config.json`.
    pub tensors: Option<TensorSummary>,
    /// The number of weights that were tested; 0 if the options leave the test out.
    pub values: u64,
    /// The number of tokens of the tokenizer.
    pub tokenizer_size: Option<usize>,
    /// The languages; `None` without a tokenizer.
    pub languages: Option<LanguageSummary>,
    /// The requested precision.
    pub asked: Precision,
    /// The precision that the model would have.
    pub loads_as: Option<Precision>,
    /// Memory for the weights in each precision.
    pub memory: Vec<MemoryEstimate>,
    /// Memory for keys and values.
    pub caches: Option<Caches>,
    /// Settings that are ignored, so that results may differ from those of transformers.
    pub warnings: Vec<String>,
    /// Unusual properties that do no harm.
    pub notes: Vec<String>,
    /// Every problem, sorted by kind.
    pub problems: Vec<CheckProblem>,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits, if it was computed.
    pub sha256: Option<String>,
}

/// Tensors and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TensorCount {
    /// The number of tensors.
    pub tensors: usize,
    /// Bytes in the files; 0 for shards that are not read.
    pub bytes: u64,
}

/// The tensors of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorSummary {
    /// Tensors that the model needs.
    pub wanted: usize,
    /// Those of them that were found and are valid.
    pub found: usize,
    /// The number of parameters. The embedding, which is also the output projection, counts once; scales of int8 do not count.
    pub parameters: u64,
    /// Their bytes in the files, including scales.
    pub bytes: u64,
    /// The same by type.
    pub types: BTreeMap<String, TensorCount>,
    /// The type of most bytes.
    pub stored: Precision,
    /// Tensors that speech-to-text does not need, by the first part of their names.
    pub ignored: BTreeMap<String, TensorCount>,
}

/// The languages of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LanguageSummary {
    /// Languages that the tokenizer has tokens for.
    pub tokenizer: usize,
    /// Languages in `text_decoder_lang_to_code_id`; `None` if there is no such map.
    pub map: Option<usize>,
    /// Those of them that this crate does not know.
    pub unknown: Vec<String>,
}

impl CheckReport {
    pub(super) fn new(checkpoint: &Path, asked: Precision) -> Self {
        Self {
            checkpoint: checkpoint.into(),
            files: Vec::new(),
            tensors: None,
            values: 0,
            tokenizer_size: None,
            languages: None,
            asked,
            loads_as: None,
            memory: Vec::new(),
            caches: None,
            warnings: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, file: &str, error: &Error) {
        self.problems.push(CheckProblem::from_error(file, error));
    }

    /// Sorts problems by kind, and drops repetitions.
    pub(super) fn sort(&mut self) {
        self.problems.sort_by_key(|problem| problem.kind);
        self.problems.dedup();
    }

    /// Whether there are no problems.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems, one a line: the first twenty of each kind, and how many more there are. Empty if there are none.
    ///
    /// ```
    /// use indic_seamless::checkpoint::check::CheckOptions;
    ///
    /// let report = CheckOptions::new().folder("no/such/folder", &mut |_, _| {});
    /// assert_eq!(report.verdict(), ["nothing found, wanted the checkpoint's folder"]);
    /// ```
    pub fn verdict(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for problems in self.problems.chunk_by(|a, b| a.kind == b.kind) {
            lines.extend(problems.iter().take(LISTED).map(CheckProblem::to_string));
            if let Some(more) = problems.len().checked_sub(LISTED).filter(|&more| more > 0) {
                lines.push(format!("... and {more} more of this kind ({:?})", problems[0].kind));
            }
        }
        lines
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "checkpoint: {}", self.checkpoint.display())?;
        writeln!(f, "files:")?;
        for CheckedFile { name, bytes, sha256 } in &self.files {
            writeln!(f, "  {name}  {}  sha256 {}", size(*bytes), sha256.as_deref().unwrap_or("not computed"))?;
        }
        match &self.tensors {
            Some(tensors) => write!(f, "{tensors}")?,
            None => writeln!(f, "tensors: not compared, as config.json does not tell what there should be")?,
        }
        match self.values {
            0 => writeln!(f, "values: not looked at")?,
            values => writeln!(f, "values: {values} looked at")?,
        }
        if let Some(tokens) = self.tokenizer_size {
            writeln!(f, "tokenizer: {tokens} tokens")?;
        }
        if let Some(languages) = &self.languages {
            write!(f, "{languages}")?;
        }
        self.write_memory(f)?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl CheckReport {
    fn write_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.memory.is_empty() {
            return Ok(());
        }
        writeln!(f, "memory for the weights:")?;
        for &MemoryEstimate { precision, in_place, converted } in &self.memory {
            let chosen = if self.loads_as == Some(precision) {
                if self.asked == Precision::Auto { "  <- by default" } else { "  <- as asked for" }
            } else {
                ""
            };
            let (in_place, converted) = (size(in_place), size(converted));
            writeln!(
                f,
                "  {:<4}  {in_place} in place in the mapped file, {converted} converted{chosen}",
                precision.name()
            )?;
        }
        if let Some(Caches { per_token, per_second }) = self.caches {
            let (token, second) = (size(per_token), size(per_second));
            writeln!(f, "memory for keys and values: {token} a token and hypothesis, {second} a second of speech")?;
        }
        Ok(())
    }
}

impl fmt::Display for TensorSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, found, parameters, bytes, .. } = self;
        writeln!(f, "tensors: {found} of {wanted}; {parameters} parameters, {}", size(*bytes))?;
        for (dtype, TensorCount { tensors, bytes }) in &self.types {
            writeln!(f, "  {dtype}: {tensors} tensors, {}", size(*bytes))?;
        }
        for (prefix, TensorCount { tensors, bytes }) in &self.ignored {
            writeln!(f, "  not used: {prefix}, {tensors} tensors, {}", size(*bytes))?;
        }
        Ok(())
    }
}

impl fmt::Display for LanguageSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "languages: ")?;
        if let Some(map) = self.map {
            write!(f, "{map} in generation_config.json, ")?;
        }
        writeln!(f, "{} in the tokenizer", self.tokenizer)?;
        if !self.unknown.is_empty() {
            writeln!(f, "  not known to this crate: {}", self.unknown.join(" "))?;
        }
        Ok(())
    }
}

/// Bytes in a readable unit.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.3} GB", bytes as f64 / 1e9),
    }
}
