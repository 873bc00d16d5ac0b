//! Recordings in whatever format they come to mono samples at 16 kHz.
//!
//! WAV and RF64 (8 to 32-bit integers, floats, A-law, mu-law), FLAC, MP3, AAC (M4A or bare), Ogg Vorbis and Opus (in
//! Ogg, `WebM` or M4A) are read, and MKV with any of these codecs. What the bytes are is taken from the bytes, not from
//! the name.
//!
//! A recording is decoded packet by packet: beside the result only small buffers are held. One that is damaged or cut
//! short is an [`Error::DamagedAudio`], never a shorter [`Waveform`].
//!
//! A [`Waveform`] is all of a recording. An [`AudioReader`] hands it out second by second: for recordings of any
//! length, and for a pipe while it is being written.
//!
//! ```no_run
//! use indic_seamless::audio::{AudioOptions, Channel, Waveform};
//!
//! let speech = Waveform::open("speech.m4a")?;
//! let agent = AudioOptions::new().channel(Channel::Only(0)).open("call.wav")?;
//! for second in AudioOptions::new().reader("speech.m4a")? {
//!     println!("{} samples", second?.len());
//! }
//! # Ok::<(), indic_seamless::Error>(())
//! ```

mod codec;
mod container;
mod decode;
mod fault;
mod opus;
mod pipe;
mod promise;
mod reader;
mod resample;
mod sink;
mod source;

use std::{fmt, path::Path, time::Duration};

use self::{codec::Spec, fault::Fault, sink::Sink};
pub use self::{
    pipe::PipeFormat,
    reader::AudioReader,
    resample::{Resampler, resample},
};
use crate::error::{Error, Result};

/// Mono samples at 16 kHz, at least one, all of them finite; full scale is -1 to 1.
///
/// ```
/// use indic_seamless::audio::Waveform;
///
/// let tone: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.05).sin()).collect();
/// let tone = Waveform::from_samples(tone, 48_000)?;
/// assert_eq!(tone.len(), 16_000);
/// assert_eq!(tone.duration().as_secs(), 1);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Waveform {
    samples: Vec<f32>,
}

impl Waveform {
    /// The rate of every waveform, in Hz.
    pub const SAMPLE_RATE: u32 = 16_000;

    /// Takes mono samples at `sample_rate` Hz and converts them to 16 kHz. Samples that are at 16 kHz stay as they are.
    ///
    /// # Errors
    ///
    /// [`Error::NoAudio`] without a sample, [`Error::InvalidSample`] at NaN or an infinity, [`Error::InvalidOption`]
    /// for a rate outside 1 kHz to 768 kHz.
    pub fn from_samples(samples: Vec<f32>, sample_rate: u32) -> Result<Self> {
        resample::check_rate(sample_rate)?;
        if samples.is_empty() {
            return Err(Fault::NoAudio("no sample".to_owned()).of(None));
        }
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, sample)| !sample.is_finite()) {
            return Err(Fault::InvalidSample { index, value }.of(None));
        }
        let samples = match sample_rate {
            Self::SAMPLE_RATE => samples,
            rate => resample(&samples, rate, Self::SAMPLE_RATE)?,
        };
        Ok(Self { samples })
    }

    /// Decodes a file, with the average of its channels; [`AudioOptions`] has the alternatives.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        AudioOptions::new().open(path)
    }

    /// Decodes a file that is in memory, with the average of its channels; [`AudioOptions`] has the alternatives.
    ///
    /// `hint` is a content type (`"audio/ogg; codecs=opus"`) or an extension (`"mp3"`). The bytes decide; the hint only
    /// helps where they leave it open.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`], but for [`Error::Io`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, hint: Option<&str>) -> Result<Self> {
        AudioOptions::new().from_bytes(bytes, hint)
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, owned.
    #[must_use]
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// The number of samples, never 0.
    #[expect(clippy::len_without_is_empty, reason = "no waveform is empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The length in time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(seconds(self.samples.len()))
    }
}

/// How long samples at 16 kHz last.
pub(crate) fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(Waveform::SAMPLE_RATE)
}

impl fmt::Debug for Waveform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waveform({} samples, {:?})", self.len(), self.duration())
    }
}

/// Which channel of a recording is transcribed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    /// The average of all channels.
    #[default]
    Average,
    /// One channel, counted from 0.
    Only(usize),
}

/// How to decode a recording.
///
/// ```
/// use std::time::Duration;
///
/// use indic_seamless::audio::{AudioOptions, Channel};
///
/// let stereo = [0.5, -0.5, 0.25, -0.25];
/// let options = AudioOptions::new().channel(Channel::Only(1)).max_duration(Duration::from_secs(60));
/// assert_eq!(options.from_samples(&stereo, 2, 16_000)?.samples(), [-0.5, -0.25]);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AudioOptions {
    channel: Channel,
    max_duration: Duration,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self { channel: Channel::Average, max_duration: Duration::from_secs(3600) }
    }
}

impl AudioOptions {
    /// The average of the channels, of an hour at most.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The channel to use, [`Channel::Average`] unless set.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// The longest recording to accept, an hour unless set.
    ///
    /// It is compared with what has been decoded while decoding goes on, so that a small file that decodes to a very
    /// long recording costs neither the time nor the memory.
    #[must_use]
    pub fn max_duration(mut self, max_duration: Duration) -> Self {
        self.max_duration = max_duration;
        self
    }

    /// Decodes a file.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`] where the file cannot be read,
    /// - [`Error::UnsupportedAudio`] for a format that is not read,
    /// - [`Error::DamagedAudio`] where it is broken, or ends before it says that it does,
    /// - [`Error::NoAudio`] where it has no audio track, channel or sample,
    /// - [`Error::NoSuchChannel`] where it has too few channels for [`Channel::Only`],
    /// - [`Error::AudioTooLong`] where it is longer than [`AudioOptions::max_duration`],
    /// - [`Error::InvalidSample`] where it holds NaN or an infinity.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Waveform> {
        Ok(Waveform { samples: self.reader(path)?.into_samples()? })
    }

    /// Decodes a file that is in memory; `hint` as for [`Waveform::from_bytes`].
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`], but for [`Error::Io`].
    pub fn from_bytes(&self, bytes: impl Into<Vec<u8>>, hint: Option<&str>) -> Result<Waveform> {
        Ok(Waveform { samples: self.reader_from_bytes(bytes, hint)?.into_samples()? })
    }

    /// Takes samples of `channels` channels at `sample_rate` Hz, the channels' samples taking turns.
    ///
    /// # Errors
    ///
    /// - [`Error::NoAudio`] without a channel or a sample,
    /// - [`Error::InvalidOption`] for a rate outside 1 kHz to 768 kHz, or where the number of samples is no multiple of
    ///   that of channels,
    /// - [`Error::NoSuchChannel`], [`Error::AudioTooLong`] and [`Error::InvalidSample`] as for [`AudioOptions::open`].
    pub fn from_samples(&self, interleaved: &[f32], channels: usize, sample_rate: u32) -> Result<Waveform> {
        resample::check_rate(sample_rate)?;
        if channels > 0 && !interleaved.len().is_multiple_of(channels) {
            return Err(Error::InvalidOption {
                option: "channels",
                found: format!("{channels} for {} samples", interleaved.len()),
                wanted: "a number that divides them".to_owned(),
            });
        }
        let mut sink = Sink::new(self);
        let spec = Spec { rate: sample_rate, channels };
        // A number of channels that no slice can hold is the same as one chunk.
        let chunk = channels.saturating_mul(4096).max(1);
        interleaved
            .chunks(chunk)
            .try_for_each(|chunk| sink.push(chunk, spec, 0).map(drop))
            .and_then(|()| sink.finish())
            .map_err(|fault| fault.of(None))?;
        Ok(Waveform { samples: sink.out })
    }
}
