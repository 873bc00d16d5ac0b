//! Decodings that are computed together: their tokens pass the same products of weights, and attend to their own keys.

use std::cell::OnceCell;

use burn::tensor::Tensor;

use super::{DecoderState, Rows};
use crate::nn::{Attended, KeyMask};

/// The next tokens of a decoding.
#[derive(Debug)]
pub struct Feed<'a> {
    /// The decoding.
    pub state: &'a mut DecoderState,
    /// `[hypotheses, time]`, row after row.
    pub tokens: &'a [u32],
}

/// A decoding while its tokens pass the layers.
pub(super) struct Part<'a> {
    state: &'a mut DecoderState,
    /// New tokens of each hypothesis.
    time: usize,
    own: Rows,
    own_mask: OnceCell<KeyMask>,
    encoder: Rows,
    encoder_mask: OnceCell<KeyMask>,
}

impl<'a> Part<'a> {
    /// Counts `time` new tokens of each hypothesis in.
    pub(super) fn new(state: &'a mut DecoderState, time: usize) -> Self {
        state.append(time);
        let (own, encoder) = (state.own_rows(), state.encoder_rows());
        Self { state, time, own, own_mask: OnceCell::new(), encoder, encoder_mask: OnceCell::new() }
    }

    pub(super) fn hypotheses(&self) -> usize {
        self.state.hypotheses()
    }

    pub(super) fn time(&self) -> usize {
        self.time
    }

    /// Stores the keys and values of all new tokens, `[.., .., hidden]`, each in the decoding that they belong to.
    pub(super) fn store_all(parts: &mut [Self], layer: usize, keys: &Tensor<3>, values: &Tensor<3>) {
        let [a, b, hidden] = keys.dims();
        let Some(dtype) = parts.first().map(|part| part.state.dtype()) else { return };
        let (keys, values) = (keys.clone().cast(dtype), values.clone().cast(dtype));
        let mut first = 0;
        for Self { state, time, .. } in parts {
            let (rows, tokens) = (state.hypotheses(), state.hypotheses() * *time);
            let of_part = |x: &Tensor<3>| {
                x.clone().reshape([a * b, hidden]).narrow(0, first, tokens).reshape([rows, *time, hidden])
            };
            state.store(layer, of_part(&keys), of_part(&values));
            first += tokens;
        }
    }

    /// What the self-attention of the new tokens looks at, once their keys are stored.
    pub(super) fn own_keys(&self, layer: usize) -> Attended<'_> {
        let Some((keys, values)) = self.state.own(layer) else { unreachable!("the newest keys are stored") };
        Attended { keys, values, index: &self.own, time: self.time, mask: &self.own_mask }
    }

    /// What the cross-attention of the new tokens looks at.
    pub(super) fn encoder_keys(&self, layer: usize) -> Attended<'_> {
        let cross = self.state.cross(layer);
        Attended {
            keys: &cross.keys,
            values: &cross.values,
            index: &self.encoder,
            time: self.time,
            mask: &self.encoder_mask,
        }
    }
}
