//! The position-wise feed-forward block.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Linear, LinearConfig, Storage, linear::Quantised};
use crate::kernels::Activation;

/// Sizes and activation of a [`FeedForward`] block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedForwardConfig {
    /// Width of input and output.
    pub hidden: usize,
    /// Width between the two layers.
    pub intermediate: usize,
    /// The function between the two layers.
    pub activation: Activation,
}

impl FeedForwardConfig {
    /// The block, with random weights.
    pub fn init(&self, storage: Storage, device: &Device) -> FeedForward {
        FeedForward {
            intermediate_dense: LinearConfig::new(self.hidden, self.intermediate).init(storage, device),
            output_dense: LinearConfig::new(self.intermediate, self.hidden).init(storage, device),
            activation: self.activation,
        }
    }
}

/// `output_dense(activation(intermediate_dense(x)))`
#[derive(Module, Debug)]
pub struct FeedForward {
    intermediate_dense: Linear,
    output_dense: Linear,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    /// `[batch, time, hidden] -> [batch, time, hidden]`
    pub fn forward(&self, x: &Tensor<3>) -> Tensor<3> {
        self.output_dense.forward(&self.intermediate_dense.forward_activated(x, self.activation))
    }

    /// Both layers for the kernels, if they lie on the CPU and their weights are quantised.
    pub(crate) fn quantised(&self) -> Option<[Quantised; 2]> {
        Some([self.intermediate_dense.quantised(Some(self.activation))?, self.output_dense.quantised(None)?])
    }
}
