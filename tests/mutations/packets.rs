//! The packets of the committed clips, to be put into other containers.

use std::{fs, path::Path};

use crate::containers::{atom, numbers, packets, page, pages};

/// A stream of packets.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) codec: Codec,
    /// The header of the codec, as its own container has it.
    pub(crate) header: Vec<u8>,
    pub(crate) packets: Vec<Vec<u8>>,
    /// The rate in Hz, and the samples of a packet at this rate.
    pub(crate) rate: u32,
    pub(crate) each: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Aac,
    Mp3,
    Opus,
    Vorbis,
    Flac,
}

pub(crate) fn clip(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clips").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The speech of the clips as little-endian samples of 16 bits at 16 kHz, the first `count` of them.
pub(crate) fn speech(count: usize) -> Vec<u8> {
    clip("hi.wav")[44..44 + 2 * count].to_vec()
}

impl Stream {
    pub(crate) fn aac() -> Self {
        let size = |head: &[u8]| usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5]) >> 5;
        let packets = frames(&clip("hi.aac"), size).into_iter().map(|frame| frame[7..].to_vec()).collect();
        // AAC-LC, 16 kHz, mono.
        Self { codec: Codec::Aac, header: vec![0x14, 0x08], packets, rate: 16_000, each: 1_024 }
    }

    pub(crate) fn mp3() -> Self {
        // 32 kbit/s at 16 kHz.
        let packets = frames(&clip("short_plain.mp3"), |_| 144);
        Self { codec: Codec::Mp3, header: Vec::new(), packets, rate: 16_000, each: 576 }
    }

    pub(crate) fn opus() -> Self {
        let mut packets = packets(&clip("hi.opus"));
        let header = packets.drain(..2).next().expect("a header");
        Self { codec: Codec::Opus, header, packets, rate: 48_000, each: 960 }
    }

    /// Vorbis, with all three headers in one, as Matroska has them. The packets vary in length; `each` is the longest.
    pub(crate) fn vorbis() -> Self {
        let mut packets = packets(&clip("hi.ogg"));
        let headers: Vec<_> = packets.drain(..3).collect();
        let mut header = vec![2];
        for size in headers[..2].iter().map(Vec::len) {
            header.extend(vec![255; size / 255]);
            header.push((size % 255) as u8);
        }
        header.extend(headers.concat());
        Self { codec: Codec::Vorbis, header, packets, rate: 16_000, each: 1_024 }
    }

    /// FLAC, with its first block of metadata.
    pub(crate) fn flac() -> Self {
        let bytes = clip("hi.flac");
        let mut at = 4;
        loop {
            let (last, size) =
                (bytes[at] >> 7 == 1, u32::from_be_bytes([0, bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
            at += 4 + size as usize;
            if last {
                break;
            }
        }
        let starts = |number: u8, head: &[u8]| matches!(head, &[0xff, 0xf8, 0x35 | 0x65, 8, n] if n == number);
        let mut starts_at = Vec::new();
        for (at, head) in bytes.windows(5).enumerate().skip(at) {
            if starts(starts_at.len() as u8, head) {
                starts_at.push(at);
            }
        }
        let ends = starts_at.iter().skip(1).copied().chain([bytes.len()]);
        let packets = starts_at.iter().zip(ends).map(|(&start, end)| bytes[start..end].to_vec()).collect();
        let mut header = bytes[4..42].to_vec();
        header[0] |= 0x80;
        Self { codec: Codec::Flac, header, packets, rate: 16_000, each: 1_152 }
    }

    /// The stream as a FLAC file without padding.
    pub(crate) fn flac_file(&self) -> Vec<u8> {
        [&b"fLaC"[..], &self.header, &self.packets.concat()].concat()
    }

    /// The first packets, for about so many seconds, without a checksum of all samples.
    pub(crate) fn first(mut self, seconds: f64) -> Self {
        if self.codec == Codec::Flac {
            self.header[22..].fill(0);
        }
        self.packets.truncate((seconds * f64::from(self.rate) / f64::from(self.each)) as usize);
        self
    }
}

/// Frames one behind the other, each of the size that its header states.
fn frames(mut bytes: &[u8], size: impl Fn(&[u8]) -> usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (frame, rest) = bytes.split_at(size(bytes));
        frames.push(frame.to_vec());
        bytes = rest;
    }
    frames
}

/// An Opus file with `count` packets on a page.
pub(crate) fn ogg_opus(count: usize) -> Vec<u8> {
    repaged("hi.opus", 2, count, |number| number * 960)
}

/// A Vorbis file with `count` packets on a page, which states no time but at its end.
pub(crate) fn ogg_vorbis(count: usize) -> Vec<u8> {
    repaged("hi.ogg", 3, count, |_| u64::MAX)
}

/// The packets of a clip on new pages; `granule` is the time at the end of so many packets.
fn repaged(name: &str, headers: usize, count: usize, granule: impl Fn(u64) -> u64) -> Vec<u8> {
    let bytes = clip(name);
    let last = pages(&bytes).pop().expect("a page");
    let end = u64::from_le_bytes(last[6..14].try_into().expect("eight bytes"));
    let packets = packets(&bytes);
    let slices: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let mut file = page(7, 0, 2, 0, &slices[..1]);
    file.extend(page(7, 1, 0, 0, &slices[1..headers]));
    let chunks: Vec<_> = slices[headers..].chunks(count).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        let is_last = index + 1 == chunks.len();
        let time = if is_last { end } else { granule(((index + 1) * count) as u64) };
        file.extend(page(7, index as u32 + 2, if is_last { 4 } else { 0 }, time, chunk));
    }
    file
}

/// The bytes of pairs, the other way round.
pub(crate) fn swapped(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect()
}

/// Samples of 16 bits as floats of 32 bits.
pub(crate) fn floats(bytes: &[u8]) -> Vec<u8> {
    let sample = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0;
    bytes.chunks(2).flat_map(|pair| sample(pair).to_le_bytes()).collect()
}

/// Blocks of IMA ADPCM, each with a header of four bytes and 252 bytes of differences.
pub(crate) fn ima_blocks(count: usize) -> Vec<u8> {
    let noise = clip("hi.mp3");
    noise[1_000..].chunks(252).take(count).flat_map(|chunk| [&[0, 0, 20, 0], chunk].concat()).collect()
}

/// Blocks of the ADPCM of Microsoft: predictor 0, a step of 16, two samples, and 249 bytes of differences.
pub(crate) fn ms_blocks(count: usize) -> Vec<u8> {
    let noise = clip("hi.mp3");
    noise[1_000..].chunks(249).take(count).flat_map(|chunk| [&[0, 16, 0, 0, 0, 0, 0], chunk].concat()).collect()
}

/// Blocks of the ADPCM of `QuickTime`: a header of two bytes and 32 bytes of differences.
pub(crate) fn ima4_blocks(count: usize) -> Vec<u8> {
    let noise = clip("hi.mp3");
    noise[1_000..].chunks(32).take(count).flat_map(|chunk| [&[0, 20], chunk].concat()).collect()
}

/// The description of the samples of MP4, a box around `more`.
pub(crate) fn sample_entry(kind: &[u8; 4], bits: u16, rate: u32, more: &[u8]) -> Vec<u8> {
    let head = [&[0; 6][..], &[0, 1], &[0; 8], &[0, 1], &bits.to_be_bytes(), &[0; 4]].concat();
    atom(kind, &[&head, &numbers(&[rate << 16]), more])
}
