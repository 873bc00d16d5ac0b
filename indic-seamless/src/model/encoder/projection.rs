//! Features to hidden states.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use crate::{
    features::STACKED,
    nn::{LayerNorm, Linear, LinearConfig, Storage},
};

/// Norm over the 160 stacked mel energies, then a projection to the width of the model. The projection is small, and what
/// everything else follows from: its weights stay floating point.
#[derive(Module, Debug)]
pub struct FeatureProjection {
    layer_norm: LayerNorm,
    projection: Linear,
}

impl FeatureProjection {
    pub(super) fn init(hidden: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            layer_norm: LayerNorm::init(STACKED, epsilon, device),
            projection: LinearConfig::new(STACKED, hidden).init(Storage::Float, device),
        }
    }

    /// `[batch, T, 160] -> [batch, T, hidden]`
    pub fn forward(&self, features: &Tensor<3>) -> Tensor<3> {
        self.projection.forward(&self.layer_norm.forward(features))
    }
}
