//! AIFF, AU, CAF, Wave64 and variants of WAV: headers before plain samples, and codecs in them.

use std::io::Cursor;

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, PipeFormat},
};

use crate::{clip, decode, kept, pieces, samples, wav, wav16};

/// The speech as big-endian samples of 16 bits.
fn big_endian() -> Vec<u8> {
    clip("hi.wav")[44..].chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect()
}

fn aiff(kind: &[u8; 4], codec: &[u8], data: &[u8]) -> Vec<u8> {
    let frames = (data.len() / 2) as u32;
    let common = [&1_u16.to_be_bytes()[..], &frames.to_be_bytes(), &[0, 16], b"\x40\x0c\xfa\0\0\0\0\0\0\0", codec];
    let chunk = |tag: &[u8; 4], body: &[u8]| [&tag[..], &(body.len() as u32).to_be_bytes(), body].concat();
    let sound = chunk(b"SSND", &[&[0; 8], data].concat());
    [&b"FORM\0\0\0\0"[..], kind, &chunk(b"COMM", &common.concat()), &sound].concat()
}

fn au(encoding: u32, size: u32, data: &[u8]) -> Vec<u8> {
    let header = [24, size, encoding, 16_000, 1].map(u32::to_be_bytes).concat();
    [b".snd", &header[..], data].concat()
}

fn caf(size: i64, data: &[u8]) -> Vec<u8> {
    // The kind, no flags, bytes and samples of a packet, channels, bits.
    let numbers = [0, 2, 1, 1, 16].map(u32::to_be_bytes).concat();
    let description = [&16_000_f64.to_be_bytes()[..], b"lpcm", &numbers].concat();
    [&b"caff\0\x01\0\0desc"[..], &32_i64.to_be_bytes(), &description, b"data", &size.to_be_bytes(), &[0; 4], data]
        .concat()
}

fn w64(data: &[u8]) -> Vec<u8> {
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
