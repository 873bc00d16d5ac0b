//! Says what bytes of no supported container look like.

use crate::audio::error::AudioError;

/// Starts of files that are often taken for supported ones.
const KNOWN: [(&[u8], &str); 10] = [
    (b"FORM", "an AIFF file"),
    (b"caff", "a Core Audio file"),
    (b"#!AMR", "an AMR recording"),
    (b"riff", "a Wave64 file"),
    (b"wvpk", "a WavPack file"),
    (b"MAC ", "a Monkey's Audio file"),
    (b"\x30\x26\xb2\x75", "a Windows Media file"),
    (b"RIFF", "a RIFF file of another kind than WAVE"),
    (b"<", "an HTML or XML text"),
    (b"{", "a JSON text"),
];

/// The error for a recording that starts with `head`.
pub(in crate::audio) fn unknown(head: &[u8]) -> AudioError {
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return AudioError::Unsupported((*what).to_owned());
    }
    let start = head.get(..12).unwrap_or(head);
    if start.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        return AudioError::Unsupported(format!("text that starts with {:?}", String::from_utf8_lossy(start)));
    }
    let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
    AudioError::Unsupported(format!("unknown bytes {}", hex.join(" ")))
}
