//! The convolution module of a conformer layer.

use std::ops::ControlFlow;

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use super::{Stage, attention::Context, conformer::ConformerConfig};
use crate::nn::{Activation, LayerNorm, Linear, LinearConfig, Storage, causal_depthwise, glu, initializer};

/// One kernel per channel, `[channels, 1, k]`.
#[derive(Module, Debug)]
pub(super) struct DepthwiseConv {
    pub(super) weight: Param<Tensor<3>>,
}

/// Norm, pointwise convolution with a gate, causal depthwise convolution, norm, activation, pointwise convolution.
///
/// Unlike the conformer of the paper (Gulati et al. 2020) it is causal, and has a layer norm for the batch norm.
#[derive(Module, Debug)]
pub struct Convolution {
    pub(super) layer_norm: LayerNorm,
    pub(super) pointwise_conv1: Linear,
    pub(super) depthwise_conv: DepthwiseConv,
    pub(super) depthwise_layer_norm: LayerNorm,
    pub(super) pointwise_conv2: Linear,
    #[module(skip)]
    pub(super) activation: Activation,
}

impl Convolution {
    pub(super) fn init(config: &ConformerConfig, storage: Storage, device: &Device) -> Self {
        let (hidden, kernel) = (config.hidden, config.kernel);
        // A convolution over one position is a product.
        let pointwise = |output: usize| LinearConfig::new(hidden, output).without_bias().init(storage, device);
        Self {
            layer_norm: LayerNorm::init(hidden, LayerNorm::EPSILON, device),
            pointwise_conv1: pointwise(2 * hidden),
            depthwise_conv: DepthwiseConv { weight: initializer(kernel).init([hidden, 1, kernel], device) },
            depthwise_layer_norm: LayerNorm::init(hidden, LayerNorm::EPSILON, device),
            pointwise_conv2: pointwise(hidden),
            activation: config.feed_forward.activation,
        }
    }

    /// `[batch, T, hidden] -> [batch, T, hidden]`
    pub(super) fn forward(
        &self,
        x: &Tensor<3>,
        context: &Context<'_>,
        layer: usize,
        inspect: super::Inspect<'_>,
    ) -> ControlFlow<(), Tensor<3>> {
        // Padding must not leak into valid positions; its own output is kept, as in the reference.
        let x = context.zero_padding(self.layer_norm.forward(x));
        let x = glu(self.pointwise_conv1.forward(&x));
        let x = causal_depthwise(x, self.depthwise_conv.weight.val());
        inspect(Stage::Depthwise(layer), &x)?;
        let x = self.depthwise_layer_norm.forward_activated(&x, self.activation);
        ControlFlow::Continue(self.pointwise_conv2.forward(&x))
    }
}
