//! RIFF WAVE, and its variants for large files, RF64 and BW64: where the samples are, and how long the data really is.

use super::{
    Container,
    mpeg::Mpeg,
    samples::{self, Region},
    tags,
    wave::WaveFormat,
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    edit::Edit,
    error::AudioError,
    fault::Fault,
    scan::Scan,
    source::AudioSource,
};

/// What a file can start with. RF64 and BW64 are files whose sizes may need 64 bits, RIFX is big-endian.
const MAGIC: [&[u8]; 4] = [b"RIFF", b"RF64", b"BW64", b"RIFX"];
/// The largest format chunk: its extension has a length of 16 bits.
const MAX_FORMAT: u32 = 1 << 17;
/// "See the ds64 chunk", or a placeholder.
const UNKNOWN: u64 = u32::MAX as u64;
/// Chunks that are found in WAV files.
const CHUNKS: [&[u8; 4]; 25] = [
    b"data", b"fmt ", b"fact", b"LIST", b"bext", b"cue ", b"smpl", b"inst", b"PAD ", b"JUNK", b"junk", b"FLLR",
    b"id3 ", b"ID3 ", b"iXML", b"cart", b"PEAK", b"minf", b"elm1", b"regn", b"umid", b"_PMX", b"axml", b"chna",
    b"plst",
];

/// A WAV file or pipe.
pub(super) enum Wav {
    Samples(Region),
    /// A recording of MP3 frames.
    Mp3(Mpeg),
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
        let mut chunks = Chunks { big_endian: scan.bytes::<4>()? == *b"RIFX", ..Chunks::default() };
        scan.goto(12)?;
        let declared = chunks.up_to_data(&mut scan)?;
        let format =
            chunks.format.ok_or_else(|| AudioError::damaged("the data chunk comes before any format chunk"))?;
        let (start, present) = (scan.pos(), scan.left());
        let layout = match format {
            WaveFormat::Samples(layout) => layout,
            WaveFormat::Mp3 if is_pipe => return Err(AudioError::foreign("MP3 in a WAV pipe")),
            WaveFormat::Mp3 => {
                let (length, _) = measure(&mut scan, declared, 1)?;
                source.narrow(start, start + length);
                let tags = tags::skip_id3(source)?;
                source.narrow(tags, source.length());
                return Mpeg::walk(source).map(Self::Mp3);
            }
        };
        if is_pipe {
            let length = Some(declared).filter(|&length| !is_placeholder(length));
            return Ok(Self::Samples(Region::of_pipe(layout, start, length)));
        }
        let (length, fault) = measure(&mut scan, declared, layout.block)?;
        // Where nothing follows the header, nothing was cut.
        let fault = fault.filter(|_| present > 0);
        Region::of_file(layout, start, (length, fault)).map(Self::Samples)
    }

    fn faults(&self) -> &[Fault] {
        match self {
            Self::Samples(region) => region.faults(),
            Self::Mp3(mpeg) => mpeg.faults(),
        }
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        match self {
            Self::Samples(region) => region.open(source),
            Self::Mp3(mpeg) => mpeg.open(source),
        }
    }

    fn edit(&self, track: &AudioTrack) -> Edit {
        match self {
            Self::Samples(_) => Edit::default(),
            Self::Mp3(mpeg) => mpeg.edit(track),
        }
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        match self {
            Self::Samples(_) => track.seconds(),
            Self::Mp3(mpeg) => mpeg.promised_seconds(track),
        }
    }
}

/// What the chunks before the data say.
#[derive(Debug, Default)]
struct Chunks {
    big_endian: bool,
    format: Option<WaveFormat>,
    /// The size of the data in 64 bits.
    wide: Option<u64>,
}

impl Chunks {
    /// Walks over the chunks up to the data, and returns its size by the header.
    fn up_to_data(&mut self, scan: &mut Scan<'_>) -> Result<u64, AudioError> {
        let mut odd = false;
        loop {
            let Some(header) = next_header(scan, odd)? else {
                return Err(AudioError::damaged(format!("it ends at byte {} before any data chunk", scan.length())));
            };
            let [tag @ .., a, b, c, d] = header;
            let size = self.number([a, b, c, d]);
            if &tag == b"data" {
                let size = u64::from(size);
                return Ok(self.wide.filter(|_| size == UNKNOWN).unwrap_or(size));
            }
            let next = scan.pos() + u64::from(size);
            if next > scan.length() {
                // The size is wrong, but the data may be there.
                let (left, length) = (scan.left(), scan.length());
                if self.format.is_some() && scan.find(*b"data")? {
                    odd = false;
                    continue;
                }
                let what = format!(
                    "bytes of chunk {:?}, which ends at byte {next} of {length}",
                    String::from_utf8_lossy(&tag)
                );
                return Err(AudioError::cut(&what, left, size.into()));
            }
            match &tag {
                b"fmt " if size <= MAX_FORMAT => {
                    let chunk = scan.data(size.into())?;
                    self.format = Some(WaveFormat::parse(&chunk, self.big_endian)?);
                }
                b"fmt " => return Err(AudioError::damaged(format!("a format chunk of {size} bytes"))),
                // The size of the file comes before that of the data.
                b"ds64" if size >= 16 => {
                    scan.goto(scan.pos() + 8)?;
                    self.wide = scan.try_bytes::<8>()?.map(u64::from_le_bytes);
                }
                _ => {}
            }
            scan.goto(next)?;
            odd = size % 2 == 1;
        }
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// The header of the next chunk. Behind a chunk of an odd size there is a byte of padding, which some writers leave out.
fn next_header(scan: &mut Scan<'_>, odd: bool) -> Result<Option<[u8; 8]>, AudioError> {
    let Some(header) = scan.try_bytes::<8>()? else { return Ok(None) };
    let [_, rest @ ..] = header;
    if !odd || header.first_chunk().is_some_and(|tag| CHUNKS.contains(&tag)) {
        return Ok(Some(header));
    }
    let Some([last]) = scan.try_bytes()? else { return Ok(None) };
    let [a, b, c, d, e, f, g] = rest;
    Ok(Some([a, b, c, d, e, f, g, last]))
}

/// The bytes of data in a file, and what is wrong with them.
fn measure(scan: &mut Scan<'_>, declared: u64, block: u64) -> Result<(u64, Option<Fault>), AudioError> {
    let present = scan.left();
    // A real 0 may be followed by chunks.
    let unknown = match declared {
        0 => present >= block && !chunk_follows(scan, 0, false)?,
        _ => declared > present && is_placeholder(declared),
    };
    if unknown {
        return Ok(samples::to_the_end(present, block));
    }
    // Sizes beyond 32 bits wrap.
    let wraps = present.saturating_sub(declared) >> 32;
    if wraps > 0 && declared <= UNKNOWN && !chunk_follows(scan, declared + declared % 2, true)? {
        return Ok((declared + (wraps << 32), None));
    }
    Ok(samples::measure(declared, present, block))
}

/// Whether the length in the header only says that the writer did not know it.
///
/// Common are 0, the greatest number (ffmpeg) or a little less, so that the size of the file fits, and the same for a
/// signed number (`SoX`, arecord, espeak). Recordings of exactly such a length are rare; they are read to the end, too.
fn is_placeholder(declared: u64) -> bool {
    const SLACK: u64 = 1 << 16;
    const SIGNED: u64 = 1 << 31;
    declared == 0
        || (SIGNED - SLACK..=SIGNED + SLACK).contains(&declared)
        || (UNKNOWN - SLACK..=UNKNOWN).contains(&declared)
        || declared >= i64::MAX as u64 - SLACK
}

/// Whether, `ahead` bytes from here, there is the header of one more chunk that fits, if need be a `known` one.
fn chunk_follows(scan: &mut Scan<'_>, ahead: u64, known: bool) -> Result<bool, AudioError> {
    let at = scan.pos();
    scan.goto(at + ahead)?;
    let left = scan.left();
    let header = scan.try_bytes::<8>()?;
    scan.goto(at)?;
    let Some([tag @ .., a, b, c, d]) = header else { return Ok(false) };
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    let named = if known { CHUNKS.contains(&&tag) } else { tag.iter().all(|byte| matches!(byte, b' '..=b'~')) };
    Ok(named && size <= left - 8)
}

/// The start of a file of unknown length with samples of 16 bits, or of another format of WAV with `bits` bits.
pub(in crate::audio) fn header(tag: u16, rate: u32, channels: u16, bits: u16) -> Vec<u8> {
    let block = channels * (bits / 8);
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0".to_vec();
    header.extend(tag.to_le_bytes());
    header.extend(channels.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * u32::from(block)).to_le_bytes());
    header.extend(block.to_le_bytes());
    header.extend(bits.to_le_bytes());
    header.extend(b"data\xff\xff\xff\xff");
    header
}
