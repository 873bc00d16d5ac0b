//! RIFF WAVE: how long the data really is.

use crate::audio::{fault::Fault, source::Source};

/// Checks the chunks up to the data, and fills in the sizes that a streaming writer could not know.
pub(super) fn inspect(source: &mut Source) -> Result<(), Fault> {
    let mut scan = source.scan();
    scan.goto(12)?;
    let mut block = None;
    let (at, declared) = loop {
        let at = scan.pos();
        let Some(header) = scan.try_bytes::<8>()? else {
            return Err(Fault::Damaged(format!("it ends at byte {} before any data chunk", scan.length())));
        };
        let [tag @ .., a, b, c, d] = header;
        let size = u32::from_le_bytes([a, b, c, d]);
        match &tag {
            b"data" => break (at, size),
            b"fmt " => {
                let Some(format) = scan.try_bytes::<16>()? else {
                    return Err(Fault::cut("bytes of the format chunk", scan.left(), u64::from(size)));
                };
                block = Some(check_format(format)?);
            }
            _ => {}
        }
        let next = at + 8 + u64::from(size) + u64::from(size % 2);
        if next > scan.length() {
            return Err(Fault::cut(
                &format!("bytes of chunk {:?}", String::from_utf8_lossy(&tag)),
                scan.left(),
                size.into(),
            ));
        }
        scan.goto(next)?;
    };
    let Some(block) = block else {
        return Err(Fault::Damaged("the data chunk comes before any format chunk".to_owned()));
    };
    let present = scan.left();
    // A writer that cannot seek back leaves 0 or the greatest number. Chunks may follow a real 0.
    let streamed = declared == u32::MAX || (declared == 0 && present >= u64::from(block) && !is_chunk(&mut scan)?);
    if streamed && !present.is_multiple_of(u64::from(block)) {
        return Err(Fault::cut("bytes of the last sample", present % u64::from(block), block.into()));
    }
    if !streamed && u64::from(declared) > present {
        return Err(Fault::cut("bytes of samples", present, declared.into()));
    }
    let length = if streamed { present } else { u64::from(declared) };
    if length == 0 {
        return Err(Fault::NoAudio("its data chunk is empty".to_owned()));
    }
    // The greatest number means "to the end" to the demuxer.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    source.patch(at + 4, length.to_le_bytes());
    source.patch(4, u32::MAX.to_le_bytes());
    Ok(())
}

/// The bytes per block of samples.
fn check_format(format: [u8; 16]) -> Result<u16, Fault> {
    let [_, _, c0, c1, r0, r1, r2, r3, _, _, _, _, b0, b1, _, _] = format;
    let channels = u16::from_le_bytes([c0, c1]);
    let rate = u32::from_le_bytes([r0, r1, r2, r3]);
    if channels == 0 {
        return Err(Fault::NoAudio("its header says 0 channels".to_owned()));
    }
    if !super::super::resample::RATES.contains(&rate) {
        return Err(Fault::Damaged(format!("its header says {rate} Hz")));
    }
    match u16::from_le_bytes([b0, b1]) {
        0 => Err(Fault::Damaged("its header says 0 bytes per sample".to_owned())),
        block => Ok(block),
    }
}

/// Whether the bytes ahead look like the header of one more chunk that fits.
fn is_chunk(scan: &mut crate::audio::source::Scan<'_>) -> Result<bool, Fault> {
    let left = scan.left();
    let Some([tag @ .., a, b, c, d]) = scan.try_bytes::<8>()? else { return Ok(false) };
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    Ok(tag.iter().all(|byte| matches!(byte, b' '..=b'~')) && size <= left - 8)
}
