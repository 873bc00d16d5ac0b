//! Streams of frames without a container: MPEG audio and ADTS, with the tags around them.

use super::Mpeg;
use crate::audio::{
    fault::Fault,
    source::{Scan, Source},
};

/// How far to look for the first frame of a stream that starts in the middle of one.
const SEARCH: usize = 1 << 16;
/// The samples of an AAC frame, per channel and at the rate in its header.
const ADTS_SAMPLES: u64 = 1024;

/// The length of the `ID3v2` tags at the start.
pub(super) fn skip_id3(source: &mut Source) -> Result<u64, Fault> {
    let length = source.length();
    let mut at = 0;
    while let Some(size) = id3_size(&source.peek(at, 10)?) {
        at += size;
        if at >= length {
            return Err(Fault::cut("bytes of an ID3 tag and what follows", length, at + 1));
        }
    }
    // Some taggers pad with zeros behind the size they state.
    if at > 0 {
        let gap = source.peek(at, SEARCH)?;
        at += gap.iter().take_while(|&&byte| byte == 0).count() as u64;
    }
    Ok(at)
}

fn id3_size(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', version, _, flags, a, b, c, d] = head else { return None };
    if version == 0xff || [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

/// The header of an MPEG audio frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Bytes, the header included.
    size: u64,
    samples: u64,
    /// The bits that stay the same within a stream: version, layer and rate.
    kind: u32,
    /// Bytes from the header to an info tag.
    info_at: usize,
}

impl Frame {
    pub(super) fn parse(bytes: [u8; 4]) -> Option<Self> {
        const KBIT: [[u32; 15]; 5] = [
            [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let word = u32::from_be_bytes(bytes);
        if word >> 21 != 0x7ff {
            return None;
        }
        let (version, layer) = (word >> 19 & 3, 4 - (word >> 17 & 3));
        let divisor = match version {
            0 => 4,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let (table, samples) = match (divisor, layer) {
            (_, 4) => return None,
            (1, 1) => (0, 384),
            (1, 2) => (1, 1152),
            (1, _) => (2, 1152),
            (_, 1) => (3, 384),
            (_, 2) => (4, 1152),
            _ => (4, 576),
        };
        let kbit = *KBIT.get(table)?.get((word >> 12 & 15) as usize)?;
        let rate = [44_100, 48_000, 32_000].get((word >> 10 & 3) as usize)? / divisor;
        // Free-format streams do not say how long a frame is.
        if kbit == 0 {
            return None;
        }
        let padding = word >> 9 & 1;
        let size = match layer {
            1 => (12_000 * kbit / rate + padding) * 4,
            _ => samples / 8 * 1000 * kbit / rate + padding,
        };
        let mono = word >> 6 & 3 == 3;
        let info_at = match (divisor == 1, mono) {
            (true, false) => 36,
            (true, true) | (false, false) => 21,
            (false, true) => 13,
        };
        Some(Self { size: size.into(), samples: samples.into(), kind: word & 0xfffe_0c00, info_at })
    }

    /// Whether it holds a Xing, Info or VBRI tag instead of audio.
    fn is_info(self, body: &[u8]) -> bool {
        let at = |at: usize, tag: &[u8]| body.get(at..).is_some_and(|body| body.starts_with(tag));
        at(self.info_at, b"Xing") || at(self.info_at, b"Info") || at(36, b"VBRI")
    }
}

/// Where, near the start, two frames of the same kind follow each other.
pub(super) fn find_frames(source: &mut Source) -> Result<Option<u64>, Fault> {
    let head = source.peek(0, SEARCH)?;
    let frame = |at: usize| Frame::parse(*head.get(at..)?.first_chunk()?);
    let found = (0..head.len()).find(|&at| {
        let Some(first) = frame(at) else { return false };
        frame(at + first.size as usize).is_some_and(|second| second.kind == first.kind)
    });
    Ok(found.map(|at| at as u64))
}

/// Walks from frame to frame, leaves the tags at the end out of the source, and counts the frames with audio.
pub(super) fn inspect(source: &mut Source) -> Result<Mpeg, Fault> {
    let mut scan = source.scan();
    let (mut count, mut first, mut end) = (0, None::<Frame>, 0);
    loop {
        let at = scan.pos();
        if is_end(&mut scan)? {
            break;
        }
        scan.goto(at)?;
        // Where files were written one after the other.
        if let Some(size) = scan.try_bytes::<10>()?.and_then(|head| id3_size(&head)) {
            scan.goto(scan.length().min(at + size))?;
            continue;
        }
        scan.goto(at)?;
        let frame = scan.try_bytes::<4>()?.and_then(Frame::parse);
        let Some(frame) = frame.filter(|frame| first.is_none_or(|first| first.kind == frame.kind)) else {
            return Err(no_frame(&scan, at, count));
        };
        first = Some(frame);
        let next = at + frame.size;
        if next > scan.length() {
            return Err(Fault::cut("bytes of the last frame", scan.length() - at, frame.size));
        }
        scan.goto(at)?;
        let mut body = [0; 40];
        let body = body.get_mut(..frame.size.min(40) as usize).unwrap_or_default();
        scan.fill(body)?;
        count += u64::from(!frame.is_info(body));
        scan.goto(next)?;
        end = next;
    }
    source.narrow(0, end);
    match first {
        Some(Frame { samples, .. }) if count > 0 => Ok(Mpeg { frames: count, frame_samples: samples }),
        _ => Err(Fault::NoAudio("no frame with audio".to_owned())),
    }
}

/// Walks from ADTS frame to frame, and counts them.
pub(super) fn inspect_adts(source: &mut Source) -> Result<Mpeg, Fault> {
    let mut scan = source.scan();
    let mut count = 0;
    let end = loop {
        let at = scan.pos();
        if is_end(&mut scan)? {
            break at;
        }
        scan.goto(at)?;
        let Some([0xff, sync, _, a, b, c, _]) = scan.try_bytes::<7>()? else {
            return Err(no_frame(&scan, at, count));
        };
        let size = u64::from(a & 3) << 11 | u64::from(b) << 3 | u64::from(c >> 5);
        if sync & 0xf6 != 0xf0 || size < 7 {
            return Err(no_frame(&scan, at, count));
        }
        if at + size > scan.length() {
            return Err(Fault::cut("bytes of the last frame", scan.length() - at, size));
        }
        scan.goto(at + size)?;
        count += 1;
    };
    source.narrow(0, end);
    Ok(Mpeg { frames: count, frame_samples: ADTS_SAMPLES })
}

fn no_frame(scan: &Scan<'_>, at: u64, count: u64) -> Fault {
    Fault::Damaged(format!("no frame at byte {at} of {}, after {count} frames", scan.length()))
}

/// Whether there is no audio from here on: nothing, zeros, or tags (`ID3v1`, APE, Lyrics3).
fn is_end(scan: &mut Scan<'_>) -> Result<bool, Fault> {
    let (at, left) = (scan.pos(), scan.left());
    let mut head = [0; 10];
    let count = left.min(10) as usize;
    let head = head.get_mut(..count).unwrap_or_default();
    scan.fill(head)?;
    if head.starts_with(b"TAG") && (left == 128 || left == 355) || head.starts_with(b"APETAGEX") {
        return Ok(true);
    }
    if head.starts_with(b"TAG+") || head.starts_with(b"LYRICSBEG") {
        return Ok(true);
    }
    if head.iter().any(|&byte| byte != 0) {
        return Ok(false);
    }
    scan.goto(at)?;
    scan.zeros_to_end()
}
