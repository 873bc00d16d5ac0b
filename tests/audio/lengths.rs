//! WAV files whose header does not hold the length in 32 bits: streamed, or too large.

use std::io::Cursor;

use indic_seamless::audio::{AudioOptions, PipeFormat};

use crate::{DATA_SIZE, damage, decode, pieces, wav16};

#[test]
fn reads_what_streaming_writers_leave() {
    let whole = wav16(&[100, -200, 300, -400], 1, 16_000);
    let wanted = decode(whole.clone()).expect("a recording");
    for size in [0, u32::MAX] {
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
