//! Activation functions.

use burn::tensor::{Tensor, activation};

use super::cpu::{self, Cpu};

/// The activation functions that checkpoints name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x · sigmoid(x)`, also called SiLU
    #[serde(alias = "silu")]
    Swish,
}

impl Activation {
    /// Applies the function to every element.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::Swish => activation::silu(x),
        }
    }
}

/// Gated linear unit over the last axis: `a · sigmoid(b)` for `x = [a, b]`, `[batch, time, 2n] -> [batch, time, n]`.
pub(crate) fn glu(x: Tensor<3>) -> Tensor<3> {
    if let Some(input) = Cpu::view(&x) {
        let [batch, time, channels] = x.dims();
        return Cpu::tensor(cpu::glu(input.as_slice(), channels), [batch, time, channels / 2], &x);
    }
    let mut halves = x.chunk(2, 2).into_iter();
    match (halves.next(), halves.next()) {
        (Some(a), Some(b)) => a * activation::sigmoid(b),
        _ => unreachable!("chunk(2) makes two of an even axis"),
    }
}
