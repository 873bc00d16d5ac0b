//! What the fuzz targets call. No interface for others: it changes without notice.

use half::bf16;

use super::{
    Isa,
    int8::{self, Matrix, Rows, Values},
    linear,
};

/// Bytes of int8 activations that pass along each panel of a weight at a time.
pub const INT8_BLOCK_BYTES: usize = int8::BLOCK_BYTES;

/// `x · wᵀ` with a quantised weight. `x` is `[rows, input]`, `w` is `[output, input]`.
#[derive(Debug)]
pub struct QuantisedProduct {
    rows: Rows,
    bytes: Vec<i8>,
    /// What the kernels take instead of the bytes that they stand for.
    nibbles: Option<Vec<u8>>,
    scales: Vec<f32>,
    input: usize,
}

impl QuantisedProduct {
    /// With the weight in bytes.
    pub fn int8(x: &[f32], w: &[f32], input: usize) -> Self {
        let (bytes, scales) = packed(w, input);
        Self { rows: Rows::quantise(x, input), bytes, nibbles: None, scales, input }
    }

    /// With the weight in half bytes.
    pub fn int4(x: &[f32], w: &[f32], input: usize) -> Self {
        let (nibbles, scales) = packed_nibbles(w, input);
        let bytes = int8::bytes_of(&nibbles, scales.len(), input);
        Self { rows: Rows::quantise(x, input), bytes, nibbles: Some(nibbles), scales, input }
    }

    /// The product and `bias` by the kernels of one instruction set; `None` if the machine does not have it.
    pub fn by(&self, isa: Isa, bias: &[f32]) -> Option<Vec<f32>> {
        let values = self.nibbles.as_deref().map_or(Values::Bytes(&self.bytes), Values::Nibbles);
        let matrix = Matrix { values, scales: &self.scales, bias: Some(bias), activation: None };
        let mut found = [Vec::new()];
        int8::multiply(isa.detect()?, &self.rows, &[matrix], &mut found);
        let [found] = found;
        Some(found)
    }

    /// The same from the bytes one by one, in whole numbers.
    pub fn by_definition(&self, bias: &[f32]) -> Vec<f32> {
        let Self { rows, bytes, scales, input, .. } = self;
        // The bytes of a weight whose scales are 1.
        let bytes: Vec<u8> = bytes.iter().map(|&byte| byte as u8).collect();
        let weight = int8::unpack(&bytes, &vec![1.0; scales.len()], *input);
        let element = |row: usize, output: usize| {
            let (bytes, scale) = rows.row(row);
            let products = bytes.iter().zip(&weight[output * input..][..*input]);
            let sum: i64 = products.map(|(&x, &w)| i64::from(x) * w as i64).sum();
            sum as f32 * (scale * scales[output]) + bias[output]
        };
        (0..rows.len())
            .flat_map(|row| (0..scales.len()).map(move |output| (row, output)))
            .map(|(r, o)| element(r, o))
            .collect()
    }
}

/// The packed bytes of a weight and their scales.
pub(super) fn packed(w: &[f32], input: usize) -> (Vec<i8>, Vec<f32>) {
    let output = w.len() / input.max(1);
    let (mut values, mut scales) = (vec![0; int8::packed_shape(output, input).iter().product()], vec![0.0; output]);
    int8::pack(w, input, &mut values, &mut scales);
    (values, scales)
}

/// The packed half bytes of a weight and their scales.
pub(super) fn packed_nibbles(w: &[f32], input: usize) -> (Vec<u8>, Vec<f32>) {
    let output = w.len() / input.max(1);
    let (mut values, mut scales) = (vec![0; int8::nibble_shape(output, input).iter().product()], vec![0.0; output]);
    int8::pack_nibbles(w, input, &mut values, &mut scales);
    (values, scales)
}

/// `x · wᵀ + bias` in `f32`, and with `w` rounded to bf16, and many rows of `x` with it where the processor multiplies bf16.
pub fn float_products(x: &[f32], w: &[f32], input: usize, bias: Option<&[f32]>) -> [Vec<f32>; 2] {
    let rounded: Vec<bf16> = w.iter().map(|&w| bf16::from_f32(w)).collect();
    let mut found = [Vec::new(), Vec::new()];
    linear(x, w, input, bias, None, &mut found[0]);
    linear(x, &rounded, input, bias, None, &mut found[1]);
    found
}
