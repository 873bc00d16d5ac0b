//! Recordings of all kinds, whole and broken, to mono samples at 16 kHz.

mod common;

use std::{
    fs,
    io::{self, Cursor, ErrorKind, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use indic_seamless::{
    Error,
    audio::{AudioOptions, AudioReader, Channel, PipeFormat, Resampler, Waveform, formats, resample},
};
use safetensors::SafeTensors;

/// Every clip that decodes; `two_hours_of_silence.flac` is over the limit.
const CLIPS: [&str; 18] = [
    "hi.wav",
    "hi.flac",
    "hi.mp3",
    "hi.m4a",
    "hi.ogg",
    "hi.opus",
    "hi.webm",
    "hi.aac",
    "hi_fragmented.mp4",
    "hi_opus.mp4",
    "hi_live.webm",
    "hi_opusenc.opus",
    "short_streamed.flac",
    "short_pcm.mkv",
    "short_plain.mp3",
    "short_stereo.opus",
    "short_surround.opus",
    "short_vorbis.mkv",
];

/// Clips that do not say how long they are, so that a part of them can be whole, too.
const COUNTLESS: [&str; 4] = ["short_plain.mp3", "hi.aac", "hi_live.webm", "short_streamed.flac"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name)
}

fn clip(name: &str) -> Vec<u8> {
    fs::read(folder("clips").join(name)).expect("a clip")
}

fn decode(bytes: impl Into<Vec<u8>>) -> Result<Waveform, Error> {
    Waveform::from_bytes(bytes, None)
}

fn samples(name: &str) -> Vec<f32> {
    decode(clip(name)).unwrap_or_else(|error| panic!("{name}: {error}")).into_samples()
}

/// What is wrong with damaged bytes.
fn damage(bytes: impl Into<Vec<u8>>) -> String {
    match decode(bytes) {
        Err(Error::DamagedAudio { reason, .. }) => reason,
        other => panic!("expected damage, got {other:?}"),
    }
}

/// A WAV file with a `fmt ` chunk of these values, and 16 bytes for any extension.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
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

/// Where the length of the data stands in a file by [`wav`] without an extension.
const DATA_SIZE: Range<usize> = 40..44;

fn wav16(values: &[i16], channels: u16, rate: u32) -> Vec<u8> {
    wav(1, channels, rate, 16, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

fn assert_close(found: &[f32], wanted: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}: length");
    let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: differs by {worst}");
}

#[test]
fn resamples_as_the_reference() {
    let tiny = folder("golden").join("tiny");
    for stem in ["hi_44k_stereo", "en_8k_stereo", "te_22k_f32", "ta_48k_s24"] {
        let golden = fs::read(tiny.join("golden").join(stem).with_extension("safetensors")).expect("a golden file");
        let golden = SafeTensors::deserialize(&golden).expect("safetensors");
        let golden = golden.tensor("waveform_16k").expect("the resampled recording");
        let wanted: Vec<f32> =
            golden.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let options = AudioOptions::new().channel(Channel::Only(0));
        let found = options.open(tiny.join("audio").join(stem).with_extension("wav")).expect("a recording");
        assert_close(found.samples(), &wanted, 1e-5, stem);
    }
}

#[test]
fn resamples_alike_in_any_pieces() {
    let signal = common::noise(5_000);
    for (from, to) in [(48_000, 16_000), (8_000, 16_000), (44_100, 16_000), (16_001, 16_000), (16_000, 44_101)] {
        let whole = resample(&signal, from, to).expect("rates");
        assert_eq!(whole.len(), (signal.len() * to as usize).div_ceil(from as usize));
        let mut resampler = Resampler::new(from, to).expect("rates");
        for size in [1, 7, 160, 4_999] {
            let mut out = Vec::new();
            signal.chunks(size).for_each(|chunk| resampler.push(chunk, &mut out));
            resampler.finish(&mut out);
            assert_eq!(out, whole, "{from} to {to} by {size}");
        }
    }
}

#[test]
fn resamples_odd_rates_as_the_formula_says() {
    use std::f64::consts::PI;
    let signal = common::noise(400);
    for (from, to) in [(44_101, 16_000), (11_025, 16_000), (1_000, 16_000), (192_000, 16_000), (7, 5)] {
        let (o, n) = (f64::from(from), f64::from(to));
        let base = o.min(n) * 0.99;
        let value = |j: usize| -> f64 {
            let at = |i: usize| ((i as f64 / o - j as f64 / n) * base).clamp(-6.0, 6.0);
            let sinc = |t: f64| if t == 0.0 { 1.0 } else { (PI * t).sin() / (PI * t) };
            let tap = |t: f64| sinc(t) * (PI * t / 12.0).cos().powi(2) * base / o;
            signal.iter().enumerate().map(|(i, &x)| tap(at(i)) * f64::from(x)).sum()
        };
        // Rates below 1 kHz are refused; only their ratio matters.
        let scale = if from < 1_000 { 1_000 } else { 1 };
        let found = resample(&signal, from * scale, to * scale).expect("rates");
        let wanted: Vec<f32> = (0..found.len()).map(|j| value(j) as f32).collect();
        // The taps are computed in single precision, as by the reference.
        assert_close(&found, &wanted, 5e-5, &format!("{from} to {to}"));
    }
}

#[test]
fn refuses_absurd_rates() {
    for rate in [0, 999, 768_001, u32::MAX] {
        assert!(matches!(Resampler::new(rate, 16_000), Err(Error::InvalidOption { .. })), "{rate}");
        assert!(matches!(Waveform::from_samples(vec![0.0], rate), Err(Error::InvalidOption { .. })), "{rate}");
        assert!(!damage(wav16(&[1; 64], 1, rate)).is_empty());
    }
    assert!(Resampler::new(767_999, 16_000).is_ok());
}

#[test]
fn hears_the_same_speech_in_every_format() {
    let speech = samples("hi.wav");
    assert_eq!(samples("hi.flac"), speech);
    for name in ["hi.mp3", "hi.m4a", "hi.ogg", "hi.opus", "hi.webm", "hi_opus.mp4", "hi_live.webm", "hi_opusenc.opus"] {
        let found = samples(name);
        // Delay and padding are stated in all of these.
        assert_eq!(found.len(), speech.len(), "{name}");
        let (lag, score) = align(&found, &speech);
        assert!(score > 0.95, "{name}: correlation {score} at {lag}");
        assert!(lag.abs() <= 16, "{name}: off by {lag} samples");
    }
    // These do not say what is delay.
    for name in ["hi.aac", "hi_fragmented.mp4"] {
        let (lag, score) = align(&samples(name), &speech);
        assert!(score > 0.95 && (0..=1024).contains(&lag), "{name}: correlation {score} at {lag}");
    }
    let half = &speech[..8_000];
    assert_eq!(samples("short_pcm.mkv"), half);
    assert_eq!(samples("short_streamed.flac"), speech[..4_800]);
    assert!(align(&samples("short_vorbis.mkv"), half).1 > 0.95);
}

/// The shift of `a` against `b` where they correlate best, and how well.
fn align(a: &[f32], b: &[f32]) -> (isize, f32) {
    let score = |lag: isize| {
        let pairs = || (0..b.len()).filter_map(|i| Some((*a.get(i.checked_add_signed(lag)?)?, b[i])));
        let dot: f32 = pairs().map(|(x, y)| x * y).sum();
        let (x, y) = pairs().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x * x, sy + y * y));
        dot / (x * y).sqrt().max(1e-9)
    };
    (-480..=1_100).map(|lag| (lag, score(lag))).max_by(|a, b| a.1.total_cmp(&b.1)).expect("lags")
}

#[test]
fn scales_samples_as_usual() {
    let cases: [(u16, u16, &[u8], &[f32]); 9] = [
        (1, 8, &[0, 128, 255], &[-1.0, 0.0, 127.0 / 128.0]),
        (1, 16, &[0, 0x80, 0xff, 0x7f, 1, 0], &[-1.0, 32_767.0 / 32_768.0, 1.0 / 32_768.0]),
        (1, 24, &[0, 0, 0x80, 1, 0, 0], &[-1.0, 1.0 / 8_388_608.0]),
        (1, 32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], &[-1.0, 0.5]),
        (3, 32, &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xbe], &[1.0, -0.125]),
        (3, 64, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f], &[0.5]),
        (6, 8, &[0xd5, 0x55, 0x2a], &[8.0 / 32_768.0, -8.0 / 32_768.0, -32_256.0 / 32_768.0]),
        (7, 8, &[0xff, 0x00, 0x80], &[0.0, -32_124.0 / 32_768.0, 32_124.0 / 32_768.0]),
        (0xfffe, 16, &[0, 0x40, 0, 0xc0], &[0.5, -0.5]),
    ];
    for (format, bits, data, wanted) in cases {
        let found = decode(wav(format, 1, 16_000, bits, data));
        let found = found.unwrap_or_else(|error| panic!("format {format}, {bits} bits: {error}"));
        assert_eq!(found.samples(), wanted, "format {format}, {bits} bits");
    }
}

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
fn picks_or_averages_channels() {
    let stereo = wav16(&[16_384, 0, -16_384, 8_192], 2, 16_000);
    assert_eq!(decode(stereo.clone()).expect("a recording").samples(), [0.25, -0.125]);
    let only = |channel| AudioOptions::new().channel(Channel::Only(channel)).from_bytes(stereo.clone(), None);
    assert_eq!(only(0).expect("a channel").samples(), [0.5, -0.5]);
    assert_eq!(only(1).expect("a channel").samples(), [0.0, 0.25]);
    assert!(matches!(only(2), Err(Error::NoSuchChannel { wanted: 2, found: 2, .. })));

    let options = AudioOptions::new().channel(Channel::Only(1));
    assert_eq!(options.from_samples(&[1.0, 0.5, 1.0, 0.25], 2, 16_000).expect("samples").samples(), [0.5, 0.25]);
    assert!(matches!(options.from_samples(&[1.0; 3], 2, 16_000), Err(Error::InvalidOption { .. })));
    assert!(matches!(options.from_samples(&[1.0; 3], 0, 16_000), Err(Error::NoAudio { .. })));
    assert!(matches!(options.from_samples(&[1.0; 3], 1, 16_000), Err(Error::NoSuchChannel { .. })));
}

#[test]
fn decodes_opus_of_several_channels() {
    let channel = |name: &str, channel| {
        let options = AudioOptions::new().channel(Channel::Only(channel));
        options.from_bytes(clip(name), None).expect("a channel").into_samples()
    };
    let energy = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
    // The right channel is the left one upside down and half as loud.
    let (left, right) = (channel("short_stereo.opus", 0), channel("short_stereo.opus", 1));
    let ratio = left.iter().zip(&right).map(|(l, r)| l * r).sum::<f32>() / left.iter().map(|l| l * l).sum::<f32>();
    // At this bit rate the coder mixes them a little.
    assert!((ratio + 0.5).abs() < 0.1, "{ratio}");
    // Only the centre speaks; Opus has it second.
    assert_eq!(samples("short_surround.opus").len(), 8_000);
    let loud: Vec<bool> = (0..6).map(|c| energy(&channel("short_surround.opus", c)) > 1e-3).collect();
    assert_eq!(loud, [false, true, false, false, false, false]);
}

#[test]
fn applies_the_gain_of_opus() {
    let mut bytes = clip("hi.webm");
    let head = bytes.windows(8).position(|window| window == b"OpusHead").expect("a header");
    // -6.02 dB in 1/256 dB.
    bytes[head + 16..head + 18].copy_from_slice(&(-1_541_i16).to_le_bytes());
    let wanted: Vec<f32> = samples("hi.webm").iter().map(|x| x * 0.5).collect();
    assert_close(decode(bytes.clone()).expect("a recording").samples(), &wanted, 1e-4, "gain");
    // Ambisonics.
    bytes[head + 18] = 3;
    assert!(matches!(decode(bytes), Err(Error::UnsupportedAudio { .. })));
}

#[test]
fn reads_files_written_one_after_the_other() {
    let joined = |a: &str, b: &str| decode([clip(a), clip(b)].concat()).map(Waveform::into_samples);
    let opus = joined("hi.opus", "hi_opusenc.opus").expect("a chain");
    assert_eq!(opus.len(), 2 * 23_115);
    let mp3 = joined("hi.mp3", "hi.mp3").expect("two files");
    assert!(mp3.len() >= 2 * 23_115, "{}", mp3.len());
}

#[test]
fn skips_tags_around_mp3() {
    let wanted = samples("hi.mp3");
    let mut tagged = clip("hi.mp3");
    tagged.extend([b"TAG".as_slice(), &[b'x'; 125]].concat());
    assert_eq!(decode(tagged).expect("a recording").samples(), wanted);
    let mut padded = clip("hi.mp3");
    padded.extend([0; 3_000]);
    assert_eq!(decode(padded).expect("a recording").samples(), wanted);
}

#[test]
fn uses_the_hint_only_to_break_ties() {
    for hint in ["audio/mpeg", "mp3", "audio/ogg; codecs=opus", "nonsense"] {
        let found = Waveform::from_bytes(clip("hi.flac"), Some(hint)).expect("FLAC, whatever the hint");
        assert_eq!(found.samples(), samples("hi.wav"), "{hint}");
    }
    // From the middle of a frame on, nothing but the hint says what it is.
    let middle = clip("short_plain.mp3").split_off(100);
    assert!(matches!(decode(middle.clone()), Err(Error::UnsupportedAudio { .. })));
    assert!(Waveform::from_bytes(middle, Some("audio/mpeg")).is_ok());
}

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
        matches!(decode(*b"FORM\0\0\0\0AIFF"), Err(Error::UnsupportedAudio { found, .. }) if found.contains("AIFF"))
    );
    for seed in 0..50 {
        let bytes: Vec<u8> = common::noise(4_000 + seed).iter().skip(seed).map(|x| (x * 128.0) as i8 as u8).collect();
        assert!(decode(bytes).is_err(), "{seed}");
    }
}

#[test]
fn lists_its_formats() {
    for name in CLIPS {
        let extension = name.rsplit('.').next().expect("an extension");
        assert_eq!(formats().filter(|format| format.extensions.contains(&extension)).count(), 1, "{name}");
    }
    let ogg = formats().find(|format| format.media_types.contains(&"audio/ogg")).expect("a format");
    assert_eq!(ogg.to_string(), "Ogg (Opus, Vorbis, FLAC)");
    // Whoever sends something else learns what is supported.
    let error = decode(*b"FORM\0\0\0\0AIFF").expect_err("an unsupported format");
    for format in formats() {
        assert!(error.to_string().contains(&format.to_string()), "{format} is not in: {error}");
    }
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

#[test]
fn refuses_samples_that_are_no_numbers() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = Waveform::from_samples(vec![0.0, 0.5, bad], 16_000);
        assert!(matches!(found, Err(Error::InvalidSample { index: 2, .. })), "{found:?}");
        let data: Vec<u8> = [0.0, bad].iter().flat_map(|x| x.to_le_bytes()).collect();
        let found = decode(wav(3, 1, 16_000, 32, &data));
        assert!(matches!(found, Err(Error::InvalidSample { index: 1, .. })), "{found:?}");
    }
}

#[test]
fn notices_every_cut() {
    for name in CLIPS {
        let bytes = clip(name);
        for share in [30, 50, 70, 90, 99] {
            let length = bytes.len() * share / 100;
            let found = decode(&bytes[..length]);
            let whole = COUNTLESS.contains(&name) && found.is_ok();
            assert!(whole || matches!(found, Err(Error::DamagedAudio { .. })), "{name} at {share}%: {found:?}");
        }
        let found = decode(&bytes[..bytes.len() - 1]);
        assert!(matches!(found, Err(Error::DamagedAudio { .. })), "{name} but a byte: {found:?}");
    }
    assert_eq!(damage(&clip("hi.wav")[..1_044]), "cut short: 1000 of 46230 bytes of samples are there");
    let reason = damage(&clip("hi.flac")[..20_000]);
    assert!(reason.contains("cut short") && reason.contains("of 23115 samples"), "{reason}");
}

#[test]
fn survives_every_prefix() {
    for name in CLIPS {
        let bytes = clip(name);
        let step = (bytes.len() / 150).max(1);
        for length in (0..300.min(bytes.len())).step_by(3).chain((300..bytes.len()).step_by(step)) {
            if let Ok(found) = decode(&bytes[..length]) {
                assert!(COUNTLESS.contains(&name), "{name}, {length} bytes: {found:?}");
            }
        }
    }
}

#[test]
fn survives_flipped_bits() {
    for name in CLIPS {
        let bytes = clip(name);
        let step = (bytes.len() / 150).max(1);
        for at in (0..300.min(bytes.len())).chain((300..bytes.len()).step_by(step)) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = decode(flipped);
            if let Err(error) = &found {
                assert!(!matches!(error, Error::Io { .. }), "{name} at {at}: {error}");
            }
            // Pages and frames have checksums there.
            if name.ends_with(".ogg") || name.ends_with(".opus") {
                assert!(found.is_err(), "{name} at {at}");
            }
        }
    }
}

#[test]
fn hides_samples_from_debug() {
    let printed = format!("{:?}", Waveform::from_samples(vec![0.125; 16_000], 16_000).expect("samples"));
    assert_eq!(printed, "Waveform(16000 samples, 1s)");
}

/// All that a reader gives: the pieces, and the error if one ends them.
fn pieces(reader: Result<AudioReader, Error>) -> (Vec<Vec<f32>>, Option<Error>) {
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let (mut pieces, mut end) = (Vec::new(), None);
    for piece in reader.by_ref() {
        match piece {
            Ok(piece) => {
                assert!((1..=16_000).contains(&piece.len()), "a piece of {}", piece.len());
                pieces.push(piece);
            }
            Err(error) => {
                end = Some(error);
                break;
            }
        }
    }
    assert!(reader.next().is_none() && reader.next().is_none(), "something after {end:?}");
    (pieces, end)
}

/// Checks that a reader gives the samples of `wanted`, or, after some pieces, its error.
fn assert_pieces(reader: Result<AudioReader, Error>, wanted: &Result<Waveform, Error>, what: &str) {
    let (pieces, error) = pieces(reader);
    match wanted {
        Ok(wanted) => {
            assert!(error.is_none(), "{what}: {error:?}");
            assert!(pieces.concat() == wanted.samples(), "{what}: other samples");
        }
        Err(wanted) => assert_eq!(error.map(|error| error.to_string()), Some(wanted.to_string()), "{what}"),
    }
}

/// Every file that decodes, of all formats.
fn recordings() -> Vec<PathBuf> {
    let list = |dir: PathBuf| fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file").path());
    let clips = CLIPS.iter().map(|name| folder("clips").join(name));
    let examples = list(common::example("")).filter(|path| path.extension().is_some_and(|kind| kind != "json"));
    clips.chain(examples).chain(list(folder("golden/tiny/audio"))).collect()
}

#[test]
fn gives_the_same_samples_piece_by_piece() {
    let options = AudioOptions::new();
    let mut hints = 0;
    for path in recordings() {
        let what = path.display().to_string();
        let whole = options.open(&path);
        assert_pieces(options.reader(&path), &whole, &what);
        let bytes = fs::read(&path).expect("a recording");
        assert_pieces(options.reader_from_bytes(bytes.clone(), None), &whole, &what);
        assert_pieces(options.reader_from_pipe(Cursor::new(bytes), PipeFormat::Detect), &whole, &what);

        let whole = whole.expect("a recording");
        let reader = options.reader(&path).expect("a recording");
        if let Some(hint) = reader.duration_hint() {
            assert!(hint.abs_diff(whole.duration()) < Duration::from_millis(100), "{what}: {hint:?} for {whole:?}");
            hints += 1;
        }
        let lengths: Vec<_> = reader.map(|piece| piece.expect("a piece").len()).collect();
        let (last, others) = lengths.split_last().expect("a piece");
        assert!(*last > 0 && others.iter().all(|&length| length == 16_000), "{what}: {lengths:?}");
    }
    assert!(hints > 20, "only {hints} files say how long they are");
}

#[test]
fn ends_with_the_same_error_piece_by_piece() {
    let options = AudioOptions::new();
    for name in CLIPS {
        let bytes = clip(name);
        let cuts = [1, 30, 50, 70, 90, 99].map(|share| bytes[..bytes.len() * share / 100].to_vec());
        let flips = (0..40).map(|i| {
            let mut flipped = bytes.clone();
            flipped[i * bytes.len() / 40] ^= 4;
            flipped
        });
        for (i, broken) in cuts.into_iter().chain(flips).enumerate() {
            let whole = options.from_bytes(broken.clone(), None);
            assert_pieces(options.reader_from_bytes(broken, None), &whole, &format!("{name}, {i}"));
        }
    }
}

#[test]
fn tells_damage_found_at_the_end_after_the_pieces() {
    let mut bytes = clip("hi.flac");
    // A wrong checksum of all samples.
    bytes[26] ^= 1;
    let (found, error) = pieces(AudioOptions::new().reader_from_bytes(bytes, None));
    assert_eq!(found.concat(), samples("hi.wav"));
    assert!(matches!(&error, Some(Error::DamagedAudio { reason, .. }) if reason.contains("checksum")), "{error:?}");

    // What was decoded before the limit is handed out, too.
    let options = AudioOptions::new().max_duration(Duration::from_secs(70));
    let (found, error) = pieces(options.reader(folder("clips").join("two_hours_of_silence.flac")));
    let length: usize = found.iter().map(Vec::len).sum();
    assert!((60 * 16_000..=70 * 16_000).contains(&length), "{length}");
    assert!(matches!(error, Some(Error::AudioTooLong { limit_s: 70.0, .. })), "{error:?}");
}

#[test]
fn reads_a_file_only_while_it_is_decoded() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("three_hours.wav");
    let size = 3 * 3_600 * 8_000;
    let mut header = wav(1, 1, 8_000, 8, &[]);
    header[DATA_SIZE].copy_from_slice(&(size as u32).to_le_bytes());
    fs::write(&path, &header).expect("a file");
    let file = fs::File::options().write(true).open(&path).expect("a file");
    file.set_len(header.len() as u64 + size).expect("a sparse file");

    let options = AudioOptions::new().max_duration(Duration::MAX);
    let mut reader = is_send(options.reader(&path).expect("a recording"));
    assert_eq!(reader.duration_hint(), Some(Duration::from_secs(3 * 3_600)));
    for _ in 0..10 {
        assert_eq!(reader.next().expect("a piece").expect("samples").len(), 16_000);
    }
    // What was not read by now is gone.
    file.set_len(header.len() as u64 + 15 * 8_000).expect("a shorter file");
    let (found, error) = pieces(Ok(reader));
    assert!(found.len() <= 5, "{}", found.len());
    let wanted = format!("cut short: {} of {size} bytes of samples are there", 15 * 8_000);
    assert!(matches!(&error, Some(Error::DamagedAudio { reason, .. }) if reason.starts_with(&wanted)), "{error:?}");
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

/// A pipe that gives its bytes in reads of these sizes, over and over, and then ends or breaks.
struct Dribble {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    error: Option<io::Error>,
    reads: Arc<AtomicUsize>,
}

impl Dribble {
    fn new(bytes: Vec<u8>, sizes: &[usize]) -> Self {
        Self { bytes: Cursor::new(bytes), sizes: sizes.to_vec(), error: None, reads: Arc::default() }
    }
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let turn = self.reads.fetch_add(1, Ordering::Relaxed);
        if turn % 7 == 3 {
            return Err(ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(self.sizes[turn % self.sizes.len()]);
        match self.bytes.read(&mut buffer[..most])? {
            0 => self.error.take().map_or(Ok(0), Err),
            count => Ok(count),
        }
    }
}

fn pipe(input: impl Read + Send + 'static) -> Result<AudioReader, Error> {
    AudioOptions::new().reader_from_pipe(input, PipeFormat::Detect)
}

#[test]
fn reads_pipes_in_whatever_pieces_they_come() {
    let sizes = common::noise(64).iter().map(|x| (x.abs() * 3_000.0) as usize + 1).collect::<Vec<_>>();
    for name in CLIPS {
        let whole = decode(clip(name));
        for sizes in [&[1][..], &sizes] {
            assert_pieces(pipe(Dribble::new(clip(name), sizes)), &whole, name);
        }
    }
    for stem in ["hi_44k_stereo", "te_22k_f32", "ta_48k_s24"] {
        let path = folder("golden/tiny/audio").join(stem).with_extension("wav");
        let bytes = fs::read(&path).expect("a recording");
        assert_pieces(pipe(Dribble::new(bytes, &sizes)), &Waveform::open(path), stem);
    }
}

#[test]
fn takes_a_pipe_to_its_end_where_the_header_cannot_know_it() {
    let values: Vec<i16> = common::noise(40_000).iter().map(|x| (x * 30_000.0) as i16).collect();
    let whole = wav16(&values, 2, 16_000);
    let wanted = decode(whole.clone());
    let with_length = |length: u32, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[4..8].copy_from_slice(&length.wrapping_add(36).to_le_bytes());
        bytes[DATA_SIZE].copy_from_slice(&length.to_le_bytes());
        Cursor::new(bytes)
    };
    for length in [0, u32::MAX, u32::MAX - 36, 4_294_967_195, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000] {
        assert_pieces(pipe(with_length(length, &whole)), &wanted, &format!("{length:x}"));
        let (found, error) = pieces(pipe(with_length(length, &whole[..whole.len() - 1])));
        assert_eq!(found.concat(), wanted.as_ref().expect("a recording").samples()[..19_999], "{length:x}");
        assert!(error.is_some_and(|error| error.to_string().contains("3 of 4 bytes of the last sample")), "{length:x}");
        let (found, error) = pieces(pipe(with_length(length, &whole[..44])));
        assert!(found.is_empty() && matches!(error, Some(Error::NoAudio { .. })), "{length:x}: {error:?}");
    }
    // Any other length is believed.
    let more = [&whole[..], b"LIST\x04\0\0\0INFO"].concat();
    assert_pieces(pipe(Cursor::new(more)), &wanted, "with a chunk behind it");
    for length in [80_004, 0x7ff0_0000, 0x9000_0000, 0xff00_0000] {
        let (found, error) = pieces(pipe(with_length(length, &whole)));
        assert_eq!(found.concat(), wanted.as_ref().expect("a recording").samples());
        let reason = format!("cut short: 80000 of {length} bytes of samples are there");
        assert!(error.is_some_and(|error| error.to_string().contains(&reason)), "{length:x}");
    }
}

#[test]
fn reads_bare_samples() {
    let raw = |bytes: &[u8], rate, channels| {
        let input = Dribble::new(bytes.to_vec(), &[1, 2, 5]);
        pieces(AudioOptions::new().reader_from_pipe(input, PipeFormat::Pcm16 { rate, channels }))
    };
    let values: Vec<i16> = common::noise(6_000).iter().map(|x| (x * 30_000.0) as i16).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for (rate, channels) in [(16_000, 1), (44_100, 2), (8_000, 3)] {
        let (found, error) = raw(&bytes, rate, channels);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found.concat(), decode(wav16(&values, channels, rate)).expect("a recording").samples());
    }
    // It is not looked at.
    assert_eq!(raw(b"RIFF", 16_000, 1).0.concat().len(), 2);
    assert!(matches!(raw(&[], 16_000, 1).1, Some(Error::NoAudio { .. })));
    assert!(matches!(raw(&[0; 5], 16_000, 1).1, Some(Error::DamagedAudio { .. })));
    for (rate, channels) in [(0, 1), (999, 1), (u32::MAX, 1), (16_000, 0), (16_000, 27), (16_000, u16::MAX)] {
        assert!(matches!(raw(&bytes, rate, channels).1, Some(Error::InvalidOption { .. })), "{rate}, {channels}");
    }
}

#[test]
fn waits_for_no_more_than_a_pipe_gives() {
    struct Wire(mpsc::Receiver<Vec<u8>>, Cursor<Vec<u8>>);
    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.1.position() == self.1.get_ref().len() as u64 {
                self.1 = match self.0.recv_timeout(Duration::from_secs(20)) {
                    Ok(bytes) => Cursor::new(bytes),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(0),
                    Err(error) => return Err(io::Error::new(ErrorKind::TimedOut, error)),
                };
            }
            self.1.read(buffer)
        }
    }
    let (sender, receiver) = mpsc::channel();
    let mut header = wav16(&[], 1, 16_000);
    header[DATA_SIZE].copy_from_slice(&u32::MAX.to_le_bytes());
    sender.send(header).expect("a reader");
    let mut reader = pipe(Wire(receiver, Cursor::default())).expect("a recording");
    // Half a sample waits for its other half.
    for (bytes, pieces) in
        [(3_200, &[1_600][..]), (640, &[320]), (3_201, &[1_600]), (3_199, &[1_600]), (40_000, &[16_000, 4_000])]
    {
        sender.send(vec![1; bytes]).expect("a reader");
        for &length in pieces {
            assert_eq!(reader.next().expect("a piece").expect("samples").len(), length, "of {bytes} bytes");
        }
    }
    drop(sender);
    assert!(reader.next().is_none());
}

#[test]
fn holds_little_of_an_endless_pipe() {
    struct Endless(Arc<AtomicUsize>);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(1);
            self.0.fetch_add(buffer.len(), Ordering::Relaxed);
            Ok(buffer.len())
        }
    }
    let read = Arc::<AtomicUsize>::default();
    let format = PipeFormat::Pcm16 { rate: 8_000, channels: 2 };
    let reader = AudioOptions::new().max_duration(Duration::MAX).reader_from_pipe(Endless(Arc::clone(&read)), format);
    let mut given = 0;
    for piece in reader.expect("a pipe").take(500) {
        given += piece.expect("samples").len() * 2;
        let ahead = read.load(Ordering::Relaxed) - given;
        assert!(ahead <= 2 * 32_000, "{ahead} bytes ahead");
    }
    assert!(given > 400 * 32_000, "{given}");
}

#[test]
fn names_what_is_wrong_with_a_pipe() {
    assert!(matches!(pipe(io::empty()), Err(Error::NoAudio { source_name, .. }) if source_name == "pipe"));
    for length in [1, 11, 12, 20, 43] {
        let start = Cursor::new(wav16(&[1], 1, 16_000)[..length].to_vec());
        assert!(pipe(start).is_err(), "{length} bytes");
    }
    // Endless, and no audio.
    assert!(matches!(pipe(io::repeat(b'?')), Err(Error::UnsupportedAudio { found, .. }) if found.contains("????")));

    let breaks = |bytes: Vec<u8>, kind: ErrorKind| {
        let mut input = Dribble::new(bytes, &[1_000]);
        input.error = Some(io::Error::new(kind, "the line is dead"));
        pieces(pipe(input))
    };
    for kind in [ErrorKind::Other, ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset] {
        for cut in [0, 5, 20, 30_000] {
            let (found, error) = breaks(clip("hi.wav")[..cut].to_vec(), kind);
            assert_eq!(found.concat().len(), cut.saturating_sub(44) / 2, "all that came before");
            let error = error.expect("an error");
            assert!(
                matches!(&error, Error::Io { path, source, .. } if path == Path::new("pipe") && source.kind() == kind),
                "{error:?}"
            );
            assert_eq!(error.to_string(), "cannot read pipe: the line is dead");
        }
        let (found, error) = breaks(clip("hi.mp3")[..5_000].to_vec(), kind);
        assert!(found.is_empty() && matches!(error, Some(Error::Io { .. })), "{error:?}");
    }
}
