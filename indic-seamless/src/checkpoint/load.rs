//! Fills a model with the tensors of a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, Parameter},
    tensor::{Device, Int, Tensor, TensorData},
};

use super::{
    OnProgress,
    packing::Packing,
    weights::{FloatType, Weights},
};
use crate::{
    backend::Precision,
    device::{finish, guard, upload},
    error::{Error, Result},
    model::{SpeechToText, config::ModelConfig},
    nn::{Int4Weight, Int8Weight, Storage},
};

/// The names of the embedding, which is also the output projection (`tie_word_embeddings`). Any of them may be stored.
const EMBEDDING: [&str; 3] = ["shared.weight", "text_decoder.embed_tokens.weight", "lm_head.weight"];

/// Whether a tensor belongs to the decoder, the output projection included.
#[cfg(target_os = "linux")]
pub(super) fn is_of_decoder(name: &str) -> bool {
    name.starts_with("text_decoder.") || EMBEDDING.contains(&name)
}

/// Builds the model from `weights`.
pub(super) fn load(
    config: &ModelConfig,
    weights: &Weights,
    precision: Precision,
    device: &Device,
    progress: OnProgress<'_>,
) -> Result<SpeechToText> {
    let on_flex = *device == Device::flex();
    let (storage, floats) = match precision {
        Precision::Auto => return load(config, weights, weights.precision(), device, progress),
        Precision::Int8 => (Storage::Int8, FloatType::F32),
        Precision::Int4 => (Storage::Int4, FloatType::F32),
        Precision::Bf16 if on_flex => (Storage::Float, FloatType::Bf16),
        Precision::F32 | Precision::Bf16 => (Storage::Float, FloatType::F32),
    };
    let model = guard(device, || fill(config, weights, (storage, floats), device, progress))?;
    finish(device).map(|()| model)
}

/// Builds the model with weights of those types.
fn fill(
    config: &ModelConfig,
    weights: &Weights,
    (storage, floats): (Storage, FloatType),
    device: &Device,
    progress: OnProgress<'_>,
) -> Result<SpeechToText> {
    let mut loader = Loader {
        weights,
        storage,
        floats,
        device,
        progress,
        tensors: tensors(config),
        path: Vec::new(),
        bytes: 0,
        scales: None,
        error: None,
    };
    let model = config.init(storage, device).map(&mut loader);
    match loader.error {
        Some(error) => Err(error),
        None => Ok(model),
    }
}

/// A tensor of the model, with its shape in a floating point checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// The weight of a matrix product, `[output, input]`. A convolution is one whose input dimension is channels times taps.
    Product([usize; 2]),
    /// One that may be in half bytes.
    FeedForward([usize; 2]),
    /// Biases, norms and other small tensors.
    Other(Vec<usize>),
}

impl Expected {
    /// The shape of a matrix product and how it is packed in the quantised `precision`.
    pub(super) fn packed(&self, precision: Precision) -> Option<([usize; 2], Packing)> {
        match (self, precision) {
            (&Self::FeedForward(shape), Precision::Int4) => Some((shape, Packing::Int4)),
            (&(Self::Product(shape) | Self::FeedForward(shape)), _) => Some((shape, Packing::Int8)),
            (Self::Other(_), _) => None,
        }
    }

    /// Its shape in a floating point checkpoint.
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::Product(shape) | Self::FeedForward(shape) => shape,
            Self::Other(shape) => shape,
        }
    }
}

/// The tensors of a model by name.
pub(super) fn tensors(config: &ModelConfig) -> BTreeMap<String, Expected> {
    #[derive(Default)]
    struct Tensors {
        path: Vec<String>,
        shapes: BTreeMap<String, Vec<usize>>,
        quantised: BTreeSet<String>,
        nibbles: BTreeSet<String>,
    }
    impl ModuleVisitor for Tensors {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.shapes.entry(tensor_name(&self.path)).or_insert_with(|| param.lazy_shape().to_vec());
        }

        fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
            let tensors = if is_int4(&self.path) { &mut self.nibbles } else { &mut self.quantised };
            tensors.insert(tensor_name(&self.path));
        }
    }
    let mut tensors = Tensors::default();
    for storage in [Storage::Float, Storage::Int8, Storage::Int4] {
        config.init(storage, &Device::flex()).visit(&mut tensors);
    }
    let Tensors { shapes, quantised, nibbles, .. } = tensors;
    let expected = |(name, shape): (String, Vec<usize>)| match shape[..] {
        [output, input] if nibbles.contains(&name) => (name, Expected::FeedForward([output, input])),
        [output, input] if quantised.contains(&name) => (name, Expected::Product([output, input])),
        _ => (name, Expected::Other(shape)),
    };
    shapes.into_iter().map(expected).collect()
}

/// The names that a tensor may have in a checkpoint.
pub(super) fn aliases(name: &str) -> Vec<&str> {
    if name == EMBEDDING[0] { EMBEDDING.to_vec() } else { vec![name] }
}

/// The variants of `nn::Weight`: part of a module path, but not of the name in a checkpoint.
const FLOAT: &str = "Float";
const INT8: &str = "Int8";
const INT4: &str = "Int4";

/// Whether a parameter belongs to a weight of half bytes.
fn is_int4(path: &[String]) -> bool {
    path.iter().any(|part| part == INT4)
}

/// The name in the checkpoint is the path of the parameter, except for the fields of a layer norm and of a weight.
fn tensor_name(path: &[String]) -> String {
    let mut name = String::new();
    for part in path.iter().take_while(|part| ![FLOAT, INT8, INT4].contains(&part.as_str())) {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(match part.as_str() {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        });
    }
    name
}

struct Loader<'a> {
    weights: &'a Weights,
    /// How weights of matrix products are stored; half bytes as bytes on other backends than Flex.
    storage: Storage,
    /// The type for weights of matrix products.
    floats: FloatType,
    device: &'a Device,
    progress: OnProgress<'a>,
    tensors: BTreeMap<String, Expected>,
    path: Vec<String>,
    bytes: u64,
    /// The scales of the quantised weight that was loaded last.
    scales: Option<Vec<f32>>,
    /// The first error; a mapper cannot return it.
    error: Option<Error>,
}

impl Loader<'_> {
    fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
        (self.progress)(self.bytes, self.weights.bytes());
    }

    /// The parameter with the loaded tensor; unchanged after an error.
    fn fill<T: Parameter>(&mut self, param: Param<T>, load: impl FnOnce(&mut Self) -> Result<T>) -> Param<T> {
        if self.error.is_none() {
            match load(self) {
                Ok(tensor) => return Param::initialized(param.id, tensor),
                Err(error) => self.error = Some(error),
            }
        }
        param
    }

    fn float<const D: usize>(&mut self) -> Result<Tensor<D>> {
        let name = tensor_name(&self.path);
        if let Some(scales) = self.scales.take_if(|_| self.path.last().is_some_and(|last| last == "scales")) {
            let shape = [scales.len()];
            return Ok(upload(TensorData::new(scales, shape), self.device));
        }
        let (shape, wanted) = match &self.tensors[&name] {
            Expected::Other(shape) => (&shape[..], FloatType::F32),
            product => (product.shape(), self.floats),
        };
        let (data, bytes) = self.weights.floats(&aliases(&name), shape, wanted)?;
        self.count(bytes);
        Ok(upload(data, (self.device, wanted.dtype())))
    }

    fn quantised<const D: usize>(&mut self) -> Result<Tensor<D, Int>> {
        let name = tensor_name(&self.path);
        let precision = if self.storage == Storage::Int4 { Precision::Int4 } else { Precision::Int8 };
        let Some((shape, packing)) = self.tensors[&name].packed(precision) else {
            unreachable!("{name} is the weight of a product")
        };
        let (data, scales, bytes) = self.weights.packed(&aliases(&name), shape, packing)?;
        self.scales = Some(scales);
        self.count(bytes);
        Ok(match packing {
            Packing::Int8 => Int8Weight::values(data, shape[0], self.device),
            Packing::Int4 if is_int4(&self.path) => Int4Weight::values(data, self.device),
            Packing::Int4 => Int8Weight::values(Int4Weight::widened(data.as_bytes(), shape), shape[0], self.device),
        })
    }
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.fill(param, Self::float)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.fill(param, Self::quantised)
    }
}
