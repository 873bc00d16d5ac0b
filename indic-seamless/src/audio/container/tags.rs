//! Tags around and between recordings: `ID3v2`, `ID3v1` and APE.

use crate::audio::{error::AudioError, source::AudioSource};

/// How many zeros behind an `ID3v2` tag are skipped at most.
const MAX_ZEROS: usize = 1 << 16;

/// The length of the `ID3v2` tags at the start, which may be beyond the end of `source`.
pub(super) fn skip_id3(source: &mut AudioSource) -> Result<u64, AudioError> {
    let length = source.length();
    let mut at = 0;
    while let Some(size) = id3_size(&source.peek(at, 10)?) {
        at += size;
        if at >= length {
            return Ok(at);
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

/// The size of the tag with this start: `ID3v2`, `ID3v1`, its extension, or APE. At least 32 bytes of it are needed.
pub(super) fn size(head: &[u8]) -> Option<u64> {
    if let Some(head) = head.first_chunk::<10>()
        && let Some(size) = id3_size(head)
    {
        return Some(size);
    }
    match head {
        [b'T', b'A', b'G', b'+', ..] => Some(227),
        [b'T', b'A', b'G', ..] => Some(128),
        &[b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d, _, _, _, _, _, _, _, flags, ..] => {
            // The size is that of the items and the footer. A footer on its own has its items in front of it.
            let size = u64::from(u32::from_le_bytes([a, b, c, d]));
            Some(if flags & 0x20 == 0 { 32 } else { 32 + size })
        }
        _ => None,
    }
}
