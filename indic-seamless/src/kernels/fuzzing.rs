//! What the fuzz targets call. No interface for others: it changes without notice.

use half::bf16;

use super::{
    Isa,
    int8::{self, Matrix, Rows, Values},
    linear,
};

/// Bytes of int8 activations that pass along each panel of a weight at a time.
pub const INT8_BLOCK_BYTES: usize = int8::BLOCK_BYTES;

/// `x · wᵀ + bias` with the weight in bytes, with the kernels of one instruction set; `None` if the machine does not have it. `x` is
/// `[rows, input]`, `w` is `[output, input]`.
pub fn int8_product(isa: Isa, x: &[f32], w: &[f32], input: usize, bias: Option<&[f32]>) -> Option<Vec<f32>> {
    let (values, scales) = packed(w, input);
    product(isa, &Rows::quantise(x, input), Values::Bytes(&values), &scales, bias)
}

/// The same product with the weight in half bytes.
pub fn int4_product(isa: Isa, x: &[f32], w: &[f32], input: usize, bias: Option<&[f32]>) -> Option<Vec<f32>> {
    let (values, scales) = packed_nibbles(w, input);
    product(isa, &Rows::quantise(x, input), Values::Nibbles(&values), &scales, bias)
}

fn product(isa: Isa, rows: &Rows, values: Values<'_>, scales: &[f32], bias: Option<&[f32]>) -> Option<Vec<f32>> {
    let mut found = [Vec::new()];
    int8::multiply(isa.detect()?, rows, &[Matrix { values, scales, bias, activation: None }], &mut found);
    let [found] = found;
    Some(found)
}

/// [`int8_product`] from the bytes one by one, in whole numbers.
pub fn int8_product_by_definition(x: &[f32], w: &[f32], input: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let (values, scales) = packed(w, input);
    by_definition(x, &values, &scales, input, bias)
}

/// [`int4_product`] from the bytes that the half bytes stand for, in whole numbers.
pub fn int4_product_by_definition(x: &[f32], w: &[f32], input: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let (values, scales) = packed_nibbles(w, input);
    by_definition(x, &int8::bytes_of(&values, scales.len(), input), &scales, input, bias)
}

fn by_definition(x: &[f32], values: &[i8], scales: &[f32], input: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let rows = Rows::quantise(x, input);
    // The bytes of a weight whose scales are 1.
    let bytes: Vec<u8> = values.iter().map(|&byte| byte as u8).collect();
    let weight = int8::unpack(&bytes, &vec![1.0; scales.len()], input);
    let element = |row: usize, output: usize| {
        let (bytes, scale) = rows.row(row);
        let products = bytes.iter().zip(&weight[output * input..][..input]);
        let sum: i64 = products.map(|(&x, &w)| i64::from(x) * w as i64).sum();
        sum as f32 * (scale * scales[output]) + bias.map_or(0.0, |bias| bias[output])
    };
    (0..rows.len())
        .flat_map(|row| (0..scales.len()).map(move |output| (row, output)))
        .map(|(r, o)| element(r, o))
        .collect()
}

/// The packed bytes of a weight and their scales.
pub(super) fn packed(w: &[f32], input: usize) -> (Vec<i8>, Vec<f32>) {
    let output = w.len() / input.max(1);
    let (mut values, mut scales) = (vec![0; int8::packed_shape(output, input).iter().product()], vec![0.0; output]);
    int8::pack(w, input, &mut values, &mut scales);
    (values, scales)
}

/// The packed half bytes of a weight and their scales.
fn packed_nibbles(w: &[f32], input: usize) -> (Vec<u8>, Vec<f32>) {
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
