//! Says what bytes of no supported container are.

use crate::audio::error::AudioError;

/// Starts of recordings that ffmpeg decodes.
const FOREIGN: [(&[u8], &str); 26] = [
    (b"#!AMR-WB", "AMR-WB"),
    (b"#!AMR", "AMR-NB"),
    (b"#!SILK", "SILK"),
    (b"\x02#!SILK", "SILK"),
    (b"#!EVRC", "EVRC"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"TTA1", "TTA"),
    (b"TTA2", "TTA"),
    (b"ajkg", "Shorten"),
    (b"OFR ", "OptimFROG"),
    (b"NIST_1A", "NIST SPHERE (SPH)"),
    (b"DSD ", "DSD (DSF)"),
    (b"FRM8", "DSD (DSDIFF)"),
    (b"\x30\x26\xb2\x75", "Windows Media (ASF, WMA, WMV)"),
    (b"FLV\x01", "Flash video (FLV)"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"\x0b\x77", "AC-3 or E-AC-3"),
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"\x1f\xff\xe8\x00", "DTS"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
    (b"Creative Voic", "Creative Voice (VOC)"),
    (b"\x06\x0e\x2b\x34", "MXF"),
];

/// Starts of other files.
const KNOWN: [(&[u8], &str); 9] = [
    (b"<", "an HTML or XML text"),
    (b"{", "a JSON text"),
    (b"MThd", "MIDI, which has notes and no sound"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
];

/// The error for a recording that starts with `head`.
pub(in crate::audio) fn unknown(head: &[u8]) -> AudioError {
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return AudioError::foreign(what);
    }
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return AudioError::Unsupported((*what).to_owned());
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => return AudioError::foreign("AVI"),
        [b'R', b'I', b'F', b'F', ..] => {
            return AudioError::Unsupported("a RIFF file of another kind than WAVE".to_owned());
        }
        [b'F', b'O', b'R', b'M', ..] => {
            return AudioError::Unsupported("an IFF file of another kind than AIFF".to_owned());
        }
        _ => {}
    }
    let start = head.get(..12).unwrap_or(head);
    if start.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        return AudioError::Unsupported(format!("text that starts with {:?}", String::from_utf8_lossy(start)));
    }
    // Packets of 188 bytes, the first of which starts a table or a stream; 4 bytes before it on Blu-ray discs.
    if matches!(head, [0x47, b1, _, b3, ..] | [_, _, _, _, 0x47, b1, _, b3, ..] if b1 & 0xc0 == 0x40 && b3 & 0x10 != 0)
    {
        return AudioError::foreign("an MPEG transport stream");
    }
    let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
    AudioError::Unsupported(format!("unknown bytes {}", hex.join(" ")))
}
