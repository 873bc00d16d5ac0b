//! WAV files whose header does not hold the length in 32 bits: streamed, or too large.

use std::{
    fs,
    io::{Cursor, Seek, SeekFrom, Write},
    time::Duration,
};

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, PipeFormat},
};

use crate::{DATA_SIZE, clip, damage, decode, kept, pieces, samples, wav, wav16};

#[test]
fn reads_what_streaming_writers_leave() {
    let whole = wav16(&[100, -200, 300, -400], 1, 16_000);
    let wanted = decode(whole.clone()).expect("a recording");
    for size in [0, u32::MAX, u32::MAX - 36, 4_294_967_195, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000] {
        let mut streamed = whole.clone();
        streamed[4..8].copy_from_slice(&size.to_le_bytes());
        streamed[DATA_SIZE].copy_from_slice(&size.to_le_bytes());
        assert_eq!(decode(streamed.clone()).expect("a recording"), wanted, "{size}");
        streamed.pop();
        assert!(damage(streamed).contains("1 of 2"), "half a sample");
    }
    // A real length, and chunks behind it.
    let mut more = whole.clone();
    more.extend(b"LIST\x04\0\0\0INFO");
    assert_eq!(decode(more).expect("a recording"), wanted);
}

#[test]
fn reads_files_of_more_than_32_bits() {
    let small = wav16(&[100, -200, 300, -400], 1, 16_000);
    let wanted = decode(small.clone()).expect("a recording");
    let large = |magic: &[u8], size: u64, tail: &[u8]| {
        let sizes = [&0_u64.to_le_bytes()[..], &size.to_le_bytes(), &[0; 12]].concat();
        let mut data = small[36..].to_vec();
        data[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        [magic, &[0xff; 4], b"WAVEds64", &28_u32.to_le_bytes(), &sizes, &small[12..36], &data, tail].concat()
    };
    for (size, tail) in [(8, &b"LIST\x04\0\0\0INFO"[..]), (8, b""), (0, b""), (u64::MAX, b"")] {
        for magic in [b"RF64", b"BW64"] {
            let bytes = large(magic, size, tail);
            assert_eq!(decode(bytes.clone()).expect("a recording"), wanted, "{size}");
            let reader = AudioOptions::new().reader_from_pipe(Cursor::new(bytes), PipeFormat::Detect);
            assert_eq!(pieces(reader).0.concat(), wanted.samples(), "{size}");
        }
    }
    assert_eq!(damage(large(b"RF64", 1 << 33, b"")), "cut short: 8 of 8589934592 bytes of samples are there");
}

#[test]
fn keeps_all_samples_whatever_the_header_promises() {
    let (bytes, wanted) = (clip("hi.wav"), samples("hi.wav"));
    let promising = |size: u32, length: usize| {
        let mut bytes = bytes[..length].to_vec();
        bytes[DATA_SIZE].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    let size = (bytes.len() - 44) as u32;
    // Off by the size of a header.
    for off in [2, 28, 44] {
        assert_eq!(decode(promising(size + off, bytes.len())).expect("a recording").samples(), wanted, "{off}");
    }
    // Half of it is there; the last sample is not whole.
    let half = promising(size, 20_001);
    assert!(matches!(decode(half.clone()), Err(Error::DamagedAudio { .. })));
    let found = kept(half).expect("a recording");
    assert_eq!(found.samples(), &wanted[..(20_001 - 44) / 2]);
    let [damage] = found.damage() else { panic!("{:?}", found.damage()) };
    assert!(damage.kind == DamageKind::CutShort && (damage.at_s - 9_978.0 / 16_000.0).abs() < 1e-9, "{damage}");
}

#[test]
fn reads_files_beyond_4_gib_whose_sizes_have_wrapped() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("four_hours.wav");
    let size = (1_u64 << 32) + 60 * 384_000;
    let mut header = wav(3, 2, 48_000, 32, &[]);
    header[28..34].copy_from_slice(&[0, 0xdc, 5, 0, 8, 0]);
    header[DATA_SIZE].copy_from_slice(&(size as u32).to_le_bytes());
    fs::write(&path, &header).expect("a file");
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_len(header.len() as u64 + size).expect("a sparse file");
    let options = AudioOptions::new().max_duration(Duration::MAX);
    let length = options.reader(&path).expect("a recording").duration_hint().expect("a length");
    assert_eq!(length.as_secs(), size / 384_000);
    // One that is this long because of another chunk is believed.
    let mut behind = [&b"LIST"[..], &u32::MAX.to_le_bytes()].concat();
    behind[4..8].copy_from_slice(&(u32::MAX - 60 * 384_000).to_le_bytes());
    (&file).seek(SeekFrom::Start(header.len() as u64 + 60 * 384_000)).expect("a place");
    (&file).write_all(&behind).expect("a chunk");
    let length = options.reader(&path).expect("a recording").duration_hint().expect("a length");
    assert_eq!(length.as_secs(), 60);
}

#[test]
fn finds_the_data_behind_chunks_of_odd_sizes() {
    let (bytes, wanted) = (clip("hi.wav"), samples("hi.wav"));
    for chunk in
        [&b"LIST\x05\0\0\0INFO\0"[..], b"LIST\x05\0\0\0INFO\0\0", b"odd!\x01\0\0\0x\0", b"LIST\xff\xff\0\x7fxx"]
    {
        let more = [&bytes[..36], chunk, &bytes[36..]].concat();
        assert_eq!(decode(more.clone()).expect("a recording").samples(), wanted, "{chunk:?}");
        if chunk.len() < 16 && chunk[4] != 0xff {
            let reader = AudioOptions::new().reader_from_pipe(Cursor::new(more), PipeFormat::Detect);
            assert_eq!(pieces(reader).0.concat(), wanted, "{chunk:?}");
        }
    }
}
