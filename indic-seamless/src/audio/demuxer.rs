//! [`Demuxer`]: takes the packets out of a container.

use std::io;

use symphonia::core::{
    codecs::CodecParameters,
    formats::{MediaInfo, Track},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    packet::Packet,
    units::Timestamp,
};

use super::{
    edit::{Edit, Span},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

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
    /// A packet of which only a part is heard; its time stamp is that of all of it.
    Part(Packet, Edit),
    /// Other tracks follow, as in a chain of Ogg streams.
    NewTracks,
    /// Something is missing or was skipped here; more may follow.
    Fault(Fault),
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

    /// The number of channels by the headers.
    pub(super) fn channels(&self) -> Option<usize> {
        let Some(CodecParameters::Audio(params)) = &self.track.codec_params else { return None };
        params.channels.as_ref().map(symphonia::core::audio::Channels::count)
    }

    /// The number of samples by the headers, per channel.
    pub(super) fn frames(&self) -> Option<u64> {
        self.track.num_frames
    }

    /// The length by the number of samples in the headers, in seconds.
    pub(super) fn seconds(&self) -> Option<f64> {
        Some(self.track.num_frames? as f64 / f64::from(self.rate()?))
    }

    /// The time stamp of a packet in seconds, if the track has a time base.
    pub(super) fn seconds_at(&self, stamp: Timestamp) -> Option<f64> {
        let base = self.track.time_base?;
        Some(stamp.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
    }

    /// The length by the time stamps in the headers.
    pub(super) fn length(&self) -> Option<Span> {
        Some(Span::of(self.track.duration?.get(), self.track.time_base))
    }
}

/// The bytes of `source`, from its start, as Symphonia reads them.
pub(super) fn stream(source: AudioSource) -> MediaSourceStream<'static> {
    MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default())
}
