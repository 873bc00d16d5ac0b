//! [`FlacReader`]: finds the frames of FLAC files, also behind damage and in files that were joined.

use std::io::{self, Read, Seek};

use super::super::{tags, window::Window};
use crate::{
    audio::{
        fault::Fault,
        flac::{self, FrameHeader, LONGEST, StreamInfo},
    },
    damage::DamageKind,
};

/// How far to look ahead at first, in bytes.
const AHEAD: usize = 1 << 14;
/// Bytes of the shortest frame: a header, a constant, a checksum.
const SHORTEST: usize = 10;
/// How many headers in a row may follow without a whole frame in front of them.
const MAX_CANDIDATES: usize = 3;

/// What comes next in a file.
pub(super) enum Step {
    Info(StreamInfo),
    Frame(FrameHeader, Vec<u8>),
    Fault(Fault),
    /// Bytes behind the last frame that may be one more, or something that a program left there.
    Rest(Fault),
    End,
}

/// Finds frames by the checksums of their headers and of their ends.
pub(super) struct FlacReader<R> {
    window: Window<R>,
    /// Whether metadata was found, and a frame.
    described: bool,
    begun: bool,
}

/// The bytes of a frame.
struct Measured {
    /// Bytes up to the end of the frame, or to where the next one has to be looked for.
    size: usize,
    /// Whether the frame is in them, by its checksum.
    whole: bool,
    /// Whether they reach to the end of the file.
    last: bool,
}

impl<R: Read + Seek> FlacReader<R> {
    pub(super) fn new(reader: R) -> io::Result<Self> {
        Ok(Self { window: Window::new(reader)?, described: false, begun: false })
    }

    pub(super) fn next(&mut self) -> io::Result<Step> {
        loop {
            let head = self.window.peek(32)?;
            if head.is_empty() {
                return Ok(Step::End);
            }
            if head.starts_with(b"fLaC") {
                if let Some(info) = self.metadata()? {
                    return Ok(Step::Info(info));
                }
            } else if let Some(size) = tags::size(head) {
                self.window.skip(size)?;
            } else if let Some(header) = FrameHeader::parse(head) {
                self.begun = true;
                return self.frame(header);
            } else if let Some(step) = self.search()? {
                return Ok(step);
            }
        }
    }

    /// Skips the metadata, and gives its description of the frames.
    fn metadata(&mut self) -> io::Result<Option<StreamInfo>> {
        self.window.skip(4)?;
        let earliest = self.window.pos() + 4 + flac::SIZE as u64;
        let mut info = None;
        while let &[kind, a, b, c] = self.window.peek(4)? {
            let size = u64::from(u32::from_be_bytes([0, a, b, c]));
            if kind & 0x7f == 0 {
                info = info.or(self.window.peek(4 + flac::SIZE)?.get(4..).and_then(StreamInfo::parse));
            }
            // Behind the first block, whatever its size says.
            let skip = if kind & 0x7f == 0 { flac::SIZE as u64 } else { size };
            self.window.skip(4 + skip)?;
            if kind & 0x80 != 0 {
                break;
            }
        }
        let at_frame = FrameHeader::parse(self.window.peek(LONGEST)?).is_some();
        if !std::mem::replace(&mut self.described, true) && !at_frame {
            // The sizes in the metadata are wrong.
            self.window.back_to(earliest)?;
        }
        Ok(info)
    }

    /// Takes the frame with this header.
    fn frame(&mut self, header: FrameHeader) -> io::Result<Step> {
        let start = self.window.pos();
        let Measured { size, whole, last } = self.measure(&header)?;
        let bytes = self.window.peek(size)?.to_vec();
        self.window.skip(size as u64)?;
        if whole {
            return Ok(Step::Frame(header, bytes));
        }
        Ok(Step::Fault(if last {
            Fault::new(DamageKind::CutShort, format!("cut short: {size} bytes from byte {start} on are no whole frame"))
        } else {
            Fault::new(DamageKind::Corrupt, format!("wrong checksum of the frame at byte {start}"))
        }))
    }

    /// Looks for the end of the frame that starts here.
    fn measure(&mut self, header: &FrameHeader) -> io::Result<Measured> {
        // Frames are at most about as large as their samples.
        let bits = header.bits.unwrap_or(32) as usize + 2;
        let most = LONGEST + header.channels as usize * (header.block as usize * bits / 8 + 64);
        let (mut sum, mut at) = (0, 0);
        let mut ahead = AHEAD;
        let (mut whole, mut end, mut candidates, mut first) = (false, 0, 0, None);
        loop {
            let bytes = self.window.peek(ahead + LONGEST)?;
            let last = bytes.len() < ahead + LONGEST;
            let until = if last { bytes.len() } else { ahead }.min(most);
            while at < until {
                if at > header.size {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let exact = sum == 0;
                    if exact && first.is_none() {
                        (whole, end) = (true, at);
                    }
                    if exact && (rest.starts_with(b"fLaC") || tags::size(rest).is_some()) {
                        return Ok(Measured { size: at, whole: true, last: false });
                    }
                    if FrameHeader::parse(rest).is_some() {
                        if exact {
                            return Ok(Measured { size: at, whole: true, last: false });
                        }
                        candidates += 1;
                        first.get_or_insert(at);
                        if candidates == MAX_CANDIDATES {
                            break;
                        }
                    }
                }
                sum = crc16(sum, bytes.get(at).copied().unwrap_or(0));
                at += 1;
            }
            if last && at == bytes.len() && sum == 0 {
                return Ok(Measured { size: at, whole: true, last });
            }
            if last || at >= most || candidates == MAX_CANDIDATES {
                // If no frame follows, it ends where the checksum was right for the last time, or a few bytes before.
                let size = if whole { end } else { first.unwrap_or(at) };
                return Ok(Measured { size, whole, last: last && first.is_none() });
            }
            ahead *= 2;
        }
    }

    /// Skips at least a byte, up to something that is known or to the end.
    fn search(&mut self) -> io::Result<Option<Step>> {
        let start = self.window.pos();
        let mut skipped = Vec::new();
        loop {
            let bytes = self.window.peek(AHEAD)?;
            let next = bytes.iter().skip(1).position(|byte| matches!(byte, 0xff | b'f'));
            let next = next.map_or(bytes.len(), |at| at + 1);
            // No more than tells what it is.
            let most = AHEAD.saturating_sub(skipped.len());
            skipped.extend(bytes.iter().take(next.min(most)));
            self.window.skip(next as u64)?;
            let size = self.window.pos() - start;
            let head = self.window.peek(LONGEST)?;
            if head.is_empty() {
                return Ok(rest(start, &skipped).filter(|_| self.begun).map(Step::Rest));
            }
            if head.starts_with(b"fLaC") || FrameHeader::parse(head).is_some() {
                let reason = format!("{size} bytes from byte {start} on are no frame");
                return Ok(self.begun.then(|| Step::Fault(Fault::new(DamageKind::Corrupt, reason))));
            }
        }
    }
}

/// What bytes behind the last frame mean. Programs leave text there, or fill with one value.
fn rest(start: u64, bytes: &[u8]) -> Option<Fault> {
    let size = bytes.len();
    let partial = matches!(bytes, [0xff, 0xf8 | 0xf9, ..]);
    if partial && size < LONGEST {
        return Some(Fault::cut("bytes of the last header", size as u64, LONGEST as u64));
    }
    let text = bytes.iter().all(|byte| matches!(byte, 0 | b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    let filling = bytes.iter().all(|byte| bytes.first() == Some(byte));
    let reason = format!("the bytes from byte {start} to the end are no frame");
    (partial || size >= SHORTEST && !text && !filling).then(|| Fault::new(DamageKind::Corrupt, reason))
}

/// The checksum of a frame, with one more byte. It is 0 over a frame and its checksum.
fn crc16(sum: u16, byte: u8) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut sum = (index as u16) << 8;
            let mut bit = 0;
            while bit < 8 {
                sum = sum << 1 ^ if sum >> 15 == 0 { 0 } else { 0x8005 };
                bit += 1;
            }
            table[index] = sum;
            index += 1;
        }
        table
    };
    // The index is a byte: it cannot be out of bounds.
    sum << 8 ^ TABLE[usize::from((sum >> 8) as u8 ^ byte)]
}
