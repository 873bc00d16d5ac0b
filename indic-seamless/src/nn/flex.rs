//! The one place where tensors become slices: views of the values of tensors that live on Burn's CPU backend Flex.

#![allow(clippy::disallowed_methods, reason = "nothing is uploaded: Flex has the program's memory")]

use std::marker::PhantomData;

use burn::{
    backend::{BackendTypes, Flex},
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use half::bf16;

type FlexTensor = <Flex as BackendTypes>::FloatTensorPrimitive;

/// Whether tensors on `device` can be viewed.
pub(super) fn is_flex(device: &Device) -> bool {
    *device == Device::flex()
}

/// A contiguous view of a tensor that lives on Flex.
#[derive(Debug)]
pub(crate) struct FlexView<E = f32>(FlexTensor, PhantomData<E>);

/// What a tensor may be made of.
pub(crate) trait Stored: Copy + Send + Sync {
    fn slice(tensor: &FlexTensor) -> Option<&[Self]>;
}

impl Stored for f32 {
    fn slice(tensor: &FlexTensor) -> Option<&[Self]> {
        tensor.as_slice()
    }
}

impl Stored for bf16 {
    fn slice(tensor: &FlexTensor) -> Option<&[Self]> {
        tensor.as_slice()
    }
}

impl Stored for i8 {
    fn slice(tensor: &FlexTensor) -> Option<&[Self]> {
        tensor.as_slice()
    }
}

impl Stored for u8 {
    fn slice(tensor: &FlexTensor) -> Option<&[Self]> {
        tensor.as_slice()
    }
}

impl<E: Stored> FlexView<E> {
    /// The tensor's values, if it lives on Flex and is of this type; copied only if they are not contiguous.
    pub(crate) fn view<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        Self::of(tensor.clone().try_into_primitive::<Flex>().ok()?)
    }

    /// [`view`](Self::view) of a tensor that need not be there; `None` if it is there and cannot be viewed.
    pub(crate) fn optional<const D: usize>(tensor: Option<Tensor<D>>) -> Option<Option<Self>> {
        match tensor {
            Some(tensor) => Self::view(&tensor).map(Some),
            None => Some(None),
        }
    }

    /// [`view`](Self::view) for whole numbers.
    pub(super) fn ints<const D: usize>(tensor: &Tensor<D, Int>) -> Option<Self> {
        Self::of(tensor.clone().try_into_primitive::<Flex>().ok()?)
    }

    fn of(tensor: FlexTensor) -> Option<Self> {
        let tensor = if E::slice(&tensor).is_some() { tensor } else { tensor.to_contiguous() };
        E::slice(&tensor)?;
        Some(Self(tensor, PhantomData))
    }

    /// The values, row after row.
    pub(crate) fn as_slice(&self) -> &[E] {
        E::slice(&self.0).unwrap_or_default()
    }
}

impl FlexView {
    /// Changes the values of a tensor on Flex, in place if nobody else holds them.
    pub(crate) fn update<const D: usize>(tensor: Tensor<D>, change: impl FnOnce(&mut [f32])) -> Tensor<D> {
        let shape = tensor.dims();
        let device = tensor.device();
        match tensor.try_into_primitive::<Flex>() {
            Ok(mut flex) if flex.as_slice::<f32>().is_some_and(|all| all.len() == flex.storage::<f32>().len()) => {
                change(flex.storage_mut());
                Tensor::from_primitive::<Flex>(flex)
            }
            Ok(part) => {
                let mut values = part.to_contiguous().as_slice::<f32>().unwrap_or_default().to_vec();
                change(&mut values);
                Tensor::from_data(TensorData::new(values, shape), &device)
            }
            Err(error) => unreachable!("a tensor on Flex: {error:?}"),
        }
    }

    /// A tensor of `values` beside `other`.
    pub(super) fn tensor<const D: usize, const E: usize>(
        values: Vec<f32>,
        shape: [usize; D],
        other: &Tensor<E>,
    ) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &other.device())
    }
}

/// A view of a weight of floating point numbers.
#[derive(Debug)]
pub(super) enum FlexFloats {
    F32(FlexView<f32>),
    Bf16(FlexView<bf16>),
}

impl FlexFloats {
    pub(super) fn view(tensor: &Tensor<2>) -> Option<Self> {
        match tensor.dtype() {
            DType::BF16 => FlexView::view(tensor).map(Self::Bf16),
            _ => FlexView::view(tensor).map(Self::F32),
        }
    }
}
