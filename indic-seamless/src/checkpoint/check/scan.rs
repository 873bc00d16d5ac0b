//! Reads files once, in pieces: for their SHA-256, and to find values that not every kernel multiplies rightly.

use std::{borrow::Cow, ops::Range};

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::{CheckProblem, CheckProblemKind, content::Content, tensors::Needed};
use crate::{checkpoint::OnProgress, error::Result};

/// Bytes that a thread reads at a time; a multiple of the size of every type.
const PIECE: usize = 4 << 20;

/// Numbers of a tensor in a file.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// Which of the needed tensors.
    pub(super) tensor: usize,
    pub(super) dtype: Dtype,
    pub(super) range: Range<usize>,
}

/// The findings in a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sha256: Option<String>,
    /// The number of tested numbers.
    pub(super) values: u64,
    /// Per tensor, in the order of the file.
    broken: Vec<(usize, Broken)>,
}

/// Numbers that are NaN or infinite, or bytes of -128.
#[derive(Debug, Clone, Copy)]
struct Broken {
    count: u64,
    /// The index of the first one in the tensor, and its value.
    first: usize,
    value: f32,
}

impl Found {
    pub(super) fn problems(&self, file: &str, tensors: &[Needed<'_>]) -> Vec<CheckProblem> {
        let problem = |&(tensor, broken): &(usize, Broken)| {
            let Broken { count, first, value } = broken;
            let tensor = tensors.get(tensor)?;
            let (kind, wanted) = match tensor.dtype() {
                Dtype::I8 => (CheckProblemKind::Quantization, "bytes from -127 to 127"),
                _ => (CheckProblemKind::NonFinite, "finite numbers"),
            };
            Some(CheckProblem {
                kind,
                file: file.to_owned(),
                place: Some(tensor.name.clone()),
                found: format!("{value} at index {first}, {count} such value{},", if count == 1 { "" } else { "s" }),
                wanted: wanted.to_owned(),
            })
        };
        self.broken.iter().filter_map(problem).collect()
    }
}

/// Part of a file that is read at once.
struct Piece {
    range: Range<usize>,
    /// Index of the tensor in the list of numbers, and index of the first number in the tensor.
    numbers: Option<(usize, usize)>,
}

/// Reads file after file, and reports the progress.
pub(super) struct Reading<'a> {
    hashes: bool,
    values: bool,
    progress: OnProgress<'a>,
    done: u64,
    all: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(hashes: bool, values: bool, progress: OnProgress<'a>) -> Self {
        Self { hashes, values, progress, done: 0, all: 0 }
    }

    /// Adds a file to the number of bytes to read.
    pub(super) fn plan(&mut self, content: &Content, numbers: &[Numbers]) {
        self.all += match (self.hashes, self.values) {
            (true, _) => content.len() as u64,
            (false, true) => numbers.iter().map(|numbers| numbers.range.len() as u64).sum(),
            (false, false) => 0,
        };
    }

    /// Reads a file. While the pieces of one batch are read and searched, those of the batch before are hashed.
    pub(super) fn read(&mut self, content: &Content, numbers: &[Numbers]) -> Result<Found> {
        let numbers = if self.values { numbers } else { &[] };
        let pieces = pieces(numbers, self.hashes.then_some(content.len()));
        let mut found = Found::default();
        let mut hasher = Sha256::new();
        let mut before: Vec<Cow<'_, [u8]>> = Vec::new();
        let mut add = |bytes: Vec<Cow<'_, [u8]>>| bytes.iter().for_each(|bytes| hasher.update(bytes));
        for batch in batches(&pieces) {
            let look = |piece: &Piece| {
                let bytes = content.read(piece.range.clone())?;
                let broken = piece.numbers.and_then(|(i, start)| broken(&bytes, numbers[i].dtype, start));
                Ok((bytes, broken))
            };
            let read = || batch.par_iter().map(look).collect::<Result<Vec<_>>>();
            let hashed = std::mem::take(&mut before);
            let (read, ()) = rayon::join(read, || add(hashed));
            for (piece, (bytes, broken)) in batch.iter().zip(read?) {
                self.done += bytes.len() as u64;
                if let Some((i, _)) = piece.numbers {
                    found.values += (bytes.len() * 8 / numbers[i].dtype.bitsize()) as u64;
                    found.add(numbers[i].tensor, broken);
                }
                if self.hashes {
                    before.push(bytes);
                }
            }
            (self.progress)(self.done, self.all);
        }
        add(before);
        found.sha256 = self.hashes.then(|| hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        Ok(found)
    }
}

impl Found {
    fn add(&mut self, tensor: usize, broken: Option<Broken>) {
        match (self.broken.last_mut(), broken) {
            (_, None) => {}
            (Some((last, all)), Some(broken)) if *last == tensor => all.count += broken.count,
            (_, Some(broken)) => self.broken.push((tensor, broken)),
        }
    }
}

/// Cuts a file into pieces: its `numbers`, and what is between them if all `len` bytes are to be read.
fn pieces(numbers: &[Numbers], len: Option<usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut cut = |range: Range<usize>, numbers: Option<(usize, usize)>| {
        for start in range.clone().step_by(PIECE) {
            let numbers = numbers.map(|(i, size)| (i, (start - range.start) / size));
            pieces.push(Piece { range: start..range.end.min(start + PIECE), numbers });
        }
    };
    let mut end = 0;
    for (i, numbers) in numbers.iter().enumerate() {
        if len.is_some() {
            cut(end..numbers.range.start, None);
        }
        cut(numbers.range.clone(), Some((i, numbers.dtype.bitsize() / 8)));
        end = numbers.range.end;
    }
    cut(end..len.unwrap_or(end), None);
    pieces
}

/// Groups of pieces that are in memory at the same time: two for each thread.
fn batches(pieces: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    let most = 2 * rayon::current_num_threads() * PIECE;
    let mut rest = pieces;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |piece: &&Piece| {
            bytes += piece.range.len();
            bytes <= most
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

/// The numbers among `bytes` that are broken; `start` is the index of the first number.
fn broken(bytes: &[u8], dtype: Dtype, start: usize) -> Option<Broken> {
    match dtype {
        Dtype::I8 => find(bytes, start, |b| i8::from_le_bytes(b) == i8::MIN, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::F32 => find(bytes, start, |b| u32::from_le_bytes(b) & 0x7f80_0000 == 0x7f80_0000, f32::from_le_bytes),
        Dtype::BF16 => {
            let value = |b| bf16::from_le_bytes(b).to_f32();
            find(bytes, start, |b| u16::from_le_bytes(b) & 0x7f80 == 0x7f80, value)
        }
        Dtype::F16 => {
            let value = |b| f16::from_le_bytes(b).to_f32();
            find(bytes, start, |b| u16::from_le_bytes(b) & 0x7c00 == 0x7c00, value)
        }
        _ => None,
    }
}

fn find<const N: usize>(
    bytes: &[u8],
    start: usize,
    is_broken: impl Fn([u8; N]) -> bool,
    value: impl Fn([u8; N]) -> f32,
) -> Option<Broken> {
    let numbers = bytes.as_chunks::<N>().0;
    let count = numbers.iter().map(|&number| u64::from(is_broken(number))).sum();
    let first = if count > 0 { numbers.iter().position(|&number| is_broken(number))? } else { return None };
    Some(Broken { count, first: start + first, value: value(numbers[first]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_hashed_and_every_number_seen() {
        let count = PIECE / 2 + 5;
        let mut floats = vec![1.0f32; count];
        floats[7] = f32::NAN;
        floats[count - 1] = f32::INFINITY;
        let mut bytes = vec![9; 3];
        bytes.extend(floats.iter().flat_map(|x| x.to_le_bytes()));
        let halves = bytes.len()..bytes.len() + 4;
        bytes.extend([0x00, 0x3c, 0x00, 0xfc]);
        let packed = bytes.len()..bytes.len() + 3;
        bytes.extend([0x81, 0x7f, 0x80]);
        bytes.extend([1, 2, 3]);
        let numbers = vec![
            Numbers { tensor: 4, dtype: Dtype::F32, range: 3..3 + 4 * count },
            Numbers { tensor: 1, dtype: Dtype::F16, range: halves },
            Numbers { tensor: 2, dtype: Dtype::I8, range: packed },
        ];
        let wanted: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let content = Content::Memory(bytes.clone().into());
        let mut last = (0, 0);
        let mut progress = |done, all| last = (done, all);
        let mut reading = Reading::new(true, true, &mut progress);
        reading.plan(&content, &numbers);
        let found = reading.read(&content, &numbers).expect("memory");
        assert_eq!(last, (bytes.len() as u64, bytes.len() as u64));
        assert_eq!((found.sha256, found.values), (Some(wanted), count as u64 + 5));
        let [(4, first), (1, second), (2, third)] = found.broken[..] else { panic!("{:?}", found.broken) };
        assert_eq!((first.count, first.first, first.value.is_nan()), (2, 7, true));
        assert_eq!((second.count, second.first, second.value), (1, 1, f32::NEG_INFINITY));
        assert_eq!((third.count, third.first, third.value), (1, 2, -128.0));

        let mut progress = |done, all| last = (done, all);
        let mut reading = Reading::new(false, true, &mut progress);
        reading.plan(&content, &numbers);
        let found = reading.read(&content, &numbers).expect("memory");
        assert_eq!((found.sha256, found.broken.len()), (None, 3));
        assert_eq!(last, (4 * count as u64 + 7, 4 * count as u64 + 7));
    }
}
