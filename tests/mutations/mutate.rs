//! [`Mutation`]: what is done to the bytes of a recording.

use std::ops::Range;

use fastrand::Rng;

use crate::{
    containers::seal,
    units::{Field, Unit, units},
};

/// Numbers at which programs go wrong: none, one, and those around the largest of each width.
const INTERESTING: [u64; 18] = [
    0,
    1,
    2,
    7,
    0x10,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x0001_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];
/// The longest stretch that is removed, copied or inserted.
const STRETCH: usize = 4_096;
/// How many of the first bytes are taken for the header of a file.
const HEADER: usize = 1_024;

/// A recording that was changed.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) bytes: Vec<u8>,
    /// Whether checksums were made right again.
    pub(crate) sealed: bool,
    /// What was done, in words.
    pub(crate) what: String,
}

/// Changes `original` in one place, or in two; `other` is another recording to take bytes from.
pub(crate) fn mutate(original: &[u8], other: &[u8], rng: &mut Rng) -> Mutation {
    let mut mutation = Mutation { bytes: original.to_vec(), sealed: false, what: String::new() };
    let times = if rng.u8(..4) == 0 { 2 } else { 1 };
    for _ in 0..times {
        mutation.change(other, rng);
    }
    // What is behind a wrong checksum is only looked at where the checksum is right.
    if original.starts_with(b"OggS") && rng.bool() {
        mutation.seal();
    }
    mutation
}

impl Mutation {
    fn change(&mut self, other: &[u8], rng: &mut Rng) {
        let what = match rng.u8(..16) {
            0 | 1 => self.flip(rng),
            2 => self.fill(rng),
            3 | 4 => self.number(rng),
            5 => self.cut(rng),
            6 => self.remove(rng),
            7 => self.double(rng),
            8 => self.swap(rng),
            9 => self.insert(other, rng),
            10 => self.splice(other, rng),
            11..=13 => self.resize_unit(rng),
            _ => self.move_unit(rng),
        };
        self.what += if self.what.is_empty() { "" } else { ", then " };
        self.what += &what;
    }

    /// A place: anywhere, in the header of the file, or at the start of a unit.
    fn place(&self, rng: &mut Rng) -> usize {
        let length = self.bytes.len().max(1);
        match rng.u8(..8) {
            0 => rng.usize(..length.min(HEADER)),
            1 | 2 => match rng.choice(units(&self.bytes)) {
                Some(unit) => (unit.start + rng.usize(..32)).min(length - 1),
                None => rng.usize(..length),
            },
            _ => rng.usize(..length),
        }
    }

    fn stretch(&self, rng: &mut Rng) -> Range<usize> {
        let start = self.place(rng);
        let most = if rng.bool() { 16 } else { STRETCH };
        start..(start + rng.usize(1..=most)).min(self.bytes.len())
    }

    fn flip(&mut self, rng: &mut Rng) -> String {
        let count = if rng.bool() { 1 } else { rng.usize(2..=16) };
        let first = self.place(rng);
        let places: Vec<usize> = (0..count).map(|_| first + rng.usize(..64)).collect();
        for &place in &places {
            if let Some(byte) = self.bytes.get_mut(place) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        format!("flipped bits at {places:?}")
    }

    fn fill(&mut self, rng: &mut Rng) -> String {
        let range = self.stretch(rng);
        let kind = rng.u8(..3);
        for byte in &mut self.bytes[range.clone()] {
            *byte = [0, 0xff, rng.u8(..)][usize::from(kind)];
        }
        format!("{} at {range:?}", ["zeros", "ones", "noise"][usize::from(kind)])
    }

    fn number(&mut self, rng: &mut Rng) -> String {
        let width = [1, 2, 4, 8][rng.usize(..4)];
        let at = self.place(rng);
        let at = if rng.bool() { at } else { at / width * width };
        let field = Field { at, width, big_endian: rng.bool() };
        let value = *rng.choice(&INTERESTING).expect("a number");
        self.write(field, value);
        format!("{value:#x} in {width} bytes at {at}")
    }

    /// Writes the lower bytes of a number.
    fn write(&mut self, field: Field, value: u64) {
        let Some(target) = self.bytes.get_mut(field.at..field.at + field.width) else { return };
        let digits = value.to_be_bytes();
        target.copy_from_slice(&digits[8 - field.width..]);
        if !field.big_endian {
            target.reverse();
        }
    }

    fn cut(&mut self, rng: &mut Rng) -> String {
        let at = self.place(rng);
        self.bytes.truncate(at);
        format!("cut at {at}")
    }

    fn remove(&mut self, rng: &mut Rng) -> String {
        let range = self.stretch(rng);
        self.bytes.drain(range.clone());
        format!("removed {range:?}")
    }

    fn double(&mut self, rng: &mut Rng) -> String {
        let range = self.stretch(rng);
        let copy = self.bytes[range.clone()].to_vec();
        self.bytes.splice(range.end..range.end, copy);
        format!("doubled {range:?}")
    }

    fn swap(&mut self, rng: &mut Rng) -> String {
        let (a, b) = (self.stretch(rng), self.stretch(rng));
        let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
        let first = first.start..first.end.min(second.start);
        self.exchange(&first, &second);
        format!("swapped {first:?} and {second:?}")
    }

    /// Exchanges two ranges, the second of which lies behind the first.
    fn exchange(&mut self, first: &Range<usize>, second: &Range<usize>) {
        let parts = [&self.bytes[second.clone()], &self.bytes[first.end..second.start], &self.bytes[first.clone()]];
        let parts = parts.concat();
        self.bytes.splice(first.start..second.end, parts);
    }

    fn insert(&mut self, other: &[u8], rng: &mut Rng) -> String {
        let (at, from) = (self.place(rng), rng.usize(..other.len()));
        let most = if rng.bool() { 16 } else { STRETCH };
        let stretch = &other[from..(from + rng.usize(1..=most)).min(other.len())];
        let (stretch, name) = match rng.u8(..3) {
            0 => (vec![0; stretch.len()], "zeros"),
            1 => (stretch.iter().map(|_| rng.u8(..)).collect(), "bytes of noise"),
            _ => (stretch.to_vec(), "bytes of another recording"),
        };
        let at = at.min(self.bytes.len());
        let count = stretch.len();
        self.bytes.splice(at..at, stretch);
        format!("{count} {name} inserted at {at}")
    }

    fn splice(&mut self, other: &[u8], rng: &mut Rng) -> String {
        let at = self.place(rng);
        let from = rng.choice(units(other)).filter(|_| rng.bool()).map_or(rng.usize(..other.len()), |unit| unit.start);
        self.bytes.truncate(at);
        self.bytes.extend(&other[from..]);
        format!("cut at {at}, with another recording from {from} on behind it")
    }

    fn resize_unit(&mut self, rng: &mut Rng) -> String {
        let sizes: Vec<Field> = units(&self.bytes).iter().filter_map(|unit| unit.size).collect();
        let Some(field) = rng.choice(sizes) else { return self.number(rng) };
        let now = self.bytes[field.at..field.at + field.width].to_vec();
        let now = if field.big_endian { now } else { now.into_iter().rev().collect() };
        let now = now.iter().fold(0, |value: u64, &byte| value << 8 | u64::from(byte));
        let value = match rng.u8(..6) {
            0 => now.wrapping_add(rng.u64(1..=16)),
            1 => now.wrapping_sub(rng.u64(1..=16)),
            2 => now.wrapping_mul(2),
            3 => now / 2,
            4 => rng.u64(..),
            _ => *rng.choice(&INTERESTING).expect("a number"),
        };
        self.write(field, value);
        format!("the size at {} from {now:#x} to {value:#x}", field.at)
    }

    fn move_unit(&mut self, rng: &mut Rng) -> String {
        let units = units(&self.bytes);
        let (Some(&a), Some(&b)) = (rng.choice(&units), rng.choice(&units)) else { return self.remove(rng) };
        let Unit { start, end, .. } = a;
        match rng.u8(..4) {
            0 => {
                self.bytes.drain(start..end);
                format!("removed the unit {start}..{end}")
            }
            1 => {
                let copy = self.bytes[start..end].to_vec();
                self.bytes.splice(b.start..b.start, copy);
                format!("copied the unit {start}..{end} to {}", b.start)
            }
            2 => {
                let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
                let (first, second) = (first.start..first.end.min(second.start), second.start..second.end);
                self.exchange(&first, &second);
                format!("swapped the units {first:?} and {second:?}")
            }
            _ => {
                let middle = rng.usize(start..end);
                self.bytes.drain(middle..end);
                format!("removed {middle}..{end}, the rest of a unit")
            }
        }
    }

    /// Makes the checksums of all pages right.
    fn seal(&mut self) {
        for Unit { start, end, .. } in units(&self.bytes) {
            if end - start >= 27 {
                let sealed = seal(self.bytes[start..end].to_vec());
                self.bytes[start..end].copy_from_slice(&sealed);
            }
        }
        self.sealed = true;
        self.what += ", with right checksums";
    }
}
