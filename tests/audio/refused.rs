//! Recordings that are refused: too long, no audio, or nothing to hear in it.

use std::{fs, time::Duration};

use indic_seamless::{
    Error,
    audio::{AudioOptions, PipeFormat, Waveform},
};

use crate::{clip, common, decode, samples, wav16};

#[test]
fn stops_at_the_limit() {
    let started = std::time::Instant::now();
    // 20 kB that decode to 460 MB.
    let bomb = decode(clip("two_hours_of_silence.flac"));
    assert!(matches!(bomb, Err(Error::AudioTooLong { limit_s: 3600.0, .. })), "{bomb:?}");
    let options = AudioOptions::new().max_duration(Duration::from_secs(1));
    for name in ["hi.wav", "hi.mp3", "hi.m4a", "hi.opus", "hi.webm"] {
        assert!(matches!(options.from_bytes(clip(name), None), Err(Error::AudioTooLong { .. })), "{name}");
    }
    assert!(matches!(options.from_samples(&[0.0; 16_001], 1, 16_000), Err(Error::AudioTooLong { .. })));
    assert!(options.from_samples(&[0.0; 16_000], 1, 16_000).is_ok());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn stops_at_the_most_samples() {
    let options = AudioOptions::new().max_samples(1_000);
    for name in ["hi.wav", "hi.flac", "hi.mp3", "hi.m4a", "hi.opus", "hi.webm"] {
        let found = options.from_bytes(clip(name), None);
        assert!(matches!(found, Err(Error::TooManySamples { limit: 1_000, .. })), "{name}: {found:?}");
    }
    // Samples of all channels count.
    assert!(options.from_samples(&[0.0; 1_002], 2, 16_000).is_err());
    assert!(options.from_samples(&[0.0; 1_000], 2, 16_000).is_ok());
    // The walk over a FLAC file decodes it.
    let started = std::time::Instant::now();
    let options = AudioOptions::new().max_duration(Duration::from_secs(9_000)).max_samples(1_000_000);
    let bomb = options.from_bytes(clip("two_hours_of_silence.flac"), None);
    assert!(matches!(bomb, Err(Error::TooManySamples { .. })), "{bomb:?}");
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

#[test]
fn names_what_is_not_audio() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = Waveform::open(dir.path().join("missing.wav"));
    assert!(matches!(&missing, Err(Error::Io { path, .. }) if path.ends_with("missing.wav")), "{missing:?}");
    assert!(matches!(Waveform::open(dir.path()), Err(Error::Io { .. })));
    let whole = dir.path().join("flac.with.a.wrong.name.mp3");
    fs::write(&whole, clip("hi.flac")).expect("a file");
    assert_eq!(Waveform::open(&whole).expect("FLAC").samples(), samples("hi.wav"));

    let text = dir.path().join("notes.wav");
    fs::write(&text, "These are the notes of a meeting.").expect("a file");
    let error = Waveform::open(&text).expect_err("text");
    assert!(matches!(&error, Error::UnsupportedAudio { found, .. } if found.contains("These are")), "{error}");
    assert!(error.to_string().contains("notes.wav"), "{error}");

    assert!(matches!(decode([]), Err(Error::NoAudio { .. })));
    assert!(
        matches!(decode(*b"MAC \0\0\0\0\0\0\0\0"), Err(Error::UnsupportedAudio { found, .. }) if found.contains("Monkey"))
    );
    for seed in 0..50 {
        let bytes: Vec<u8> = common::noise(4_000 + seed).iter().skip(seed).map(|x| (x * 128.0) as i8 as u8).collect();
        assert!(decode(bytes).is_err(), "{seed}");
    }
}

#[test]
fn names_what_other_programs_decode() {
    let packets = |size: usize, lead: usize, cut: usize| {
        let mut packet = vec![0x47, 0x01, 0x00, 0x1c];
        packet.resize(188, 0x99);
        let packet = [vec![0; lead], packet, vec![0; size - lead - 188]].concat();
        packet.repeat(12).split_off(cut)
    };
    let latm = [&[0x56, 0xe0, 40][..], &[7; 40]].concat().repeat(4);
    let cases: [(Vec<u8>, &str); 12] = [
        (packets(188, 0, 0), "MPEG transport stream"),
        (packets(188, 0, 100), "MPEG transport stream"),
        (packets(192, 4, 0), "MPEG transport stream"),
        (packets(204, 0, 7), "MPEG transport stream"),
        (latm, "LATM"),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), "AVI"),
        (b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), "Flash"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa".to_vec(), "Windows Media"),
        (b"\x0b\x77\x33\xa5\x8c\x40\x2f\x84\x2b\xf2\x1b\xd9".to_vec(), "AC-3"),
        (b"#!AMR\n\x3c\x91\x17\x16\xbe\x66".to_vec(), "AMR-NB"),
        (b"Creative Voice File\x1a".to_vec(), "Creative Voice"),
        (b"\x02dss\0\0\0\0\0\0\0\0".to_vec(), "DSS"),
    ];
    for (bytes, name) in cases {
        for found in [decode(bytes.clone()), piped(bytes)] {
            let error = found.expect_err(name).to_string();
            assert!(error.contains(name) && error.contains("ffmpeg -i FILE -f wav -"), "{name}: {error}");
        }
    }
}

/// Decodes bytes from a pipe.
fn piped(bytes: Vec<u8>) -> Result<Waveform, Error> {
    let reader = AudioOptions::new().reader_from_pipe(std::io::Cursor::new(bytes), PipeFormat::Detect)?;
    let samples = reader.collect::<Result<Vec<_>, _>>()?.concat();
    Waveform::from_samples(samples, 16_000)
}

#[test]
fn finds_nothing_to_hear() {
    assert!(matches!(decode(wav16(&[], 1, 16_000)), Err(Error::NoAudio { .. })));
    assert!(matches!(decode(wav16(&[1], 0, 16_000)), Err(Error::NoAudio { .. })));
    assert!(matches!(Waveform::from_samples(Vec::new(), 16_000), Err(Error::NoAudio { .. })));
    let mut surround = clip("hi.webm");
    let head = surround.windows(8).position(|window| window == b"OpusHead").expect("a header");
    surround[head + 9] = 0;
    assert!(decode(surround).is_err());
    assert!(decode(wav16(&[1; 64], 0xffff, 16_000)).is_err());
}
