//! Vorbis: how much memory a decoder needs, before there is one.

use super::error::AudioError;

/// What a codebook starts with, 24 bits.
const SYNC: u128 = 0x56_4342;
/// The most numbers in the tables of all codebooks. Real streams have a hundredth of it.
const MOST: u128 = 1 << 24;

/// Refuses headers whose codebooks would need very much memory: a few bytes can state the largest tables
/// ([Vorbis I, section 3.2.1](https://xiph.org/vorbis/doc/Vorbis_I_spec.html#x1-530003.2.1)).
///
/// Codebooks start at any bit, and only a decoder knows where. What looks like the start of one is taken for one.
pub(super) fn check_codebooks(headers: &[u8]) -> Result<(), AudioError> {
    // The lowest bits come first: the start, 16 bits of dimensions, and 24 bits of entries.
    let starts = headers.windows(9).flat_map(|bytes| {
        let bits = bytes.iter().rev().fold(0_u128, |bits, &byte| bits << 8 | u128::from(byte));
        (0..8).map(move |at| bits >> at).filter(|bits| bits & 0xff_ffff == SYNC)
    });
    // An entry has a code word, its length, and a vector.
    let numbers = starts.map(|bits| (bits >> 40 & 0xff_ffff) * ((bits >> 24 & 0xffff) + 2)).sum::<u128>();
    if numbers > MOST {
        return Err(AudioError::damaged(format!("Vorbis codebooks of {numbers} numbers")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codebooks of so many dimensions and entries, each with some bits behind it.
    fn codebooks(count: usize, dimensions: u128, entries: u128, behind: u32) -> Vec<u8> {
        let mut bytes = vec![0; (count * (64 + behind as usize)).div_ceil(8) + 16];
        for book in 0..count {
            let at = book * (64 + behind as usize);
            let bits = (entries << 40 | dimensions << 24 | SYNC) << (at % 8);
            bytes[at / 8..].iter_mut().zip(bits.to_le_bytes()).for_each(|(to, byte)| *to |= byte);
        }
        bytes
    }

    #[test]
    fn refuses_codebooks_that_are_too_large() {
        for behind in [0, 3, 41] {
            assert!(check_codebooks(&codebooks(40, 8, 6_561, behind)).is_ok());
            assert!(check_codebooks(&codebooks(3, 32, 131_072, behind)).is_ok());
            assert!(check_codebooks(&codebooks(4, 32, 131_072, behind)).is_err());
        }
        assert!(check_codebooks(&[]).is_ok());
    }
}
