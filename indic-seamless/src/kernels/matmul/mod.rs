//! Products of floating point matrices, with few rows or many.

mod few_rows;
mod many_rows;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pairs;
mod panel;
#[cfg(target_arch = "x86_64")]
mod x86;

use half::bf16;

#[cfg(test)]
pub(super) use self::{few_rows::few_rows_linear, many_rows::many_rows_linear};
pub(super) use self::{
    pairs::Pair,
    panel::{Element, Panel, ROWS, prefetch_ahead},
};
use super::activation::{Activation, bias_activation};

/// What the kernels for floating point numbers can multiply by.
pub(crate) trait Float: Copy + Send + Sync {
    /// Whether it is bf16, which some processors multiply faster.
    const IS_BF16: bool;

    fn value(self) -> f32;

    /// The nearest bf16 number, of two the even one. NaN stays NaN unless its lower bits are set, which no arithmetic does.
    fn rounded(self) -> bf16;

    /// The values as `f32`, in `buffer` if they are not so already.
    fn widen<'a>(values: &'a [Self], buffer: &'a mut Vec<f32>) -> &'a [f32];
}

impl Float for f32 {
    const IS_BF16: bool = false;

    #[inline(always)]
    fn value(self) -> f32 {
        self
    }

    #[inline(always)]
    fn rounded(self) -> bf16 {
        // Written out: `from_f32` has a branch for NaN, which does not vectorise.
        let bits = self.to_bits();
        bf16::from_bits((bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }

    #[inline(always)]
    fn widen<'a>(values: &'a [Self], _buffer: &'a mut Vec<f32>) -> &'a [f32] {
        values
    }
}

impl Float for bf16 {
    const IS_BF16: bool = true;

    #[inline(always)]
    fn value(self) -> f32 {
        // The upper half of an `f32`, written out: `to_f32` has a branch for NaN, which does not vectorise.
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn rounded(self) -> bf16 {
        self
    }

    #[inline(always)]
    fn widen<'a>(values: &'a [Self], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.clear();
        buffer.extend(values.iter().map(|value| value.value()));
        buffer
    }
}

/// `activation(x · wᵀ + bias)` for `x: [rows, input]`, `w: [output, input]`: `[rows, output]` in `y`, whatever was there. More than
/// [`few_rows::FEW_ROWS`] rows are rounded to bf16 if `w` is, and if the processor multiplies bf16: those of the encoder.
pub(crate) fn linear<W: Float>(
    x: &[f32],
    w: &[W],
    input: usize,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
    y: &mut Vec<f32>,
) {
    y.clear();
    if input == 0 {
        return;
    }
    let (rows, output) = (x.len() / input, w.len() / input);
    if rows <= few_rows::FEW_ROWS {
        y.resize(rows * output, 0.0);
        few_rows::few_rows_linear(x, w, input, y);
        bias_activation(y, bias, output, activation);
    } else {
        *y = many_rows::many_rows_linear(x, w, input, bias, activation);
    }
}
