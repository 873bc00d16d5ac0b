//! The causal depthwise convolution of the conformer.

use burn::tensor::{Tensor, module::conv1d, ops::ConvOptions};

use super::flex::FlexView;
use crate::kernels;

/// Convolves each channel with its own kernel over the present and the past: position `t` sees `t - k + 1 ..= t`, with
/// zeros before the start. `x: [batch, time, channels]`, `weight: [channels, 1, k]`.
pub(crate) fn causal_depthwise(x: Tensor<3>, weight: Tensor<3>) -> Tensor<3> {
    let [batch, time, channels] = x.dims();
    let [_, _, kernel] = weight.dims();
    if let (Some(input), Some(w)) = (FlexView::view(&x), FlexView::view(&weight)) {
        let mut y = vec![0.0; input.as_slice().len()];
        kernels::causal_depthwise(input.as_slice(), w.as_slice(), time, channels, &mut y);
        return FlexView::tensor(y, [batch, time, channels], &x);
    }
    let past = Tensor::zeros([batch, channels, kernel - 1], &x.device());
    let x = Tensor::cat(vec![past, x.swap_dims(1, 2)], 2);
    conv1d(x, weight, None, ConvOptions::new([1], [0], [1], channels)).swap_dims(1, 2)
}
