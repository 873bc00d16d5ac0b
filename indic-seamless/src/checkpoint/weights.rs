//! Tensors by name, in one safetensors file or several.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use burn::tensor::{AllocationProperty, Bytes as TensorBytes, DType, TensorData};
use bytes::Bytes;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::{mapped, read};
use crate::error::{Error, Result};

pub(super) const SINGLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a checkpoint, mapped.
#[derive(Debug)]
pub struct Weights {
    dir: PathBuf,
    tensors: BTreeMap<String, Stored>,
}

/// One tensor in a mapped file.
#[derive(Debug, Clone)]
struct Stored {
    path: PathBuf,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes,
    /// Where `bytes` begin in the file.
    offset: u64,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, PathBuf>,
}

impl Weights {
    /// Maps the files of `dir`: the shards that the index names if there is one, else `model.safetensors`.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] and [`Error::InvalidFile`] for shards that are missing, cut short or no safetensors.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut weights = Self { dir: dir.into(), tensors: BTreeMap::new() };
        let index = dir.join(INDEX);
        if index.is_file() {
            let invalid = |reason: String| Error::InvalidFile { path: index.clone(), reason };
            let Index { weight_map } =
                serde_json::from_slice(&read(&index)?).map_err(|error| invalid(error.to_string()))?;
            // A full model's other parts may lie in shards of their own, which need not be there.
            let needed = weight_map.iter().filter(|(name, _)| is_needed(name));
            let mut shards: Vec<&PathBuf> = needed.map(|(_, shard)| shard).collect();
            shards.sort();
            shards.dedup();
            for shard in shards {
                if shard.components().count() != 1 {
                    return Err(invalid(format!("shard {} found, wanted a file of the same folder", shard.display())));
                }
                weights.add(&dir.join(shard))?;
            }
        } else if dir.join(SINGLE).is_file() {
            weights.add(&dir.join(SINGLE))?;
        } else {
            return Err(Error::MissingFile { dir: dir.into(), wanted: format!("{SINGLE} or {INDEX}") });
        }
        Ok(weights)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        if !path.is_file() {
            let wanted = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Error::MissingFile { dir: self.dir.clone(), wanted });
        }
        let file = mapped::map(path)?;
        let tensors = SafeTensors::deserialize(&file)
            .map_err(|error| Error::InvalidFile { path: path.into(), reason: format!("not safetensors: {error}") })?;
        for (name, view) in tensors.iter().filter(|(name, _)| is_needed(name)) {
            let offset = (view.data().as_ptr().addr() - file.as_ptr().addr()) as u64;
            let (dtype, shape, bytes) = (view.dtype(), view.shape().to_vec(), file.slice_ref(view.data()));
            self.tensors.insert(name.to_owned(), Stored { path: path.into(), dtype, shape, bytes, offset });
        }
        Ok(())
    }

    /// Bytes of all tensors that speech-to-text needs.
    pub fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.bytes.len() as u64).sum()
    }

    /// The first of `names` that exists, as `f32`: in place if it is stored so, else converted. Also its size in the file.
    pub(super) fn get(&self, names: &[&str], shape: &[usize]) -> Result<(TensorData, u64)> {
        let found = names.iter().find_map(|&name| self.tensors.get(name).map(|tensor| (name, tensor)));
        let Some((name, stored)) = found else {
            let name = names.first().copied().unwrap_or_default().to_owned();
            return Err(Error::MissingTensor { dir: self.dir.clone(), name, wanted: shape.to_vec() });
        };
        let (name, path) = (name.to_owned(), stored.path.clone());
        if stored.shape != shape {
            return Err(Error::TensorShape { path, name, found: stored.shape.clone(), wanted: shape.to_vec() });
        }
        let bytes = &stored.bytes;
        // Written by hand, a header may leave the data unaligned.
        let in_place = cfg!(target_endian = "little") && bytes.as_ptr().align_offset(align_of::<f32>()) == 0;
        let data = match stored.dtype {
            Dtype::F32 if in_place => {
                let bytes = TensorBytes::from_shared(bytes.clone(), AllocationProperty::File);
                TensorData::from_bytes(bytes, shape, DType::F32)
            }
            Dtype::F32 => TensorData::new(convert(&stored.read()?, f32::from_le_bytes), shape),
            Dtype::F16 => TensorData::new(convert(&stored.read()?, |b| f16::from_le_bytes(b).to_f32()), shape),
            Dtype::BF16 => TensorData::new(convert(&stored.read()?, |b| bf16::from_le_bytes(b).to_f32()), shape),
            other => return Err(Error::TensorType { path, name, found: format!("{other:?}") }),
        };
        Ok((data, bytes.len() as u64))
    }
}

impl Stored {
    /// The tensor's bytes in memory of their own. Touching the mapping instead would keep its pages in memory beside the
    /// converted values until the file is unmapped.
    fn read(&self) -> Result<Vec<u8>> {
        let read = || {
            let mut bytes = vec![0; self.bytes.len()];
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(Error::io("read", &self.path))
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
