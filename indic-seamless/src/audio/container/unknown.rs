//! Says what bytes of no supported container are.

use crate::audio::error::AudioError;

/// Starts of recordings that ffmpeg decodes.
const FOREIGN: [(&[u8], &str); 32] = [
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
    (b"Creative Voice", "Creative Voice (VOC)"),
    (b"\x06\x0e\x2b\x34", "MXF"),
    (b"ADIF", "AAC with an ADIF header"),
    (b"tBaK", "TAK"),
    (b"\x02dss", "DSS, a format of dictation machines"),
    (b"\x03dss", "DSS, a format of dictation machines"),
    (b"nut/multimedia", "NUT"),
    (b".SoX", "the format of SoX"),
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

/// How many bytes of a recording tell what it is, if no container takes it.
pub(in crate::audio) const HEAD: usize = 2_048;

/// The error for a recording that starts with `head`, which has up to [`HEAD`] bytes.
pub(in crate::audio) fn unknown(head: &[u8]) -> AudioError {
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return AudioError::foreign(what);
    }
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return AudioError::Unsupported((*what).to_owned());
    }
    match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => return AudioError::foreign("AVI"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'Q', b'L', b'C', b'M', ..] => return AudioError::foreign("QCELP (QCP)"),
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
    // The first packet starts a table or a stream; 4 bytes before it on Blu-ray discs.
    let starts = matches!(head, [0x47, b1, _, b3, ..] | [_, _, _, _, 0x47, b1, _, b3, ..] if b1 & 0xc0 == 0x40 && b3 & 0x10 != 0);
    if starts || is_transport_stream(head) {
        return AudioError::foreign("an MPEG transport stream (TS)");
    }
    // 11 bits of synchronisation, and the length of a frame, behind which is the next one.
    if let &[0x56, b1, b2, ..] = head
        && b1 & 0xe0 == 0xe0
        && let Some(&[0x56, b4, ..]) = head.get(3 + (usize::from(b1 & 0x1f) << 8 | usize::from(b2))..)
        && b4 & 0xe0 == 0xe0
    {
        return AudioError::foreign("AAC in LATM");
    }
    let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
    AudioError::Unsupported(format!("unknown bytes {}", hex.join(" ")))
}

/// Whether the bytes are of packets that each begin with the same byte: wherever a recording of a broadcast begins, and with 4
/// bytes before each packet, as on Blu-ray discs, or 16 behind it.
fn is_transport_stream(head: &[u8]) -> bool {
    const PACKETS: usize = 5;
    let synchronised =
        |start: usize, size: usize| (0..PACKETS).all(|packet| head.get(start + packet * size) == Some(&0x47));
    [188, 192, 204].into_iter().any(|size| (0..size).any(|start| synchronised(start, size)))
}
