//! RIFF WAVE, and its large kin RF64 and BW64: where the samples lie, and how long the data really is.

use crate::audio::{
    fault::Fault,
    resample::RATES,
    source::{Scan, Source},
};

/// What a file can start with. RF64 and BW64 are files whose sizes may need 64 bits.
pub(super) const MAGIC: [[u8; 4]; 3] = [*b"RIFF", *b"RF64", *b"BW64"];
/// The largest format chunk: its extension has a length of 16 bits.
const MAX_FORMAT: u32 = 1 << 17;
/// "See the ds64 chunk", or a placeholder.
const UNKNOWN: u64 = u32::MAX as u64;

/// Where the samples are.
#[derive(Debug, Default)]
pub(in crate::audio) struct Layout {
    /// The body of the format chunk.
    pub(super) format: Vec<u8>,
    /// The first byte of the data.
    pub(super) start: u64,
    /// The bytes of the data; `None` for all that comes.
    pub(super) length: Option<u64>,
    /// The bytes per block of samples, by the header.
    block: u16,
}

/// Checks the chunks up to the data, and finds out how much data there is.
pub(super) fn inspect(source: &mut Source) -> Result<Layout, Fault> {
    let is_pipe = source.is_pipe();
    let mut scan = source.scan();
    scan.goto(12)?;
    let mut layout = Layout::default();
    let mut wide = None;
    let declared = loop {
        let at = scan.pos();
        let Some(header) = scan.try_bytes::<8>()? else {
            return Err(Fault::Damaged(format!("it ends at byte {} before any data chunk", scan.length())));
        };
        let [tag @ .., a, b, c, d] = header;
        let size = u32::from_le_bytes([a, b, c, d]);
        if &tag == b"data" {
            break u64::from(size);
        }
        let next = at + 8 + u64::from(size) + u64::from(size % 2);
        if next > scan.length() {
            let what = format!("bytes of chunk {:?}", String::from_utf8_lossy(&tag));
            return Err(Fault::cut(&what, scan.left(), size.into()));
        }
        match &tag {
            b"fmt " => read_format(&mut scan, size, &mut layout)?,
            // The size of the file comes before that of the data.
            b"ds64" if size >= 16 => {
                scan.goto(at + 16)?;
                wide = scan.try_bytes::<8>()?.map(u64::from_le_bytes);
            }
            _ => {}
        }
        scan.goto(next)?;
    };
    if layout.block == 0 {
        return Err(Fault::Damaged("the data chunk comes before any format chunk".to_owned()));
    }
    let declared = wide.filter(|_| declared == UNKNOWN).unwrap_or(declared);
    layout.start = scan.pos();
    layout.length = if is_pipe {
        Some(declared).filter(|&length| !is_placeholder(length))
    } else {
        Some(measure(&mut scan, declared, layout.block)?)
    };
    Ok(layout)
}

/// How much data a file has.
fn measure(scan: &mut Scan<'_>, declared: u64, block: u16) -> Result<u64, Fault> {
    let present = scan.left();
    let block = u64::from(block);
    // A writer that cannot seek back leaves 0 or the greatest number. Chunks may follow a real 0.
    let streamed = matches!(declared, UNKNOWN | u64::MAX) || (declared == 0 && present >= block && !is_chunk(scan)?);
    if streamed && !present.is_multiple_of(block) {
        return Err(Fault::cut("bytes of the last sample", present % block, block));
    }
    if !streamed && declared > present {
        return Err(Fault::cut("bytes of samples", present, declared));
    }
    match if streamed { present } else { declared } {
        0 => Err(Fault::NoAudio("its data chunk is empty".to_owned())),
        length => Ok(length),
    }
}

/// Whether the length in the header of a pipe only says that the writer did not know it.
///
/// Common are 0, the greatest number (ffmpeg) or a little less, so that the size of the file fits, and the same for a
/// signed number (`SoX`, arecord, espeak). Recordings of just these lengths are so rare that the header of one is not
/// believed either.
fn is_placeholder(declared: u64) -> bool {
    const SLACK: u64 = 1 << 16;
    const SIGNED: u64 = 1 << 31;
    declared == 0
        || (SIGNED - SLACK..=SIGNED + SLACK).contains(&declared)
        || (UNKNOWN - SLACK..=UNKNOWN).contains(&declared)
        || declared >= i64::MAX as u64 - SLACK
}

fn read_format(scan: &mut Scan<'_>, size: u32, layout: &mut Layout) -> Result<(), Fault> {
    let nonsense = || Fault::Damaged(format!("a format chunk of {size} bytes"));
    if size > MAX_FORMAT {
        return Err(nonsense());
    }
    layout.format.clear();
    layout.format.resize(size as usize, 0);
    scan.fill(&mut layout.format)?;
    let Some(&[_, _, c0, c1, r0, r1, r2, r3, _, _, _, _, b0, b1, _, _]) = layout.format.first_chunk() else {
        return Err(nonsense());
    };
    if u16::from_le_bytes([c0, c1]) == 0 {
        return Err(Fault::NoAudio("its header says 0 channels".to_owned()));
    }
    let rate = u32::from_le_bytes([r0, r1, r2, r3]);
    if !RATES.contains(&rate) {
        return Err(Fault::Damaged(format!("its header says {rate} Hz")));
    }
    layout.block = u16::from_le_bytes([b0, b1]);
    match layout.block {
        0 => Err(Fault::Damaged("its header says 0 bytes per sample".to_owned())),
        _ => Ok(()),
    }
}

/// Whether the bytes ahead look like the header of one more chunk that fits.
fn is_chunk(scan: &mut Scan<'_>) -> Result<bool, Fault> {
    let left = scan.left();
    let Some([tag @ .., a, b, c, d]) = scan.try_bytes::<8>()? else { return Ok(false) };
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    Ok(tag.iter().all(|byte| matches!(byte, b' '..=b'~')) && size <= left - 8)
}

/// The start of a file of unknown length with this format chunk.
pub(in crate::audio) fn header(format: &[u8]) -> Vec<u8> {
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    header.extend((format.len() as u32).to_le_bytes());
    header.extend(format);
    header.extend(b"data\xff\xff\xff\xff");
    header
}
