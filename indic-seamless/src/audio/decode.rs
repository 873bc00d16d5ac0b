//! From bytes to mono samples at 16 kHz, packet by packet.

use std::{io, panic, time::Duration};

use symphonia::core::{
    errors::Error as Symphonia,
    formats::{MediaInfo, Track, TrackType},
    packet::Packet,
    units::Duration as Ticks,
};
use tracing::debug;

use super::{
    AudioOptions,
    codec::Codec,
    container::{self, Container, Demuxer, Plan},
    fault::Fault,
    promise::Count,
    sink::Sink,
    source::Source,
};

/// A recording that is being decoded. After a fault it is of no more use.
pub(super) struct Decoder {
    plan: Plan,
    demuxer: Demuxer,
    track: TrackState,
    sink: Sink,
    duration: Option<Duration>,
}

/// The track to be heard.
struct TrackState {
    track: Track,
    codec: Codec,
    trusts_padding: bool,
    count: Count,
    /// What the file says of its only track.
    media: Option<MediaInfo>,
    interleaved: Vec<f32>,
}

/// What a demuxer has next.
enum Next {
    Packet(Packet),
    /// Something that is not to be heard.
    Other,
    End(End),
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    File,
    Chained,
}

/// Demuxers and decoders index, assert and calculate with what the bytes say, and at a few of the bytes that say
/// nonsense they panic: flipping bits finds such files. No state outlives the panic: a fault ends the decoding.
fn guarded<T>(step: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    panic::catch_unwind(panic::AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(Fault::Damaged("the decoder cannot make sense of it".to_owned())))
}

impl Decoder {
    /// Finds out what `source` is and walks through its headers; nothing is decoded yet.
    pub(super) fn new(mut source: Source, hint: Option<&str>, options: &AudioOptions) -> Result<Self, Fault> {
        guarded(|| {
            let plan = container::inspect(&mut source, hint)?;
            debug!(container = ?plan.container, pipe = source.is_pipe(), "decoding");
            let demuxer = container::open(&plan, source)?;
            let mut sink = Sink::new(options);
            let track = TrackState::new(&demuxer, &plan, &mut sink)?;
            let seconds = plan.seconds(&track.track, demuxer.media_info());
            let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            Ok(Self { plan, demuxer, track, sink, duration })
        })
    }

    /// The length that the headers promise.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Decodes a packet. `false` means that it was the last one, and that all is as it should be.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        guarded(|| self.step())
    }

    fn step(&mut self) -> Result<bool, Fault> {
        match self.track.next(&mut self.demuxer, &self.plan, &self.sink)? {
            Next::Packet(packet) => self.track.decode(packet, &mut self.sink)?,
            Next::Other => {}
            Next::End(end) => {
                self.track.finish(&self.plan)?;
                if end == End::File {
                    self.sink.finish()?;
                    return Ok(false);
                }
                // A chain of Ogg streams: each has its own tracks.
                self.track = TrackState::new(&self.demuxer, &self.plan, &mut self.sink)?;
            }
        }
        Ok(true)
    }

    /// Whether the next packet may have to be waited for.
    pub(super) fn waits(&self) -> bool {
        matches!(&self.demuxer, Demuxer::Wav(samples) if samples.waits())
    }

    /// What has been decoded since it was taken last.
    pub(super) fn decoded(&mut self) -> &mut Vec<f32> {
        &mut self.sink.out
    }

    /// Decodes all of it.
    pub(super) fn decode(mut self) -> Result<Vec<f32>, Fault> {
        while self.advance()? {}
        Ok(self.sink.out)
    }
}

impl TrackState {
    fn new(demuxer: &Demuxer, plan: &Plan, sink: &mut Sink) -> Result<Self, Fault> {
        let (track, alone) = match demuxer {
            Demuxer::Wav(samples) => (Some(samples.track()), true),
            Demuxer::Symphonia(reader) => {
                let track = reader.default_track(TrackType::Audio).or_else(|| reader.first_track(TrackType::Audio));
                (track, reader.tracks().len() == 1)
            }
        };
        let track = track.ok_or_else(|| Fault::NoAudio("no audio track".to_owned()))?.clone();
        let media = demuxer.media_info().filter(|_| alone && plan.container == Container::Mkv).copied();
        let codec = Codec::new(&track, plan.container)?;
        sink.start(plan.edit(&track), codec.pre_skip());
        let trusts_padding = plan.trusts_padding(&track);
        Ok(Self { track, codec, trusts_padding, count: Count::default(), media, interleaved: Vec::new() })
    }

    fn next(&self, demuxer: &mut Demuxer, plan: &Plan, sink: &Sink) -> Result<Next, Fault> {
        let next = match demuxer {
            Demuxer::Wav(samples) => return samples.next_packet().map(Next::from).map_err(|fault| sink.locate(fault)),
            Demuxer::Symphonia(reader) => reader.next_packet(),
        };
        match next {
            Ok(Some(packet)) if packet.track_id != self.track.id => Ok(Next::Other),
            Ok(packet) => Ok(packet.into()),
            Err(Symphonia::ResetRequired) => Ok(Next::End(End::Chained)),
            // A live stream does not say how long it is; that its last element is whole has been seen to.
            Err(Symphonia::IoError(error))
                if plan.container == Container::Mkv && error.kind() == io::ErrorKind::UnexpectedEof =>
            {
                Ok(Next::End(End::File))
            }
            Err(error) => {
                // "Cut short", with how much is missing, says more than "unexpected end".
                if matches!(error, Symphonia::IoError(_)) {
                    self.count.check(plan, &self.track)?;
                }
                Err(sink.locate(error.into()))
            }
        }
    }

    fn decode(&mut self, mut packet: Packet, sink: &mut Sink) -> Result<(), Fault> {
        self.count.packet(&packet);
        // The end of the audio is only known at the end: what is to be cut off here is held back, and comes after all
        // if more follows.
        let padding = if self.trusts_padding { packet.trim_end.get() } else { 0 };
        packet.dur = packet.dur.saturating_add(packet.trim_end);
        packet.trim_end = Ticks::ZERO;
        let spec = self.codec.decode(&packet, &mut self.interleaved).map_err(|error| sink.locate(error))?;
        self.count.frames += sink.push(&self.interleaved, spec, padding)?;
        self.count.rate = spec.rate;
        Ok(())
    }

    fn finish(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.codec.finish()?;
        self.count.check(plan, &self.track)?;
        match &self.media {
            Some(media) => self.count.check_duration(media, self.track.time_base),
            None => Ok(()),
        }
    }
}

impl From<Option<Packet>> for Next {
    fn from(packet: Option<Packet>) -> Self {
        packet.map_or(Self::End(End::File), Self::Packet)
    }
}
