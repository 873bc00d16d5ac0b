//! The formats: the same speech in each of them, how they are recognised, files joined, and tags.

use std::ops::RangeInclusive;

use indic_seamless::{
    Error,
    audio::{AudioOptions, Waveform, formats},
};

use crate::{CLIPS, clip, decode, folder, samples};

#[test]
fn hears_the_same_speech_in_every_format() {
    let speech = samples("hi.wav");
    assert_eq!(samples("hi.flac"), speech);
    for name in ["hi.mp3", "hi.m4a", "hi.ogg", "hi.opus", "hi.webm", "hi_opus.mp4", "hi_live.webm", "hi_opusenc.opus"] {
        let found = samples(name);
        // Delay and padding are stated in all of these.
        assert_eq!(found.len(), speech.len(), "{name}");
        let (lag, score, level) = align(&found, &speech);
        assert!(score > 0.95, "{name}: correlation {score} at {lag}");
        assert!(LEVELS.contains(&level), "{name}: {level} times as loud");
        assert!(lag.abs() <= 16, "{name}: off by {lag} samples");
    }
    // These do not say what is delay.
    for name in ["hi.aac", "hi_fragmented.mp4"] {
        let (lag, score, level) = align(&samples(name), &speech);
        assert!(score > 0.95 && (0..=1024).contains(&lag), "{name}: correlation {score} at {lag}");
        assert!(LEVELS.contains(&level), "{name}: {level} times as loud");
    }
    let half = &speech[..8_000];
    assert_eq!(samples("short_pcm.mkv"), half);
    assert_eq!(samples("short_streamed.flac"), speech[..4_800]);
    let (_, score, level) = align(&samples("short_vorbis.mkv"), half);
    assert!(score > 0.95 && LEVELS.contains(&level), "correlation {score}, {level} times as loud");
}

/// How loud a recording is beside the same one as WAV: what codecs leave out is up to 8 % of it.
const LEVELS: RangeInclusive<f32> = 0.9..=1.1;

/// The shift of `a` against `b` where they correlate best, how well, and how many times as loud `a` is there.
fn align(a: &[f32], b: &[f32]) -> (isize, f32, f32) {
    let at = |lag: isize| {
        let pairs = || (0..b.len()).filter_map(|i| Some((*a.get(i.checked_add_signed(lag)?)?, b[i])));
        let dot: f32 = pairs().map(|(x, y)| x * y).sum();
        let (x, y) = pairs().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x * x, sy + y * y));
        (lag, dot / (x * y).sqrt().max(1e-9), (x / y.max(1e-9)).sqrt())
    };
    (-480..=1_100).map(at).max_by(|a, b| a.1.total_cmp(&b.1)).expect("lags")
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
fn lists_its_formats() {
    for name in CLIPS {
        let extension = name.rsplit('.').next().expect("an extension");
        assert_eq!(formats().filter(|format| format.extensions.contains(&extension)).count(), 1, "{name}");
    }
    let ogg = formats().find(|format| format.media_types.contains(&"audio/ogg")).expect("a format");
    assert_eq!(ogg.to_string(), "Ogg (Opus, Vorbis, FLAC)");
    // Whoever sends something else learns what is supported.
    let error = decode(*b"wvpk\0\0\0\0\0\0\0\0").expect_err("an unsupported format");
    for format in formats() {
        assert!(error.to_string().contains(&format.to_string()), "{format} is not in: {error}");
    }
}

#[test]
fn the_number_of_channels_is_known_before_anything_is_decoded() {
    for name in CLIPS {
        let wanted = match name {
            "short_stereo.opus" => 2,
            "short_surround.opus" => 6,
            _ => 1,
        };
        let reader = AudioOptions::new().reader(folder("clips").join(name)).expect("a recording");
        assert_eq!(reader.channels(), Some(wanted), "{name}");
    }
}
