//! AIFF, AU, CAF, Wave64 and variants of WAV: headers before plain samples, and codecs in them.

use std::io::Cursor;

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, PipeFormat},
};

use crate::{
    clip,
    containers::{aiff, au, caf, w64},
    decode, kept, pieces, samples, wav, wav16,
};

/// The speech as big-endian samples of 16 bits.
fn big_endian() -> Vec<u8> {
    clip("hi.wav")[44..].chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect()
}

#[test]
fn reads_headers_of_all_kinds() {
    let (big, little) = (big_endian(), clip("hi.wav").split_off(44));
    let wanted = samples("hi.wav");
    for (bytes, what) in [
        (aiff(b"AIFF", b"", &big), "AIFF"),
        (aiff(b"AIFC", b"NONE", &big), "AIFF-C"),
        (aiff(b"AIFC", b"sowt", &little), "little-endian AIFF-C"),
        (au(3, big.len() as u32, &big), "AU"),
        (au(3, u32::MAX, &big), "AU without a length"),
        (caf(big.len() as i64 + 4, &big), "CAF"),
        (caf(-1, &big), "CAF without a length"),
        (w64(&little), "Wave64"),
    ] {
        assert_eq!(decode(bytes.clone()).unwrap_or_else(|error| panic!("{what}: {error}")).samples(), wanted, "{what}");
        // Cut short: all samples up to there.
        let cut = &bytes[..bytes.len() - 1_003];
        let found = kept(cut).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.samples(), &wanted[..found.len()], "{what}");
        assert!((wanted.len() - 506..wanted.len() - 490).contains(&found.len()), "{what}: {}", found.len());
        assert!(
            matches!(found.damage(), [damage] if damage.kind == DamageKind::CutShort),
            "{what}: {:?}",
            found.damage()
        );
        assert!(matches!(decode(cut), Err(Error::DamagedAudio { .. })), "{what}");
        for length in 0..bytes.len().min(200) {
            let _ = kept(&bytes[..length]);
        }
    }
    let reader = AudioOptions::new().reader_from_pipe(Cursor::new(au(3, u32::MAX, &big)), PipeFormat::Detect);
    assert_eq!(pieces(reader).0.concat(), wanted);
}

#[test]
fn reads_alac() {
    let half = &samples("hi.wav")[..8_000];
    assert_eq!(samples("short_alac.m4a"), half);
    assert_eq!(samples("short_alac.caf"), half);
}

#[test]
fn reads_big_endian_wav() {
    let mut bytes = wav16(&[], 1, 16_000);
    bytes[..4].copy_from_slice(b"RIFX");
    for range in [4..8, 16..20, 20..22, 22..24, 24..28, 28..32, 32..34, 34..36] {
        bytes[range].reverse();
    }
    let big = big_endian();
    bytes[40..44].copy_from_slice(&(big.len() as u32).to_be_bytes());
    bytes.extend(big);
    assert_eq!(decode(bytes).expect("a recording").samples(), samples("hi.wav"));
}

#[test]
fn decodes_and_names_the_codecs_of_wav() {
    // Blocks of IMA ADPCM: a start value, a step, and differences of 0.
    let mut ima = wav(0x11, 1, 16_000, 4, &[0xe8, 3, 0, 0, 0, 0, 0, 0].repeat(3));
    ima[32..34].copy_from_slice(&8_u16.to_le_bytes());
    assert_eq!(decode(ima).expect("a recording").samples(), [1_000.0 / 32_768.0; 27]);
    assert_eq!(decode(wav(0x55, 1, 16_000, 0, &clip("hi.mp3"))).expect("a recording").samples(), samples("hi.mp3"));
    for (tag, name) in [(0x31, "GSM 06.10"), (0x28f, "G.722"), (0x45, "G.726"), (0x161, "WMA"), (0x2000, "AC-3")] {
        let refused = decode(wav(tag, 1, 16_000, 16, &[0; 64])).expect_err("a codec").to_string();
        assert!(refused.contains(name) && refused.contains("ffmpeg -i FILE -f wav -"), "{refused}");
    }
}

#[test]
fn names_other_containers() {
    for (start, name) in [
        (&b"wvpk\0\0\0\0\0\0\0\0"[..], "WavPack"),
        (b"#!AMR\n", "AMR-NB"),
        (b"FLV\x01\x05\0\0\0\x09\0\0\0", "Flash video"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"\x47\x40\x11\x10\0\x42\xf0\x25\0\x01\xc1\0", "MPEG transport stream"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
        (b"NIST_1A\n   1024\n", "NIST SPHERE"),
    ] {
        let refused = decode(start).expect_err("a container").to_string();
        assert!(refused.contains(name) && refused.contains("ffmpeg -i FILE -f wav -"), "{refused}");
        assert_eq!(refused.matches("audio: ").count(), 2, "the name of the file, and what it is: {refused}");
    }
}

#[test]
fn reads_bare_companded_samples() {
    let raw = |bytes: &'static [u8], format| pieces(AudioOptions::new().reader_from_pipe(bytes, format)).0.concat();
    let alaw = raw(&[0xd5, 0x55, 0x2a], PipeFormat::Alaw { rate: 16_000, channels: 1 });
    assert_eq!(alaw, [8.0, -8.0, -32_256.0].map(|value: f32| value / 32_768.0));
    let mulaw = raw(&[0xff, 0, 0x80, 0xff], PipeFormat::Mulaw { rate: 16_000, channels: 2 });
    assert_eq!(mulaw, [-16_062.0, 16_062.0].map(|value: f32| value / 32_768.0));
}

#[test]
fn reads_the_first_chunk_of_each_kind() {
    let big = big_endian();
    let (whole, half) = (caf(big.len() as i64 + 4, &big), &big[..8_000]);
    let chunks = &caf(half.len() as i64 + 4, half)[8..];
    assert_eq!(decode([&whole, chunks].concat()).expect("a recording").samples(), samples("hi.wav"));
}

#[test]
fn says_that_a_table_of_packets_is_too_large() {
    let (mut bytes, wanted) = (clip("short_alac.caf"), samples("short_alac.caf"));
    // The table stands at the end. A number of its packets does not end in what follows.
    let at = bytes.windows(4).position(|window| window == b"pakt").expect("a table") + 4;
    bytes[at..at + 8].copy_from_slice(&(1_u64 << 25).to_be_bytes());
    bytes.resize(at + 8 + (1 << 25), 0x80);
    let found = kept(bytes).expect("a recording");
    assert_eq!(found.samples(), wanted);
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt), "{:?}", found.damage());
}
