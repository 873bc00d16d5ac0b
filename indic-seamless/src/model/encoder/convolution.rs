//! The convolution module of a conformer layer.

use burn::{
    module::{Module, Param},
    nn::{LayerNorm, LayerNormConfig},
    tensor::{Device, Tensor},
};

use super::{Stage, attention::Context, conformer::ConformerConfig};
use crate::nn::{Activation, causal_depthwise, glu, initializer, linear};

/// A convolution over one position: a linear layer without bias, stored as `[output, input, 1]`.
#[derive(Module, Debug)]
pub struct PointwiseConv {
    weight: Param<Tensor<3>>,
}

impl PointwiseConv {
    fn init(input: usize, output: usize, device: &Device) -> Self {
        Self { weight: initializer(input).init([output, input, 1], device) }
    }

    /// `[batch, T, input] -> [batch, T, output]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val();
        let [output, input, _] = weight.dims();
        linear(x, weight.reshape([output, input]), None, None)
    }
}

/// One kernel per channel, `[channels, 1, k]`.
#[derive(Module, Debug)]
struct DepthwiseConv {
    weight: Param<Tensor<3>>,
}

/// Norm, pointwise convolution with a gate, causal depthwise convolution, norm, activation, pointwise convolution.
///
/// Unlike the conformer of the paper (Gulati et al. 2020) it is causal, and has a layer norm for the batch norm.
#[derive(Module, Debug)]
pub struct Convolution {
    layer_norm: LayerNorm,
    pointwise_conv1: PointwiseConv,
    depthwise_conv: DepthwiseConv,
    depthwise_layer_norm: LayerNorm,
    pointwise_conv2: PointwiseConv,
    #[module(skip)]
    activation: Activation,
}

impl Convolution {
    pub(super) fn init(config: &ConformerConfig, device: &Device) -> Self {
        let (hidden, kernel) = (config.hidden, config.kernel);
        Self {
            layer_norm: LayerNormConfig::new(hidden).init(device),
            pointwise_conv1: PointwiseConv::init(hidden, 2 * hidden, device),
            depthwise_conv: DepthwiseConv { weight: initializer(kernel).init([hidden, 1, kernel], device) },
            depthwise_layer_norm: LayerNormConfig::new(hidden).init(device),
            pointwise_conv2: PointwiseConv::init(hidden, hidden, device),
            activation: config.feed_forward.activation,
        }
    }

    /// `[batch, T, hidden] -> [batch, T, hidden]`
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        context: &Context<'_>,
        layer: usize,
        inspect: super::Inspect<'_>,
    ) -> Tensor<3> {
        // Padding must not leak into valid positions; its own output is kept, as in the reference.
        let x = context.zero_padding(self.layer_norm.forward(x));
        let x = glu(self.pointwise_conv1.forward(x));
        let x = causal_depthwise(x, self.depthwise_conv.weight.val());
        inspect(Stage::Depthwise(layer), &x);
        let x = self.activation.forward(self.depthwise_layer_norm.forward(x));
        self.pointwise_conv2.forward(x)
    }
}
