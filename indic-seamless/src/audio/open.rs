//! The ways into a recording: from a file, from bytes, from a pipe, from samples.

use std::{fs, io::Read, path::Path, time::Duration};

use bytes::Bytes;

use super::{
    codec::Spec,
    container::{self, supported},
    decode::guarded,
    error::{AudioError, IN_MEMORY},
    options::{AudioOptions, DamagePolicy},
    pipe::{self, PipeFormat},
    reader::AudioReader,
    resample,
    sink::SampleSink,
    source::AudioSource,
    waveform::Waveform,
};
use crate::error::{Error, Result};

impl Waveform {
    /// Decodes a file, with the average of its channels; [`AudioOptions`] has the alternatives.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        AudioOptions::new().open(path)
    }

    /// Decodes a file in memory, with the average of its channels; [`AudioOptions`] has the alternatives.
    ///
    /// `hint` is a content type (`"audio/ogg; codecs=opus"`) or an extension (`"mp3"`). The format is detected from the
    /// bytes; the hint is only used where they are ambiguous.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`], but for [`Error::Io`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, hint: Option<&str>) -> Result<Self> {
        AudioOptions::new().from_bytes(bytes, hint)
    }
}

impl AudioOptions {
    /// Decodes a file.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`] where the file cannot be read,
    /// - [`Error::UnsupportedAudio`] for an unsupported container or codec,
    /// - [`Error::DamagedAudio`] where nothing of it can be decoded, or where it is damaged or cut short and
    ///   [`DamagePolicy::Refuse`](super::DamagePolicy::Refuse) is set,
    /// - [`Error::NoAudio`] where it has no audio track, channel or sample, where it has no sample in the part by
    ///   [`AudioOptions::start`] and [`AudioOptions::duration`], or for a part of 0 s,
    /// - [`Error::NoSuchChannel`] where it has too few channels for [`Channel::Only`](super::Channel::Only),
    /// - [`Error::NoSuchTrack`] where it does not have the [`AudioOptions::track`],
    /// - [`Error::AudioTooLong`] where it is longer than [`AudioOptions::max_duration`],
    /// - [`Error::TooManySamples`] where it has more samples than [`AudioOptions::max_samples`],
    /// - [`Error::InvalidSample`] where it holds NaN or an infinity and
    ///   [`DamagePolicy::Refuse`](super::DamagePolicy::Refuse) is set.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Waveform> {
        self.reader(path)?.into_waveform()
    }

    /// Decodes a file in memory; `hint` as for [`Waveform::from_bytes`].
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`], but for [`Error::Io`].
    pub fn from_bytes(&self, bytes: impl Into<Vec<u8>>, hint: Option<&str>) -> Result<Waveform> {
        self.reader_from_bytes(bytes, hint)?.into_waveform()
    }

    /// Converts interleaved samples of `channels` channels at `sample_rate` Hz.
    ///
    /// # Errors
    ///
    /// - [`Error::NoAudio`] without a channel or a sample, where there is none in the part by [`AudioOptions::start`] and
    ///   [`AudioOptions::duration`], or for a part of 0 s,
    /// - [`Error::InvalidOption`] for a rate outside 1 kHz to 768 kHz, or where the number of samples is not a
    ///   multiple of the number of channels,
    /// - [`Error::NoSuchChannel`], [`Error::NoSuchTrack`], [`Error::AudioTooLong`], [`Error::TooManySamples`] and
    ///   [`Error::InvalidSample`] as for [`AudioOptions::open`].
    pub fn from_samples(&self, interleaved: &[f32], channels: usize, sample_rate: u32) -> Result<Waveform> {
        resample::check_rate(sample_rate)?;
        if channels > 0 && !interleaved.len().is_multiple_of(channels) {
            return Err(Error::InvalidOption {
                option: "channels",
                found: format!("{channels} for {} samples", interleaved.len()),
                wanted: "a number that divides them".to_owned(),
            });
        }
        if let Some(wanted) = self.track.filter(|&track| track != 1) {
            let found = "samples, which are one track".to_owned();
            return Err(Error::NoSuchTrack { source_name: IN_MEMORY.to_owned(), wanted, found });
        }
        let mut sink = SampleSink::new(self);
        let spec = Spec { rate: sample_rate, channels, bounded: false };
        let strict = self.damage == DamagePolicy::Refuse;
        // With an absurd number of channels there is one chunk, and the sink refuses it.
        let chunk = channels.saturating_mul(4096).max(1);
        interleaved
            .chunks(chunk)
            .try_for_each(|chunk| sink.push(&mut chunk.to_vec(), spec, 0, None, strict))
            .and_then(|()| sink.finish())
            .map_err(|error| error.of(None, supported))?;
        let mut piece = sink.take(usize::MAX, true);
        let part = self.part();
        piece.keep(&part);
        if piece.is_empty() {
            return Err(AudioError::nothing_in(&part).of(None, supported));
        }
        let mut waveform = Waveform::empty();
        waveform.push(piece);
        Ok(waveform)
    }

    /// Opens a file to be decoded piece by piece; [`AudioReader`] has an example.
    ///
    /// The format and the headers are checked here, and, where the format allows it, that the file is complete. The
    /// audio itself is checked while it is read. [`AudioOptions::max_duration`] applies, too: set it for recordings of
    /// more than an hour.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`].
    pub fn reader(&self, path: impl AsRef<Path>) -> Result<AudioReader> {
        let path = path.as_ref();
        let hint = path.extension().and_then(|extension| extension.to_str());
        AudioReader::new(AudioSource::open(path)?, hint, self, Some(path))
    }

    /// About how long a file is, or the part of it that is used, by its headers and a look at some of its bytes; `None` where
    /// these do not tell. It is quick for files of any size, and meant for a progress bar over many files.
    ///
    /// [`AudioReader::duration_hint`] is more exact: a reader of Ogg, FLAC, MP3 or ADTS goes through all frames first.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`].
    ///
    /// ```
    /// use indic_seamless::audio::AudioOptions;
    ///
    /// let length = AudioOptions::new().length_hint("examples/audio/hindi-2.flac")?.expect("it says so");
    /// assert_eq!(length.as_millis(), 883);
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn length_hint(&self, path: impl AsRef<Path>) -> Result<Option<Duration>> {
        let path = path.as_ref();
        let hint = path.extension().and_then(|extension| extension.to_str());
        let mut source = AudioSource::open(path)?;
        let seconds = guarded(|| container::estimate(&mut source, hint));
        match seconds.map_err(|error| error.of(Some(path), supported))? {
            Some(seconds) => Ok(Duration::try_from_secs_f64(seconds).ok().map(|all| self.used_of(all))),
            None => Ok(self.reader(path)?.duration_hint()),
        }
    }

    /// Opens a file whose format is known, such as raw samples without a header, to be decoded piece by piece. With
    /// [`PipeFormat::Detect`] it does what [`reader`](Self::reader) does.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`]; [`Error::InvalidOption`] for raw samples with a rate outside 1 kHz to 768 kHz or without
    /// 1 to 26 channels.
    ///
    /// ```no_run
    /// use indic_seamless::audio::{AudioOptions, PipeFormat};
    ///
    /// // As telephone exchanges record it.
    /// let call = AudioOptions::new().raw_reader("call.alaw", PipeFormat::Alaw { rate: 8_000, channels: 1 })?;
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn raw_reader(&self, path: impl AsRef<Path>, format: PipeFormat) -> Result<AudioReader> {
        let path = path.as_ref();
        let Some(source) = pipe::open_raw(path, format)? else { return self.reader(path) };
        let length = fs::metadata(path).ok().and_then(|meta| format.length(meta.len()));
        Ok(AudioReader::new(source, None, self, Some(path))?.with_length(length, self))
    }

    /// Opens a file in memory to be decoded piece by piece; `hint` as for [`Waveform::from_bytes`].
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
        self.reader_from_shared(bytes.into().into(), hint)
    }

    /// Opens a file in memory that others also read.
    pub(crate) fn reader_from_shared(&self, bytes: Bytes, hint: Option<&str>) -> Result<AudioReader> {
        AudioReader::new(AudioSource::from_bytes(bytes), hint, self, None)
    }

    /// Opens a pipe, such as the standard input, to be decoded while it is written. It is read once, from start to end;
    /// errors call it `pipe`.
    ///
    /// WAV, AU and raw samples are decoded as they arrive: this function waits for the header only, and a piece holds
    /// what one read gave, from a fiftieth of a second to a second. Any other format is read to its end here, because its
    /// checks need all of it; up to 1 GiB is kept in memory.
    ///
    /// # How long a WAV file in a pipe is
    ///
    /// A program that writes into a pipe does not know how long the recording will be, and puts a placeholder into the
    /// header: 0, about 2^31 or about 2^32 (within 65,536). With a placeholder, the pipe is read to its end. Any other
    /// length is exact: what follows is left in the pipe. A pipe that ends earlier, or within a sample, was cut short,
    /// which is damage.
    ///
    /// # Errors
    ///
    /// As [`AudioOptions::open`]; [`Error::Io`] also with more than 1 GiB to keep
    /// ([`FileTooLarge`](std::io::ErrorKind::FileTooLarge)); [`Error::InvalidOption`] for raw samples with a
    /// rate outside 1 kHz to 768 kHz or without 1 to 26 channels.
    ///
    /// ```
    /// use indic_seamless::audio::{AudioOptions, PipeFormat};
    ///
    /// let input: &[u8] = &[0, 0x40, 0, 0xc0]; // or `std::io::stdin()`
    /// let format = PipeFormat::Pcm16 { rate: 16_000, channels: 1 };
    /// let mut reader = AudioOptions::new().reader_from_pipe(input, format)?;
    /// let piece = reader.next().transpose()?.expect("two samples");
    /// assert_eq!((piece.start, &piece[..]), (0.0, &[0.5, -0.5][..]));
    /// assert!(reader.next().is_none());
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn reader_from_pipe(&self, input: impl Read + Send + 'static, format: PipeFormat) -> Result<AudioReader> {
        let name = Path::new("pipe");
        let source = pipe::open(input, format).map_err(|error| error.of(Some(name), supported))?;
        AudioReader::new(source, None, self, Some(name))
    }
}
