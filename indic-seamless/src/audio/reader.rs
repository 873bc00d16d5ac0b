//! A recording, piece by piece.

use std::{
    fmt,
    io::Read,
    iter::FusedIterator,
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    AudioOptions, Waveform,
    decode::Decoder,
    fault::Fault,
    pipe::{self, PipeFormat},
    source::Source,
};
use crate::error::{Error, Result};

/// The samples in a piece: a second.
const PIECE: usize = Waveform::SAMPLE_RATE as usize;

/// The samples of a recording, mono and at 16 kHz, piece by piece.
///
/// The pieces, joined, are the samples of the [`Waveform`] that [`AudioOptions::open`] makes, value for value. Each is
/// a second long, 16,000 samples, but for the last one, which may be shorter, and for those of a pipe, which hold what
/// has come until then. None is empty.
///
/// However long the recording, a few megabytes are held of it at most: a file is read while it is decoded. (Of a pipe
/// it depends on the format: [`AudioOptions::reader_from_pipe`].)
///
/// # Errors
///
/// The errors are those of [`AudioOptions::open`]. One is the last item; after it, as after the end, there is only
/// `None`. Some damage shows only at the end of a file, so that the pieces before an error are **not the whole
/// recording**: they are good for what can be taken back or be shown as unfinished.
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
    /// What the errors name; `None` for a file in memory.
    name: Option<PathBuf>,
    duration: Option<Duration>,
    /// `None` at the end.
    decoder: Option<Decoder>,
    /// What is left to hand out at the end.
    rest: Vec<f32>,
    error: Option<Error>,
}

impl AudioOptions {
    /// Opens a file to be decoded piece by piece; [`AudioReader`] has an example.
    ///
    /// What the file is, whether its headers are sound, and where its format can tell, whether it is whole, is checked
    /// here; what lies behind the headers, as the iterator goes on. [`AudioOptions::max_duration`] counts, too: set it
    /// for recordings of more than an hour.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`].
    pub fn reader(&self, path: impl AsRef<Path>) -> Result<AudioReader> {
        let path = path.as_ref();
        let hint = path.extension().and_then(|extension| extension.to_str());
        AudioReader::new(Source::open(path)?, hint, self, Some(path))
    }

    /// Opens a file that is in memory to be decoded piece by piece; `hint` as for [`Waveform::from_bytes`].
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`], but for [`Error::Io`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use indic_seamless::audio::AudioOptions;
    ///
    /// let bytes = std::fs::read("examples/audio/hindi-1.wav").expect("an example");
    /// let reader = AudioOptions::new().reader_from_bytes(bytes, Some("audio/wav"))?;
    /// assert!(reader.duration_hint() > Some(Duration::from_secs(1)));
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn reader_from_bytes(&self, bytes: impl Into<Vec<u8>>, hint: Option<&str>) -> Result<AudioReader> {
        AudioReader::new(Source::from_bytes(bytes.into()), hint, self, None)
    }

    /// Opens a pipe, such as the standard input, to be decoded as it comes. It is read once, from here to its end, and
    /// never sought; errors call it `pipe`.
    ///
    /// WAV and bare samples are handed out while they come: a piece holds what one read gave, a second at most and a
    /// fiftieth at least. Here, only the header is waited for. Any other format is read to its end here, for its checks
    /// need all of it; up to 1 GiB of it are kept in memory.
    ///
    /// # How long a WAV file in a pipe is
    ///
    /// A program that writes into a pipe does not know how long the recording will be, and leaves something in the
    /// header: 0, about 2^31 or about 2^32 (within 65,536). With one of these, everything up to the end of the pipe is
    /// taken; an end within a sample is an [`Error::DamagedAudio`]. Any other length is believed: what comes after it
    /// is left in the pipe, and if the pipe ends before it, the recording was cut short, which is the same error.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`]; [`Error::Io`] also with more than 1 GiB to keep
    /// ([`FileTooLarge`](std::io::ErrorKind::FileTooLarge)); [`Error::InvalidOption`] for [`PipeFormat::Pcm16`] with a
    /// rate outside 1 kHz to 768 kHz or without 1 to 26 channels.
    ///
    /// ```
    /// use indic_seamless::audio::{AudioOptions, PipeFormat};
    ///
    /// let input: &[u8] = &[0, 0x40, 0, 0xc0]; // or `std::io::stdin()`
    /// let format = PipeFormat::Pcm16 { rate: 16_000, channels: 1 };
    /// let mut reader = AudioOptions::new().reader_from_pipe(input, format)?;
    /// assert_eq!(reader.next().transpose()?, Some(vec![0.5, -0.5]));
    /// assert!(reader.next().is_none());
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn reader_from_pipe(&self, input: impl Read + Send + 'static, format: PipeFormat) -> Result<AudioReader> {
        let name = Path::new("pipe");
        let source = pipe::source(input, format).map_err(|fault| fault.of(Some(name)))?;
        AudioReader::new(source, None, self, Some(name))
    }
}

impl AudioReader {
    fn new(source: Source, hint: Option<&str>, options: &AudioOptions, name: Option<&Path>) -> Result<Self> {
        let decoder = Decoder::new(source, hint, options).map_err(|fault| fault.of(name))?;
        Ok(Self {
            name: name.map(Path::to_owned),
            duration: decoder.duration(),
            decoder: Some(decoder),
            rest: Vec::new(),
            error: None,
        })
    }

    /// The length of the whole recording, if its headers promise one: good for a progress bar, and no more. A pipe that
    /// is being written has none. Of Ogg files written one after the other it is that of the first.
    #[must_use]
    pub fn duration_hint(&self) -> Option<Duration> {
        self.duration
    }

    /// All samples that have not been handed out.
    pub(super) fn into_samples(mut self) -> Result<Vec<f32>> {
        match self.decoder.take() {
            Some(decoder) => decoder.decode().map_err(|fault| self.named(fault)),
            None => self.error.map_or(Ok(self.rest), Err),
        }
    }

    fn named(&self, fault: Fault) -> Error {
        fault.of(self.name.as_deref())
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
                Err(fault) => Some(fault),
            };
            self.rest = mem::take(decoder.decoded());
            // This closes the file.
            self.decoder = None;
            self.error = error.map(|fault| self.named(fault));
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
