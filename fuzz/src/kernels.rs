//! Kernels: products in int8 and int4 of every instruction set against whole numbers, and in floating point against double precision.

use indic_seamless::{
    Isa,
    fuzzing::{INT8_BLOCK_BYTES, QuantisedProduct, float_products},
};

use crate::input::Input;

/// A product of the sizes and with the values that an input asks for.
struct Product {
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    input: usize,
}

impl Product {
    /// `large` turns some of the sizes, `[rows, inputs, outputs]`, into others with more rows.
    fn of(data: &[u8], large: impl Fn([usize; 3]) -> [usize; 3]) -> Self {
        let mut bytes = Input(data);
        let first = usize::from(bytes.byte());
        let size = [first % 20 + 1, usize::from(bytes.short() % 1_500) + 1, usize::from(bytes.byte()) + 1];
        let [rows, input, output] = if first < 240 { size } else { large(size) };
        let mut random = fastrand::Rng::with_seed(bytes.long().into());
        // Values of the input, of which the largest and the smallest are frequent, and then noise.
        let mut value = |bytes: &mut Input<'_>| match bytes.take(1) {
            [0] => 0.0,
            [1..=40] => 1.0,
            [41..=80] => -1.0,
            &[byte] => f32::from(byte) / 64.0 - 2.0,
            _ => random.f32() * 2.0 - 1.0,
        };
        let bias = (0..output).map(|_| value(&mut Input(&[]))).collect();
        let x = (0..rows * input).map(|_| value(&mut bytes)).collect();
        let w = (0..output * input).map(|_| value(&mut bytes)).collect();
        Self { x, w, bias, input }
    }
}

/// int8: all instruction sets of this machine give exactly what the definition gives.
pub(crate) fn int8(data: &[u8]) {
    quantised(data, QuantisedProduct::int8);
}

/// The same with half bytes.
pub(crate) fn int4(data: &[u8]) {
    quantised(data, QuantisedProduct::int4);
}

fn quantised(data: &[u8], quantise: fn(&[f32], &[f32], usize) -> QuantisedProduct) {
    // About as many rows as pass along a panel at a time, or a few more; few outputs, so that this does not take long.
    let Product { x, w, bias, input } = Product::of(data, |[rows, input, output]| {
        let input = input.max(256);
        [INT8_BLOCK_BYTES / input + rows, input, output % 8 + 1]
    });
    let product = quantise(&x, &w, input);
    let wanted = product.by_definition(&bias);
    for isa in Isa::available() {
        let found = product.by(isa, &bias).unwrap_or_default();
        assert!(found == wanted, "{isa}: {} rows, {input} inputs, {} outputs", x.len() / input, bias.len());
    }
}

/// Floating point: within what the order of sums and 8 bits of a weight can change.
pub(crate) fn float(data: &[u8]) {
    // More rows than the kernel for few takes.
    let Product { x, w, bias, input } = Product::of(data, |[rows, input, output]| [64 + rows, input, output % 100 + 1]);
    let [single, half] = float_products(&x, &w, input, Some(&bias));
    let output = bias.len();
    assert_eq!((single.len(), half.len()), (x.len() / input * output, single.len()));
    for (place, (single, half)) in single.iter().zip(&half).enumerate() {
        let (row, column) = (place / output, place % output);
        let terms = x[row * input..][..input].iter().zip(&w[column * input..][..input]);
        let products = terms.map(|(x, w)| f64::from(*x) * f64::from(*w));
        let (sum, size) =
            products.fold((0.0, 1.0), |(sum, size): (f64, f64), product| (sum + product, size + product.abs()));
        let wanted = sum + f64::from(bias[column]);
        for (found, tolerance) in [(single, 1e-5), (half, 5e-3)] {
            let difference = (f64::from(*found) - wanted).abs();
            assert!(difference <= tolerance * size, "row {row}, output {column}: {found}, wanted {wanted}");
        }
    }
}
