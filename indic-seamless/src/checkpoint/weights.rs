//! Tensors by name, from one or several safetensors files.

mod pages;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use burn::tensor::{AllocationProperty, Bytes as TensorBytes, DType, TensorData};
use bytes::Bytes;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::{
    layout::{INDEX, WEIGHTS},
    mapped::FileBytes,
    packing::{Packing, SCHEME_KEY, scale_name},
    shards::{ShardIndex, is_needed},
    source::Source,
};
use crate::{
    backend::Precision,
    error::{Error, Result},
    kernels::first_non_finite,
    nn::Int4Weight,
};

/// The tensors of a checkpoint, in mapped files.
#[derive(Debug)]
pub(super) struct Weights {
    source: Arc<Source>,
    tensors: BTreeMap<String, Stored>,
    /// Weights move to huge pages once.
    #[cfg(target_os = "linux")]
    moved: std::sync::Once,
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
    content: FileBytes,
    /// The layout of quantised weights by the metadata.
    scheme: Option<String>,
}

/// Bytes read at a time.
const CHUNK: usize = 16 << 20;

/// Tensors of up to this many bytes are checked for NaN and infinities when they are used in place. Larger ones, the weights
/// of matrix products, are not read before they are needed; broken numbers in them show in the scores.
const SMALL: usize = 128 << 10;

/// A type of floating point numbers in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FloatType {
    F32,
    Bf16,
}

impl FloatType {
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }

    fn data(self, values: Vec<f32>, shape: &[usize]) -> TensorData {
        match self {
            Self::F32 => TensorData::new(values, shape),
            Self::Bf16 => TensorData::new(values.into_iter().map(bf16::from_f32).collect::<Vec<_>>(), shape),
        }
    }

    /// The tensor in place, if it has this type and is aligned. A header of odd length leaves tensors unaligned.
    fn in_place(self, stored: &Stored, shape: &[usize]) -> Option<TensorData> {
        let (dtype, alignment) = match self {
            Self::F32 => (Dtype::F32, align_of::<f32>()),
            Self::Bf16 => (Dtype::BF16, align_of::<bf16>()),
        };
        let bytes = &stored.file.content.bytes()[stored.range.clone()];
        let aligned = cfg!(target_endian = "little") && bytes.as_ptr().align_offset(alignment) == 0;
        (stored.dtype == dtype && aligned).then(|| {
            let bytes = stored.file.content.in_place(stored.range.clone());
            TensorData::from_bytes(TensorBytes::from_shared(bytes, AllocationProperty::File), shape, self.dtype())
        })
    }
}

impl Weights {
    /// Opens `model.safetensors` if it exists, as transformers does, else the shards of the index.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] and [`Error::InvalidFile`] for files that are missing, truncated or not safetensors.
    pub(super) fn open(source: Arc<Source>) -> Result<Self> {
        let mut weights = Self {
            source,
            tensors: BTreeMap::new(),
            #[cfg(target_os = "linux")]
            moved: std::sync::Once::new(),
        };
        let source = Arc::clone(&weights.source);
        if source.has(WEIGHTS) {
            weights.add(WEIGHTS)?;
        } else if source.has(INDEX) {
            let path = source.path(INDEX);
            let index = ShardIndex::parse(&source.read(INDEX)?, &path)?;
            for shard in index.needed_shards(&path)? {
                weights.add(shard)?;
            }
        } else {
            return Err(source.missing(format!("{WEIGHTS} or {INDEX}")));
        }
        Ok(weights)
    }

    fn add(&mut self, name: &str) -> Result<()> {
        let content = self.source.open(name)?;
        let (header, metadata) = SafeTensors::read_metadata(content.bytes()).map_err(|error| Error::InvalidFile {
            path: self.source.path(name),
            reason: format!("not safetensors: {error}"),
        })?;
        let scheme = metadata.metadata().as_ref().and_then(|metadata| metadata.get(SCHEME_KEY).cloned());
        let file = Arc::new(WeightFile { name: name.to_owned(), content, scheme });
        // Offsets count from the end of the header, which follows its length.
        let data = size_of::<u64>() + header;
        for (name, info) in metadata.tensors().into_iter().filter(|(name, _)| is_needed(name)) {
            let (start, end) = info.data_offsets;
            let (file, shape) = (Arc::clone(&file), info.shape.clone());
            self.tensors.insert(name, Stored { file, dtype: info.dtype, shape, range: data + start..data + end });
        }
        Ok(())
    }

    /// # Errors
    ///
    /// [`Error::FileChanged`] if a file that the model reads from was written to.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let mut files: Vec<_> = self.tensors.values().map(|tensor| &tensor.file).collect();
        files.dedup_by_key(|file| Arc::as_ptr(file));
        files.into_iter().try_for_each(|file| file.content.check_unchanged())
    }

    /// Bytes of all tensors that speech-to-text needs.
    pub(super) fn bytes(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.range.len() as u64).sum()
    }

    /// The type of most of the weights.
    pub(super) fn precision(&self) -> Precision {
        precision(self.tensors.values().map(|tensor| (tensor.dtype, tensor.range.len())))
    }

    /// The first existing tensor of `names` in floating point, and its size in the file. It is used in place if it has the
    /// type and is aligned, else converted.
    pub(super) fn floats(&self, names: &[&str], shape: &[usize], wanted: FloatType) -> Result<(TensorData, u64)> {
        let (name, stored) = self.find(names, shape)?;
        let size = stored.range.len() as u64;
        if let Some(packing) = Packing::of(stored.dtype) {
            let (packed, scales, size) = self.stored_packed(name, stored, shape, packing)?;
            return Ok((wanted.data(packing.unpack(&packed, &scales, shape), shape), size));
        }
        self.check_shape(name, stored, shape)?;
        if let Some(data) = wanted.in_place(stored, shape) {
            if stored.range.len() <= SMALL {
                let values = to_f32(stored.dtype, &stored.file.content.bytes()[stored.range.clone()]);
                self.check_finite(name, stored, 0, &values.unwrap_or_default())?;
            }
            return Ok((data, size));
        }
        let values = self.numbers(name, stored, 0..shape.iter().product())?;
        Ok((wanted.data(values, shape), size))
    }

    /// The first existing tensor of `names` as packed numbers and scales, and its size in the file. It is used in place if it is
    /// stored so, else quantised.
    pub(super) fn packed(
        &self,
        names: &[&str],
        shape: [usize; 2],
        packing: Packing,
    ) -> Result<(TensorData, Vec<f32>, u64)> {
        let (name, stored) = self.find(names, &shape)?;
        let mut unpacked = None;
        match Packing::of(stored.dtype) {
            None => self.check_shape(name, stored, &shape)?,
            Some(found) => {
                let (packed, scales, size) = self.stored_packed(name, stored, &shape, found)?;
                if found == packing {
                    let packed = TensorBytes::from_shared(packed, AllocationProperty::File);
                    return Ok((
                        TensorData::from_bytes(packed, packing.shape(shape), packing.in_memory()),
                        scales,
                        size,
                    ));
                }
                if packing == Packing::Int8 {
                    return Ok((Int4Weight::widened(&packed, shape), scales, size));
                }
                unpacked = Some(found.unpack(&packed, &scales, &shape));
            }
        }
        let rows = |elements: Range<usize>| match &unpacked {
            Some(rows) => Ok(rows[elements].to_vec()),
            None => self.numbers(name, stored, elements),
        };
        let (packed, scales) = packing.pack(shape, CHUNK, rows)?;
        Ok((packed, scales, stored.range.len() as u64))
    }

    fn find<'a>(&'a self, names: &[&'a str], shape: &[usize]) -> Result<(&'a str, &'a Stored)> {
        let found = names.iter().find_map(|&name| self.tensors.get(name).map(|tensor| (name, tensor)));
        found.ok_or_else(|| {
            let name = names.first().copied().unwrap_or_default().to_owned();
            Error::MissingTensor { dir: self.source.dir().into(), name, wanted: shape.to_vec() }
        })
    }

    /// Checks that a tensor [has the shape](has_shape).
    fn check_shape(&self, name: &str, stored: &Stored, wanted: &[usize]) -> Result<()> {
        if has_shape(&stored.shape, wanted) {
            return Ok(());
        }
        let path = self.source.path(&stored.file.name);
        Err(Error::TensorShape { path, name: name.to_owned(), found: stored.shape.clone(), wanted: wanted.to_vec() })
    }

    /// Some elements of a floating point tensor as `f32`. All are finite.
    fn numbers(&self, name: &str, stored: &Stored, elements: Range<usize>) -> Result<Vec<f32>> {
        let width = match stored.dtype {
            Dtype::F32 => size_of::<f32>(),
            Dtype::F16 | Dtype::BF16 => size_of::<f16>(),
            other => {
                let path = self.source.path(&stored.file.name);
                return Err(Error::TensorType { path, name: name.to_owned(), found: format!("{other:?}") });
            }
        };
        let mut values = Vec::with_capacity(elements.len());
        let (start, end) = (stored.range.start + elements.start * width, stored.range.start + elements.end * width);
        // In chunks, so that the bytes of a large tensor are not in memory together with its values.
        for start in (start..end).step_by(CHUNK) {
            let part = start..end.min(start + CHUNK);
            let bytes = stored.file.content.read(part)?;
            values.extend(to_f32(stored.dtype, &bytes).unwrap_or_default());
        }
        self.check_finite(name, stored, elements.start, &values)?;
        Ok(values)
    }

    /// Checks that `values`, which begin with element `first` of a tensor, are finite.
    fn check_finite(&self, name: &str, stored: &Stored, first: usize, values: &[f32]) -> Result<()> {
        let Some(place) = first_non_finite(values) else { return Ok(()) };
        let path = self.source.path(&stored.file.name);
        Err(Error::NonFiniteWeight { path, name: name.to_owned(), index: first + place, value: values[place] })
    }

    /// The packed numbers, in place, and scales of a matrix `[output, input]` that is stored so.
    fn stored_packed(
        &self,
        name: &str,
        stored: &Stored,
        shape: &[usize],
        packing: Packing,
    ) -> Result<(Bytes, Vec<f32>, u64)> {
        let path = || self.source.path(&stored.file.name);
        let [output, input] = *shape else {
            let found = format!("{:?}", stored.dtype);
            return Err(Error::TensorType { path: path(), name: name.to_owned(), found });
        };
        let scheme = stored.file.scheme.as_deref();
        if !packing.is_in(scheme) {
            let (found, wanted) = (scheme.unwrap_or("none"), packing.scheme());
            let reason = format!(
                "tensor {name} is {:?}; quantization {found:?} found in the metadata, wanted {wanted:?}",
                stored.dtype
            );
            return Err(Error::InvalidFile { path: path(), reason });
        }
        let wanted = packing.shape([output, input]);
        if stored.shape != wanted {
            let (found, wanted) = (stored.shape.clone(), wanted.to_vec());
            return Err(Error::TensorShape { path: path(), name: name.to_owned(), found, wanted });
        }
        let scale_name = scale_name(name);
        let (_, scales) = self.find(&[&scale_name], &[output])?;
        self.check_shape(&scale_name, scales, &[output])?;
        let size = (stored.range.len() + scales.range.len()) as u64;
        let scales = self.numbers(&scale_name, scales, 0..output)?;
        Ok((stored.file.content.in_place(stored.range.clone()), scales, size))
    }
}

/// The numbers in `bytes`; `None` for a type that is not floating point.
fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
        _ => return None,
    })
}

/// Whether `found` is the shape `wanted`. For a matrix, dimensions after the second are multiplied with it: the weight of a
/// convolution is that of a matrix product with windows of the input.
pub(super) fn has_shape(found: &[usize], wanted: &[usize]) -> bool {
    match *wanted {
        [output, input] => found.len() >= 2 && found[0] == output && found[1..].iter().product::<usize>() == input,
        _ => found == wanted,
    }
}

/// The precision of most bytes of these tensors; `int4` if any has it.
pub(super) fn precision(tensors: impl Iterator<Item = (Dtype, usize)>) -> Precision {
    let (mut int8, mut bf16, mut f32) = (0, 0, 0);
    for (dtype, bytes) in tensors {
        match dtype {
            Dtype::U8 => return Precision::Int4,
            Dtype::I8 => int8 += bytes,
            Dtype::BF16 => bf16 += bytes,
            Dtype::F16 | Dtype::F32 => f32 += bytes,
            _ => {}
        }
    }
    let types = [(Precision::Int8, int8), (Precision::Bf16, bf16), (Precision::F32, f32)];
    types.into_iter().max_by_key(|&(_, bytes)| bytes).map_or(Precision::F32, |(precision, _)| precision)
}
