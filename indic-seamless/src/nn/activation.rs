//! Activation functions.

use burn::tensor::{Tensor, activation};

use super::flex::FlexView;
use crate::kernels::{self, Activation};

impl Activation {
    /// Applies the function to every element, in plain Burn operations.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Swish => activation::silu(x),
        }
    }
}

/// Gated linear unit over the last axis: `a · sigmoid(b)` for `x = [a, b]`, `[batch, time, 2n] -> [batch, time, n]`.
pub(crate) fn glu(x: Tensor<3>) -> Tensor<3> {
    if let Some(input) = FlexView::view(&x) {
        let [batch, time, channels] = x.dims();
        return FlexView::tensor(kernels::glu(input.as_slice(), channels), [batch, time, channels / 2], &x);
    }
    let mut halves = x.chunk(2, 2).into_iter();
    match (halves.next(), halves.next()) {
        (Some(a), Some(b)) => a * activation::sigmoid(b),
        _ => unreachable!("chunk(2) makes two of an even axis"),
    }
}
