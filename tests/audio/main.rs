//! Recordings of all kinds, whole and broken, to mono samples at 16 kHz.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/containers.rs"]
mod containers;

mod damaged;
mod every_format;
mod flac_streams;
mod frame_streams;
mod lengths;
mod matroska;
mod mp4;
mod ogg_streams;
mod pipes;
mod plain_samples;
mod reader;
mod refused;
mod resampling;
mod tracks;
mod values;

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use indic_seamless::{
    Error,
    audio::{AudioOptions, AudioReader, DamagePolicy, Waveform},
};

use self::containers::{wav, wav16};

/// Every clip that decodes; `two_hours_of_silence.flac` is over the limit.
const CLIPS: [&str; 20] = [
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
    "short_alac.m4a",
    "short_alac.caf",
];

/// Clips that do not say how long they are, so that a part of them can be whole, too.
const COUNTLESS: [&str; 4] = ["short_plain.mp3", "hi.aac", "hi_live.webm", "short_streamed.flac"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name)
}

fn clip(name: &str) -> Vec<u8> {
    fs::read(folder("clips").join(name)).expect("a clip")
}

/// Decodes a recording that has to be whole.
fn decode(bytes: impl Into<Vec<u8>>) -> Result<Waveform, Error> {
    AudioOptions::new().damage(DamagePolicy::Refuse).from_bytes(bytes, None)
}

/// Decodes what there is of a recording.
fn kept(bytes: impl Into<Vec<u8>>) -> Result<Waveform, Error> {
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

/// Where the length of the data stands in a file by [`wav`] without an extension.
const DATA_SIZE: Range<usize> = 40..44;

fn assert_close(found: &[f32], wanted: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}: length");
    let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: differs by {worst}");
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
                let only_damage = piece.is_empty() && !piece.damage.is_empty();
                assert!(only_damage || (1..=16_000).contains(&piece.len()), "a piece of {}", piece.len());
                pieces.push(piece.samples);
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
