//! The kernels of every instruction set that this machine has, against sums in whole numbers.

use super::{product::multiply, *};
use crate::kernels::{
    activation::Activation,
    fuzzing::{packed, packed_nibbles},
    isa::{Isa, Kernels},
    tests::values,
};

/// Rows, inputs and outputs of a product with a few more rows than pass along a panel at a time.
const TWO_BLOCKS: (usize, usize, usize) = (BLOCK_BYTES.div_ceil(1024) + tile::ROWS + 1, 1024, 5);

/// Every instruction set of this machine.
fn available() -> impl Iterator<Item = (Isa, Kernels)> {
    Isa::available().filter_map(|isa| Some((isa, isa.detect()?)))
}

/// The byte of output `o` and input `i`, read off as the format says.
fn byte(packed: &[i8], groups: usize, o: usize, i: usize) -> i32 {
    i32::from(packed[((o / 64 * groups + i / 4) * 64 + o % 64) * 4 + i % 4])
}

#[test]
fn products_are_those_of_the_bytes() {
    // Every number of rows that a tile may have, whole and broken stretches, vectors and pairs of groups.
    let sizes = [
        (1, 1, 1),
        (1, 67, 33),
        (2, 16, 64),
        (3, 300, 70),
        (4, 260, 64),
        (5, 100, 141),
        (6, 33, 65),
        (7, 300, 64),
        (13, 1100, 70),
        (25, 64, 130),
        TWO_BLOCKS,
    ];
    for ((isa, kernels), (rows, input, output)) in available().flat_map(|isa| sizes.map(|size| (isa, size))) {
        let (x, w, bias) = (values(rows * input, 1), values(output * input, 2), values(output, 3));
        let (packed, scales) = packed(&w, input);
        let [_, groups, ..] = packed_shape(output, input);
        let quantised = Rows::quantise(&x, input);
        let plain = Matrix { values: Values::Bytes(&packed), scales: &scales, bias: None, activation: None };
        let with_bias = Matrix { bias: Some(&bias), activation: Some(Activation::Relu), ..plain };
        // What is not written stays NaN.
        let mut found = [vec![f32::NAN; rows * output + 3], vec![f32::NAN; rows * output]];
        multiply(kernels, &quantised, &[plain, with_bias], &mut found);
        assert_eq!(found[0].len(), rows * output);
        for (row, o) in (0..rows).flat_map(|row| (0..output).map(move |o| (row, o))) {
            let x = &quantised.values[row * quantised.depth..];
            let sum: i32 = (0..input).map(|i| i32::from(x[i]) * byte(&packed, groups, o, i)).sum();
            let wanted = sum as f32 * (quantised.scales[row] * scales[o]);
            assert_eq!(found[0][row * output + o], wanted, "{isa}, row {row}, output {o}");
            assert_eq!(found[1][row * output + o], (wanted + bias[o]).max(0.0), "{isa}, row {row}, output {o}");
        }
    }
}

/// The byte that the half byte of output `o` and input `i` stands for, read off as the format says.
fn byte_of_half(packed: &[u8], blocks: usize, o: usize, i: usize) -> i32 {
    let block = &packed[(o / 64 * blocks + i / 8) * 272..][..272];
    let both = block[o % 64 * 4 + i % 4];
    let half = if i % 8 < 4 { both & 0xf } else { both >> 4 };
    (i32::from(half) - 8) * i32::from(block[256 + o % 64 / 4] & 0xf)
}

#[test]
fn products_of_half_bytes_are_those_of_their_bytes() {
    // Parts of blocks, of panels, and of what becomes bytes at a time; every number of rows of a tile.
    let sizes = [
        (1, 1, 1),
        (1, 67, 33),
        (2, 260, 64),
        (3, 300, 70),
        (4, 1028, 64),
        (5, 9, 141),
        (6, 33, 65),
        (13, 523, 70),
        (25, 64, 130),
        TWO_BLOCKS,
    ];
    for ((isa, kernels), (rows, input, output)) in available().flat_map(|isa| sizes.map(|size| (isa, size))) {
        let (x, w) = (values(rows * input, 1), values(output * input, 2));
        let [_, blocks, ..] = nibble_shape(output, input);
        let (packed, scales) = packed_nibbles(&w, input);
        let quantised = Rows::quantise(&x, input);
        let matrix = Matrix { values: Values::Nibbles(&packed), scales: &scales, bias: None, activation: None };
        let mut found = [vec![f32::NAN; rows * output]];
        multiply(kernels, &quantised, &[matrix], &mut found);
        for (row, o) in (0..rows).flat_map(|row| (0..output).map(move |o| (row, o))) {
            let x = &quantised.values[row * quantised.depth..];
            let sum: i32 = (0..input).map(|i| i32::from(x[i]) * byte_of_half(&packed, blocks, o, i)).sum();
            let wanted = sum as f32 * (quantised.scales[row] * scales[o]);
            assert_eq!(found[0][row * output + o], wanted, "{isa}, row {row}, output {o}");
        }
        let groups = input.div_ceil(4);
        let bytes = bytes_of(&packed, output, input);
        for (o, i) in (0..output).flat_map(|o| (0..input).map(move |i| (o, i))) {
            assert_eq!(byte(&bytes, groups, o, i), byte_of_half(&packed, blocks, o, i), "output {o}, input {i}");
        }
    }
}

/// Whatever half bytes and steps a file has.
#[test]
fn the_largest_half_bytes_do_not_overflow() {
    let (input, output) = (8192, 64);
    let shape = nibble_shape(output, input);
    for ((isa, kernels), byte) in available().flat_map(|isa| [0x00, 0xff].map(|byte| (isa, byte))) {
        let packed = vec![byte; shape.iter().product()];
        // All steps are the low four bits of the byte.
        let weight = if byte == 0 { 0 } else { 7 * 15 };
        let mut extreme = packed.clone();
        extreme.chunks_exact_mut(272).for_each(|block| block[256..].fill(0xff));
        for (packed, weight) in [(&packed, weight), (&extreme, if byte == 0 { -8 * 15 } else { weight })] {
            for (rows, sign) in [(1, 1.0), (1, -1.0), (6, 1.0), (6, -1.0)] {
                let quantised = Rows::quantise(&vec![sign; rows * input], input);
                let mut found = [Vec::new()];
                let matrix =
                    Matrix { values: Values::Nibbles(packed), scales: &[1.0; 64], bias: None, activation: None };
                multiply(kernels, &quantised, &[matrix], &mut found);
                let wanted = (weight * 127 * input as i32) as f32 * sign * quantised.scales[0];
                for y in &found[0] {
                    assert_eq!(*y, wanted, "{isa}, half bytes {byte:#x}");
                }
            }
        }
    }
}

#[test]
fn half_bytes_err_by_a_part_of_the_largest_of_their_lane() {
    let (output, input) = (64, 96);
    let mut w = values(output * input, 5);
    // Outputs without numbers, and with one that is far larger than the others.
    w[..input].fill(0.0);
    w[2 * input] = 40.0;
    let shape @ [_, blocks, ..] = nibble_shape(output, input);
    let (mut packed, mut scales) = (vec![0; shape.iter().product()], vec![0.0; output]);
    pack_nibbles(&w, input, &mut packed, &mut scales);
    let (mut errors, mut all) = (0.0, 0.0);
    for (o, i) in (0..output).flat_map(|o| (0..input).map(move |i| (o, i))) {
        let found = byte_of_half(&packed, blocks, o, i) as f32 * scales[o];
        if !(0..4).contains(&o) {
            errors += (found - w[o * input + i]).powi(2);
            all += w[o * input + i].powi(2);
        }
        if o == 0 {
            assert_eq!(found, 0.0);
        }
    }
    assert_eq!(byte_of_half(&packed, blocks, 2, 0) as f32 * scales[2], 40.0);
    // 16 levels over a uniform distribution leave 1/sqrt(3) of half a level of about an eighth.
    let error = (errors / all).sqrt();
    assert!((0.03..0.1).contains(&error), "{error}");
}

#[test]
fn a_row_that_is_no_number_gives_none() {
    let (input, output) = (100, 70);
    let (packed, scales) = packed(&values(output * input, 2), input);
    let matrix =
        Matrix { values: Values::Bytes(&packed), scales: &scales, bias: None, activation: Some(Activation::Relu) };
    for ((isa, kernels), rows) in available().flat_map(|isa| [1, 9].map(|rows| (isa, rows))) {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = values(rows * input, 1);
            x[(rows - 1) * input + 99] = bad;
            let mut found = [Vec::new()];
            multiply(kernels, &Rows::quantise(&x, input), &[matrix], &mut found);
            let (good, bad) = found[0].split_at((rows - 1) * output);
            assert!(good.iter().all(|y| y.is_finite()) && bad.iter().all(|y| y.is_nan()), "{isa}");
        }
    }
}

/// Rows take the place of others, of other sizes, and of rows that are no numbers.
#[test]
fn rows_are_filled_again() {
    let mut rows = Rows::default();
    for (count, input) in [(3, 70), (2, 64), (5, 64), (1, 1), (4, 70)] {
        let mut x = values(count * input, 7);
        for (place, value) in [(0, f32::NAN), (count - 1, 0.0), (count / 2, 1e-38)] {
            x[place * input..(place + 1) * input].fill(value);
            rows.refill(&x, input);
            let wanted = Rows::quantise(&x, input);
            assert_eq!((&rows.values, &rows.sums, rows.depth), (&wanted.values, &wanted.sums, wanted.depth));
            assert!(rows.scales.iter().zip(&wanted.scales).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert!(
                rows.values
                    .chunks(rows.depth)
                    .zip(&rows.sums)
                    .all(|(row, sum)| { row.iter().map(|byte| i32::from(*byte)).sum::<i32>() == *sum })
            );
        }
    }
}

#[test]
fn the_largest_bytes_do_not_overflow() {
    let (input, output) = (8192, 64);
    for ((isa, kernels), sign) in available().flat_map(|isa| [1.0, -1.0].map(|sign| (isa, sign))) {
        let (packed, scales) = packed(&vec![-1.0; input * output], input);
        for rows in [1, 6] {
            let quantised = Rows::quantise(&vec![sign; rows * input], input);
            let mut found = [Vec::new()];
            let matrix = Matrix { values: Values::Bytes(&packed), scales: &scales, bias: None, activation: None };
            multiply(kernels, &quantised, &[matrix], &mut found);
            for y in &found[0] {
                assert!((y + sign * input as f32).abs() < 0.01, "{isa}: {y}");
            }
        }
    }
}

#[test]
fn quantising_errs_by_half_a_step_at_most() {
    let (rows, input) = (5, 203);
    let mut x = values(rows * input, 4);
    x[input..2 * input].fill(0.0);
    let quantised = Rows::quantise(&x, input);
    for (row, x) in x.chunks(input).enumerate() {
        let (bytes, scale) = (&quantised.values[row * quantised.depth..][..quantised.depth], quantised.scales[row]);
        let largest = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        assert!((scale - largest / 127.0).abs() < 1e-7);
        assert_eq!(quantised.sums[row], bytes.iter().map(|&b| i32::from(b)).sum::<i32>());
        assert!(bytes[input..].iter().all(|&b| b == 0));
        for (x, byte) in x.iter().zip(bytes) {
            assert!((x - f32::from(*byte) * scale).abs() <= scale * 0.5001, "{x}: {byte} · {scale}");
        }
    }
    let (packed, scales) = packed(&x, input);
    let bytes: Vec<u8> = packed.iter().map(|&byte| byte as u8).collect();
    for ((x, found), scale) in x.chunks(input).zip(unpack(&bytes, &scales, input).chunks(input)).zip(scales) {
        for (x, found) in x.iter().zip(found) {
            assert!((x - found).abs() <= scale * 0.5001, "{x}: {found}");
        }
    }
}
