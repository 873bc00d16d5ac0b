//! Compares the tensors in the files with those that `config.json` requires.

use std::collections::BTreeSet;

use safetensors::Dtype;

use super::{
    CheckProblem, CheckProblemKind, CheckReport, TensorSummary,
    headers::{FLOATS, Stored, WeightFile, WeightFiles},
    scan::Numbers,
};
use crate::{
    backend::Precision,
    checkpoint::{
        load::{self, Expected},
        packing::{Packing, SCHEME_KEY, scale_name},
        weights::{has_shape, precision},
    },
    model::config::ModelConfig,
};

/// A tensor that was found and will be loaded.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    pub(super) name: String,
    file: &'a WeightFile,
    stored: &'a Stored,
    /// The tensor of the model; `None` for scales.
    pub(super) expected: Option<Expected>,
}

impl Needed<'_> {
    pub(super) fn dtype(&self) -> Dtype {
        self.stored.dtype
    }

    pub(super) fn bytes(&self) -> u64 {
        self.stored.range.len() as u64
    }

    /// Whether it is aligned to `alignment` bytes, so that it can be used in place.
    pub(super) fn is_aligned(&self, alignment: usize) -> bool {
        (self.file.base + self.stored.range.start).is_multiple_of(alignment)
    }

    /// The number of parameters; for packed bytes, that of the matrix.
    pub(super) fn parameters(&self) -> u64 {
        match &self.expected {
            Some(expected) => count(expected.shape()),
            None => 0,
        }
    }
}

/// The number of elements.
pub(super) fn count(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |all, &size| all.saturating_mul(size as u64))
}

/// The tensors in a file whose numbers may be wrong, in the order of their bytes: all but half bytes.
pub(super) fn values(file: &str, tensors: &[Needed<'_>]) -> Vec<Numbers> {
    let in_file = tensors.iter().enumerate().filter(|(_, tensor)| tensor.file.name == file);
    let tested = |dtype| FLOATS.contains(&dtype) || dtype == Dtype::I8;
    let tested = in_file.filter(|(_, t)| tested(t.stored.dtype) && t.stored.range.end <= t.file.len);
    let numbers = tested.map(|(tensor, t)| Numbers { tensor, dtype: t.stored.dtype, range: t.stored.range.clone() });
    let mut numbers: Vec<Numbers> = numbers.collect();
    numbers.sort_by_key(|numbers| numbers.range.start);
    numbers
}

/// Looks for each tensor of the model. Returns the valid ones.
pub(super) fn compare<'a>(config: &ModelConfig, weights: &'a WeightFiles, report: &mut CheckReport) -> Vec<Needed<'a>> {
    let expected = load::tensors(config);
    let mut comparison = Comparison { weights, problems: Vec::new(), needed: Vec::new(), used: BTreeSet::new() };
    if !weights.is_empty() {
        for (name, tensor) in &expected {
            comparison.look_for(name, tensor);
        }
    }
    let Comparison { problems, needed, used, .. } = comparison;
    report.problems.extend(problems);

    let mut summary = TensorSummary { wanted: expected.len(), ..TensorSummary::default() };
    for tensor in &needed {
        summary.found += usize::from(tensor.expected.is_some());
        summary.parameters += tensor.parameters();
        summary.bytes += tensor.bytes();
        let count = summary.types.entry(format!("{:?}", tensor.dtype())).or_default();
        count.tensors += 1;
        count.bytes += tensor.bytes();
    }
    summary.stored = precision(needed.iter().map(|tensor| (tensor.dtype(), tensor.stored.range.len())));
    weights.count_ignored(&used, &mut summary);
    report.tensors = Some(summary);
    needed
}

struct Comparison<'a> {
    weights: &'a WeightFiles,
    problems: Vec<CheckProblem>,
    needed: Vec<Needed<'a>>,
    used: BTreeSet<&'a str>,
}

impl<'a> Comparison<'a> {
    fn problem(&mut self, kind: CheckProblemKind, file: &str, name: &str, found: String, wanted: String) {
        self.problems.push(CheckProblem { kind, file: file.to_owned(), place: Some(name.to_owned()), found, wanted });
    }

    fn find(&mut self, names: &[&str], shape: &[usize]) -> Option<(&'a WeightFile, &'a str, &'a Stored)> {
        let weights = self.weights;
        for name in names {
            if let Some((file, stored)) = weights.get(name) {
                let (name, _) = file.tensors.get_key_value(*name)?;
                self.used.insert(name);
                return Some((file, name, stored));
            }
        }
        let name = names.first()?;
        // If the shard that should have it cannot be read, that is reported instead.
        if names.iter().all(|name| weights.home(name).is_some())
            && let Some(home) = weights.home(name)
        {
            self.problem(
                CheckProblemKind::MissingTensor,
                home,
                name,
                "nothing".to_owned(),
                format!("a tensor {shape:?}"),
            );
        }
        None
    }

    fn look_for(&mut self, name: &str, expected: &Expected) {
        let shape = expected.shape();
        let Some((file, name, stored)) = self.find(&load::aliases(name), shape) else { return };
        let packed = expected.packed(Precision::Int8);
        let fits = match (packed, Packing::of(stored.dtype)) {
            (Some((shape, _)), Some(packing)) => self.is_packed(file, name, stored, shape, packing),
            (packed, _) => {
                let wanted = if packed.is_some() { "F32, F16, BF16, packed I8 or U8" } else { "F32, F16 or BF16" };
                self.has_type(file, name, stored.dtype, wanted) & self.has_shape(file, name, stored, shape)
            }
        };
        if fits {
            let expected = Some(expected.clone());
            self.needed.push(Needed { name: name.to_owned(), file, stored, expected });
        }
    }

    fn has_type(&mut self, file: &WeightFile, name: &str, found: Dtype, wanted: &str) -> bool {
        let fits = FLOATS.contains(&found);
        if !fits {
            self.problem(CheckProblemKind::TensorType, &file.name, name, format!("{found:?}"), wanted.to_owned());
        }
        fits
    }

    fn has_shape(&mut self, file: &WeightFile, name: &str, stored: &Stored, wanted: &[usize]) -> bool {
        let fits = has_shape(&stored.shape, wanted);
        if !fits {
            let (found, wanted) = (format!("{:?}", stored.shape), format!("{wanted:?} by config.json"));
            self.problem(CheckProblemKind::TensorShape, &file.name, name, found, wanted);
        }
        fits
    }

    /// Whether quantised weights have the layout of the kernels and a scale per output.
    fn is_packed(
        &mut self,
        file: &WeightFile,
        name: &str,
        stored: &Stored,
        shape @ [output, _]: [usize; 2],
        packing: Packing,
    ) -> bool {
        let known = packing.is_in(file.scheme.as_deref());
        let key = format!("metadata {SCHEME_KEY}");
        // Report it once per file.
        if !known && !self.problems.iter().any(|p| p.file == file.name && p.place.as_ref() == Some(&key)) {
            let found = format!("{:?}", file.scheme.as_deref().unwrap_or("none"));
            self.problem(CheckProblemKind::Quantization, &file.name, &key, found, format!("{:?}", packing.scheme()));
        }
        let wanted = packing.shape(shape);
        let packed = stored.shape == wanted;
        if !packed {
            let (found, wanted) = (format!("{:?}", stored.shape), format!("{wanted:?} by config.json"));
            self.problem(CheckProblemKind::TensorShape, &file.name, name, found, wanted);
        }
        let Some((file, name, scales)) = self.find(&[&scale_name(name)], &[output]) else { return false };
        let fits = self.has_type(file, name, scales.dtype, "F32, F16 or BF16");
        if !(fits & self.has_shape(file, name, scales, &[output])) {
            return false;
        }
        self.needed.push(Needed { name: name.to_owned(), file, stored: scales, expected: None });
        known && packed
    }
}
