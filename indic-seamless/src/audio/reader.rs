//! [`AudioReader`]: a recording, piece by piece.

use std::{
    fmt,
    iter::FusedIterator,
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    container::supported, decode::Decoder, error::AudioError, options::AudioOptions, source::AudioSource,
    waveform::Waveform,
};
use crate::error::{Error, Result};

/// The samples in a piece: a second.
const PIECE: usize = Waveform::SAMPLE_RATE as usize;

/// The samples of a recording, mono and at 16 kHz, piece by piece.
///
/// The pieces, joined, equal the samples of the [`Waveform`] that [`AudioOptions::open`] returns. Each is a second long,
/// 16,000 samples, except the last one, which may be shorter, and those of a pipe, which hold what has arrived. None is
/// empty.
///
/// A file is read while it is decoded: at most a few megabytes are in memory, however long the recording. For a pipe
/// this depends on the format: [`AudioOptions::reader_from_pipe`].
///
/// # Errors
///
/// The errors are those of [`AudioOptions::open`]. An error is the last item; after it, as after the end, there is only
/// `None`. Some damage is only found at the end of a file, so the pieces before an error are **not the whole
/// recording**: use them only for results that can be revised, or are shown as incomplete.
///
/// ```
/// use indic_seamless::audio::{AudioOptions, Waveform};
///
/// let options = AudioOptions::new();
/// # let path = "examples/audio/hindi-1.wav";
/// let mut samples = Vec::new();
/// for piece in options.reader(path)? {
///     let piece = piece?;
///     assert!(!piece.is_empty() && piece.len() <= 16_000);
///     samples.extend(piece);
/// }
/// assert_eq!(samples, options.open(path)?.samples());
/// # Ok::<(), indic_seamless::Error>(())
/// ```
pub struct AudioReader {
    /// The name for errors; `None` for a file in memory.
    name: Option<PathBuf>,
    duration: Option<Duration>,
    /// `None` at the end.
    decoder: Option<Decoder>,
    /// What is left to hand out at the end.
    rest: Vec<f32>,
    error: Option<Error>,
}

impl AudioReader {
    pub(super) fn new(
        source: AudioSource,
        hint: Option<&str>,
        options: &AudioOptions,
        name: Option<&Path>,
    ) -> Result<Self> {
        let decoder = Decoder::new(source, hint, options).map_err(|error| error.of(name, supported))?;
        Ok(Self {
            name: name.map(Path::to_owned),
            duration: decoder.duration(),
            decoder: Some(decoder),
            rest: Vec::new(),
            error: None,
        })
    }

    /// The length of the whole recording by its headers, if they state one. It is not exact: use it for a progress bar. A
    /// pipe that is being written has none, and for concatenated Ogg files it is the length of the first.
    #[must_use]
    pub fn duration_hint(&self) -> Option<Duration> {
        self.duration
    }

    /// All samples that have not been handed out.
    pub(super) fn into_samples(mut self) -> Result<Vec<f32>> {
        match self.decoder.take() {
            Some(decoder) => decoder.decode().map_err(|error| self.named(error)),
            None => self.error.map_or(Ok(self.rest), Err),
        }
    }

    fn named(&self, error: AudioError) -> Error {
        error.of(self.name.as_deref(), supported)
    }
}

impl Iterator for AudioReader {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(decoder) = &mut self.decoder {
            let waits = decoder.waits();
            let decoded = decoder.decoded();
            if decoded.len() >= PIECE || waits && !decoded.is_empty() {
                return Some(Ok(first_piece(decoded)));
            }
            let error = match decoder.advance() {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => Some(error),
            };
            self.rest = mem::take(decoder.decoded());
            // This closes the file.
            self.decoder = None;
            self.error = error.map(|error| self.named(error));
        }
        if self.rest.is_empty() {
            return self.error.take().map(Err);
        }
        Some(Ok(first_piece(&mut self.rest)))
    }
}

impl FusedIterator for AudioReader {}

/// Takes a piece off the start.
fn first_piece(samples: &mut Vec<f32>) -> Vec<f32> {
    let rest = samples.split_off(samples.len().min(PIECE));
    mem::replace(samples, rest)
}

impl fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or(Path::new("audio"));
        write!(f, "AudioReader({}, {:?})", name.display(), self.duration)
    }
}
