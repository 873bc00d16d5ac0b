//! How quantised matrices lie in a file.

use std::ops::Range;

use burn::tensor::{DType, Element, TensorData};
use safetensors::Dtype;

use crate::{
    error::Result,
    kernels::int8::{self, PANEL, nibble_shape, packed_shape},
};

/// The layouts of quantised weights in a file, as its metadata names them under [`SCHEME_KEY`].
const INT8_SCHEME: &str = "int8 [output/64, input/4, 64, 4] with a scale per output";
const INT4_SCHEME: &str =
    "int4 [output/64, input/8, 17, 16] and int8 [output/64, input/4, 64, 4] with a scale per output";
pub(super) const SCHEME_KEY: &str = "quantization";

/// The name of the scales of a quantised weight.
pub(super) fn scale_name(weight: &str) -> String {
    format!("{weight}_scale")
}

/// How the numbers of a quantised matrix lie in a file and in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// [`packed_shape`]
    Int8,
    /// [`nibble_shape`]
    Int4,
}

impl Packing {
    /// That of tensors of type `dtype`.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::I8 => Some(Self::Int8),
            Dtype::U8 => Some(Self::Int4),
            _ => None,
        }
    }

    /// The type of its tensors.
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::Int8 => Dtype::I8,
            Self::Int4 => Dtype::U8,
        }
    }

    /// The shape of its tensors for a matrix.
    pub(super) fn shape(self, [output, input]: [usize; 2]) -> [usize; 4] {
        match self {
            Self::Int8 => packed_shape(output, input),
            Self::Int4 => nibble_shape(output, input),
        }
    }

    /// Whether files of this scheme have it.
    pub(super) fn is_in(self, scheme: Option<&str>) -> bool {
        scheme == Some(INT4_SCHEME) || self == Self::Int8 && scheme == Some(INT8_SCHEME)
    }

    /// The scheme that is wanted where it is found.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Int8 => INT8_SCHEME,
            Self::Int4 => INT4_SCHEME,
        }
    }

    /// The same type in memory.
    pub(super) fn in_memory(self) -> DType {
        match self {
            Self::Int8 => DType::I8,
            Self::Int4 => DType::U8,
        }
    }

    /// The numbers of a packed matrix of this shape, row after row.
    pub(super) fn unpack(self, packed: &[u8], scales: &[f32], shape: &[usize]) -> Vec<f32> {
        let input = shape[1..].iter().product();
        match self {
            Self::Int8 => int8::unpack(packed, scales, input),
            Self::Int4 => {
                let bytes = int8::bytes_of(packed, scales.len(), input);
                int8::unpack(&bytes.into_iter().map(|byte| byte as u8).collect::<Vec<_>>(), scales, input)
            }
        }
    }

    /// Packs a matrix, and makes a scale per output. `rows` gives the numbers of a range of elements, of about `chunk` bytes.
    pub(super) fn pack(
        self,
        shape: [usize; 2],
        chunk: usize,
        rows: impl Fn(Range<usize>) -> Result<Vec<f32>>,
    ) -> Result<(TensorData, Vec<f32>)> {
        match self {
            Self::Int8 => self.pack_with(shape, chunk, rows, int8::pack),
            Self::Int4 => self.pack_with(shape, chunk, rows, int8::pack_nibbles),
        }
    }

    fn pack_with<T: Element + Default>(
        self,
        [output, input]: [usize; 2],
        chunk: usize,
        rows: impl Fn(Range<usize>) -> Result<Vec<f32>>,
        pack: fn(&[f32], usize, &mut [T], &mut [f32]),
    ) -> Result<(TensorData, Vec<f32>)> {
        let shape = self.shape([output, input]);
        let (mut packed, mut scales) = (vec![T::default(); shape.iter().product()], vec![0.0; output]);
        let panel = packed.len() / shape[0].max(1);
        let panels = (chunk / (PANEL * input * size_of::<f32>()).max(1)).max(1);
        let chunks = packed.chunks_mut((panels * panel).max(1)).zip(scales.chunks_mut(panels * PANEL));
        for (number, (packed, scales)) in chunks.enumerate() {
            let first = number * panels * PANEL * input;
            pack(&rows(first..first + scales.len() * input)?, input, packed, scales);
        }
        Ok((TensorData::new(packed, shape), scales))
    }
}
