//! AIFF and AIFF-C: where the samples are, and how they are packed.

use super::{
    Container,
    layout::Layout,
    samples::{self, Region},
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    scan::Scan,
    source::AudioSource,
};

/// The largest chunk with the format: AIFF-C names its compression there.
const MAX_FORMAT: u32 = 1 << 10;

/// An AIFF file.
pub(super) struct Aiff(Region);

impl Container for Aiff {
    fn sniff(head: &[u8]) -> bool {
        matches!(head, [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..])
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        scan.goto(12)?;
        let (mut layout, mut data) = (None, None);
        while let Some([tag @ .., a, b, c, d]) = scan.try_bytes::<8>()? {
            let size = u32::from_be_bytes([a, b, c, d]);
            let start = scan.pos();
            match &tag {
                b"COMM" if size <= MAX_FORMAT => layout = Some(parse(&scan.data(size.into())?)?),
                b"SSND" => {
                    // How far behind this header the samples start; the size of blocks is of no interest.
                    let offset = scan.try_bytes::<4>()?.map_or(0, u32::from_be_bytes);
                    data = Some((start + 8 + u64::from(offset), u64::from(size).saturating_sub(8 + u64::from(offset))));
                    // In a file that was not finished, the size is 0 or beyond the end.
                    if layout.is_some() {
                        break;
                    }
                }
                _ => {}
            }
            scan.goto(start + u64::from(size) + u64::from(size % 2))?;
        }
        let layout = layout.ok_or_else(|| AudioError::damaged("there is no chunk with the format of the samples"))?;
        let (start, declared) = data.ok_or_else(|| AudioError::NoAudio("there is no chunk with samples".to_owned()))?;
        scan.goto(start)?;
        let present = scan.left();
        let found = match declared {
            0 if present > 0 => samples::to_the_end(present, layout.block),
            declared => samples::measure(declared, present, layout.block),
        };
        Region::of_file(layout, start, found).map(Self)
    }

    fn faults(&self) -> &[Fault] {
        self.0.faults()
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        self.0.open(source)
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        track.seconds()
    }
}

/// Reads the chunk with the format: channels, number of samples, bits, rate, and in AIFF-C the codec.
fn parse(chunk: &[u8]) -> Result<Layout, AudioError> {
    let Some(&[c0, c1, _, _, _, _, b0, b1, ref rate @ ..]) = chunk.first_chunk::<18>() else {
        return Err(AudioError::damaged(format!("a format chunk of {} bytes", chunk.len())));
    };
    let (channels, bits) = (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([b0, b1]));
    let format = (extended(*rate), u32::from(channels));
    let bytes = u64::from(bits.div_ceil(8));
    match chunk.get(18..22).unwrap_or(b"NONE") {
        b"NONE" | b"none" | b"twos" => Layout::integers(bytes, true, format),
        b"sowt" => Layout::integers(bytes, false, format),
        b"raw " => Layout::unsigned_bytes(format),
        b"in24" => Layout::integers(3, true, format),
        b"in32" => Layout::integers(4, true, format),
        b"42ni" => Layout::integers(3, false, format),
        b"23ni" => Layout::integers(4, false, format),
        b"fl32" | b"FL32" => Layout::floats(4, true, format),
        b"fl64" | b"FL64" => Layout::floats(8, true, format),
        b"ulaw" | b"ULAW" => Layout::mulaw(format),
        b"alaw" | b"ALAW" => Layout::alaw(format),
        b"ima4" => Layout::ima4(format),
        b"GSM " | b"agsm" => Err(AudioError::foreign("GSM 06.10")),
        b"G722" => Err(AudioError::foreign("G.722")),
        b"G726" => Err(AudioError::foreign("G.726")),
        b"MAC3" | b"MAC6" => Err(AudioError::foreign("MACE")),
        b"QDM2" | b"QDMC" => Err(AudioError::foreign("QDesign Music")),
        other => Err(AudioError::foreign(&format!("an AIFF codec with the name {:?}", String::from_utf8_lossy(other)))),
    }
}

/// A float of 80 bits, rounded to an integer; 0 for what no rate can be.
fn extended([e0, e1, mantissa @ ..]: [u8; 10]) -> u32 {
    let exponent = u32::from(u16::from_be_bytes([e0, e1]));
    match exponent.checked_sub(16_383) {
        Some(power @ 0..=31) => {
            let half = 1 << (62 - power);
            u32::try_from((u128::from(u64::from_be_bytes(mantissa)) + half) >> (63 - power)).unwrap_or(0)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates() {
        assert_eq!(extended([0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]), 44_100);
        assert_eq!(extended([0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0]), 16_000);
        assert_eq!(extended([0x3f, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), 1);
        assert_eq!(extended([0xff; 10]), 0);
    }
}
