//! Subframes: the samples of a channel in a FLAC frame
//! ([RFC 9639, section 9.2](https://www.rfc-editor.org/rfc/rfc9639#section-9.2)).

use super::bits::Bits;

/// The predictors without coefficients in the file, by order.
const FIXED: [&[i64]; 5] = [&[], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]];

/// Reads `out.len()` samples of `bits` bits; `None` where the bytes make no sense.
pub(super) fn read(input: &mut Bits<'_>, bits: u32, out: &mut [i64]) -> Option<()> {
    let kind = input.unsigned(7)?;
    // Low bits that are 0 in all samples.
    let wasted = if input.unsigned(1)? == 0 { 0 } else { u32::try_from(input.zeros()?).ok()?.checked_add(1)? };
    let bits = bits.checked_sub(wasted)?;
    match kind {
        0 => out.fill(input.signed(bits)?),
        1 => plain(input, bits, out)?,
        8..=12 => {
            let coefficients = *FIXED.get(kind as usize - 8)?;
            plain(input, bits, out.get_mut(..coefficients.len())?)?;
            residual(input, coefficients.len(), out)?;
            predict(coefficients, 0, out);
        }
        32..=63 => {
            let order = kind as usize - 31;
            plain(input, bits, out.get_mut(..order)?)?;
            let precision = input.unsigned(4)? as u32 + 1;
            let shift = u32::try_from(input.signed(5)?).ok().filter(|_| precision < 16)?;
            let mut coefficients = [0; 32];
            let coefficients = coefficients.get_mut(..order)?;
            plain(input, precision, coefficients)?;
            residual(input, order, out)?;
            predict(coefficients, shift, out);
        }
        _ => return None,
    }
    out.iter_mut().for_each(|sample| *sample <<= wasted);
    Some(())
}

fn plain(input: &mut Bits<'_>, bits: u32, out: &mut [i64]) -> Option<()> {
    out.iter_mut().try_for_each(|sample| input.signed(bits).map(|value| *sample = value))
}

/// Reads the differences from the prediction of all samples but the first `order`.
fn residual(input: &mut Bits<'_>, order: usize, out: &mut [i64]) -> Option<()> {
    let width = match input.unsigned(2)? {
        0 => 4,
        1 => 5,
        _ => return None,
    };
    let partitions = 1 << input.unsigned(4)?;
    let size = out.len() / partitions;
    if size * partitions != out.len() || size < order || size == 0 {
        return None;
    }
    let escape = (1 << width) - 1;
    for (number, part) in out.chunks_mut(size).enumerate() {
        let part = part.get_mut(if number == 0 { order } else { 0 }..)?;
        let parameter = input.unsigned(width)?;
        if parameter == escape {
            let bits = input.unsigned(5)? as u32;
            plain(input, bits, part)?;
            continue;
        }
        for difference in part {
            let high = input.zeros()?;
            let folded = high << parameter | input.unsigned(parameter as u32)?;
            *difference = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        }
    }
    Some(())
}

/// Adds to each sample what the ones before predict, the latest first.
fn predict(coefficients: &[i64], shift: u32, out: &mut [i64]) {
    for at in coefficients.len()..out.len() {
        let (before, rest) = out.split_at_mut(at);
        let products = coefficients.iter().zip(before.iter().rev()).map(|(a, b)| a.wrapping_mul(*b));
        let sum = products.fold(0, i64::wrapping_add);
        if let Some(sample) = rest.first_mut() {
            *sample = sample.wrapping_add(sum >> shift);
        }
    }
}
