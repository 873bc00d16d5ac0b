//! [`Demuxer`]: takes the packets out of a container.

use std::io;

use symphonia::core::{
    codecs::CodecParameters,
    errors::Error as Symphonia,
    formats::{FormatReader, MediaInfo, Track, TrackType},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    packet::Packet,
};

use super::{edit::Span, error::AudioError, source::AudioSource};

/// Takes the packets out of a container.
pub(super) trait Demuxer: Send + Sync {
    /// The audio track that is decoded; `None` where there is none.
    fn track(&self) -> Option<AudioTrack>;

    /// The next packet, of this or another track.
    fn next(&mut self) -> Result<Demuxed, DemuxError>;

    /// Whether the next packet may have to be waited for.
    fn waits(&self) -> bool {
        false
    }
}

/// The next item of a demuxer.
pub(super) enum Demuxed {
    Packet(Packet),
    /// Other tracks follow, as in a chain of Ogg streams.
    NewTracks,
    End,
}

/// Why a demuxer gives nothing more.
#[derive(Debug)]
pub(super) enum DemuxError {
    /// The bytes could not be read, or end too early.
    Read(io::Error),
    Other(AudioError),
}

impl From<io::Error> for DemuxError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<AudioError> for DemuxError {
    fn from(error: AudioError) -> Self {
        Self::Other(error)
    }
}

/// The audio track of a recording, as the demuxer describes it.
#[derive(Debug, Clone)]
pub(super) struct AudioTrack {
    pub(super) track: Track,
    /// What the file says of all its tracks together.
    pub(super) media: MediaInfo,
    /// Whether it is the only track.
    pub(super) alone: bool,
}

impl AudioTrack {
    /// The rate by the headers, in Hz.
    pub(super) fn rate(&self) -> Option<u32> {
        let Some(CodecParameters::Audio(params)) = &self.track.codec_params else { return None };
        params.sample_rate
    }

    /// The length by the number of samples in the headers, in seconds.
    pub(super) fn seconds(&self) -> Option<f64> {
        Some(self.track.num_frames? as f64 / f64::from(self.rate()?))
    }

    /// The length by the time stamps in the headers.
    pub(super) fn length(&self) -> Option<Span> {
        Some(Span::of(self.track.duration?.get(), self.track.time_base))
    }
}

/// A demuxer of Symphonia.
pub(super) struct SymphoniaDemuxer {
    reader: Box<dyn FormatReader>,
    /// Whether the file may end without saying so.
    open_ended: bool,
}

impl SymphoniaDemuxer {
    pub(super) fn new(reader: impl FormatReader + 'static) -> Self {
        Self { reader: Box::new(reader), open_ended: false }
    }

    /// Takes the end of the bytes for the end of the recording.
    pub(super) fn open_ended(self) -> Self {
        Self { open_ended: true, ..self }
    }
}

impl Demuxer for SymphoniaDemuxer {
    fn track(&self) -> Option<AudioTrack> {
        let reader = &self.reader;
        let track = reader.default_track(TrackType::Audio).or_else(|| reader.first_track(TrackType::Audio))?;
        Some(AudioTrack { track: track.clone(), media: *reader.media_info(), alone: reader.tracks().len() == 1 })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        match self.reader.next_packet() {
            Ok(packet) => Ok(packet.map_or(Demuxed::End, Demuxed::Packet)),
            Err(Symphonia::ResetRequired) => Ok(Demuxed::NewTracks),
            Err(Symphonia::IoError(error)) if self.open_ended && error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Demuxed::End)
            }
            Err(Symphonia::IoError(error)) => Err(DemuxError::Read(error)),
            Err(error) => Err(DemuxError::Other(error.into())),
        }
    }
}

/// The bytes of `source`, from its start, as Symphonia reads them.
pub(super) fn stream(source: AudioSource) -> MediaSourceStream<'static> {
    MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default())
}
