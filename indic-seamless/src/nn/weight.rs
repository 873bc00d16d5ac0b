//! The matrices that layers multiply by.

use burn::{
    module::{Initializer, Module, Param, ParamId},
    tensor::{DType, Device, Int, Tensor, TensorData},
};

use super::flex::FlexView;
use crate::kernels::int8::{self, packed_shape};

/// What the weights of a model's products are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Storage {
    /// Floating point numbers, `f32` or `bf16`.
    #[default]
    Float,
    /// Bytes with a scale per output.
    Int8,
}

/// The matrix `[output, input]` of a product.
#[derive(Module, Debug)]
pub enum Weight {
    /// Rows as they lie in a checkpoint, so that they can be used where the file is mapped: `f32` or `bf16`.
    Float(Param<Tensor<2>>),
    /// Quantised.
    Int8(Int8Weight),
}

/// A quantised matrix: `weight[o, i] = values[o / 64, i / 4, o % 64, i % 4] · scales[o]`.
#[derive(Module, Debug)]
pub struct Int8Weight {
    /// Type `I8`, `[ceil(output / 64), ceil(input / 4), 64, 4]`.
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
            Storage::Int8 => Self::Int8(Int8Weight::init(output, input, device)),
        }
    }

    /// Width of the output and of the input.
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Float(weight) => weight.lazy_shape().dims(),
            Self::Int8(weight) => [weight.scales.lazy_shape()[0], weight.input],
        }
    }

    /// Bytes of its numbers.
    pub(crate) fn bytes(&self) -> u64 {
        let [output, input] = self.dims();
        let size = match self {
            Self::Float(weight) => weight.val().dtype().size(),
            Self::Int8(_) => 1,
        };
        (output * input * size) as u64
    }

    /// The device that holds the matrix.
    pub fn device(&self) -> Device {
        match self {
            Self::Float(weight) => weight.lazy_device(),
            Self::Int8(weight) => weight.scales.lazy_device(),
        }
    }

    /// A matrix of some of the rows, stored alike: of an output projection, the scores of some tokens.
    pub(crate) fn subset(&self, rows: &[u32]) -> Self {
        match self {
            Self::Float(weight) => Self::Float(Param::from_tensor(weight.val().select(0, index(rows, &self.device())))),
            Self::Int8(weight) => Self::Int8(weight.subset(rows)),
        }
    }

    /// Some rows of the matrix, `[rows.len(), input]`: of an embedding, the vectors of tokens.
    pub(crate) fn rows(&self, rows: &[u32]) -> Tensor<2> {
        match self {
            Self::Float(weight) => weight.val().select(0, index(rows, &self.device())).cast(DType::F32),
            Self::Int8(weight) => weight.rows(rows),
        }
    }
}

impl Int8Weight {
    fn init(output: usize, input: usize, device: &Device) -> Self {
        let shape = packed_shape(output, input);
        let random = move |device: &Device, _: bool| {
            let mut state = 1u32;
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 24) as i8).max(-127)
            };
            let bytes = std::iter::repeat_with(next).take(shape.iter().product()).collect();
            Tensor::from_data(TensorData::new::<i8, _>(bytes, shape), (device, DType::I8))
        };
        // The standard deviation of such bytes is 73.
        let value = 1.0 / (73.0 * (input as f64).sqrt());
        Self {
            values: Param::uninitialized(ParamId::new(), random, device.clone(), false, shape.into()),
            scales: Initializer::Constant { value }.init([output], device),
            input,
        }
    }

    fn subset(&self, rows: &[u32]) -> Self {
        let (values, scales) = (self.values.val(), self.scales.val());
        let shape = packed_shape(rows.len(), self.input);
        let device = scales.device();
        let packed = match FlexView::bytes(&values) {
            Some(bytes) => int8::gather(bytes.as_slice(), self.input, rows),
            None => {
                let bytes = values.into_data().try_into_vec::<i8>();
                int8::gather(
                    &bytes.unwrap_or_else(|error| unreachable!("a weight of bytes: {error:?}")),
                    self.input,
                    rows,
                )
            }
        };
        let packed = Tensor::from_data(TensorData::new::<i8, _>(packed, shape), (&device, DType::I8));
        Self {
            values: Param::initialized(ParamId::new(), packed),
            scales: Param::from_tensor(scales.select(0, index(rows, &device))),
            input: self.input,
        }
    }

    fn rows(&self, rows: &[u32]) -> Tensor<2> {
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

    /// The matrix in floating point, `[output, input]`.
    pub(super) fn dequantise(&self) -> Tensor<2> {
        let (values, scales) = (self.values.val(), self.scales.val());
        let [panels, groups, width, group] = values.dims();
        let [output] = scales.dims();
        let rows = values.float().swap_dims(1, 2).reshape([panels * width, groups * group]);
        rows.slice([0..output, 0..self.input]) * scales.unsqueeze_dim(1)
    }
}

/// Numbers of rows as a tensor.
fn index(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let numbers = rows.iter().map(|&row| row as i32).collect();
    Tensor::from_data(TensorData::new::<i32, _>(numbers, [rows.len()]), device)
}

/// Random values that keep the variance of an input of this width.
pub(crate) fn initializer(fan_in: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: 1.0 / (fan_in as f64).sqrt() }
}
