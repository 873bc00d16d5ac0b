//! Tensors by name, in one safetensors file or several.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use burn::tensor::{AllocationProperty, Bytes as TensorBytes, DType, TensorData};
use bytes::Bytes;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::source::Source;
use crate::error::{Error, Result};

pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a checkpoint, where they lie.
#[derive(Debug)]
pub(super) struct Weights {
    source: Arc<Source>,
    tensors: BTreeMap<String, Stored>,
}

/// One tensor in a file.
#[derive(Debug)]
struct Stored {
    file: Arc<WeightFile>,
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

#[derive(Debug)]
struct WeightFile {
    name: String,
    bytes: Bytes,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, PathBuf>,
}

impl Weights {
    /// Maps the files: the shards that the index names if there is one, else `model.safetensors`.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] and [`Error::InvalidFile`] for shards that are missing, cut short or no safetensors.
    pub(super) fn open(source: Arc<Source>) -> Result<Self> {
        let mut weights = Self { source, tensors: BTreeMap::new() };
        let source = Arc::clone(&weights.source);
        if source.has(INDEX) {
            let invalid = |reason: String| Error::InvalidFile { path: source.path(INDEX), reason };
            let Index { weight_map } =
                serde_json::from_slice(&source.read(INDEX)?).map_err(|error| invalid(error.to_string()))?;
            // A full model's other parts may lie in shards of their own, which need not be there.
            let needed = weight_map.iter().filter(|(name, _)| is_needed(name));
            let mut shards: Vec<&PathBuf> = needed.map(|(_, shard)| shard).collect();
            shards.sort();
            shards.dedup();
            for shard in shards {
                match shard.to_str() {
                    Some(name) if shard.components().count() == 1 => weights.add(name)?,
                    _ => {
                        let found = shard.display();
                        return Err(invalid(format!("shard {found} found, wanted a file of the same folder")));
                    }
                }
            }
        } else if source.has(SINGLE) {
            weights.add(SINGLE)?;
        } else {
            return Err(source.missing(format!("{SINGLE} or {INDEX}")));
        }
        Ok(weights)
    }

    fn add(&mut self, name: &str) -> Result<()> {
        let bytes = self.source.map(name)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| Error::InvalidFile {
            path: self.source.path(name),
            reason: format!("not safetensors: {error}"),
        })?;
        let file = Arc::new(WeightFile { name: name.to_owned(), bytes: bytes.clone() });
        for (name, view) in tensors.iter().filter(|(name, _)| is_needed(name)) {
            let start = view.data().as_ptr().addr() - bytes.as_ptr().addr();
            let (dtype, shape, range) = (view.dtype(), view.shape().to_vec(), start..start + view.data().len());
            self.tensors.insert(name.to_owned(), Stored { file: Arc::clone(&file), dtype, shape, range });
        }
        Ok(())
    }

    /// Bytes of all tensors that speech-to-text needs.
    pub(super) fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.range.len() as u64).sum()
    }

    /// The first of `names` that exists, as `f32`: in place if it is stored so, else converted. Also its size in the file.
    pub(super) fn get(&self, names: &[&str], shape: &[usize]) -> Result<(TensorData, u64)> {
        let found = names.iter().find_map(|&name| self.tensors.get(name).map(|tensor| (name, tensor)));
        let Some((name, stored)) = found else {
            let name = names.first().copied().unwrap_or_default().to_owned();
            return Err(Error::MissingTensor { dir: self.source.dir().into(), name, wanted: shape.to_vec() });
        };
        let (name, path) = (name.to_owned(), self.source.path(&stored.file.name));
        if stored.shape != shape {
            return Err(Error::TensorShape { path, name, found: stored.shape.clone(), wanted: shape.to_vec() });
        }
        let bytes = stored.file.bytes.slice(stored.range.clone());
        // Written by hand, a header may leave the data unaligned.
        let in_place = cfg!(target_endian = "little") && bytes.as_ptr().align_offset(align_of::<f32>()) == 0;
        let data = match stored.dtype {
            Dtype::F32 if in_place => {
                let bytes = TensorBytes::from_shared(bytes, AllocationProperty::File);
                TensorData::from_bytes(bytes, shape, DType::F32)
            }
            Dtype::F32 => TensorData::new(convert(&self.read(stored)?, f32::from_le_bytes), shape),
            Dtype::F16 => TensorData::new(convert(&self.read(stored)?, |b| f16::from_le_bytes(b).to_f32()), shape),
            Dtype::BF16 => TensorData::new(convert(&self.read(stored)?, |b| bf16::from_le_bytes(b).to_f32()), shape),
            other => return Err(Error::TensorType { path, name, found: format!("{other:?}") }),
        };
        Ok((data, stored.range.len() as u64))
    }

    fn read<'a>(&self, stored: &'a Stored) -> Result<Cow<'a, [u8]>> {
        self.source.read_part(&stored.file.name, &stored.file.bytes, stored.range.clone())
    }
}

/// Whether a tensor of the full model belongs to speech-to-text.
pub(super) fn is_needed(name: &str) -> bool {
    ["speech_encoder.", "text_decoder.", "shared.", "lm_head."].iter().any(|part| name.starts_with(part))
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<N>();
    values.iter().map(|&bytes| value(bytes)).collect()
}
