//! Streams of frames without a container, such as MPEG audio and ADTS: finds the frames in them.

use std::io::{self, Read, Seek};

use symphonia::core::codecs::audio::AudioCodecId;

use super::{tags, window::Window};
use crate::{
    audio::{error::AudioError, fault::Fault, source::AudioSource},
    damage::DamageKind,
};

/// Enough bytes to parse any header of a frame or a tag.
const HEAD: usize = 32;
/// The shortest header of a frame.
const SHORTEST: usize = 4;
/// How far to look ahead for a frame at once.
const SEARCH: usize = 4096;

/// How far to look for the first frame of a stream that starts in the middle of one.
const FIRST: usize = 1 << 16;

/// What is the same in all frames of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) codec: AudioCodecId,
    pub(super) rate: u32,
    /// The channels as the header states them, and whatever else cannot change.
    pub(super) layout: u32,
}

/// A frame by its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) form: Form,
    /// Bytes, the header included.
    pub(super) size: usize,
    /// Bytes in front of what the decoder takes.
    pub(super) skip: usize,
    /// Samples per channel.
    pub(super) samples: u32,
}

/// Where, near the start, two frames of the same form follow each other: a recording of a radio stream starts anywhere in a
/// frame.
pub(super) fn first_frame(
    source: &mut AudioSource,
    parse: fn(&[u8]) -> Option<Frame>,
) -> Result<Option<u64>, AudioError> {
    let head = source.peek(0, FIRST)?;
    let frame = |at: usize| parse(head.get(at..)?);
    let found = (0..head.len()).find(|&at| {
        let Some(first) = frame(at) else { return false };
        frame(at + first.size).is_some_and(|second| second.form == first.form)
    });
    Ok(found.map(|at| at as u64))
}

/// Whether frames of the same form follow each other from the start of these bytes on: four, or fewer up to their end.
pub(super) fn starts(bytes: &[u8], parse: fn(&[u8]) -> Option<Frame>) -> bool {
    let (mut rest, mut first) = (bytes, None);
    for count in 0..4 {
        if rest.is_empty() && count > 1 {
            return true;
        }
        let Some(frame) = parse(rest).filter(|frame| *first.get_or_insert(frame.form) == frame.form) else {
            return false;
        };
        rest = rest.get(frame.size..).unwrap_or_default();
    }
    true
}

/// What comes next in a stream.
pub(super) enum Step {
    Frame(Frame, Vec<u8>),
    Fault(Fault),
    End,
}

/// Finds frames, one behind the other. Tags between them are left out; after other bytes, it goes on with the next frame.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    window: Window<R>,
    parse: fn(&[u8]) -> Option<Frame>,
    last: Option<Frame>,
}

/// Bytes that are no frame.
#[derive(Default)]
struct Junk {
    start: u64,
    size: u64,
    head: Vec<u8>,
    /// Whether they are zeros or text, as programs leave them behind a recording.
    plain: bool,
}

impl<R: Read + Seek> FrameReader<R> {
    /// Reads all of `reader`, with a parser of headers.
    pub(super) fn new(reader: R, parse: fn(&[u8]) -> Option<Frame>) -> io::Result<Self> {
        Ok(Self { window: Window::new(reader)?, parse, last: None })
    }

    pub(super) fn next(&mut self) -> io::Result<Step> {
        // Whether the frame before ends here, so that one is expected.
        let mut expected = true;
        loop {
            let head = self.window.peek(HEAD)?;
            if head.is_empty() {
                return Ok(Step::End);
            }
            if let Some(size) = tags::size(head) {
                self.window.skip(size)?;
                continue;
            }
            if let Some(frame) = self.frame(expected)? {
                let bytes = self.window.peek(frame.size)?.to_vec();
                self.window.skip(bytes.len() as u64)?;
                self.last = Some(frame);
                return Ok(Step::Frame(frame, bytes));
            }
            let junk = self.search()?;
            let ended = self.window.peek(1)?.is_empty();
            let fault = if ended { self.at_end(&junk) } else { self.between(&junk) };
            if let Some(fault) = fault {
                return Ok(Step::Fault(fault));
            }
            expected = false;
        }
    }

    /// The frame that starts here. Bytes that look like a header are none if no other follows, unless a frame is expected.
    fn frame(&mut self, expected: bool) -> io::Result<Option<Frame>> {
        let Some(frame) = (self.parse)(self.window.peek(HEAD)?) else { return Ok(None) };
        let bytes = self.window.peek(frame.size + HEAD)?;
        let Some(rest) = bytes.get(frame.size..) else { return Ok(None) };
        let follows = (self.parse)(rest).is_some_and(|next| next.form == frame.form);
        let ends = rest.len() < SHORTEST || tags::size(rest).is_some();
        let known = self.last.is_some_and(|last| last.form == frame.form);
        let good = follows || expected && (known || ends) || ends && known;
        Ok(Some(frame).filter(|_| good))
    }

    /// Skips at least a byte, up to the next frame or the end.
    fn search(&mut self) -> io::Result<Junk> {
        let head = self.window.peek(HEAD)?.to_vec();
        let mut junk = Junk { start: self.window.pos(), head, plain: true, ..Junk::default() };
        loop {
            let bytes = self.window.peek(SEARCH)?;
            if bytes.is_empty() {
                return Ok(junk);
            }
            // All headers start with a byte of ones.
            let next = bytes.iter().skip(1).position(|&byte| byte == 0xff).map_or(bytes.len(), |at| at + 1);
            let plain = |byte: &u8| matches!(byte, 0 | b' '..=b'~' | b'\t' | b'\r' | b'\n');
            junk.plain &= bytes.iter().take(next).all(plain);
            junk.size += next as u64;
            self.window.skip(next as u64)?;
            if self.frame(false)?.is_some() {
                return Ok(junk);
            }
        }
    }

    /// What bytes between frames mean. A stream may start in the middle of a frame.
    fn between(&self, junk: &Junk) -> Option<Fault> {
        let Junk { start, size, .. } = junk;
        let reason = format!("{size} bytes from byte {start} on are no frame");
        self.last.map(|_| Fault::new(DamageKind::Corrupt, reason))
    }

    /// What bytes behind the last frame mean.
    fn at_end(&self, junk: &Junk) -> Option<Fault> {
        let last = self.last?;
        let Junk { start, size, head, plain } = junk;
        if let Some(frame) = (self.parse)(head).filter(|frame| frame.form == last.form && frame.size as u64 > *size) {
            return Some(Fault::cut("bytes of the last frame", *size, frame.size as u64));
        }
        if *size < SHORTEST as u64 && head.first() == Some(&0xff) {
            return Some(Fault::cut("bytes of the last header", *size, SHORTEST as u64));
        }
        let reason = format!("{size} bytes from byte {start} to the end are no frame");
        (!plain && *size >= last.size as u64).then(|| Fault::new(DamageKind::Corrupt, reason))
    }
}
