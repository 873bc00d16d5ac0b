//! A conformer layer by one kernel, where weights are quantised and lie on the CPU.

use std::cell::RefCell;

use burn::tensor::Tensor;

use super::{attention::Context, conformer::ConformerLayer};
use crate::{
    kernels::{self, Memory},
    nn::{FeedForward, FlexView, LayerNorm, NormView, Quantised, RelativeAttention},
};

/// Views of a layer's weights, and what the batch adds.
pub(super) struct WholeLayer<'a> {
    feed_forward: [(NormView, [Quantised; 2]); 2],
    attention_norm: NormView,
    projections: [Quantised; 3],
    embedding: Option<FlexView>,
    attention_out: Quantised,
    convolution_norm: NormView,
    gated: Quantised,
    depthwise: FlexView,
    depthwise_norm: NormView,
    convolution_out: Quantised,
    last_norm: NormView,
    attention: RelativeAttention<'a>,
    memory: &'a RefCell<Memory>,
}

impl<'a> WholeLayer<'a> {
    /// `None` if the layer's parts have to be computed one after the other: on other devices, with weights that are not quantised,
    /// with few rows, and where somebody looks at what is between them.
    pub(super) fn of(layer: &ConformerLayer, x: &Tensor<3>, context: &Context<'a>) -> Option<Self> {
        let [batch, time, _] = x.dims();
        let memory = context.memory.filter(|_| kernels::ConformerLayer::pays(batch * time))?;
        FlexView::<f32>::view(x)?;
        let feed_forward = |norm: &LayerNorm, block: &FeedForward| Some((norm.view(None)?, block.quantised()?));
        let (attention, convolution) = (&layer.self_attn, &layer.conv_module);
        Some(Self {
            feed_forward: [
                feed_forward(&layer.ffn1_layer_norm, &layer.ffn1)?,
                feed_forward(&layer.ffn2_layer_norm, &layer.ffn2)?,
            ],
            attention_norm: layer.self_attn_layer_norm.view(None)?,
            projections: [
                attention.linear_q.quantised(None)?,
                attention.linear_k.quantised(None)?,
                attention.linear_v.quantised(None)?,
            ],
            embedding: FlexView::optional(attention.embedding())?,
            attention_out: attention.linear_out.quantised(None)?,
            convolution_norm: convolution.layer_norm.view(None)?,
            gated: convolution.pointwise_conv1.quantised(None)?,
            depthwise: FlexView::view(&convolution.depthwise_conv.weight.val())?,
            depthwise_norm: convolution.depthwise_layer_norm.view(Some(convolution.activation))?,
            convolution_out: convolution.pointwise_conv2.quantised(None)?,
            last_norm: layer.final_layer_norm.view(None)?,
            attention: attention.between_projections(context),
            memory,
        })
    }

    /// `[batch, T, hidden] -> [batch, T, hidden]`
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let shape = x.dims();
        let mut memory = self.memory.borrow_mut();
        FlexView::update(x, |x| self.layer().forward(x, shape, &self.attention, &mut memory))
    }

    fn layer(&self) -> kernels::ConformerLayer<'_> {
        let [first, second] = self.feed_forward.each_ref().map(|(norm, [first, second])| kernels::FeedForward {
            norm: norm.norm(),
            first: first.matrix(),
            second: second.matrix(),
        });
        kernels::ConformerLayer {
            first,
            attention_norm: self.attention_norm.norm(),
            projections: self.projections.each_ref().map(Quantised::matrix),
            embedding: self.embedding.as_ref().map(FlexView::as_slice),
            attention_out: self.attention_out.matrix(),
            convolution_norm: self.convolution_norm.norm(),
            gated: self.gated.matrix(),
            depthwise: self.depthwise.as_slice(),
            depthwise_norm: self.depthwise_norm.norm(),
            convolution_out: self.convolution_out.matrix(),
            second,
            last_norm: self.last_norm.norm(),
        }
    }
}
