//! Fills a model with a checkpoint's tensors.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor},
};

use super::{OnProgress, weights::Weights};
use crate::{
    error::{Error, Result},
    model::SpeechToText,
};

/// The embedding serves as input and output; whichever of its names is stored will do.
const EMBEDDING: [&str; 3] = ["shared.weight", "text_decoder.embed_tokens.weight", "lm_head.weight"];

/// Replaces every parameter of `model` by the tensor of its name.
pub(super) fn load(
    model: SpeechToText,
    weights: &Weights,
    device: &Device,
    progress: OnProgress<'_>,
) -> Result<SpeechToText> {
    let mut loader = Loader { weights, device, progress, path: Vec::new(), bytes: 0, error: None };
    let model = model.map(&mut loader);
    match loader.error {
        Some(error) => Err(error),
        None => Ok(model),
    }
}

struct Loader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    progress: OnProgress<'a>,
    path: Vec<String>,
    bytes: u64,
    /// The first failure; a mapper cannot return one.
    error: Option<Error>,
}

impl Loader<'_> {
    /// The path of the parameter is its name in the checkpoint, but for Burn's names inside a layer norm.
    fn name(&self) -> String {
        let mut path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        if let Some(last) = path.last_mut() {
            *last = match *last {
                "gamma" => "weight",
                "beta" => "bias",
                other => other,
            };
        }
        path.join(".")
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
        if self.error.is_some() {
            return param;
        }
        let name = self.name();
        let names = if name == EMBEDDING[0] { EMBEDDING.to_vec() } else { vec![name.as_str()] };
        match self.weights.get(&names, param.lazy_shape().as_slice()) {
            Ok((data, bytes)) => {
                self.bytes += bytes;
                (self.progress)(self.bytes, self.weights.bytes());
                Param::initialized(param.id, Tensor::from_data(data, self.device))
            }
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}
