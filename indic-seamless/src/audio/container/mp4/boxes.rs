//! Boxes, of which an MP4 file consists, and their numbers.

use std::io::{Read, Seek};

use crate::audio::{error::AudioError, scan::Reader};

/// The header of a box.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxHeader {
    pub(super) kind: [u8; 4],
    /// The first byte of the header, of the body, and the one behind the box. No box reaches beyond the one around it.
    pub(super) at: u64,
    pub(super) body: u64,
    pub(super) end: u64,
    /// The size that the header states, if the box would reach beyond the one around it.
    pub(super) cut: Option<u64>,
}

impl BoxHeader {
    /// The kind as text.
    pub(super) fn name(&self) -> String {
        self.kind.iter().map(|&byte| char::from(byte).escape_default().to_string()).collect()
    }
}

/// The header of the box at the current position, in one that ends at `end`. `None` at the end, and where there is no box.
pub(super) fn next_box<S: Read + Seek>(reader: &mut Reader<S>, end: u64) -> Result<Option<BoxHeader>, AudioError> {
    let at = reader.pos();
    let end = end.min(reader.length());
    if at.saturating_add(8) > end {
        return Ok(None);
    }
    let [s0, s1, s2, s3, kind @ ..] = reader.bytes::<8>()?;
    let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
        // Up to the end. QuickTime may end a list of boxes with a 0.
        0 if kind == *b"mdat" => end - at,
        1 if at + 16 <= end => u64::from_be_bytes(reader.bytes()?),
        size => u64::from(size),
    };
    let body = reader.pos();
    if size < body - at {
        return Ok(None);
    }
    let stated = at.saturating_add(size);
    let cut = (stated > end).then_some(size);
    Ok(Some(BoxHeader { kind, at, body, end: stated.min(end), cut }))
}

/// Reads numbers off the start of `bytes`; zeros behind their end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl<'a> Numbers<'a> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((bytes, rest)) => {
                self.0 = rest;
                *bytes
            }
            None => {
                self.0 = &[];
                [0; N]
            }
        }
    }

    pub(super) fn u8(&mut self) -> u8 {
        let [byte] = self.next();
        byte
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.next())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.next())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.next())
    }

    /// A number of 64 bits if `wide`, else of 32.
    pub(super) fn wide(&mut self, wide: bool) -> u64 {
        if wide { self.u64() } else { self.u32().into() }
    }

    /// A signed number of 64 bits if `wide`, else of 32.
    pub(super) fn signed(&mut self, wide: bool) -> i64 {
        if wide { self.u64().cast_signed() } else { self.u32().cast_signed().into() }
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    /// The rest, as numbers of 32 bits; a last incomplete one is left out.
    pub(super) fn all(self) -> impl ExactSizeIterator<Item = u32> + 'a {
        let (numbers, _) = self.0.as_chunks();
        numbers.iter().map(|&number| u32::from_be_bytes(number))
    }

    /// The boxes in the rest: kind and body.
    pub(super) fn boxes(mut self) -> impl Iterator<Item = ([u8; 4], &'a [u8])> {
        std::iter::from_fn(move || {
            let size = (self.0.len() >= 8).then(|| self.u32() as usize).filter(|&size| size >= 8)?;
            let kind = self.next();
            let body = self.0.get(..size - 8).unwrap_or(self.0);
            self.skip(size - 8);
            Some((kind, body))
        })
    }
}
