//! Layer normalisation, and the sums between the blocks of a layer.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};

use super::flex::FlexView;
use crate::kernels::{self, Activation, Norm};

/// `gamma · (x - mean) / sqrt(variance + epsilon) + beta` over the last axis.
#[derive(Module, Debug)]
pub struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// The epsilon of norms for which a checkpoint names none.
    pub(crate) const EPSILON: f64 = 1e-5;

    pub(crate) fn init(width: usize, epsilon: f64, device: &Device) -> Self {
        let gamma = Initializer::Ones.init([width], device);
        Self { gamma, beta: Initializer::Zeros.init([width], device), epsilon }
    }

    /// `[batch, time, width] -> [batch, time, width]`
    pub fn forward(&self, x: &Tensor<3>) -> Tensor<3> {
        self.run(x, None)
    }

    /// The same, followed by an activation.
    pub fn forward_activated(&self, x: &Tensor<3>, activation: Activation) -> Tensor<3> {
        self.run(x, Some(activation))
    }

    /// The norm for the kernels, if it lies on the CPU.
    pub(crate) fn view(&self, activation: Option<Activation>) -> Option<NormView> {
        let (gamma, beta) = (FlexView::view(&self.gamma.val())?, FlexView::view(&self.beta.val())?);
        Some(NormView { gamma, beta, epsilon: self.epsilon as f32, activation })
    }

    fn run(&self, x: &Tensor<3>, activation: Option<Activation>) -> Tensor<3> {
        if let (Some(input), Some(norm)) = (FlexView::view(x), self.view(activation)) {
            return FlexView::tensor(norm.norm().of(input.as_slice()), x.dims(), x);
        }
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        let (variance, mean) = x.clone().var_mean_bias(2);
        let y = (x.clone() - mean) / (variance + self.epsilon).sqrt() * gamma.unsqueeze() + beta.unsqueeze();
        match activation {
            Some(activation) => activation.forward(y),
            None => y,
        }
    }
}

/// Views of a norm on the CPU.
pub(crate) struct NormView {
    gamma: FlexView,
    beta: FlexView,
    epsilon: f32,
    activation: Option<Activation>,
}

impl NormView {
    pub(crate) fn norm(&self) -> Norm<'_> {
        let Self { gamma, beta, epsilon, activation } = self;
        Norm { gamma: gamma.as_slice(), beta: beta.as_slice(), epsilon: *epsilon, activation: *activation }
    }
}

/// `x + scale · y`, where a block's output joins what it came from.
pub(crate) fn add_scaled(x: Tensor<3>, y: Tensor<3>, scale: f32) -> Tensor<3> {
    match FlexView::view(&y) {
        Some(y) => FlexView::update(x, |x| kernels::add_scaled(x, y.as_slice(), scale)),
        None => x + y * scale,
    }
}
