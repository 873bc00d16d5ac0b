//! Kernels over slices, for tensors on Burn's CPU backend Flex: vectorised for the instructions found at run time
//! (AVX-512, AVX2, NEON or none), parallel on the current rayon pool.

mod activation;
mod attention;
mod depthwise;
mod few_rows;
mod many_rows;
mod panel;

use burn::{
    backend::{BackendTypes, Flex},
    tensor::{Tensor, TensorData},
};

pub(crate) use activation::{bias_activation, exp, glu};
pub(crate) use attention::{attend, relative_attention};
pub(crate) use depthwise::causal_depthwise;
pub(crate) use few_rows::{FEW_ROWS, few_rows_linear};
pub(crate) use many_rows::many_rows_linear;

type FlexTensor = <Flex as BackendTypes>::FloatTensorPrimitive;

/// A contiguous `f32` view of a tensor that lives on Flex.
pub(crate) struct Cpu(FlexTensor);

impl Cpu {
    /// The tensor's values, if it lives on Flex; copied only if they are not contiguous.
    pub(crate) fn view<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let tensor = tensor.clone().try_into_primitive::<Flex>().ok()?;
        Some(Self(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }))
    }

    /// The values, row after row.
    pub(crate) fn as_slice(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }

    /// A tensor of `values` beside `other`.
    pub(crate) fn tensor<const D: usize, const E: usize>(
        values: Vec<f32>,
        shape: [usize; D],
        other: &Tensor<E>,
    ) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &other.device())
    }
}

#[cfg(test)]
mod tests;
