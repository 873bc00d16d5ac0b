//! [`AudioReader`]: a recording, piece by piece.

use std::{
    fmt,
    iter::FusedIterator,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    container::supported,
    decode::Decoder,
    error::AudioError,
    options::AudioOptions,
    piece::Piece,
    source::AudioSource,
    waveform::{Waveform, seconds},
};
use crate::error::{Error, Result};

/// The samples in a piece: a second.
const PIECE: usize = Waveform::SAMPLE_RATE as usize;

/// The samples of a recording, mono and at 16 kHz, piece by piece.
///
/// The pieces, joined, equal the samples of the [`Waveform`] that [`AudioOptions::open`] returns. Each is a second long,
/// 16,000 samples. Shorter are the last one, those before time jumps, and those of a pipe, which hold what has arrived. None
/// is empty, except for one at the end that only reports damage.
///
/// A file is read while it is decoded: at most a few megabytes are in memory, however long the recording. For a pipe
/// this depends on the format: [`AudioOptions::reader_from_pipe`].
///
/// # Errors
///
/// The errors are those of [`AudioOptions::open`]. An error is the last item; after it, as after the end, there is only
/// `None`. The pieces before an error are **not the whole recording**.
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
    live: bool,
    channels: Option<usize>,
    /// `None` at the end.
    decoder: Option<Decoder>,
    /// Whether all was decoded.
    ended: bool,
    /// The part that is wanted, in seconds.
    part: Range<f64>,
    /// Whether any of it was handed out.
    begun: bool,
    error: Option<Error>,
}

impl AudioReader {
    /// A recording whose length is known otherwise than from its headers.
    pub(super) fn with_length(mut self, length: Option<Duration>, options: &AudioOptions) -> Self {
        self.duration = length.map(|all| options.used_of(all));
        self
    }

    pub(super) fn new(
        source: AudioSource,
        hint: Option<&str>,
        options: &AudioOptions,
        name: Option<&Path>,
    ) -> Result<Self> {
        let decoder = Decoder::new(source, hint, options).map_err(|error| error.of(name, supported))?;
        Ok(Self {
            name: name.map(Path::to_owned),
            duration: decoder.duration().map(|all| options.used_of(all)),
            live: decoder.waits(),
            channels: decoder.channels(),
            decoder: Some(decoder),
            ended: false,
            part: options.part(),
            begun: false,
            error: None,
        })
    }

    /// How many channels the recording has by its headers, if they say so; before [`AudioOptions::channel`] chooses.
    #[must_use]
    pub fn channels(&self) -> Option<usize> {
        self.channels
    }

    /// The length of the recording, or of the part of it that is used, by its headers, if they state one. It is not exact:
    /// use it for a progress bar. A pipe that is being written has none.
    #[must_use]
    pub fn duration_hint(&self) -> Option<Duration> {
        self.duration
    }

    /// Whether it comes from a pipe that is decoded while it is being written, such as one from a microphone.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// All pieces that have not been handed out, in one.
    pub(super) fn into_waveform(mut self) -> Result<Waveform> {
        let mut waveform = Waveform::empty();
        for piece in &mut self {
            waveform.push(piece?);
        }
        if waveform.samples().is_empty() {
            return Err(self.named(AudioError::nothing_in(&self.part)));
        }
        Ok(waveform)
    }

    /// The next piece of the whole recording.
    fn next_piece(&mut self) -> Option<Result<Piece>> {
        loop {
            let Some(decoder) = &mut self.decoder else { return self.error.take().map(Err) };
            let waits = decoder.waits();
            if decoder.ready() >= PIECE || waits && decoder.ready() > 0 {
                return Some(Ok(decoder.take(PIECE, self.ended)));
            }
            if self.ended {
                let piece = decoder.take(PIECE, true);
                if piece.is_empty() && piece.damage.is_empty() {
                    // This closes the file.
                    self.decoder = None;
                    continue;
                }
                return Some(Ok(piece));
            }
            match decoder.advance() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    self.error = Some(self.named(error));
                }
            }
        }
    }

    /// The error of a part that starts behind the end.
    fn nothing_there(&mut self) -> Option<Result<Piece>> {
        if self.begun || self.part.start == 0.0 {
            return None;
        }
        self.begun = true;
        Some(Err(self.named(AudioError::nothing_in(&self.part))))
    }

    fn named(&self, error: AudioError) -> Error {
        error.of(self.name.as_deref(), supported)
    }
}

impl Iterator for AudioReader {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut piece = match self.next_piece() {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Some(Err(error)),
                None => return self.nothing_there(),
            };
            let ends = piece.start + seconds(piece.len()) >= self.part.end;
            piece.keep(&self.part);
            if ends {
                // What follows is not wanted, nor waited for.
                (self.decoder, self.error, self.begun) = (None, None, true);
            }
            if !piece.is_empty() || !piece.damage.is_empty() {
                self.begun |= !piece.is_empty();
                return Some(Ok(piece));
            }
        }
    }
}

impl FusedIterator for AudioReader {}

impl fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or(Path::new("audio"));
        write!(f, "AudioReader({}, {:?})", name.display(), self.duration)
    }
}
