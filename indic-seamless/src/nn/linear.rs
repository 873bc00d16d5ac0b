//! `y = activation(x · Wᵀ + b)`.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{DType, Device, Tensor},
};

use super::{
    Storage, Weight,
    flex::{FlexFloats, FlexView},
};
use crate::{
    device::{download, guard},
    error::Result,
    kernels::{
        self, Activation,
        int8::{self, Matrix, Rows, Values},
    },
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

    /// The same without bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The layer, with random weights that are made only if nothing is loaded before their first use.
    pub fn init(&self, storage: Storage, device: &Device) -> Linear {
        Linear {
            weight: Weight::init(self.output, self.input, storage, device),
            bias: self.bias.then(|| Initializer::Zeros.init([self.output], device)),
        }
    }
}

/// A fully connected layer.
#[derive(Module, Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// `[batch, time, input] -> [batch, time, output]`
    pub fn forward(&self, x: &Tensor<3>) -> Tensor<3> {
        self.product(None).forward(x)
    }

    /// The same, followed by an activation.
    pub fn forward_activated(&self, x: &Tensor<3>, activation: Activation) -> Tensor<3> {
        self.product(Some(activation)).forward(x)
    }

    /// The outputs of several layers for the same input, which is quantised once.
    pub fn forward_all<const N: usize>(layers: [&Self; N], x: &Tensor<3>) -> [Tensor<3>; N] {
        products(layers.map(|layer| layer.product(None)), x)
    }

    /// Whether the weight is stored in bytes or bf16, so that inputs and outputs lose nothing that counts in bf16.
    pub(crate) fn is_below_f32(&self) -> bool {
        match &self.weight {
            Weight::Float(weight) => weight.val().dtype() != DType::F32,
            Weight::Int8(_) | Weight::Int4(_) => true,
        }
    }

    /// The type of keys and values of this layer in caches, if `x` is an input of the layer: half of `f32` where the weights are
    /// no more precise, and the kernels can be used.
    pub(crate) fn cache_type<const D: usize>(&self, x: &Tensor<D>) -> DType {
        if self.is_below_f32() && FlexView::<f32>::view(x).is_some() { DType::BF16 } else { x.dtype() }
    }

    /// The layer for the kernels, if it lies on the CPU and its weight is quantised.
    pub(crate) fn quantised(&self, activation: Option<Activation>) -> Option<Quantised> {
        Quantised::view(&self.product(activation))
    }

    fn product(&self, activation: Option<Activation>) -> Product<'_> {
        Product { weight: &self.weight, bias: self.bias.as_ref(), activation }
    }
}

/// `activation(x · weightᵀ + bias)` for an `x` to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) weight: &'a Weight,
    pub(crate) bias: Option<&'a Param<Tensor<1>>>,
    pub(crate) activation: Option<Activation>,
}

impl Product<'_> {
    /// `[batch, time, input] -> [batch, time, output]`
    pub(crate) fn forward(self, x: &Tensor<3>) -> Tensor<3> {
        let [y] = products([self], x);
        y
    }

    /// The values of [`forward`](Self::forward) in a vector that is used again, in the place of what was in it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device).
    pub(crate) fn forward_into(self, x: &Tensor<3>, values: &mut Vec<f32>) -> Result<()> {
        if !on_cpu(&[self], x, std::slice::from_mut(values)) {
            *values = guard(&x.device(), || download(self.plain(x.clone())))?;
        }
        Ok(())
    }

    /// The bias on the CPU, if there is one; `None` if it cannot be viewed.
    fn bias(&self) -> Option<Option<FlexView<f32>>> {
        FlexView::optional(self.bias.map(Param::val))
    }

    /// In plain Burn operations.
    fn plain(self, x: Tensor<3>) -> Tensor<3> {
        let [batch, time, input] = x.dims();
        let [output, _] = self.weight.dims();
        let weight = match self.weight {
            Weight::Float(weight) => weight.val().cast(DType::F32),
            Weight::Int8(weight) => weight.numbers(None),
            Weight::Int4(weight) => weight.bytes().numbers(None),
        };
        let y = x.reshape([batch * time, input]).matmul(weight.transpose());
        let y = match self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        };
        let y = match self.activation {
            Some(activation) => activation.forward(y),
            None => y,
        };
        y.reshape([batch, time, output])
    }
}

/// Several products with the same input.
fn products<const N: usize>(products: [Product<'_>; N], x: &Tensor<3>) -> [Tensor<3>; N] {
    let [batch, time, _] = x.dims();
    let mut values = [const { Vec::new() }; N];
    if on_cpu(&products, x, &mut values) {
        values.map(|values| {
            let output = values.len() / (batch * time).max(1);
            FlexView::tensor(values, [batch, time, output], x)
        })
    } else {
        products.map(|product| product.plain(x.clone()))
    }
}

/// The products by this crate's kernels, if everything lies on the CPU; else does nothing and returns `false`.
fn on_cpu(products: &[Product<'_>], x: &Tensor<3>, values: &mut [Vec<f32>]) -> bool {
    let [.., input] = x.dims();
    let Some(x) = FlexView::<f32>::view(x) else { return false };
    if let Some(quantised) = products.iter().map(Quantised::view).collect::<Option<Vec<_>>>() {
        let matrices: Vec<_> = quantised.iter().map(Quantised::matrix).collect();
        int8::products(&Rows::quantise(x.as_slice(), input), &matrices, values);
        return true;
    }
    let Some(biases) = products.iter().map(Product::bias).collect::<Option<Vec<_>>>() else { return false };
    let biases = biases.iter().map(|bias| bias.as_ref().map(FlexView::as_slice));

    let float = |product: &Product<'_>| match product.weight {
        Weight::Float(weight) => FlexFloats::view(&weight.val()),
        Weight::Int8(_) | Weight::Int4(_) => None,
    };
    let Some(weights) = products.iter().map(float).collect::<Option<Vec<_>>>() else { return false };
    for (((weight, bias), product), y) in weights.iter().zip(biases).zip(products).zip(values) {
        match weight {
            FlexFloats::F32(w) => kernels::linear(x.as_slice(), w.as_slice(), input, bias, product.activation, y),
            FlexFloats::Bf16(w) => kernels::linear(x.as_slice(), w.as_slice(), input, bias, product.activation, y),
        }
    }
    true
}

/// Views of a quantised weight on the CPU, and what follows its product.
pub(crate) struct Quantised {
    values: FlexInts,
    scales: FlexView<f32>,
    bias: Option<FlexView<f32>>,
    activation: Option<Activation>,
}

/// Views of the numbers of quantised weights.
enum FlexInts {
    Bytes(FlexView<i8>),
    Nibbles(FlexView<u8>),
}

impl Quantised {
    fn view(product: &Product<'_>) -> Option<Self> {
        let (values, scales) = match product.weight {
            Weight::Int8(weight) => (FlexInts::Bytes(FlexView::ints(&weight.values.val())?), weight.scales.val()),
            Weight::Int4(weight) => (FlexInts::Nibbles(FlexView::ints(&weight.values.val())?), weight.scales.val()),
            Weight::Float(_) => return None,
        };
        let (scales, bias) = (FlexView::view(&scales)?, product.bias()?);
        Some(Self { values, scales, bias, activation: product.activation })
    }

    pub(crate) fn matrix(&self) -> Matrix<'_> {
        let values = match &self.values {
            FlexInts::Bytes(values) => Values::Bytes(values.as_slice()),
            FlexInts::Nibbles(values) => Values::Nibbles(values.as_slice()),
        };
        let bias = self.bias.as_ref().map(FlexView::as_slice);
        Matrix { values, scales: self.scales.as_slice(), bias, activation: self.activation }
    }
}
