//! [`FrameHeader`]: the header of a FLAC frame.

/// The most bytes of a header.
pub(in crate::audio) const LONGEST: usize = 16;

/// The header of a frame ([RFC 9639, section 9.1](https://www.rfc-editor.org/rfc/rfc9639#section-9.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audio) struct FrameHeader {
    /// Bytes of the header.
    pub(in crate::audio) size: usize,
    /// Samples per channel.
    pub(in crate::audio) block: u32,
    /// In Hz; `None` where it is that of the file.
    pub(in crate::audio) rate: Option<u32>,
    pub(in crate::audio) channels: u32,
    pub(in crate::audio) stereo: Stereo,
    /// Bits per sample; `None` where they are those of the file.
    pub(in crate::audio) bits: Option<u32>,
    /// The number of the frame, or that of its first sample.
    pub(in crate::audio) number: u64,
    /// Whether `number` counts samples.
    pub(in crate::audio) by_sample: bool,
}

/// What the two channels of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audio) enum Stereo {
    /// As they are, or not two.
    Plain,
    LeftSide,
    SideRight,
    MidSide,
}

impl FrameHeader {
    /// The header that these bytes start with, if its checksum is right.
    pub(in crate::audio) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, sync, codes, more, ..] = bytes else { return None };
        if sync & 0xfe != 0xf8 || more & 1 != 0 {
            return None;
        }
        let mut rest = bytes.get(4..)?.iter().copied();
        let number = coded_number(&mut rest)?;
        let mut take = |count: u32| (0..count).try_fold(0, |sum, _| Some(sum << 8 | u32::from(rest.next()?)));
        let block = match codes >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 144 << code,
            6 => take(1)? + 1,
            7 => take(2)? + 1,
            code => 1 << code,
        };
        let rate = match codes & 15 {
            0 => None,
            12 => Some(take(1)? * 1000),
            13 => Some(take(2)?),
            14 => Some(take(2)? * 10),
            code => Some(*RATES.get(usize::from(code - 1))?),
        };
        let (channels, stereo) = match more >> 4 {
            code @ 0..=7 => (u32::from(code) + 1, Stereo::Plain),
            8 => (2, Stereo::LeftSide),
            9 => (2, Stereo::SideRight),
            10 => (2, Stereo::MidSide),
            _ => return None,
        };
        let bits = match more >> 1 & 7 {
            0 => None,
            code => Some(*BITS.get(usize::from(code - 1))?).filter(|&bits| bits > 0).map(Some)?,
        };
        let sum = rest.next()?;
        let size = bytes.len() - rest.len();
        let header = Self { size, block, rate, channels, stereo, bits, number, by_sample: sync & 1 != 0 };
        Some(header).filter(|_| rate != Some(0) && crc8(bytes.get(..size - 1).unwrap_or_default()) == sum)
    }
}

const RATES: [u32; 11] = [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
/// 0 is reserved.
const BITS: [u32; 7] = [8, 12, 0, 16, 20, 24, 32];

/// A number of up to 36 bits, coded like a character in UTF-8.
fn coded_number(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let first = bytes.next()?;
    let ones = first.leading_ones();
    if ones == 1 || ones == 8 {
        return None;
    }
    let start = u64::from(first) & (0x7f >> ones);
    (1..ones).try_fold(start, |sum, _| {
        let byte = bytes.next().filter(|byte| byte >> 6 == 2)?;
        Some(sum << 6 | u64::from(byte & 0x3f))
    })
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| (0..8).fold(sum ^ byte, |sum, _| sum << 1 ^ if sum >> 7 == 0 { 0 } else { 7 }))
}
