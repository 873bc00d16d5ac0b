//! Names, types and shapes of tensors, from the headers of weight files.
//!
//! A check reads them itself: it goes on where the `safetensors` crate refuses a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
};

use safetensors::{Dtype, tensor::Metadata};

use super::{CheckProblem, CheckProblemKind, CheckReport, TensorSummary, content::Content};
use crate::{
    checkpoint::{
        layout::{INDEX, WEIGHTS},
        packing::SCHEME_KEY,
        shards::{ShardIndex, is_needed, is_plain, wrong_shard},
        source::Source,
    },
    error::{Error, Result},
};

/// The longest header that the format allows.
const LONGEST_HEADER: usize = 100_000_000;
/// The floating point types of weights.
pub(super) const FLOATS: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

/// The headers of all weight files.
#[derive(Debug, Default)]
pub(super) struct WeightFiles {
    files: Vec<WeightFile>,
    /// Tensor -> shard, by the index.
    index: BTreeMap<String, String>,
    /// Files that cannot be read.
    unreadable: BTreeSet<String>,
}

/// The header of one file.
#[derive(Debug)]
pub(super) struct WeightFile {
    pub(super) name: String,
    pub(super) len: usize,
    /// The address of its first byte, as far as alignment depends on it.
    pub(super) base: usize,
    /// The layout of quantised weights by the metadata.
    pub(super) scheme: Option<String>,
    pub(super) tensors: BTreeMap<String, Stored>,
}

/// One tensor in a file.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
}

impl WeightFiles {
    pub(super) fn read(source: &Source, report: &mut CheckReport) -> Self {
        let mut weights = Self::default();
        let names = match weights.find(source, report) {
            Ok(names) => names,
            Err(error) => {
                report.problem(if source.has(INDEX) { INDEX } else { WEIGHTS }, &error);
                return weights;
            }
        };
        for name in names {
            let opened = Content::open(source, &name).and_then(|content| content.ok_or_else(|| source.missing(&name)));
            match opened.and_then(|content| header(&name, &content, &source.path(&name))) {
                Ok((file, fault)) => {
                    if let Some(reason) = fault {
                        let wanted = "a whole safetensors file".to_owned();
                        let kind = CheckProblemKind::InvalidFile;
                        report.problems.push(CheckProblem { kind, file: name, place: None, found: reason, wanted });
                    }
                    weights.files.push(file);
                }
                Err(error) => {
                    report.problem(&name, &error);
                    weights.unreadable.insert(name);
                }
            }
        }
        weights
    }

    /// The names of the files: `model.safetensors`, or else the shards with needed tensors.
    fn find(&mut self, source: &Source, report: &mut CheckReport) -> Result<Vec<String>> {
        if source.has(WEIGHTS) {
            if source.has(INDEX) {
                report.notes.push(format!("{INDEX} is not read, as there is {WEIGHTS}"));
            }
            return Ok(vec![WEIGHTS.to_owned()]);
        }
        if !source.has(INDEX) {
            return Err(source.missing(format!("{WEIGHTS} or {INDEX}")));
        }
        let path = source.path(INDEX);
        let (mut names, mut elsewhere) = (BTreeSet::new(), false);
        for (tensor, shard) in ShardIndex::parse(&source.read(INDEX)?, &path)?.tensors() {
            let needed = is_needed(&tensor);
            if !is_plain(&shard) {
                // Loading does not look for what is not needed.
                if needed {
                    report.problem(INDEX, &wrong_shard(&path, &tensor, &shard));
                    elsewhere = true;
                }
                continue;
            }
            if needed {
                names.insert(shard.clone());
            }
            self.index.insert(tensor, shard);
        }
        if names.is_empty() && !elsewhere {
            return Err(Error::InvalidFile { path, reason: "it has no tensor of speech-to-text".to_owned() });
        }
        Ok(names.into_iter().collect())
    }

    /// Whether there are no weight files.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unreadable.is_empty()
    }

    /// The names of all weight files, and of the index.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let index = (!self.index.is_empty()).then(|| INDEX.to_owned());
        let unreadable = self.unreadable.iter().cloned();
        index.into_iter().chain(self.files.iter().map(|file| file.name.clone())).chain(unreadable)
    }

    /// The file that has a tensor; of several the last one, as loading takes it.
    pub(super) fn get(&self, name: &str) -> Option<(&WeightFile, &Stored)> {
        self.files.iter().rev().find_map(|file| Some((file, file.tensors.get(name)?)))
    }

    /// The file that should have a missing tensor; `None` if that file cannot be read, which is a problem of its own.
    pub(super) fn home(&self, name: &str) -> Option<&str> {
        match self.index.get(name) {
            Some(shard) => (!self.unreadable.contains(shard)).then_some(shard),
            None if self.index.is_empty() => self.files.first().map(|file| file.name.as_str()),
            None => Some(INDEX),
        }
    }

    /// Counts the tensors other than those `used`, by the first part of their names.
    pub(super) fn count_ignored(&self, used: &BTreeSet<&str>, summary: &mut TensorSummary) {
        let mut add = |name: &str, bytes: u64| {
            let count = summary.ignored.entry(name.split('.').next().unwrap_or(name).to_owned()).or_default();
            count.tensors += 1;
            count.bytes += bytes;
        };
        for (name, stored) in self.files.iter().flat_map(|file| &file.tensors) {
            if !used.contains(name.as_str()) {
                add(name, stored.range.len() as u64);
            }
        }
        let opened: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let elsewhere = self.index.iter().filter(|(_, shard)| !opened.contains(shard.as_str()));
        elsewhere.filter(|(name, _)| !is_needed(name)).for_each(|(name, _)| add(name, 0));
    }
}

/// Reads the header of a file. The second result is a fault of its data.
fn header(name: &str, content: &Content, path: &Path) -> Result<(WeightFile, Option<String>)> {
    let invalid = |reason: String| Error::InvalidFile { path: path.into(), reason };
    let len = content.len();
    let start = size_of::<u64>();
    if len < start {
        return Err(invalid(format!("{len} bytes, too few for a safetensors file")));
    }
    let size = content.read(0..start)?.first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes));
    let size = usize::try_from(size).ok().filter(|&size| size <= LONGEST_HEADER && size <= len - start);
    let size = size.ok_or_else(|| invalid(format!("no safetensors header in its {len} bytes")))?;
    let json = content.read(start..start + size)?;
    let metadata: Metadata =
        serde_json::from_slice(&json).map_err(|error| invalid(format!("its safetensors header is broken: {error}")))?;
    let data = start + size;
    let mut file = WeightFile {
        name: name.to_owned(),
        len,
        base: content.base(),
        scheme: metadata.metadata().as_ref().and_then(|metadata| metadata.get(SCHEME_KEY).cloned()),
        tensors: BTreeMap::new(),
    };
    let end = data.saturating_add(metadata.data_len());
    for (tensor, info) in metadata.tensors() {
        let (from, to) = info.data_offsets;
        let range = data.saturating_add(from)..data.saturating_add(to);
        file.tensors.insert(tensor, Stored { dtype: info.dtype, shape: info.shape.clone(), range });
    }
    let fault = (end != len).then(|| format!("{len} bytes, of {end} by its header,"));
    Ok((file, fault))
}
