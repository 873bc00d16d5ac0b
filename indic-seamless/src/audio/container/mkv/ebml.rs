//! Elements, of which a Matroska file consists.

use std::io::{Read, Seek};

use crate::audio::{error::AudioError, scan::Reader};

/// The header of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) id: u32,
    /// The first byte of the header.
    pub(super) at: u64,
    /// The size of the body in bytes; `None` where it is not known.
    pub(super) size: Option<u64>,
}

/// The header of the element at the current position. `None` where there is none, or not all of it.
pub(super) fn header<S: Read + Seek>(reader: &mut Reader<S>) -> Result<Option<Header>, AudioError> {
    let at = reader.pos();
    let Some((id, 1..=4)) = number(reader, true)? else { return Ok(None) };
    let Some((size, length)) = number(reader, false)? else { return Ok(None) };
    let size = (size < ones(length)).then_some(size);
    Ok(u32::try_from(id).ok().map(|id| Header { id, at, size }))
}

/// The greatest number of so many bytes.
fn ones(length: u32) -> u64 {
    (1 << (7 * length)) - 1
}

/// A number of variable length, and its length in bytes. The first byte tells the length.
fn number<S: Read + Seek>(reader: &mut Reader<S>, keep_marker: bool) -> Result<Option<(u64, u32)>, AudioError> {
    let Some([first]) = reader.try_bytes()? else { return Ok(None) };
    let length = first.leading_zeros() + 1;
    if length > 8 || reader.left() < u64::from(length) - 1 {
        return Ok(None);
    }
    let mut value = u64::from(first);
    for _ in 1..length {
        let [byte] = reader.bytes()?;
        value = value << 8 | u64::from(byte);
    }
    Ok(Some((if keep_marker { value } else { value & ones(length) }, length)))
}

/// A number of variable length at the start of `bytes`, its length, and what follows.
pub(super) fn split_number(bytes: &[u8]) -> Option<(u64, u32, &[u8])> {
    let length = bytes.first()?.leading_zeros() + 1;
    let (number, rest) = bytes.split_at_checked(length as usize).filter(|_| length <= 8)?;
    Some((unsigned(number) & ones(length), length, rest))
}

/// The elements in `bytes`: ids and bodies. One that is not all there, or has no size, takes the rest.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let length = bytes.first()?.leading_zeros() + 1;
        let (id, rest) = bytes.split_at_checked(length as usize).filter(|_| length <= 4)?;
        let (size, length, rest) = split_number(rest)?;
        let size = usize::try_from(size).ok().filter(|_| size < ones(length)).unwrap_or(usize::MAX);
        let (body, rest) = rest.split_at(size.min(rest.len()));
        bytes = rest;
        Some((unsigned(id) as u32, body))
    })
}

/// The last 64 bits of a number.
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// A number with a sign.
pub(super) fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    (unsigned(bytes) << (unused % 64)).cast_signed() >> (unused % 64)
}

/// A float of 32 or 64 bits; 0 for other sizes.
pub(super) fn float(bytes: &[u8]) -> f64 {
    match *bytes {
        [a, b, c, d] => f32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers() {
        assert_eq!(split_number(&[0x81, 9]), Some((1, 1, &[9][..])));
        assert_eq!(split_number(&[0x40, 2]), Some((2, 2, &[][..])));
        assert_eq!(split_number(&[0x40]), None);
        assert_eq!(split_number(&[0]), None);
        assert_eq!((signed(&[0xff, 0xfe]), signed(&[0x7f]), signed(&[])), (-2, 127, 0));
        assert_eq!((float(&[0x3f, 0x80, 0, 0]), float(&[1])), (1.0, 0.0));
        let found: Vec<_> = elements(&[0x42, 0x86, 0x81, 7, 0xa3, 0x85, 1]).collect();
        assert_eq!(found, [(0x4286, &[7][..]), (0xa3, &[1][..])]);
    }
}
