//! [`Decoder`]: decodes bytes to mono samples at 16 kHz, packet by packet.

use std::{io::Seek, panic, time::Duration};

use symphonia::core::{packet::Packet, units::Duration as Ticks};
use tracing::debug;

use super::{
    codec::Codec,
    container::{self, Container, Walk},
    count::Count,
    demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
    error::AudioError,
    options::AudioOptions,
    sink::SampleSink,
    source::AudioSource,
};

/// A recording that is being decoded. It cannot be used after an error.
pub(super) struct Decoder {
    container: Box<dyn Container>,
    demuxer: Box<dyn Demuxer>,
    track: TrackDecoder,
    sink: SampleSink,
    duration: Option<Duration>,
}

/// The track that is decoded.
struct TrackDecoder {
    track: AudioTrack,
    codec: Codec,
    trusts_padding: bool,
    count: Count,
    interleaved: Vec<f32>,
}

/// Turns panics into errors.
///
/// Symphonia's demuxers and decoders index, assert and calculate with what the bytes say, and panic at a few invalid
/// values, which flipped bits can produce. No state outlives such a panic: the error ends the decoding.
fn guarded<T>(step: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    panic::catch_unwind(panic::AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(AudioError::Damaged("the decoder cannot make sense of it".to_owned())))
}

impl Decoder {
    /// Finds out what `source` is and walks over its headers; nothing is decoded yet.
    pub(super) fn new(mut source: AudioSource, hint: Option<&str>, options: &AudioOptions) -> Result<Self, AudioError> {
        guarded(|| {
            let Walk { format, container } = container::walk(&mut source, hint)?;
            debug!(container = format.name, pipe = source.is_pipe(), "decoding");
            source.rewind()?;
            let demuxer = container.open(source)?;
            let mut sink = SampleSink::new(options);
            let track = TrackDecoder::new(&*demuxer, &*container, &mut sink)?;
            let seconds = container.promised_seconds(&track.track).filter(|&seconds| seconds > 0.0);
            let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            Ok(Self { container, demuxer, track, sink, duration })
        })
    }

    /// The length that the headers promise.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Decodes a packet. `false` means that it was the last one, and that the recording is complete.
    pub(super) fn advance(&mut self) -> Result<bool, AudioError> {
        guarded(|| self.step())
    }

    fn step(&mut self) -> Result<bool, AudioError> {
        match self.demuxer.next() {
            Ok(Demuxed::Packet(packet)) => {
                self.track.decode(packet, &mut self.sink)?;
                Ok(true)
            }
            Ok(Demuxed::NewTracks) => {
                self.track.finish(&*self.container)?;
                self.track = TrackDecoder::new(&*self.demuxer, &*self.container, &mut self.sink)?;
                Ok(true)
            }
            Ok(Demuxed::End) => {
                self.track.finish(&*self.container)?;
                self.sink.finish()?;
                Ok(false)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// What to report when the demuxer fails.
    fn failed(&self, error: DemuxError) -> AudioError {
        let error = match error {
            DemuxError::Read(error) => match error.into() {
                AudioError::Io(error) => AudioError::Io(error),
                // How much is missing says more than "unexpected end".
                error => match self.container.check(&self.track.track, &self.track.count) {
                    Ok(()) => error,
                    Err(cut) => return cut,
                },
            },
            DemuxError::Other(error) => error,
        };
        self.sink.locate(error)
    }

    /// Whether the next packet may have to be waited for.
    pub(super) fn waits(&self) -> bool {
        self.demuxer.waits()
    }

    /// What has been decoded and not been taken.
    pub(super) fn decoded(&mut self) -> &mut Vec<f32> {
        &mut self.sink.out
    }

    /// Decodes all of it.
    pub(super) fn decode(mut self) -> Result<Vec<f32>, AudioError> {
        while self.advance()? {}
        Ok(self.sink.out)
    }
}

impl TrackDecoder {
    fn new(demuxer: &dyn Demuxer, container: &dyn Container, sink: &mut SampleSink) -> Result<Self, AudioError> {
        let mut track = demuxer.track().ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))?;
        container.correct(&mut track.track);
        let codec = Codec::new(&track.track)?;
        sink.start(container.edit(&track), codec.pre_skip());
        let trusts_padding = container.trusts_padding(&track);
        Ok(Self { track, codec, trusts_padding, count: Count::default(), interleaved: Vec::new() })
    }

    fn decode(&mut self, mut packet: Packet, sink: &mut SampleSink) -> Result<(), AudioError> {
        if packet.track_id != self.track.track.id {
            return Ok(());
        }
        self.count.packet(&packet);
        // Whether this packet is the last one is not known yet. The sink holds its padding back, and keeps it if more
        // packets follow.
        let padding = if self.trusts_padding { packet.trim_end.get() } else { 0 };
        packet.dur = packet.dur.saturating_add(packet.trim_end);
        packet.trim_end = Ticks::ZERO;
        let spec = self.codec.decode(&packet, &mut self.interleaved).map_err(|error| sink.locate(error))?;
        self.count.frames += sink.push(&self.interleaved, spec, padding)?;
        self.count.rate = spec.rate;
        Ok(())
    }

    fn finish(&mut self, container: &dyn Container) -> Result<(), AudioError> {
        self.codec.finish()?;
        container.check(&self.track, &self.count)
    }
}
