//! `y = activation(x · Wᵀ + b)`.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Tensor},
};

use super::{
    Activation,
    cpu::{self, Cpu},
};

/// Sizes of a [`Linear`] layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearConfig {
    /// Width of the input.
    pub input: usize,
    /// Width of the output.
    pub output: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl LinearConfig {
    /// A layer with bias.
    pub fn new(input: usize, output: usize) -> Self {
        Self { input, output, bias: true }
    }

    /// The layer, with random weights that are made only if nothing is loaded before their first use.
    pub fn init(&self, device: &Device) -> Linear {
        Linear {
            weight: initializer(self.input).init([self.output, self.input], device),
            bias: self.bias.then(|| Initializer::Zeros.init([self.output], device)),
        }
    }
}

/// Random values that keep the variance of an input of this width.
pub(crate) fn initializer(fan_in: usize) -> Initializer {
    Initializer::Normal { mean: 0.0, std: 1.0 / (fan_in as f64).sqrt() }
}

/// A fully connected layer. Its weight lies as in the checkpoint, `[output, input]`, so that it can be used where the
/// file is mapped.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// `[batch, time, input] -> [batch, time, output]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        linear(x, self.weight.val(), self.bias.as_ref().map(Param::val), None)
    }

    /// The same, followed by an activation.
    pub fn forward_activated(&self, x: Tensor<3>, activation: Activation) -> Tensor<3> {
        linear(x, self.weight.val(), self.bias.as_ref().map(Param::val), Some(activation))
    }
}

/// `activation(x · weightᵀ + bias)` for `x: [batch, time, input]`, `weight: [output, input]`.
pub(crate) fn linear(
    x: Tensor<3>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    activation: Option<Activation>,
) -> Tensor<3> {
    let [batch, time, input] = x.dims();
    let [output, _] = weight.dims();
    let rows = batch * time;
    if let (Some(x_view), Some(w)) = (Cpu::view(&x), Cpu::view(&weight)) {
        let bias = bias.as_ref().and_then(Cpu::view);
        let bias = bias.as_ref().map(Cpu::as_slice);
        let y = if rows <= cpu::FEW_ROWS {
            let mut y = cpu::few_rows_linear(x_view.as_slice(), w.as_slice(), input);
            cpu::bias_activation(&mut y, bias, output, activation);
            y
        } else {
            cpu::many_rows_linear(x_view.as_slice(), w.as_slice(), input, bias, activation)
        };
        return Cpu::tensor(y, [batch, time, output], &x);
    }
    let y = x.reshape([rows, input]).matmul(weight.transpose());
    let y = match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    };
    let y = match activation {
        Some(activation) => activation.forward(y),
        None => y,
    };
    y.reshape([batch, time, output])
}
