//! Writes MP4, Matroska and CAF files of packets, with all headers in front.

use crate::{
    containers::{atom, element, numbers},
    packets::{Codec, Stream, sample_entry},
};

/// The samples of a track of MP4.
struct Table {
    entry: Vec<u8>,
    rate: u32,
    /// How long a sample is, how many there are, and their sizes: all the same, or one by one.
    each: u32,
    sizes: Sizes,
    /// Samples in a chunk.
    in_chunk: u32,
}

enum Sizes {
    Same { size: u32, count: u32 },
    Each(Vec<u32>),
}

impl Table {
    fn count(&self) -> u32 {
        match &self.sizes {
            Sizes::Same { count, .. } => *count,
            Sizes::Each(sizes) => sizes.len() as u32,
        }
    }

    /// The offsets of the chunks in the data.
    fn offsets(&self) -> Vec<u32> {
        let size = |sample: u32| match &self.sizes {
            Sizes::Same { size, .. } => *size,
            Sizes::Each(sizes) => sizes[sample as usize],
        };
        let mut offset = 0;
        (0..self.count())
            .filter_map(|sample| {
                let start = sample.is_multiple_of(self.in_chunk).then_some(offset);
                offset += size(sample);
                start
            })
            .collect()
    }

    /// The `moov` box, for data at byte `at` of the file, and boxes that follow in it.
    fn moov(&self, at: u32, more: &[u8]) -> Vec<u8> {
        let offsets: Vec<u32> = self.offsets().iter().map(|offset| at + offset).collect();
        let sizes = match &self.sizes {
            Sizes::Same { size, count } => numbers(&[0, *size, *count]),
            Sizes::Each(sizes) => numbers(&[&[0, 0, sizes.len() as u32], &sizes[..]].concat()),
        };
        let stbl = atom(
            b"stbl",
            &[
                &atom(b"stsd", &[&numbers(&[0, 1]), &self.entry]),
                &atom(b"stts", &[&numbers(&[0, 1, self.count(), self.each])]),
                &atom(b"stsc", &[&numbers(&[0, 1, 1, self.in_chunk, 1])]),
                &atom(b"stsz", &[&sizes]),
                &atom(b"stco", &[&numbers(&[0, offsets.len() as u32]), &numbers(&offsets)]),
            ],
        );
        let mdia = atom(
            b"mdia",
            &[
                &atom(b"mdhd", &[&numbers(&[0, 0, 0, self.rate, self.count() * self.each, 0])]),
                &atom(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]),
                &atom(b"minf", &[&stbl]),
            ],
        );
        let trak = atom(b"trak", &[&atom(b"tkhd", &[&numbers(&[1, 0, 0, 1]), &[0; 68]]), &mdia]);
        let mvhd = atom(b"mvhd", &[&numbers(&[0, 0, 0, 1_000, 0]), &[0; 80]]);
        atom(b"moov", &[&mvhd, &trak, more])
    }

    fn file(&self, data: &[u8]) -> Vec<u8> {
        let start = atom(b"ftyp", &[b"isom\0\0\0\0"]);
        let length = start.len() + self.moov(0, &[]).len() + 8;
        [start, self.moov(length as u32, &[]), atom(b"mdat", &[data])].concat()
    }
}

/// The entry of a codec in MP4.
fn entry(stream: &Stream) -> Vec<u8> {
    let header = &stream.header;
    match stream.codec {
        Codec::Aac => {
            let config = [&[5, header.len() as u8], &header[..]].concat();
            let decoder = [&[4, 13 + config.len() as u8, 0x40, 0x15], &[0; 11][..], &config].concat();
            let stream_part = [&[3, 3 + decoder.len() as u8, 0, 1, 0], &decoder[..]].concat();
            sample_entry(b"mp4a", 16, stream.rate, &atom(b"esds", &[&[0; 4], &stream_part]))
        }
        Codec::Mp3 => sample_entry(b".mp3", 16, stream.rate, &[]),
        Codec::Opus => {
            // The numbers of `OpusHead`, the other way round.
            let head = &header[8..];
            let big = [0, head[1], head[3], head[2], head[7], head[6], head[5], head[4], head[9], head[8], head[10]];
            sample_entry(b"Opus", 16, stream.rate, &atom(b"dOps", &[&big]))
        }
        Codec::Flac => sample_entry(b"fLaC", 16, stream.rate, &atom(b"dfLa", &[&[0; 4], header])),
        Codec::Vorbis => panic!("no Vorbis in MP4"),
    }
}

/// An MP4 file with four packets in a chunk.
pub(crate) fn mp4(stream: &Stream) -> Vec<u8> {
    let sizes = Sizes::Each(stream.packets.iter().map(|packet| packet.len() as u32).collect());
    let table = Table { entry: entry(stream), rate: stream.rate, each: stream.each, sizes, in_chunk: 4 };
    table.file(&stream.packets.concat())
}

/// An MP4 file of plain samples at 16 kHz, 1,024 in a chunk.
pub(crate) fn mp4_pcm(kind: &[u8; 4], bits: u16, data: &[u8]) -> Vec<u8> {
    let size = u32::from(bits / 8);
    let sizes = Sizes::Same { size, count: data.len() as u32 / size };
    let table = Table { entry: sample_entry(kind, bits, 16_000, &[]), rate: 16_000, each: 1, sizes, in_chunk: 1_024 };
    table.file(data)
}

/// A fragmented MP4 file with four packets in a fragment.
pub(crate) fn mp4_fragmented(stream: &Stream) -> Vec<u8> {
    let table = Table {
        entry: entry(stream),
        rate: stream.rate,
        each: stream.each,
        sizes: Sizes::Each(Vec::new()),
        in_chunk: 4,
    };
    let mvex = atom(b"mvex", &[&atom(b"trex", &[&numbers(&[0, 1, 1, stream.each, 0, 0])])]);
    let mut file = [atom(b"ftyp", &[b"isom\0\0\0\0"]), table.moov(0, &mvex)].concat();
    for (index, packets) in stream.packets.chunks(4).enumerate() {
        let sizes: Vec<u32> = packets.iter().map(|packet| packet.len() as u32).collect();
        let moof = |offset: u32| {
            let run = [numbers(&[0x201, sizes.len() as u32, offset]), numbers(&sizes)].concat();
            let traf = atom(
                b"traf",
                &[
                    &atom(b"tfhd", &[&numbers(&[0x0002_0000, 1])]),
                    &atom(b"tfdt", &[&numbers(&[0, 4 * stream.each * index as u32])]),
                    &atom(b"trun", &[&run]),
                ],
            );
            atom(b"moof", &[&atom(b"mfhd", &[&numbers(&[0, index as u32 + 1])]), &traf])
        };
        let offset = moof(0).len() as u32 + 8;
        file.extend(moof(offset));
        file.extend(atom(b"mdat", &[&packets.concat()]));
    }
    file
}

/// A file that had its `moov` box at the end, with it in front of its data.
pub(crate) fn moov_first(bytes: &[u8]) -> Vec<u8> {
    let mut at = 0;
    while &bytes[at + 4..at + 8] != b"moov" {
        at += u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    }
    let (before, moov) = bytes.split_at(at);
    let mut moov = moov.to_vec();
    let table = moov.windows(4).position(|kind| kind == b"stco").expect("a table of chunks") + 8;
    let length = moov.len() as u32;
    let count = u32::from_be_bytes(moov[table..table + 4].try_into().expect("four bytes")) as usize;
    for entry in moov[table + 4..].chunks_exact_mut(4).take(count) {
        let offset = u32::from_be_bytes((&*entry).try_into().expect("four bytes")) + length;
        entry.copy_from_slice(&offset.to_be_bytes());
    }
    let start = u32::from_be_bytes(before[..4].try_into().expect("four bytes")) as usize;
    [&before[..start], &moov, &before[start..]].concat()
}

/// A Matroska file with five packets in a cluster, whose frames may be compressed once more.
pub(crate) fn matroska(stream: &Stream, zlib: bool) -> Vec<u8> {
    let name: &[u8] = match stream.codec {
        Codec::Aac => b"A_AAC",
        Codec::Mp3 => b"A_MPEG/L3",
        Codec::Opus => b"A_OPUS",
        Codec::Vorbis => b"A_VORBIS",
        Codec::Flac => b"A_FLAC",
    };
    let audio = element(b"\xb5", &(stream.rate as f32).to_be_bytes());
    let mut track =
        [element(b"\xd7", &[1]), element(b"\x83", &[2]), element(b"\x86", name), element(b"\xe1", &audio)].concat();
    match stream.codec {
        Codec::Mp3 => {}
        Codec::Flac => track.extend(element(b"\x63\xa2", &[b"fLaC", &stream.header[..]].concat())),
        _ => track.extend(element(b"\x63\xa2", &stream.header)),
    }
    if zlib {
        let compression = element(b"\x50\x34", &element(b"\x42\x54", &[0]));
        track.extend(element(b"\x6d\x80", &element(b"\x62\x40", &compression)));
    }
    let pack = |packet: &[u8]| match zlib {
        true => miniz_oxide::deflate::compress_to_vec_zlib(packet, 6),
        false => packet.to_vec(),
    };
    let when = |index: usize| (index as u64 * u64::from(stream.each) * 1_000 / u64::from(stream.rate)) as u16;
    let clusters = stream.packets.chunks(5).enumerate().map(|(index, packets)| {
        let start = when(5 * index);
        let blocks = packets.iter().enumerate().map(|(i, packet)| {
            let [t0, t1] = (when(5 * index + i) - start).to_be_bytes();
            element(b"\xa3", &[&[0x81, t0, t1, 0x80], &pack(packet)[..]].concat())
        });
        let blocks: Vec<u8> = blocks.flatten().collect();
        element(b"\x1f\x43\xb6\x75", &[element(b"\xe7", &start.to_be_bytes()), blocks].concat())
    });
    let clusters: Vec<u8> = clusters.flatten().collect();
    let duration = element(b"\x44\x89", &f32::from(when(stream.packets.len())).to_be_bytes());
    let info =
        element(b"\x15\x49\xa9\x66", &[element(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes()), duration].concat());
    let tracks = element(b"\x16\x54\xae\x6b", &element(b"\xae", &track));
    let segment = element(b"\x18\x53\x80\x67", &[info, tracks, clusters].concat());
    [element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska")), segment].concat()
}

/// A CAF file of packets, with their table in front of them.
pub(crate) fn caf_packets(stream: &Stream) -> Vec<u8> {
    let (kind, cookie) = match stream.codec {
        Codec::Aac => (b"aac ", &stream.header[..]),
        Codec::Mp3 => (b".mp3", &[][..]),
        Codec::Opus => (b"opus", &[][..]),
        Codec::Flac => (b"flac", &stream.header[..]),
        Codec::Vorbis => panic!("no Vorbis in CAF"),
    };
    let chunk = |tag: &[u8; 4], body: &[u8]| [tag, &(body.len() as i64).to_be_bytes()[..], body].concat();
    let rate = f64::from(stream.rate).to_be_bytes();
    let description = [&rate[..], kind, &numbers(&[0, 0, stream.each, 1, 0])].concat();
    let count = stream.packets.len() as u64;
    let mut table = [count.to_be_bytes(), (count * u64::from(stream.each)).to_be_bytes(), [0; 8]].concat();
    for size in stream.packets.iter().map(Vec::len) {
        if size >= 128 {
            table.push(0x80 | (size >> 7) as u8);
        }
        table.push((size & 127) as u8);
    }
    let data = [&[0; 4], &stream.packets.concat()[..]].concat();
    let mut file = [&b"caff\0\x01\0\0"[..], &chunk(b"desc", &description)].concat();
    if !cookie.is_empty() {
        file.extend(chunk(b"kuki", cookie));
    }
    [file, chunk(b"pakt", &table), chunk(b"data", &data)].concat()
}

/// A CAF file whose table of packets stood behind them, with the table in front.
pub(crate) fn table_first(bytes: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    let mut rest = &bytes[8..];
    while rest.len() >= 12 {
        let size = i64::from_be_bytes(rest[4..12].try_into().expect("eight bytes"));
        let (chunk, behind) = rest.split_at(12 + size as usize);
        chunks.push(chunk);
        rest = behind;
    }
    chunks.sort_by_key(|chunk| chunk.starts_with(b"data"));
    [&bytes[..8], &chunks.concat()].concat()
}
