//! Causal depthwise convolution over rows of channels.

use super::{isa::vectorise, output::in_pieces};

/// `y[t, c] = Σ_i w[c, i] · x[t - k + 1 + i, c]` for `x: [batch, time, channels]`, `w: [channels, 1, k]`.
pub(crate) fn causal_depthwise(x: &[f32], weight: &[f32], time: usize, channels: usize) -> Vec<f32> {
    if x.is_empty() {
        return Vec::new();
    }
    let kernel = weight.len() / channels;
    let taps: Vec<f32> = (0..kernel).flat_map(|i| (0..channels).map(move |c| weight[c * kernel + i])).collect();
    in_pieces(x.len(), channels, |row, y| {
        let (item, t) = (row / time, row % time);
        vectorise(
            #[inline(always)]
            || {
                let first = (kernel - 1).saturating_sub(t);
                for (i, taps) in taps.chunks_exact(channels).enumerate().skip(first) {
                    let start = (item * time + t + i + 1 - kernel) * channels;
                    for ((y, x), w) in y.iter_mut().zip(&x[start..start + channels]).zip(taps) {
                        *y = w.mul_add(*x, *y);
                    }
                }
            },
        );
    })
}
