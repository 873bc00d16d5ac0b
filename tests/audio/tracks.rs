//! Recordings with several sound tracks, of which one is asked for by its number.

use indic_seamless::{
    Error,
    audio::{AudioOptions, DamagePolicy},
};

use crate::{clip, containers, matroska, mp4, samples};

/// The samples of a track.
fn track(number: usize, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let options = AudioOptions::new().track(number).damage(DamagePolicy::Refuse);
    Ok(options.from_bytes(bytes, None)?.into_samples())
}

/// What the error for a track that there is not says.
fn listed(number: usize, bytes: &[u8]) -> String {
    match track(number, bytes) {
        Err(Error::NoSuchTrack { wanted, found, .. }) if wanted == number => found,
        other => panic!("track {number}: {other:?}"),
    }
}

#[test]
fn tracks_of_mp4() {
    let new = |kind, language, enabled, data| {
        let mut track = mp4::Track::new(kind, 16, data);
        (track.language, track.enabled) = (language, enabled);
        track
    };
    let bytes = mp4::movie(&[
        new(b"sowt", b"eng", true, vec![0; 32_000]),
        new(b"ac-3", b"und", false, vec![1; 320]),
        new(b"sowt", b"hin", false, mp4::speech()),
    ]);
    assert_eq!(track(1, &bytes).expect("track 1"), vec![0.0; 16_000]);
    assert_eq!(track(3, &bytes).expect("track 3"), samples("hi.wav"));
    let refused = track(2, &bytes);
    assert!(matches!(&refused, Err(Error::UnsupportedAudio { found, .. }) if found.contains("AC-3")), "{refused:?}");
    assert_eq!(listed(4, &bytes), "1 (PCM, eng, default), 2 (AC-3), 3 (PCM, hin)");
    listed(0, &bytes);
    assert_eq!(listed(2, &clip("hi.m4a")), "1 (AAC, default)");
    assert_eq!(track(1, &clip("hi_fragmented.mp4")).expect("track 1"), samples("hi_fragmented.mp4"));
}

#[test]
fn tracks_of_matroska() {
    let no = containers::element(b"\x88", &[0]);
    let language = |code: &[u8]| containers::element(b"\x22\xb5\x9c", code);
    let tag = containers::element(b"\x22\xb5\x9d", b"hi-IN");
    let speech = matroska::speech();
    let blocks: Vec<_> = speech
        .iter()
        .enumerate()
        .map(|(i, data)| (100 * i as u16, [matroska::block(4, 0, &[0; 320]), matroska::block(9, 0, data)].concat()))
        .collect();
    let video = [containers::element(b"\xd7", &[1]), containers::element(b"\x83", &[1])].concat();
    let tracks = [
        containers::element(b"\xae", &video),
        matroska::track(4, &language(b"eng\0")),
        matroska::track(9, &[language(b"hin"), no, tag].concat()),
    ];
    let bytes = matroska::file(&tracks.concat(), &matroska::clusters(&blocks));
    assert!(track(1, &bytes).expect("track 1").iter().all(|&sample| sample == 0.0));
    assert_eq!(track(2, &bytes).expect("track 2"), samples("hi.wav"));
    assert_eq!(listed(3, &bytes), "1 (PCM, eng, default), 2 (PCM, hi-IN)");
    let opus = listed(2, &clip("hi.webm"));
    assert!(opus.starts_with("1 (Opus") && opus.ends_with("default)"), "{opus}");
}

#[test]
fn streams_of_ogg() {
    let opus = containers::packets(&clip("hi.opus"));
    let comments = [&b"OpusTags\0\0\0\0\x01\0\0\0\x0c\0\0\0"[..], b"Language=hin"].concat();
    let end = (opus.len() as u64 - 2) * 960;
    let page = containers::page;
    // Silence of 20 ms, and the speech behind it.
    let silent = vec![&[0xf8, 0xff, 0xfe][..]; 20];
    let audio = |serial: u32| -> Vec<u8> {
        let chunk = |(i, chunk): (usize, &[Vec<u8>])| {
            let packets: Vec<_> = chunk.iter().map(Vec::as_slice).collect();
            page(serial, i as u32 + 2, 0, ((i as u64 + 1) * 20 * 960).min(end), &packets)
        };
        opus[2..].chunks(20).enumerate().flat_map(chunk).collect()
    };
    let link = |first: u32| {
        let (speex, silence, speech) = (first, first + 1, first + 2);
        [
            page(speex, 0, 2, 0, &[b"Speex   1.2"]),
            page(silence, 0, 2, 0, &[&opus[0]]),
            page(speech, 0, 2, 0, &[&opus[0]]),
            page(silence, 1, 0, 0, &[b"OpusTags\0\0\0\0\0\0\0\0"]),
            page(speech, 1, 0, 0, &[&comments]),
            page(silence, 2, 4, 20 * 960, &silent),
            audio(speech),
        ]
        .concat()
    };
    let whole = track(1, &[page(1, 0, 2, 0, &[&opus[0]]), page(1, 1, 0, 0, &[&opus[1]]), audio(1)].concat());
    let whole = whole.expect("one stream");
    let bytes = link(1);
    assert!(track(2, &bytes).expect("stream 2").iter().all(|sample| sample.abs() < 1e-3));
    assert_eq!(track(3, &bytes).expect("stream 3"), whole);
    assert_eq!(listed(4, &bytes), "1 (Speex), 2 (Opus, default), 3 (Opus, hin)");
    let refused = track(1, &bytes);
    assert!(
        matches!(&refused, Err(Error::UnsupportedAudio { found, .. }) if found.contains("Speex; convert it: ffmpeg")),
        "{refused:?}"
    );
    // The same in each link of a chain.
    let chain = track(3, &[link(1), link(11)].concat()).expect("two links");
    assert!(chain.len().abs_diff(2 * whole.len()) <= 2 && chain[..whole.len() - 200] == whole[..whole.len() - 200]);
}

#[test]
fn other_formats_have_one_track() {
    for name in ["hi.wav", "hi.flac", "hi.mp3", "hi.aac", "short_alac.caf"] {
        assert_eq!(track(1, &clip(name)).expect(name), samples(name));
        assert_eq!(listed(2, &clip(name)), "1", "{name}");
    }
}

#[test]
fn looks_at_a_thousand_tracks() {
    let clusters = matroska::clusters(&[(0, matroska::block(1, 0, &[0; 3_200]))]);
    let matroska = |empty: usize| {
        let tracks = [b"\xae\x80".repeat(empty), matroska::track(1, &[])].concat();
        AudioOptions::new().from_bytes(matroska::file(&tracks, &clusters), None)
    };
    assert_eq!(matroska(999).expect("track 1,000").samples(), vec![0.0; 1_600]);
    let refused = matroska(1_000);
    assert!(matches!(refused, Err(Error::NoAudio { .. })), "{refused:?}");

    let mp4 = |empty: usize| {
        let tracks = containers::atom(b"trak", &[]).repeat(empty);
        let bytes = [containers::atom(b"ftyp", &[b"isom\0\0\0\0"]), containers::atom(b"moov", &[&tracks])].concat();
        AudioOptions::new().from_bytes(bytes, None)
    };
    let refused = mp4(1_000);
    assert!(matches!(refused, Err(Error::NoAudio { .. })), "{refused:?}");
    let refused = mp4(1_001);
    assert!(
        matches!(&refused, Err(Error::DamagedAudio { reason, .. }) if reason.contains("more than 1000 tracks")),
        "{refused:?}"
    );

    let ogg: Vec<u8> = (0..1_001).flat_map(|serial| containers::page(serial, 0, 2, 0, &[b"OpusHead"])).collect();
    assert!(listed(0, &ogg).ends_with(", 1000 (Opus)"));
}
