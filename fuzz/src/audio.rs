//! Recordings of all containers: what comes out is samples in order, or an error that says what is wrong with the recording.

use std::{
    io::{self, Cursor, Read},
    time::Duration,
};

use indic_seamless::{
    Error, Result,
    audio::{AudioOptions, AudioReader, DamagePolicy, PipeFormat},
};

use crate::{
    containers::seal,
    input::{Input, hash},
};

/// What was heard of a recording.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) samples: Vec<f32>,
    /// Whether it decoded without a complaint.
    pub(crate) is_whole: bool,
}

/// No more is decoded of a recording than this: small files may be hours of silence.
fn options() -> AudioOptions {
    AudioOptions::new().max_duration(Duration::from_secs(20)).max_samples(4_000_000)
}

/// A file of a container, by its extension; some inputs come through a pipe, and some must not be damaged.
pub(crate) fn file(data: &[u8], extension: &str) {
    let choice = hash(data);
    let policy = if choice & 3 == 0 { DamagePolicy::Refuse } else { DamagePolicy::Keep };
    let options = options().damage(policy);
    if choice & 4 == 0 {
        drop(hear(options.reader_from_bytes(data, Some(extension))));
    } else {
        drop(hear(options.reader_from_pipe(Cursor::new(data.to_vec()), PipeFormat::Detect)));
    }
}

/// An Ogg file whose pages get right checksums: what is behind a wrong one is only looked at where it is right.
pub(crate) fn ogg(data: &[u8]) {
    let mut bytes = data.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|window| window == b"OggS") {
        let start = at + found;
        let Some(&count) = bytes.get(start + 26) else { break };
        let body = start + 27 + usize::from(count);
        let Some(lacing) = bytes.get(start + 27..body) else { break };
        let end = (body + lacing.iter().map(|&size| usize::from(size)).sum::<usize>()).min(bytes.len());
        let sealed = seal(bytes[start..end].to_vec());
        bytes[start..end].copy_from_slice(&sealed);
        at = end;
    }
    file(&bytes, "ogg");
}

/// A recording from a pipe: the sizes of reads change nothing, and a whole one is what it is as a file.
pub(crate) fn pipe(data: &[u8]) {
    let mut input = Input(data);
    let seed = input.long();
    let bytes = input.0;
    let at_once = hear(options().reader_from_pipe(Cursor::new(bytes.to_vec()), PipeFormat::Detect));
    let pieces = Pieces { bytes: Cursor::new(bytes.to_vec()), random: fastrand::Rng::with_seed(seed.into()) };
    let in_pieces = hear(options().reader_from_pipe(pieces, PipeFormat::Detect));
    match (at_once, in_pieces) {
        (Ok(at_once), Ok(in_pieces)) => {
            assert!(
                at_once == in_pieces,
                "{} samples at once, {} in pieces",
                at_once.samples.len(),
                in_pieces.samples.len()
            );
            if let Ok(file) = hear(options().reader_from_bytes(bytes, None))
                && at_once.is_whole
                && file.is_whole
            {
                assert!(
                    at_once == file,
                    "{} samples from a pipe, {} of a file",
                    at_once.samples.len(),
                    file.samples.len()
                );
            }
        }
        (Err(at_once), Err(in_pieces)) => assert_eq!(at_once.to_string(), in_pieces.to_string()),
        (at_once, in_pieces) => panic!("at once {at_once:?}, in pieces {in_pieces:?}"),
    }
}

/// Gives its bytes in pieces of any size.
struct Pieces {
    bytes: Cursor<Vec<u8>>,
    random: fastrand::Rng,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = if self.random.bool() { 16 } else { 4_096 };
        let size = self.random.usize(1..=most).min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

/// Decodes `bytes` as a file, with the extension of a container.
pub(crate) fn decode(bytes: &[u8], extension: &str) -> Result<Heard> {
    hear(options().reader_from_bytes(bytes, Some(extension)))
}

/// Decodes a recording, and checks what must hold of any.
fn hear(reader: Result<AudioReader>) -> Result<Heard> {
    let mut heard = Heard { samples: Vec::new(), is_whole: true };
    let mut end_s = 0.0;
    for piece in reader.inspect_err(check)? {
        let piece = piece.inspect_err(check)?;
        assert!(piece.start >= end_s - 1e-6, "time goes from {end_s} s to {} s", piece.start);
        assert!(piece.iter().all(|sample| sample.is_finite()), "samples that are no numbers");
        end_s = piece.start + piece.len() as f64 / 16_000.0;
        heard.is_whole &= piece.damage.is_empty();
        heard.samples.extend_from_slice(&piece);
    }
    Ok(heard)
}

/// An error says what is wrong with the recording, and not that reading failed.
fn check(error: &Error) {
    let is_said = matches!(
        error,
        Error::DamagedAudio { .. }
            | Error::UnsupportedAudio { .. }
            | Error::NoAudio { .. }
            | Error::AudioTooLong { .. }
            | Error::TooManySamples { .. }
            | Error::InvalidSample { .. }
    );
    assert!(is_said, "{error:?}");
}
