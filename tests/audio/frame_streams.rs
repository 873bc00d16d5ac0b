//! Streams of frames without a container, MPEG audio and ADTS: tags between frames, junk, joined streams, cut ones.

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, DamagePolicy, Waveform},
};

use crate::{clip, damage, decode, kept, samples};

/// The size of a frame by its header: MPEG-2 layer 3 with 16 kHz, or ADTS.
fn size(head: &[u8]) -> usize {
    if head[1] & 0xf6 == 0xf0 {
        return usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5]) >> 5;
    }
    let kbit = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][usize::from(head[2] >> 4)];
    72_000 * kbit / 16_000 + usize::from(head[2] >> 1 & 1)
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (frame, behind) = rest.split_at(size(rest));
        frames.push(frame.to_vec());
        rest = behind;
    }
    frames
}

/// The kinds of damage and their times, in hundredths of a second.
fn places(found: &Waveform) -> Vec<(DamageKind, i64)> {
    found.damage().iter().map(|damage| (damage.kind, (damage.at_s * 100.0).round() as i64)).collect()
}

/// Silence: `count` frames with this header and this many bytes.
fn silence(header: [u8; 4], size: usize, count: usize) -> Vec<u8> {
    let mut frame = header.to_vec();
    frame.resize(size, 0);
    frame.repeat(count)
}

const ID3V1: [u8; 128] = {
    let mut tag = [b'x'; 128];
    [tag[0], tag[1], tag[2]] = *b"TAG";
    tag
};
const ID3V2: &[u8] = b"ID3\x03\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0";

#[test]
fn skips_what_is_no_audio() {
    let ape = [&b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\xa0"[..], &[0; 8], &[0xff; 32]].concat();
    for name in ["hi.mp3", "short_plain.mp3", "hi.aac"] {
        let (bytes, wanted) = (clip(name), samples(name));
        let behind: [&[&[u8]]; 7] = [
            &[b"\r\n--boundary--\r\n"],
            &[&ID3V1, &ID3V1],
            &[&ID3V1, ID3V2],
            &[&ape, &ID3V1],
            &[b"LYRICSBEGININD0000200000021LYRICS200", &ID3V1],
            &[&[0; 3_000]],
            &[b"no"],
        ];
        for tail in behind {
            let found = decode([&bytes[..], &tail.concat()].concat());
            assert_eq!(found.expect(name).samples(), wanted, "{name} {tail:?}");
        }
        assert_eq!(decode([ID3V2, &bytes].concat()).expect(name).samples(), wanted, "{name}");
        // Junk in front, where the name says what it is.
        let extension = name.rsplit('.').next();
        let options = AudioOptions::new().damage(DamagePolicy::Refuse);
        let found = options.from_bytes([&[0xaa; 26][..], &bytes].concat(), extension);
        assert_eq!(found.expect(name).samples(), wanted, "{name}");
    }
    // Tags between segments, as in HLS.
    let parts: Vec<_> = frames(&clip("hi.aac")).chunks(7).map(|frames| [ID3V2, &frames.concat()].concat()).collect();
    assert_eq!(decode(parts.concat()).expect("segments").samples(), samples("hi.aac"));
}

#[test]
fn finds_the_start_behind_tags_of_a_wrong_size() {
    // A picture in it, and bytes that look like frames.
    let picture =
        [&b"APIC\0\0\x10\0\0\0"[..], &[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xfb, 0x90, 0xc4, 0xff, 0xf1, 0x50, 0x80]]
            .concat();
    let tag = |size: u32, body: &[u8]| {
        let size = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
        [b"ID3\x03\0\0", &size[..], body].concat()
    };
    let body = [&picture[..], &[0x55; 4_000]].concat();
    for name in ["hi.mp3", "short_plain.mp3", "hi.aac", "hi.flac"] {
        let (bytes, wanted) = (clip(name), samples(name));
        // Too small, a little and far too large, beyond the end.
        for size in [0, 100, 4_030, body.len() as u32 + 300, 1 << 20, (1 << 28) - 1] {
            let found = decode([tag(size, &body), bytes.clone()].concat());
            assert_eq!(found.unwrap_or_else(|error| panic!("{name}, {size}: {error}")).samples(), wanted, "{size}");
        }
        // Another tag behind it.
        let found = decode([tag(100, &body), tag(12, &[0; 12]), bytes].concat());
        assert_eq!(found.expect(name).samples(), wanted, "{name}");
    }
    let cut = damage(tag(1 << 20, &body));
    assert!(cut.contains("ID3 tag"), "{cut}");
}

#[test]
fn goes_on_behind_junk() {
    for (name, length, at_s) in [("short_plain.mp3", 576, 36), ("hi.aac", 1_024, 64)] {
        let (frames, whole) = (frames(&clip(name)), samples(name));
        let (head, tail) = (frames[..10].concat(), frames[10..].concat());
        let junk: Vec<u8> = (1..=200).collect();
        let bytes = [&head[..], &junk, &tail].concat();
        assert!(damage(bytes.clone()).contains("200 bytes"), "{}", damage(bytes));
        let found = kept([&head[..], &junk, &tail].concat()).expect(name);
        assert_eq!(found.samples(), whole, "{name}");
        assert_eq!(places(&found), [(DamageKind::Corrupt, at_s)], "{name}");

        // Bytes are lost: the frames at both ends of the gap, and the one between.
        let lost = [&head[..head.len() - 20], &tail[frames[10].len() + 20..]].concat();
        let found = kept(lost).expect(name);
        let missing = whole.len() - found.samples().len();
        assert!((2 * length..=4 * length).contains(&missing), "{name}: {missing}");
        assert_eq!(found.samples()[..8 * length], whole[..8 * length], "{name}");
        assert!(found.damage().iter().any(|damage| damage.kind == DamageKind::Corrupt), "{name}");
    }
}

/// Damage may ask for something that the decoder does not know, such as a description of channels.
#[test]
fn goes_on_behind_a_frame_that_cannot_be_decoded() {
    let (mut frames, whole) = (frames(&clip("hi.aac")), samples("hi.aac"));
    frames[10][7] = 0xa0;
    let found = kept(frames.concat()).expect("audio");
    assert_eq!(places(&found), [(DamageKind::Corrupt, 64)]);
    assert_eq!((found.samples().len(), &found.samples()[..10 * 1_024]), (whole.len() - 1_024, &whole[..10 * 1_024]));
}

#[test]
fn names_a_frame_that_is_cut() {
    for (name, length) in [("short_plain.mp3", 576), ("hi.aac", 1_024)] {
        let (bytes, whole) = (clip(name), samples(name));
        let cut = &bytes[..bytes.len() - 2];
        assert!(damage(cut).contains("bytes of the last frame"), "{}", damage(cut));
        let found = kept(cut).expect(name);
        assert_eq!(found.samples(), &whole[..whole.len() - length], "{name}");
        assert_eq!(found.damage()[0].kind, DamageKind::CutShort);
        assert!((found.damage()[0].at_s - found.duration().as_secs_f64()).abs() < 0.01);
    }
    // More frames than there are, by the description.
    let bytes = clip("hi.mp3");
    let cut = kept(&bytes[..bytes.len() / 2]).expect("half");
    assert_eq!(cut.samples()[..8_000], samples("hi.mp3")[..8_000]);
    assert!(cut.damage()[0].reason.contains("cut short"), "{:?}", cut.damage());
}

#[test]
fn decodes_joined_streams() {
    let (clip, whole) = (clip("short_plain.mp3"), samples("short_plain.mp3"));
    let others: [(Vec<u8>, usize, usize); 6] = [
        // MPEG-1 layer 3: 44.1 kHz stereo and mono, 48 kHz.
        (silence([0xff, 0xfb, 0x90, 0x00], 417, 20), 20 * 1_152, 44_100),
        (silence([0xff, 0xfb, 0x90, 0xc0], 417, 20), 20 * 1_152, 44_100),
        (silence([0xff, 0xfb, 0x94, 0x00], 384, 20), 20 * 1_152, 48_000),
        // The same rate, stereo.
        (silence([0xff, 0xf3, 0x48, 0x00], 144, 20), 20 * 576, 16_000),
        // Layers 2 and 1.
        (silence([0xff, 0xfd, 0x84, 0x00], 384, 20), 20 * 1_152, 48_000),
        (silence([0xff, 0xff, 0x44, 0x00], 128, 20), 20 * 384, 48_000),
    ];
    for (other, length, rate) in others {
        let found = decode(other.clone()).unwrap_or_else(|error| panic!("{rate} Hz: {error}"));
        assert_eq!(found.samples().len(), (length * 16_000).div_ceil(rate), "{rate} Hz");
        let both = decode([&clip[..], &other, &clip].concat()).expect("joined");
        assert_eq!(both.samples()[..whole.len()], whole);
        assert_eq!(both.samples().len(), 2 * whole.len() + found.samples().len());
        assert_eq!(both.samples()[both.samples().len() - whole.len()..], whole);
    }
}

#[test]
fn refuses_free_format_by_name() {
    let found = decode(silence([0xff, 0xfb, 0x00, 0x00], 400, 20));
    assert!(matches!(&found, Err(Error::UnsupportedAudio { found, .. }) if found.contains("free format")), "{found:?}");
}

#[test]
fn goes_on_behind_a_packet_that_is_not_supported() {
    let mut parts = frames(&clip("hi.aac"));
    // An element that couples channels.
    parts[10][7] = 0x40;
    let (found, wanted) = (kept(parts.concat()).expect("a recording"), samples("hi.aac"));
    assert_eq!(found.samples()[..10 * 1_024], wanted[..10 * 1_024]);
    assert_eq!(found.len(), wanted.len() - 1_024);
    assert_eq!(places(&found), [(DamageKind::Corrupt, 64)]);
    assert!(matches!(decode(parts.concat()), Err(Error::DamagedAudio { .. })));
    // Where all are, it is refused by name.
    parts.iter_mut().for_each(|frame| frame[7] = 0x40);
    assert!(matches!(kept(parts.concat()), Err(Error::UnsupportedAudio { .. })));
}

#[test]
fn keeps_what_lies_before_a_part_that_only_other_programs_decode() {
    let (mut frames, whole) = (frames(&clip("hi.aac")), samples("hi.aac"));
    // The last one says 5 channels.
    let (last, before) = frames.split_last_mut().expect("frames");
    let heard = before.len() * 1_024;
    last[2] |= 1;
    let found = kept(frames.concat()).expect("a recording");
    assert_eq!(found.samples(), &whole[..heard]);
    assert_eq!(places(&found), [(DamageKind::Corrupt, heard as i64 / 160)]);
    assert!(found.damage()[0].reason.contains("5 channels"), "{:?}", found.damage());
    assert!(matches!(decode(frames.concat()), Err(Error::UnsupportedAudio { .. })));
}
