//! Tags around a recording: `ID3v2` at its start; `ID3v1`, APE and Lyrics3 at its end.

use crate::audio::{error::AudioError, scan::Scan, source::AudioSource};

/// How many zeros behind an `ID3v2` tag are skipped at most.
const MAX_ZEROS: usize = 1 << 16;

/// The length of the `ID3v2` tags at the start.
pub(super) fn skip_id3(source: &mut AudioSource) -> Result<u64, AudioError> {
    let length = source.length();
    let mut at = 0;
    while let Some(size) = id3_size(&source.peek(at, 10)?) {
        at += size;
        if at >= length {
            return Err(AudioError::cut("bytes of an ID3 tag and what follows", length, at + 1));
        }
    }
    // Some taggers pad with zeros behind the size that they state.
    if at > 0 {
        let gap = source.peek(at, MAX_ZEROS)?;
        at += gap.iter().take_while(|&&byte| byte == 0).count() as u64;
    }
    Ok(at)
}

/// The size of the `ID3v2` tag with this header, the header included.
pub(super) fn id3_size(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', version, _, flags, a, b, c, d] = head else { return None };
    if version == 0xff || [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0, |size, &byte| size << 7 | u64::from(byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

/// Whether there is no audio from here to the end: nothing, zeros, or tags.
pub(super) fn at_end(scan: &mut Scan<'_>) -> Result<bool, AudioError> {
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
