//! Matroska and `WebM`: sizes that are not known, compressed frames, several tracks, times, and damage.

use std::time::Duration;

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, Waveform},
};
use miniz_oxide::deflate::compress_to_vec_zlib;

use crate::{clip, containers::element, decode, kept, samples};

const CLUSTER: &[u8] = b"\x1f\x43\xb6\x75";
/// The samples in a block of these files.
const BLOCK: usize = 1_600;

/// An element whose size is not known.
fn endless(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, b"\x01\xff\xff\xff\xff\xff\xff\xff", body].concat()
}

/// The entry of a track of sound with samples of 16 bits at 16 kHz, and what `more` says.
pub(super) fn track(number: u8, more: &[u8]) -> Vec<u8> {
    let audio = [element(b"\xb5", &16_000_f32.to_be_bytes()), element(b"\x62\x64", &[16])].concat();
    let parts = [
        element(b"\xd7", &[number]),
        element(b"\x83", &[2]),
        element(b"\x86", b"A_PCM/INT/LIT"),
        element(b"\xe1", &audio),
    ];
    element(b"\xae", &[&parts.concat(), more].concat())
}

pub(super) fn block(number: u8, time: i16, data: &[u8]) -> Vec<u8> {
    let [t0, t1] = time.to_be_bytes();
    element(b"\xa3", &[&[0x80 | number, t0, t1, 0], data].concat())
}

/// A cluster for each of the blocks, in milliseconds.
pub(super) fn clusters(blocks: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let cluster = |(time, block): &(u16, Vec<u8>)| {
        element(CLUSTER, &[&element(b"\xe7", &time.to_be_bytes()), &block[..]].concat())
    };
    blocks.iter().flat_map(cluster).collect()
}

pub(super) fn file(tracks: &[u8], clusters: &[u8]) -> Vec<u8> {
    let segment = [&element(b"\x16\x54\xae\x6b", tracks), clusters].concat();
    [element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska")), element(b"\x18\x53\x80\x67", &segment)].concat()
}

/// Blocks of a tenth of a second with the speech of a clip.
pub(super) fn speech() -> Vec<Vec<u8>> {
    clip("hi.wav")[44..].chunks(2 * BLOCK).map(<[u8]>::to_vec).collect()
}

/// The speech of track 1, each block after what `pack` makes of it, and at the time that `when` gives in milliseconds.
fn packed(more: &[u8], pack: impl Fn(&[u8]) -> Vec<u8>, when: impl Fn(usize) -> usize) -> Vec<u8> {
    let blocks: Vec<_> =
        speech().iter().enumerate().map(|(i, data)| (when(i) as u16, block(1, 0, &pack(data)))).collect();
    file(&track(1, more), &clusters(&blocks))
}

/// When the pieces of a recording start.
fn starts(bytes: Vec<u8>) -> Vec<f64> {
    let pieces = AudioOptions::new().reader_from_bytes(bytes, None).expect("a recording");
    pieces.map(|piece| (piece.expect("a piece").start * 1e3).round() / 1e3).collect()
}

/// A `ContentEncodings` element with one encoding.
fn encodings(encoding: &[u8]) -> Vec<u8> {
    element(b"\x6d\x80", &element(b"\x62\x40", encoding))
}

#[test]
fn reads_plain_files() {
    assert_eq!(decode(packed(&[], <[u8]>::to_vec, |i| i * 100)).expect("a recording").samples(), samples("hi.wav"));
}

#[test]
fn reads_elements_without_a_size() {
    let wanted = samples("hi.wav");
    let cluster = |(i, data): (usize, &Vec<u8>)| {
        let time = element(b"\xe7", &(100 * i as u16).to_be_bytes());
        endless(CLUSTER, &[time, block(1, 0, data)].concat())
    };
    let clusters: Vec<u8> = speech().iter().enumerate().flat_map(cluster).collect();
    let tracks = element(b"\x16\x54\xae\x6b", &track(1, &[]));
    let head = element(b"\x1a\x45\xdf\xa3", &[]);
    let bytes = [head, endless(b"\x18\x53\x80\x67", &[tracks, clusters].concat())].concat();
    assert_eq!(decode(bytes.clone()).expect("a recording").samples(), wanted);
    // Cut in a block: what there is of it is kept.
    let cut = &bytes[..bytes.len() - 101];
    assert!(matches!(decode(cut), Err(Error::DamagedAudio { .. })));
    let found = kept(cut).expect("a recording");
    assert_eq!(found.samples(), &wanted[..wanted.len() - 51]);
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::CutShort), "{:?}", found.damage());
}

#[test]
fn undoes_compression() {
    let wanted = samples("hi.wav");
    // A stored block of zlib.
    let zlib = |data: &[u8]| {
        let length = data.len() as u16;
        let (mut a, mut b) = (1_u32, 0_u32);
        for &byte in data {
            a = (a + u32::from(byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        [&[0x78, 1, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), data, &(b << 16 | a).to_be_bytes()]
            .concat()
    };
    let compressed = encodings(&element(b"\x50\x34", &element(b"\x42\x54", &[0])));
    let bytes = packed(&compressed, zlib, |i| i * 100);
    assert_eq!(decode(bytes.clone()).expect("a recording").samples(), wanted);
    // A frame that cannot be decompressed is left out.
    let mut broken = bytes;
    let at = broken.len() - 20;
    broken[at] ^= 1;
    let found = kept(broken).expect("a recording");
    assert_eq!(found.samples(), &wanted[..wanted.len() / BLOCK * BLOCK]);
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt), "{:?}", found.damage());

    let headers = element(b"\x50\x34", &[element(b"\x42\x54", &[3]), element(b"\x42\x55", &[7, 0])].concat());
    let stripped = packed(&encodings(&headers), <[u8]>::to_vec, |i| i * 100);
    let found = decode(stripped).expect("a recording");
    assert_eq!((found.samples()[0], &found.samples()[1..9]), (7.0 / 32_768.0, &wanted[..8]));

    for (encoding, name) in [
        (element(b"\x50\x34", &element(b"\x42\x54", &[1])), "bzip2"),
        (element(b"\x50\x34", &element(b"\x42\x54", &[2])), "LZO"),
        (element(b"\x50\x33", &[1]), "encrypted"),
    ] {
        let refused = decode(packed(&encodings(&encoding), <[u8]>::to_vec, |i| i * 100));
        assert!(matches!(&refused, Err(Error::UnsupportedAudio { found, .. }) if found.contains(name)), "{refused:?}");
    }
}

#[test]
fn decodes_the_default_track() {
    let no = element(b"\x88", &[0]);
    let (silence, speech) = (vec![0; 2 * BLOCK], speech());
    let blocks: Vec<_> = speech
        .iter()
        .enumerate()
        .map(|(i, data)| (100 * i as u16, [block(1, 0, &silence), block(2, 0, data)].concat()))
        .collect();
    // Without the flag, a track is a default one.
    let two = |first: &[u8], second: &[u8]| {
        decode(file(&[track(1, first), track(2, second)].concat(), &clusters(&blocks))).map(Waveform::into_samples)
    };
    assert_eq!(two(&no, &[]).expect("a recording"), samples("hi.wav"));
    assert!(two(&[], &no).expect("a recording").iter().all(|&sample| sample == 0.0));
    assert!(two(&no, &no).expect("a recording").iter().all(|&sample| sample == 0.0));
    // A codec that is not decoded is named.
    let other =
        element(b"\xae", &[element(b"\xd7", &[1]), element(b"\x83", &[2]), element(b"\x86", b"A_AC3")].concat());
    let refused = decode(file(&other, &clusters(&blocks))).expect_err("AC-3").to_string();
    assert!(refused.contains("AC-3") && refused.contains("ffmpeg -i FILE -f wav -"), "{refused}");
}

#[test]
fn follows_the_time_stamps() {
    assert_eq!(starts(packed(&[], <[u8]>::to_vec, |i| 5_000 + i * 100))[0], 5.0);
    let gap = packed(&[], <[u8]>::to_vec, |i| i * 100 + if i < 4 { 0 } else { 9_000 });
    assert_eq!(starts(gap.clone()), [0.0, 9.4, 10.4]);
    // A part between the samples, and one behind them.
    let part = |options: AudioOptions| match options.from_bytes(gap.clone(), None) {
        Err(Error::NoAudio { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let options = AudioOptions::new().start(Duration::from_secs(5));
    assert_eq!(part(options.duration(Duration::from_secs(2))), "it has no sample from 5 s to 7 s");
    let options = AudioOptions::new().start(Duration::from_secs(99));
    assert_eq!(part(options), "it ends before 99 s, where it was to start");
    assert_eq!(decode(gap).expect("a recording").samples(), samples("hi.wav"));
}

#[test]
fn goes_on_at_the_next_cluster() {
    let wanted = samples("hi.wav");
    // A large element at the end, into which a wrong size may lead.
    let bytes = [packed(&[], <[u8]>::to_vec, |i| i * 100), element(b"\xec", &vec![0; (1 << 24) + 9])].concat();
    assert_eq!(decode(bytes.clone()).expect("a recording").samples(), wanted);
    // The id of the first block of the third cluster, and its size.
    let starts: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(CLUSTER)).collect();
    let at = starts[2] + 12 + 11;
    assert_eq!(bytes[at], 0xa3);
    for wrong in [&b"\0"[..], b"\xa3\x01\xff\xff\xff\xff\xff\xff\xff", b"\xa3\x01\0\0\0\x01\0\0\x01"] {
        let mut bytes = bytes.clone();
        bytes[at..at + wrong.len()].copy_from_slice(wrong);
        let found = kept(bytes.clone()).expect("a recording");
        assert_eq!(found.samples(), [&wanted[..2 * BLOCK], &wanted[3 * BLOCK..]].concat());
        assert!(
            matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt && (damage.at_s - 0.2).abs() < 1e-6),
            "{:?}",
            found.damage()
        );
        assert_eq!(self::starts(bytes.clone())[..2], [0.0, 0.3]);
        assert!(matches!(decode(bytes), Err(Error::DamagedAudio { .. })));
    }
}

#[test]
fn leaves_out_padding() {
    // Negative padding is at the start.
    let padded = |milliseconds: &dyn Fn(usize) -> i64| {
        let group = |(i, data): (usize, &Vec<u8>)| {
            let padding = element(b"\x75\xa2", &(1_000_000 * milliseconds(i)).to_be_bytes());
            let block = element(b"\xa1", &[&[0x81, 0, 0, 0], &data[..]].concat());
            (100 * i as u16, element(b"\xa0", &[block, padding].concat()))
        };
        let blocks: Vec<_> = speech().iter().enumerate().map(group).collect();
        file(&track(1, &[]), &clusters(&blocks))
    };
    let wanted = samples("hi.wav");
    // At the end, more than the last block has.
    let last = wanted.len() / BLOCK;
    let found = decode(padded(&|i| if i == last { 99 } else { 0 })).expect("padding at the end");
    assert_eq!(found.samples(), &wanted[..last * BLOCK]);
    // In the middle: what follows keeps its time.
    let middle = padded(&|i| if i == 4 { 75 } else { 0 });
    let found = decode(middle.clone()).expect("padding in the middle");
    assert_eq!(found.samples(), [&wanted[..4 * BLOCK + BLOCK / 4], &wanted[5 * BLOCK..]].concat());
    assert_eq!(starts(middle), [0.0, 0.5]);
    let start = padded(&|i| if i == 4 { -75 } else { 0 });
    let found = decode(start.clone()).expect("padding at the start of a block");
    assert_eq!(found.samples(), [&wanted[..4 * BLOCK], &wanted[4 * BLOCK + BLOCK / 4 * 3..]].concat());
    assert_eq!(starts(start), [0.0, 0.475]);
}

#[test]
fn reads_laced_frames() {
    let laced = |data: &[u8]| [&[0x81, 0, 0, 4, 1], data].concat();
    let blocks: Vec<_> = speech()
        .iter()
        .enumerate()
        .map(|(i, data)| (100 * i as u16, element(b"\xa3", &laced(&data[..data.len() / 4 * 4]))))
        .collect();
    let found = decode(file(&track(1, &[]), &clusters(&blocks))).expect("a recording");
    assert_eq!(found.samples(), &samples("hi.wav")[..23_114]);
}

#[test]
fn limits_what_compressed_frames_become() {
    // Three frames of one size, which become six mebibytes each.
    let compressed = encodings(&element(b"\x50\x34", &element(b"\x42\x54", &[0])));
    let frames = compress_to_vec_zlib(&vec![0; 6 << 20], 6).repeat(3);
    let laced = element(b"\xa3", &[&[0x81, 0, 0, 4, 2], &frames[..]].concat());
    let found = kept(file(&track(1, &compressed), &clusters(&[(0, laced)]))).expect("a recording");
    assert_eq!(found.len(), 6 << 20);
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt), "{:?}", found.damage());
}

#[test]
fn undoes_a_few_encodings() {
    // Nothing was left out.
    let encoding = element(b"\x62\x40", &element(b"\x50\x34", &element(b"\x42\x54", &[3])));
    let times = |count: usize| packed(&element(b"\x6d\x80", &encoding.repeat(count)), <[u8]>::to_vec, |i| i * 100);
    assert_eq!(decode(times(8)).expect("a recording").samples(), samples("hi.wav"));
    let reason = crate::damage(times(9));
    assert!(reason.contains("encoded 9 times"), "{reason}");
}

#[test]
fn small_frames_stay_small() {
    // The one of the highest order is undone first.
    let encoding = |order: u8, algorithm: u8, settings: &[u8]| {
        let compression = [element(b"\x42\x54", &[algorithm]), element(b"\x42\x55", settings)].concat();
        element(b"\x62\x40", &[element(b"\x50\x31", &[order]), element(b"\x50\x34", &compression)].concat())
    };
    let zlib = |data: &[u8]| compress_to_vec_zlib(data, 1);
    let encoded =
        |first: Vec<u8>, second: Vec<u8>| packed(&element(b"\x6d\x80", &[first, second].concat()), zlib, |i| i * 100);
    let found = decode(encoded(encoding(1, 0, &[]), encoding(0, 3, &[7, 0]))).expect("a recording");
    assert_eq!((found.samples()[0], &found.samples()[1..9]), (7.0 / 32_768.0, &samples("hi.wav")[..8]));
    for (first, second, wanted) in [
        (encoding(1, 0, &[]), encoding(0, 3, &[0; 2_000]), "2000 bytes are left out of each frame"),
        (encoding(1, 3, &[0; 600]), encoding(0, 3, &[0; 600]), "1200 bytes are left out of each frame"),
        (encoding(1, 0, &[]), encoding(0, 0, &[]), "encoded once more"),
        (encoding(1, 3, &[0x78]), encoding(0, 0, &[]), "encoded once more"),
    ] {
        let reason = crate::damage(encoded(first, second));
        assert!(reason.contains(wanted), "{wanted}: {reason}");
    }
}
