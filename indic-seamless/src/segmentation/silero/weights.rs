//! The weights inside the crate.

use std::sync::LazyLock;

use safetensors::{SafeTensors, tensor::Dtype};

use super::{
    layer::Layer,
    lstm::{GATES, HIDDEN, Lstm},
    spectrum::BINS,
};

static FILE: &[u8] = include_bytes!("../silero_v6.safetensors");

/// The weights of Silero VAD v6 at 16 kHz.
#[derive(Debug)]
pub(super) struct SileroWeights {
    pub(super) conv1: Layer,
    pub(super) conv2: Layer,
    pub(super) conv3: Layer,
    pub(super) conv4: Layer,
    /// What a chunk contributes to the gates of the LSTM.
    pub(super) input: Layer,
    pub(super) lstm: Lstm,
}

impl SileroWeights {
    /// Read once for the whole program.
    pub(super) fn get() -> &'static Self {
        static WEIGHTS: LazyLock<SileroWeights> =
            LazyLock::new(|| SileroWeights::read().expect("the file inside the crate is whole"));
        &WEIGHTS
    }

    fn read() -> Option<Self> {
        let file = SafeTensors::deserialize(FILE).ok()?;
        let layer = |weight: &str, bias: &str, shape: [usize; 2]| {
            Some(Layer::new(&floats(&file, weight, &shape)?, floats(&file, bias, &shape[1..])?))
        };
        Some(Self {
            conv1: layer("conv1.weight", "conv1.bias", [3 * BINS, 128])?,
            conv2: layer("conv2.weight", "conv2.bias", [3 * 128, 64])?,
            conv3: layer("conv3.weight", "conv3.bias", [2 * 64, 64])?,
            conv4: layer("conv4.weight", "conv4.bias", [64, HIDDEN])?,
            input: layer("lstm.input", "lstm.bias", [HIDDEN, GATES])?,
            lstm: Lstm::new(
                &floats(&file, "lstm.recurrent", &[HIDDEN, GATES])?,
                floats(&file, "head.weight", &[HIDDEN])?,
                *floats(&file, "head.bias", &[1])?.first()?,
            ),
        })
    }
}

fn floats(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
    let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == Dtype::F32 && tensor.shape() == shape)?;
    Some(tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}
