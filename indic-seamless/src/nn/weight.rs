//! The matrices that layers multiply by.

use std::sync::{Arc, OnceLock};

use burn::{
    module::{Initializer, Module, Param, ParamId},
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::flex::{FlexView, is_flex};
use crate::{
    device::upload,
    kernels::int8::{self, nibble_shape, packed_shape},
};

/// What the weights of a model's products are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Storage {
    /// Floating point numbers, `f32` or `bf16`.
    #[default]
    Float,
    /// Bytes with a scale per output.
    Int8,
    /// Half bytes for the feed-forward blocks of the decoder, which other backends than Flex hold as bytes; else as `Int8`.
    Int4,
}

impl Storage {
    /// That of the layers which half bytes are not for.
    pub(crate) fn without_nibbles(self) -> Self {
        if self == Self::Int4 { Self::Int8 } else { self }
    }
}

/// The matrix `[output, input]` of a product.
#[derive(Module, Debug)]
pub enum Weight {
    /// Rows as they lie in a checkpoint, so that they can be used where the file is mapped: `f32` or `bf16`.
    Float(Param<Tensor<2>>),
    /// Quantised.
    Int8(Int8Weight),
    /// Quantised to half bytes.
    Int4(Int4Weight),
}

/// A quantised matrix: `weight[o, i] = byte(o, i) · scales[o]`.
///
/// On Flex, the bytes lie as the kernels read them. Elsewhere, where there may be no type of bytes, they are four to a word.
#[derive(Module, Debug)]
pub struct Int8Weight {
    /// On Flex of type `I8`, `[ceil(output / 64), ceil(input / 4), 64, 4]`, where `byte(o, i)` is at `[o / 64, i / 4, o % 64, i % 4]`.
    /// Elsewhere of type `I32`, `[output, ceil(input / 4), 1, 1]`, where `byte(o, i) + 128` is byte `i % 4` of `[o, i / 4]`.
    pub(super) values: Param<Tensor<4, Int>>,
    /// `[output]`
    pub(super) scales: Param<Tensor<1>>,
    input: usize,
    /// The places of the bytes in a word, `[1, 1, 1, 4]`.
    #[module(skip)]
    shifts: Arc<OnceLock<Tensor<4, Int>>>,
}

/// A quantised matrix on Flex that takes half the memory: 4 outputs times 8 inputs share a step, by which half bytes become the
/// bytes of an [`Int8Weight`].
#[derive(Module, Debug)]
pub struct Int4Weight {
    /// Of type `U8`, `[ceil(output / 64), ceil(input / 8), 17, 16]`, as `docs/checkpoints.md` describes it.
    pub(super) values: Param<Tensor<4, Int>>,
    /// `[output]`
    pub(super) scales: Param<Tensor<1>>,
    input: usize,
}

impl Weight {
    /// A random matrix, made only if nothing is loaded before its first use.
    pub(crate) fn init(output: usize, input: usize, storage: Storage, device: &Device) -> Self {
        match storage {
            Storage::Float => Self::Float(initializer(input).init([output, input], device)),
            Storage::Int4 if is_flex(device) => Self::Int4(Int4Weight::init(output, input, device)),
            Storage::Int8 | Storage::Int4 => Self::Int8(Int8Weight::init(output, input, device)),
        }
    }

    /// Width of the output and of the input.
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Float(weight) => weight.lazy_shape().dims(),
            Self::Int8(weight) => [weight.scales.lazy_shape()[0], weight.input],
            Self::Int4(weight) => [weight.scales.lazy_shape()[0], weight.input],
        }
    }

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> u64 {
        let [output, input] = self.dims();
        let bytes = match self {
            Self::Float(weight) => output * input * weight.val().dtype().size(),
            Self::Int8(_) => output * input,
            Self::Int4(weight) => weight.values.lazy_shape().num_elements(),
        };
        bytes as u64
    }

    /// The device that holds the matrix.
    pub fn device(&self) -> Device {
        match self {
            Self::Float(weight) => weight.lazy_device(),
            Self::Int8(weight) => weight.scales.lazy_device(),
            Self::Int4(weight) => weight.scales.lazy_device(),
        }
    }

    /// A matrix of some of the rows, stored alike: of an output projection, the scores of some tokens.
    pub(crate) fn subset(&self, rows: &[u32]) -> Self {
        match self {
            Self::Float(weight) => Self::Float(Param::from_tensor(weight.val().select(0, index(rows, &self.device())))),
            Self::Int8(weight) => Self::Int8(weight.subset(rows)),
            Self::Int4(weight) => Self::Int8(weight.bytes().subset(rows)),
        }
    }

    /// Some rows of the matrix, `[rows.len(), input]`: of an embedding, the vectors of tokens.
    pub(crate) fn rows(&self, rows: &[u32]) -> Tensor<2> {
        let device = self.device();
        match self {
            Self::Float(weight) => weight.val().select(0, index(rows, &device)).cast(DType::F32),
            Self::Int8(weight) if is_flex(&device) => weight.packed_rows(rows),
            Self::Int4(weight) => weight.bytes().packed_rows(rows),
            Self::Int8(weight) => weight.numbers(Some(index(rows, &device))),
        }
    }
}

impl Int8Weight {
    fn init(output: usize, input: usize, device: &Device) -> Self {
        let shape @ [_, groups, ..] = packed_shape(output, input);
        let values = if is_flex(device) { shape } else { [output, groups, 1, 1] };
        let random = move |device: &Device, _: bool| {
            let mut state = 1u32;
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 24) as i8).max(-127)
            };
            let bytes = std::iter::repeat_with(next).take(shape.iter().product()).collect();
            Self::values(TensorData::new::<i8, _>(bytes, shape), output, device)
        };
        // The standard deviation of such bytes is 73.
        let value = 1.0 / (73.0 * (input as f64).sqrt());
        Self {
            values: Param::uninitialized(ParamId::new(), random, device.clone(), false, values.into()),
            scales: Initializer::Constant { value }.init([output], device),
            input,
            shifts: Arc::default(),
        }
    }

    fn subset(&self, rows: &[u32]) -> Self {
        let (values, scales) = (self.values.val(), self.scales.val());
        let device = scales.device();
        let values = match FlexView::<i8>::ints(&values) {
            Some(bytes) => {
                let packed = int8::gather(bytes.as_slice(), self.input, rows);
                upload(TensorData::new::<i8, _>(packed, packed_shape(rows.len(), self.input)), (&device, DType::I8))
            }
            None => values.select(0, index(rows, &device)),
        };
        Self {
            values: Param::initialized(ParamId::new(), values),
            scales: Param::from_tensor(scales.select(0, index(rows, &device))),
            input: self.input,
            shifts: Arc::clone(&self.shifts),
        }
    }

    /// The bytes of a matrix of `output` rows, as they lie in a file, for `device`.
    pub(crate) fn values<const D: usize>(packed: TensorData, output: usize, device: &Device) -> Tensor<D, Int> {
        if is_flex(device) {
            return upload(packed, (device, DType::I8));
        }
        let (words, [_, groups, width, _]) = (packed.as_bytes().as_chunks::<4>().0, packed.shape().dims());
        let at = |row: usize, group: usize| words[(row / width * groups + group) * width + row % width];
        let word = |bytes: [u8; 4]| i32::from_le_bytes(bytes.map(|byte| byte ^ 0x80));
        let rows = (0..output).flat_map(|row| (0..groups).map(move |group| word(at(row, group))));
        upload(TensorData::new::<i32, _>(rows.collect(), [output, groups, 1, 1]), (device, DType::I32))
    }

    /// Some rows of the matrix on Flex.
    fn packed_rows(&self, rows: &[u32]) -> Tensor<2> {
        let (values, scales) = (self.values.val(), self.scales.val());
        let [_, groups, width, group] = values.dims();
        let row = |&row: &u32| {
            let row = row as usize;
            let (panel, column) = (row / width, row % width);
            let bytes = values.clone().slice([panel..panel + 1, 0..groups, column..column + 1, 0..group]);
            let scale = scales.clone().narrow(0, row, 1).unsqueeze();
            bytes.reshape([1, groups * group]).slice([0..1, 0..self.input]).float() * scale
        };
        Tensor::cat(rows.iter().map(row).collect(), 0)
    }

    /// The matrix of words in floating point, `[output, input]`, or the rows of it that `index` names.
    pub(super) fn numbers(&self, index: Option<Tensor<1, Int>>) -> Tensor<2> {
        let (mut words, mut scales) = (self.values.val(), self.scales.val());
        if let Some(index) = index {
            (words, scales) = (words.select(0, index.clone()), scales.select(0, index));
        }
        let [rows, groups, ..] = words.dims();
        let shifts = self.shifts.get_or_init(|| {
            let counted: Tensor<4, Int> = Tensor::ones([1, 1, 1, 4], (&words.device(), DType::I32)).cumsum(3);
            (counted - 1) * 8
        });
        let bytes = words.bitwise_right_shift(shifts.clone()).bitwise_and_scalar(0xff);
        let numbers = (bytes.float().reshape([rows, groups * 4]) - 128.0) * scales.unsqueeze_dim(1);
        if groups * 4 == self.input { numbers } else { numbers.narrow(1, 0, self.input) }
    }
}

impl Int4Weight {
    fn init(output: usize, input: usize, device: &Device) -> Self {
        let shape = nibble_shape(output, input);
        let random = move |device: &Device, _: bool| {
            let mut state = 1u32;
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let bytes = std::iter::repeat_with(next).take(shape.iter().product()).collect();
            Self::values(TensorData::new::<u8, _>(bytes, shape), device)
        };
        // As for bytes: the standard deviation of half bytes is 4.6, the mean of steps 7.5.
        let value = 1.0 / (35.0 * (input as f64).sqrt());
        Self {
            values: Param::uninitialized(ParamId::new(), random, device.clone(), false, shape.into()),
            scales: Initializer::Constant { value }.init([output], device),
            input,
        }
    }

    /// The half bytes and steps as they lie in a file.
    pub(crate) fn values<const D: usize>(packed: TensorData, device: &Device) -> Tensor<D, Int> {
        upload(packed, (device, DType::U8))
    }

    /// The bytes of an [`Int8Weight`] `[output, input]`, from half bytes and steps as they lie in a file.
    pub(crate) fn widened(packed: &[u8], [output, input]: [usize; 2]) -> TensorData {
        TensorData::new(int8::bytes_of(packed, output, input), packed_shape(output, input))
    }

    /// The same matrix in bytes.
    pub(super) fn bytes(&self) -> Int8Weight {
        let scales = self.scales.val();
        let (device, [output]) = (scales.device(), scales.dims());
        let packed = FlexView::<u8>::ints(&self.values.val());
        let bytes = Self::widened(packed.as_ref().map_or(&[], FlexView::as_slice), [output, self.input]);
        Int8Weight {
            values: Param::initialized(ParamId::new(), Int8Weight::values(bytes, output, &device)),
            scales: Param::from_tensor(scales),
            input: self.input,
            shifts: Arc::default(),
        }
    }
}

/// Numbers of rows as a tensor.
fn index(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let numbers = rows.iter().map(|&row| row as i32).collect();
    upload(TensorData::new::<i32, _>(numbers, [rows.len()]), device)
}

/// Random values that keep the variance of an input of this width.
pub(crate) fn initializer(fan_in: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: 1.0 / (fan_in as f64).sqrt() }
}
