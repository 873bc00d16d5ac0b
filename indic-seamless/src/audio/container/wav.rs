//! RIFF WAVE, and its variants for large files, RF64 and BW64: where the samples are, and how long the data really is.

mod samples;

use self::samples::WavSamples;
use super::Container;
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    resample::RATES,
    scan::Scan,
    source::AudioSource,
};

/// What a file can start with. RF64 and BW64 are files whose sizes may need 64 bits.
const MAGIC: [&[u8]; 3] = [b"RIFF", b"RF64", b"BW64"];
/// The largest format chunk: its extension has a length of 16 bits.
const MAX_FORMAT: u32 = 1 << 17;
/// "See the ds64 chunk", or a placeholder.
const UNKNOWN: u64 = u32::MAX as u64;

/// A WAV file or pipe: where its samples are.
#[derive(Debug, Default)]
pub(super) struct Wav {
    /// The body of the format chunk.
    format: Vec<u8>,
    /// The first byte of the data.
    start: u64,
    /// The bytes of the data; `None` for everything up to the end of a pipe.
    length: Option<u64>,
    /// The bytes per block of samples, by the header.
    block: u16,
}

impl Container for Wav {
    fn sniff(head: &[u8]) -> bool {
        MAGIC.iter().any(|magic| head.starts_with(magic)) && head.get(8..12) == Some(b"WAVE")
    }

    fn streams() -> bool {
        true
    }

    /// Checks the chunks up to the data, and finds out how much data there is.
    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let is_pipe = source.is_pipe();
        let mut scan = Scan::new(source)?;
        scan.goto(12)?;
        let mut wav = Self::default();
        let mut wide = None;
        let declared = loop {
            let at = scan.pos();
            let Some(header) = scan.try_bytes::<8>()? else {
                return Err(AudioError::Damaged(format!("it ends at byte {} before any data chunk", scan.length())));
            };
            let [tag @ .., a, b, c, d] = header;
            let size = u32::from_le_bytes([a, b, c, d]);
            if &tag == b"data" {
                break u64::from(size);
            }
            let next = at + 8 + u64::from(size) + u64::from(size % 2);
            if next > scan.length() {
                let what = format!("bytes of chunk {:?}", String::from_utf8_lossy(&tag));
                return Err(AudioError::cut(&what, scan.left(), size.into()));
            }
            match &tag {
                b"fmt " => read_format(&mut scan, size, &mut wav)?,
                // The size of the file comes before that of the data.
                b"ds64" if size >= 16 => {
                    scan.goto(at + 16)?;
                    wide = scan.try_bytes::<8>()?.map(u64::from_le_bytes);
                }
                _ => {}
            }
            scan.goto(next)?;
        };
        if wav.block == 0 {
            return Err(AudioError::Damaged("the data chunk comes before any format chunk".to_owned()));
        }
        let declared = wide.filter(|_| declared == UNKNOWN).unwrap_or(declared);
        wav.start = scan.pos();
        wav.length = if is_pipe {
            Some(declared).filter(|&length| !is_placeholder(length))
        } else {
            Some(measure(&mut scan, declared, wav.block)?)
        };
        Ok(wav)
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(WavSamples::new(source, self)?))
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        track.seconds()
    }
}

/// The bytes of data in a file.
fn measure(scan: &mut Scan<'_>, declared: u64, block: u16) -> Result<u64, AudioError> {
    let present = scan.left();
    let block = u64::from(block);
    // A writer that cannot seek back leaves 0 or the greatest number. A real 0 may be followed by chunks.
    let streamed = matches!(declared, UNKNOWN | u64::MAX) || (declared == 0 && present >= block && !is_chunk(scan)?);
    if streamed && !present.is_multiple_of(block) {
        return Err(AudioError::cut("bytes of the last sample", present % block, block));
    }
    if !streamed && declared > present {
        return Err(AudioError::cut("bytes of samples", present, declared));
    }
    match if streamed { present } else { declared } {
        0 => Err(AudioError::NoAudio("its data chunk is empty".to_owned())),
        length => Ok(length),
    }
}

/// Whether the length in the header of a pipe only says that the writer did not know it.
///
/// Common are 0, the greatest number (ffmpeg) or a little less, so that the size of the file fits, and the same for a
/// signed number (`SoX`, arecord, espeak). Recordings of exactly such a length are rare; they are read to the end of the
/// pipe, too.
fn is_placeholder(declared: u64) -> bool {
    const SLACK: u64 = 1 << 16;
    const SIGNED: u64 = 1 << 31;
    declared == 0
        || (SIGNED - SLACK..=SIGNED + SLACK).contains(&declared)
        || (UNKNOWN - SLACK..=UNKNOWN).contains(&declared)
        || declared >= i64::MAX as u64 - SLACK
}

fn read_format(scan: &mut Scan<'_>, size: u32, wav: &mut Wav) -> Result<(), AudioError> {
    let nonsense = || AudioError::Damaged(format!("a format chunk of {size} bytes"));
    if size > MAX_FORMAT {
        return Err(nonsense());
    }
    wav.format.clear();
    wav.format.resize(size as usize, 0);
    scan.fill(&mut wav.format)?;
    let Some(&[_, _, c0, c1, r0, r1, r2, r3, _, _, _, _, b0, b1, _, _]) = wav.format.first_chunk() else {
        return Err(nonsense());
    };
    if u16::from_le_bytes([c0, c1]) == 0 {
        return Err(AudioError::NoAudio("its header says 0 channels".to_owned()));
    }
    let rate = u32::from_le_bytes([r0, r1, r2, r3]);
    if !RATES.contains(&rate) {
        return Err(AudioError::Damaged(format!("its header says {rate} Hz")));
    }
    wav.block = u16::from_le_bytes([b0, b1]);
    match wav.block {
        0 => Err(AudioError::Damaged("its header says 0 bytes per sample".to_owned())),
        _ => Ok(()),
    }
}

/// Whether the bytes ahead look like the header of one more chunk that fits.
fn is_chunk(scan: &mut Scan<'_>) -> Result<bool, AudioError> {
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
