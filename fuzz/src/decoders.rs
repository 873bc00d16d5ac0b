//! WAV and FLAC against other decoders: what they read without a complaint is read as they do.

use std::io::Cursor;

use crate::audio::decode;

/// The rate at which samples come through unchanged, in Hz.
const RATE: u32 = 16_000;
/// What mixing channels may round off.
const TOLERANCE: f32 = 1e-6;

/// WAV against `hound`.
pub(crate) fn wav(data: &[u8]) {
    let Ok(mut reader) = hound::WavReader::new(Cursor::new(data)) else { return };
    let spec = reader.spec();
    let is_compared = spec.sample_format == hound::SampleFormat::Int && [8, 16, 24, 32].contains(&spec.bits_per_sample);
    if !is_compared || spec.sample_rate != RATE || spec.channels != 1 {
        return;
    }
    if has_long_format(data) || has_padded_samples(data, spec.bits_per_sample) || has_odd_chunk(data) {
        return;
    }
    let full = 1_u64 << (spec.bits_per_sample - 1);
    let wanted: Result<Vec<i32>, _> = reader.samples::<i32>().collect();
    if let Ok(wanted) = wanted {
        compare(data, "wav", wanted.into_iter().map(|sample| sample as f32 / full as f32));
    }
}

/// Whether a format chunk is of another size than its fields, which hound takes to be the size.
fn has_long_format(data: &[u8]) -> bool {
    formats(data).map(u32::from_le_bytes).any(|size| ![16, 18, 40].contains(&size))
}

/// Whether a format has samples of more bytes than their bits fill: hound takes the lowest bits, the format's definition the highest.
fn has_padded_samples(data: &[u8], bits: u16) -> bool {
    let mut sizes = formats::<18>(data).map(|format| u16::from_le_bytes([format[16], format[17]]));
    sizes.any(|bytes| u32::from(bytes) * 8 != u32::from(bits))
}

/// The first bytes of what may be format chunks, from their sizes on.
fn formats<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> {
    data.windows(4 + N).filter_map(|chunk| chunk.strip_prefix(b"fmt ")?.try_into().ok())
}

/// Whether a chunk before the samples has an odd size: hound takes the byte that pads it for the next chunk's.
fn has_odd_chunk(data: &[u8]) -> bool {
    let mut rest = data.get(12..).unwrap_or_default();
    while let Some((header, behind)) = rest.split_first_chunk::<8>() {
        let (id, size) = header.split_at(4);
        let size = u32::from_le_bytes(size.try_into().expect("4 bytes"));
        if id == b"data" {
            break;
        }
        if !size.is_multiple_of(2) {
            return true;
        }
        rest = behind.get(size as usize..).unwrap_or_default();
    }
    false
}

/// FLAC against `claxon`.
pub(crate) fn flac(data: &[u8]) {
    let Ok(mut reader) = claxon::FlacReader::new(Cursor::new(data)) else { return };
    let info = reader.streaminfo();
    if info.sample_rate != RATE || info.channels != 1 || has_other_sizes(data, info.bits_per_sample) {
        return;
    }
    let full = 1_u64 << (info.bits_per_sample - 1);
    // No more than is decoded of a recording that is not whole.
    let wanted: Result<Vec<i32>, _> = reader.samples().take(20 * RATE as usize + 1).collect();
    if let Ok(wanted) = wanted {
        compare(data, "flac", wanted.into_iter().map(|sample| sample as f32 / full as f32));
    }
}

/// Whether something that looks like the header of a frame says another size of samples than the stream's: claxon does not tell, and
/// such samples stand for other values. One in thirty files of a kilobyte looks so by chance.
fn has_other_sizes(data: &[u8], bits: u32) -> bool {
    let sizes =
        data.windows(4).filter(|header| header[0] == 0xff && header[1] & 0xfe == 0xf8).map(|header| header[3] >> 1 & 7);
    sizes.filter(|&size| size != 0).any(|size| [0, 8, 12, 0, 16, 20, 24, 32][usize::from(size)] != bits)
}

/// Of a recording that is whole, the samples are those of the other decoder. There may be more of them, as a size in a header that
/// stands for an unknown one is taken for what it is.
fn compare(data: &[u8], extension: &str, wanted: impl ExactSizeIterator<Item = f32>) {
    let Ok(heard) = decode(data, extension) else { return };
    if !heard.is_whole {
        return;
    }
    assert!(heard.samples.len() >= wanted.len(), "{} samples, wanted {}", heard.samples.len(), wanted.len());
    for (place, (found, wanted)) in heard.samples.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() <= TOLERANCE, "sample {place}: {found}, wanted {wanted}");
    }
}
