//! Writes recordings of many containers, byte by byte.

#![allow(dead_code, reason = "each test uses its part")]

/// A WAV file with a `fmt ` chunk of these values, and 16 bytes for any extension.
pub(crate) fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    let extra: &[u8] = match format {
        0xfffe => &[22, 0, bits as u8, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71],
        6 | 7 => &[0, 0],
        _ => &[],
    };
    bytes.extend((16 + extra.len() as u32).to_le_bytes());
    bytes.extend(format.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.wrapping_mul(block.into()).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(extra);
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    let size = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// A WAV file of 16-bit samples.
pub(crate) fn wav16(values: &[i16], channels: u16, rate: u32) -> Vec<u8> {
    wav(1, channels, rate, 16, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// An AIFF file of 16-bit samples at 16 kHz, or an AIFF-C file with this codec.
pub(crate) fn aiff(kind: &[u8; 4], codec: &[u8], data: &[u8]) -> Vec<u8> {
    let frames = (data.len() / 2) as u32;
    let common = [&1_u16.to_be_bytes()[..], &frames.to_be_bytes(), &[0, 16], b"\x40\x0c\xfa\0\0\0\0\0\0\0", codec];
    let chunk = |tag: &[u8; 4], body: &[u8]| [&tag[..], &(body.len() as u32).to_be_bytes(), body].concat();
    let sound = chunk(b"SSND", &[&[0; 8], data].concat());
    [&b"FORM\0\0\0\0"[..], kind, &chunk(b"COMM", &common.concat()), &sound].concat()
}

/// An AU file at 16 kHz.
pub(crate) fn au(encoding: u32, size: u32, data: &[u8]) -> Vec<u8> {
    let header = [24, size, encoding, 16_000, 1].map(u32::to_be_bytes).concat();
    [b".snd", &header[..], data].concat()
}

/// A CAF file of big-endian 16-bit samples at 16 kHz.
pub(crate) fn caf(size: i64, data: &[u8]) -> Vec<u8> {
    // The kind, no flags, bytes and samples of a packet, channels, bits.
    let numbers = [0, 2, 1, 1, 16].map(u32::to_be_bytes).concat();
    let description = [&16_000_f64.to_be_bytes()[..], b"lpcm", &numbers].concat();
    [&b"caff\0\x01\0\0desc"[..], &32_i64.to_be_bytes(), &description, b"data", &size.to_be_bytes(), &[0; 4], data]
        .concat()
}

/// A Wave64 file of 16-bit samples at 16 kHz.
pub(crate) fn w64(data: &[u8]) -> Vec<u8> {
    const TAIL: &[u8] = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a";
    let chunk = |tag: &[u8; 4], body: &[u8]| {
        let mut chunk = [tag, TAIL, &(body.len() as u64 + 24).to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(8), 0);
        chunk
    };
    let riff = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00";
    let format = &wav16(&[], 1, 16_000)[20..36];
    [&riff[..], &[0; 8], b"wave", TAIL, &chunk(b"fmt ", format), &chunk(b"data", data)].concat()
}

/// A box of MP4.
pub(crate) fn atom(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], &body].concat()
}

/// Big-endian numbers of 32 bits.
pub(crate) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// An element of Matroska.
pub(crate) fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = (1 << 56 | body.len() as u64).to_be_bytes();
    [id, &size, body].concat()
}

/// The pages of an Ogg file.
pub(crate) fn pages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pages = Vec::new();
    while !rest.is_empty() {
        let count = usize::from(rest[26]);
        let size = 27 + count + rest[27..27 + count].iter().map(|&size| usize::from(size)).sum::<usize>();
        let (page, behind) = rest.split_at(size);
        pages.push(page.to_vec());
        rest = behind;
    }
    pages
}

/// Writes the checksum of an Ogg page.
pub(crate) fn seal(mut page: Vec<u8>) -> Vec<u8> {
    page[22..26].fill(0);
    let sum = page.iter().fold(0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 0 { 0 } else { 0x04c1_1db7 })
    });
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// An Ogg page of whole packets.
pub(crate) fn page(serial: u32, sequence: u32, flags: u8, granule: u64, packets: &[&[u8]]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend(sequence.to_le_bytes());
    page.extend([0; 4]);
    let lacing: Vec<u8> = packets
        .iter()
        .flat_map(|packet| [vec![255; packet.len() / 255], vec![(packet.len() % 255) as u8]].concat())
        .collect();
    page.push(lacing.len() as u8);
    page.extend(lacing);
    page.extend(packets.concat());
    seal(page)
}

/// The packets of an Ogg file with one stream.
pub(crate) fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new()];
    for page in pages(bytes) {
        let mut rest = &page[27 + usize::from(page[26])..];
        for &size in &page[27..27 + usize::from(page[26])] {
            let (segment, behind) = rest.split_at(size.into());
            packets.last_mut().expect("a packet").extend(segment);
            rest = behind;
            if size < 255 {
                packets.push(Vec::new());
            }
        }
    }
    packets.pop();
    packets
}
