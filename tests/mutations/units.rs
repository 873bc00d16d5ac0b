//! [`Unit`]: the parts that a recording consists of, chunks, boxes, elements, pages, frames, so that mutations can hit them.

/// A chunk, box, element, page or frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where its size stands, if it states it.
    pub(crate) size: Option<Field>,
}

/// A number in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) at: usize,
    /// How many bytes it has, and whether the first is the highest.
    pub(crate) width: usize,
    pub(crate) big_endian: bool,
}

/// Boxes of MP4 that hold others.
const BOXES: [&[u8; 4]; 9] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf"];
/// Elements of Matroska that hold others: segment, cluster, tracks, track, audio, group of blocks.
const ELEMENTS: [u64; 6] = [0x1853_8067, 0x1f43_b675, 0x1654_ae6b, 0xae, 0xe1, 0xa0];

/// All units of a recording, those in others included.
pub(crate) fn units(bytes: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    match bytes {
        [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..] => chunks(bytes, 12, 4, false, &mut units),
        [b'R', b'I', b'F', b'X', ..] | [b'F', b'O', b'R', b'M', ..] => chunks(bytes, 12, 4, true, &mut units),
        [b'c', b'a', b'f', b'f', ..] => chunks(bytes, 8, 8, true, &mut units),
        [b'r', b'i', b'f', b'f', ..] => wave64(bytes, &mut units),
        [b'.', b's', b'n', b'd', ..] => {
            units.push(Unit { start: 0, end: bytes.len(), size: Some(Field { at: 8, width: 4, big_endian: true }) });
        }
        [b'O', b'g', b'g', b'S', ..] => pages(bytes, &mut units),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => elements(bytes, 0, bytes.len(), &mut units),
        [b'f', b'L', b'a', b'C', ..] => flac(bytes, &mut units),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => boxes(bytes, 0, bytes.len(), &mut units),
        [b'I', b'D', b'3', ..] => frames(bytes, 0, [0xff, 0xf3], &mut units),
        [first, second, ..] => frames(bytes, 0, [*first, *second], &mut units),
        _ => {}
    }
    units
}

/// The number in `bytes`, a size as large as any if it is larger.
fn number(bytes: &[u8], field: Field) -> usize {
    let digits = &bytes[field.at..field.at + field.width];
    let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    let value = if field.big_endian { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) };
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Chunks with a name of four bytes and a size, from `at` on.
fn chunks(bytes: &[u8], mut at: usize, width: usize, big_endian: bool, units: &mut Vec<Unit>) {
    while at + 4 + width <= bytes.len() {
        let size = Field { at: at + 4, width, big_endian };
        let end = (at + 4 + width).saturating_add(number(bytes, size)).min(bytes.len());
        units.push(Unit { start: at, end, size: Some(size) });
        // A byte of padding, but not in CAF.
        at = if width == 4 { end.next_multiple_of(2) } else { end };
    }
}

fn wave64(bytes: &[u8], units: &mut Vec<Unit>) {
    let mut at = 40;
    while at + 24 <= bytes.len() {
        let size = Field { at: at + 16, width: 8, big_endian: false };
        let end = at.saturating_add(number(bytes, size).max(24)).min(bytes.len());
        units.push(Unit { start: at, end, size: Some(size) });
        at = end.next_multiple_of(8);
    }
}

fn pages(bytes: &[u8], units: &mut Vec<Unit>) {
    for at in (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"OggS")) {
        let Some(&count) = bytes.get(at + 26) else { return };
        let lacing = &bytes[at + 27..(at + 27 + usize::from(count)).min(bytes.len())];
        let body: usize = lacing.iter().map(|&size| usize::from(size)).sum();
        let size = Field { at: at + 26, width: 1, big_endian: true };
        units.push(Unit { start: at, end: (at + 27 + lacing.len() + body).min(bytes.len()), size: Some(size) });
    }
}

fn boxes(bytes: &[u8], mut at: usize, end: usize, units: &mut Vec<Unit>) {
    while at + 8 <= end {
        let size = Field { at, width: 4, big_endian: true };
        let next = at.saturating_add(number(bytes, size).max(8)).min(end);
        units.push(Unit { start: at, end: next, size: Some(size) });
        if BOXES.iter().any(|kind| bytes[at + 4..].starts_with(&kind[..])) {
            boxes(bytes, at + 8, next, units);
        }
        at = next;
    }
}

fn elements(bytes: &[u8], mut at: usize, end: usize, units: &mut Vec<Unit>) {
    // The first byte of a number tells how long it is.
    let length = |at: usize| bytes.get(at).map_or(9, |byte| byte.leading_zeros() as usize + 1);
    while at < end {
        let (id_width, width) = (length(at), length(at + length(at)));
        let (size_at, body) = (at + id_width, at + id_width + width);
        if id_width > 4 || width > 8 || body > end {
            return;
        }
        let id = number(bytes, Field { at, width: id_width, big_endian: true }) as u64;
        let size = Field { at: size_at, width, big_endian: true };
        let ones = (1_usize << (7 * width)) - 1;
        let stated = number(bytes, size) & ones;
        let next = if stated == ones { end } else { body.saturating_add(stated).min(end) };
        units.push(Unit { start: at, end: next, size: Some(size) });
        if ELEMENTS.contains(&id) {
            elements(bytes, body, next, units);
        }
        at = next;
    }
}

/// Blocks of metadata and frames.
fn flac(bytes: &[u8], units: &mut Vec<Unit>) {
    let mut at = 4;
    while at + 4 <= bytes.len() {
        let size = Field { at: at + 1, width: 3, big_endian: true };
        let end = (at + 4 + number(bytes, size)).min(bytes.len());
        units.push(Unit { start: at, end, size: Some(size) });
        let is_last = bytes[at] >> 7 == 1;
        at = end;
        if is_last {
            break;
        }
    }
    frames(bytes, at, [0xff, 0xf8], units);
}

/// Frames that start with these two bytes. Such bytes in the middle of a frame are taken for a start, too.
fn frames(bytes: &[u8], from: usize, sync: [u8; 2], units: &mut Vec<Unit>) {
    let places = bytes.windows(2).enumerate().skip(from).filter(|(_, pair)| *pair == sync).map(|(at, _)| at);
    let starts: Vec<usize> = places.collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    units.extend(starts.iter().zip(ends).map(|(&start, end)| Unit { start, end, size: None }));
}
