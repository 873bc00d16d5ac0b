//! How much memory the model would take.

use safetensors::Dtype;

use super::{
    CheckReport,
    tensors::{Needed, count},
};
use crate::{backend::Precision, model::config::ModelConfig};

/// Positions of the conformer a second: a frame every 10 ms, stacked in pairs.
const POSITIONS: u64 = 50;

/// Memory for the weights in one precision, on the backend Flex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The precision.
    pub precision: Precision,
    /// Bytes that are used in the mapped file. The system can drop them and read them again, and processes share them.
    pub in_place: u64,
    /// Bytes that are converted or quantised while loading, into memory of the process.
    pub converted: u64,
}

/// Memory for the keys and values of the decoder in `f32`: a lower bound of what a transcription needs besides the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caches {
    /// Bytes for each token of each hypothesis.
    pub per_token: u64,
    /// Bytes for each second of speech.
    pub per_second: u64,
}

/// Estimates the memory for the tensors that were found.
pub(super) fn estimate(config: &ModelConfig, tensors: &[Needed<'_>], asked: Precision, report: &mut CheckReport) {
    let in_precision = |precision| {
        let mut estimate = MemoryEstimate { precision, in_place: 0, converted: 0 };
        for tensor in tensors {
            let (in_place, converted) = bytes(tensor, precision);
            estimate.in_place += in_place;
            estimate.converted += converted;
        }
        estimate
    };
    report.memory = [Precision::F32, Precision::Bf16, Precision::Int8, Precision::Int4].map(in_precision).to_vec();
    report.loads_as = match (asked, &report.tensors) {
        (Precision::Auto, Some(tensors)) => Some(tensors.stored),
        (Precision::Auto, None) => None,
        (asked, _) => Some(asked),
    };
    let per_token =
        2 * size_of::<f32>() as u64 * (config.decoder_layers as u64).saturating_mul(config.hidden_size as u64);
    let per_second = per_token.saturating_mul(POSITIONS) / config.adaptor_stride.max(1) as u64;
    report.caches = Some(Caches { per_token, per_second });
}

/// Bytes in place and converted.
fn bytes(tensor: &Needed<'_>, precision: Precision) -> (u64, u64) {
    let numbers = |dtype: Dtype, size: u64| {
        let bytes = tensor.parameters().saturating_mul(size);
        let in_place = tensor.dtype() == dtype && tensor.is_aligned(size as usize);
        if in_place { (bytes, 0) } else { (0, bytes) }
    };
    // Scales are part of a weight, which accounts for them.
    let Some(expected) = &tensor.expected else { return (0, 0) };
    match (expected.packed(precision), precision) {
        (Some(_), Precision::Bf16) => numbers(Dtype::BF16, 2),
        (Some((shape, packing)), Precision::Int8 | Precision::Int4) => {
            let bytes = count(&packing.shape(shape));
            let scales = (shape[0] as u64).saturating_mul(4);
            if tensor.dtype() == packing.dtype() { (bytes, scales) } else { (0, bytes + scales) }
        }
        _ => numbers(Dtype::F32, 4),
    }
}
