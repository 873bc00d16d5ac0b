//! Codecs: packets of any bytes in containers that are right, so that they get to the decoders.

use crate::{
    audio::decode,
    containers::{element, wav},
    input::Input,
};

/// A codec as Matroska names it, with its rate in Hz.
struct Codec {
    name: &'static [u8],
    rate: f32,
    channels: u8,
}

/// AAC, with the bytes of `AudioSpecificConfig` from the input.
pub(crate) fn aac(data: &[u8]) {
    let mut input = Input(data);
    let header = input.take(2);
    matroska(&Codec { name: b"A_AAC", rate: 16_000.0, channels: 1 }, header, input);
}

/// Opus, with the number of channels from the input.
pub(crate) fn opus(data: &[u8]) {
    let mut input = Input(data);
    let channels = input.byte() % 2 + 1;
    let header = [b"OpusHead\x01", &[channels][..], &[0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat();
    matroska(&Codec { name: b"A_OPUS", rate: 48_000.0, channels }, &header, input);
}

/// Vorbis, with all headers from the input: the first three stretches.
pub(crate) fn vorbis(data: &[u8]) {
    let mut input = Input(data);
    let headers: [&[u8]; 3] = std::array::from_fn(|_| {
        let length = input.short();
        input.take(length.into())
    });
    let mut header = vec![2];
    for size in headers[..2].iter().map(|header| header.len()) {
        header.extend(vec![255; size / 255]);
        header.push((size % 255) as u8);
    }
    header.extend(headers.concat());
    matroska(&Codec { name: b"A_VORBIS", rate: 16_000.0, channels: 1 }, &header, input);
}

/// ALAC, with its configuration from the input.
pub(crate) fn alac(data: &[u8]) {
    let mut input = Input(data);
    let header = input.take(24);
    matroska(&Codec { name: b"A_ALAC", rate: 16_000.0, channels: 1 }, header, input);
}

/// MPEG audio of all layers.
pub(crate) fn mpeg(data: &[u8]) {
    let mut input = Input(data);
    let name = input.choose(&[&b"A_MPEG/L3"[..], b"A_MPEG/L2", b"A_MPEG/L1"]);
    matroska(&Codec { name, rate: 16_000.0, channels: 1 }, &[], input);
}

/// FLAC: frames whose checksums are made right.
pub(crate) fn flac(data: &[u8]) {
    let mut input = Input(data);
    let mut bytes = b"fLaC\x80\0\0\x22".to_vec();
    let mut info = input.take(18).to_vec();
    // No checksum of all samples.
    info.resize(34, 0);
    bytes.extend(info);
    for frame in input.stretches() {
        bytes.extend(sealed(frame));
    }
    drop(decode(&bytes, "flac"));
}

/// A frame of FLAC, which has no checksums yet, with those of its header and of all of it.
fn sealed(frame: &[u8]) -> Vec<u8> {
    let number = frame.get(4).map_or(0, |first| usize::try_from(first.leading_ones().max(1)).unwrap_or(1));
    let codes = frame.get(2).copied().unwrap_or_default();
    let size = match codes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match codes & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let (header, body) = frame.split_at((4 + number + size + rate).min(frame.len()));
    let mut sealed = header.to_vec();
    sealed.push(crc(header, 8, 0x07) as u8);
    sealed.extend(body);
    sealed.extend((crc(&sealed, 16, 0x8005) as u16).to_be_bytes());
    sealed
}

fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let (top, mask) = (1 << (bits - 1), ((1_u64 << bits) - 1) as u32);
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << (bits - 8), |sum, _| {
            let shifted = sum << 1;
            (if sum & top == 0 { shifted } else { shifted ^ polynomial }) & mask
        })
    })
}

/// WAV with a header of any values in front of any samples or blocks.
pub(crate) fn samples(data: &[u8]) {
    let mut input = Input(data);
    let format = input.choose(&[1, 2, 3, 6, 7, 0x11, 0x55, 0xfffe, 0]);
    let (channels, bits, block) = (input.byte().into(), input.byte().into(), input.short());
    let rate = input.choose(&[8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 384_000, 1, u32::MAX]);
    let mut bytes = wav(format, channels, rate, bits, input.0);
    if block > 0 {
        bytes[32..34].copy_from_slice(&block.to_le_bytes());
    }
    drop(decode(&bytes, "wav"));
}

/// A Matroska file of one track, with the stretches of the input as blocks of 20 ms.
fn matroska(codec: &Codec, header: &[u8], packets: Input<'_>) {
    let audio =
        element(b"\xe1", &[element(b"\xb5", &codec.rate.to_be_bytes()), element(b"\x9f", &[codec.channels])].concat());
    let mut track = [element(b"\xd7", &[1]), element(b"\x83", &[2]), element(b"\x86", codec.name), audio].concat();
    if !header.is_empty() {
        track.extend(element(b"\x63\xa2", header));
    }
    let blocks = packets.stretches().take(1_000).zip(0_u16..).map(|(packet, number)| {
        let [high, low] = (number * 20).to_be_bytes();
        element(b"\xa3", &[&[0x81, high, low, 0x80], packet].concat())
    });
    let blocks: Vec<u8> = blocks.flatten().collect();
    let cluster = element(b"\x1f\x43\xb6\x75", &[element(b"\xe7", &[0]), blocks].concat());
    let info = element(b"\x15\x49\xa9\x66", &element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes()));
    let tracks = element(b"\x16\x54\xae\x6b", &element(b"\xae", &track));
    let segment = element(b"\x18\x53\x80\x67", &[info, tracks, cluster].concat());
    let bytes = [element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska")), segment].concat();
    drop(decode(&bytes, "mka"));
}
