//! [`Decoder`]: decodes bytes to mono samples at 16 kHz, packet by packet.

use std::{io::Seek, time::Duration};

use symphonia::core::{packet::Packet, units::Duration as Ticks};
use tracing::debug;

use super::{
    codec::{Codec, Spec},
    container::{self, Container, Walk},
    count::Count,
    demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
    edit::{Edit, Span},
    error::AudioError,
    fault::Fault,
    options::{AudioOptions, DamagePolicy},
    piece::Piece,
    sink::{SampleSink, Stamp},
    source::AudioSource,
};
use crate::{damage::DamageKind, panics::caught};

/// By how much a promised length may exceed the limit, because it is not exact: a share, and seconds.
const PROMISE_SLACK: (f64, f64) = (1.01, 1.0);

/// A recording that is being decoded. It cannot be used after an error.
pub(super) struct Decoder {
    container: Box<dyn Container>,
    demuxer: Box<dyn Demuxer>,
    track: TrackDecoder,
    sink: SampleSink,
    duration: Option<Duration>,
    policy: DamagePolicy,
    /// The kinds of damage that were noted.
    noted: Vec<DamageKind>,
    /// What was wrong first: the error of a recording without any sample.
    first: Option<AudioError>,
}

/// The track that is decoded.
struct TrackDecoder {
    track: AudioTrack,
    codec: Codec,
    starts_late: bool,
    count: Count,
    interleaved: Vec<f32>,
}

/// Turns panics into errors.
///
/// Symphonia's demuxers and decoders index, assert and calculate with what the bytes say, and panic at a few invalid
/// values, which flipped bits can produce. No state outlives such a panic: what panicked is not used again.
pub(super) fn guarded<T, E: From<AudioError>>(step: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    caught(step).unwrap_or_else(|_| Err(AudioError::damaged("the decoder cannot make sense of it").into()))
}

impl Decoder {
    /// Finds out what `source` is and walks over its headers; nothing is decoded yet.
    pub(super) fn new(mut source: AudioSource, hint: Option<&str>, options: &AudioOptions) -> Result<Self, AudioError> {
        source.max_samples = options.max_samples;
        guarded(|| {
            let Walk { format, container } = container::walk(&mut source, hint, options.track)?;
            let policy = options.damage;
            if let (DamagePolicy::Refuse, Some(fault)) = (policy, container.faults().first()) {
                return Err(AudioError::Damaged(fault.clone()));
            }
            debug!(container = format.name, pipe = source.is_pipe(), "decoding");
            source.rewind()?;
            let demuxer = container.open(source)?;
            let mut sink = SampleSink::new(options);
            let track = TrackDecoder::new(&*demuxer, &*container, &mut sink)?;
            let seconds = container.promised_seconds(&track.track).filter(|&seconds| seconds > 0.0);
            let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let limit_s = options.max_duration.as_secs_f64();
            if seconds.is_some_and(|seconds| seconds > limit_s * PROMISE_SLACK.0 + PROMISE_SLACK.1) {
                return Err(AudioError::TooLong { limit_s });
            }
            let (rate, channels) = (track.track.rate().unwrap_or_default(), track.channels().unwrap_or_default());
            let samples = seconds.unwrap_or_default() * f64::from(rate) * channels as f64;
            if samples > options.max_samples as f64 * PROMISE_SLACK.0 {
                return Err(AudioError::TooManySamples { limit: options.max_samples });
            }
            Ok(Self { container, demuxer, track, sink, duration, policy, noted: Vec::new(), first: None })
        })
    }

    /// The length that the headers promise.
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// The number of channels by the headers.
    pub(super) fn channels(&self) -> Option<usize> {
        self.track.channels()
    }

    /// Decodes a packet. `false` means that it was the last one.
    ///
    /// # Errors
    ///
    /// Errors of reading, limits that are exceeded, and damage that is to be refused or leaves nothing to hear.
    pub(super) fn advance(&mut self) -> Result<bool, AudioError> {
        let item = guarded(|| self.demuxer.next());
        match item {
            Ok(Demuxed::Packet(packet)) => self.decode(packet, Edit::default()),
            Ok(Demuxed::Part(packet, heard)) => self.decode(packet, heard),
            Ok(Demuxed::Fault(fault)) => {
                self.tolerate(Err(self.sink.locate(AudioError::Damaged(fault))))?;
                Ok(true)
            }
            Ok(Demuxed::NewTracks) => {
                self.end_track()?;
                match guarded(|| TrackDecoder::new(&*self.demuxer, &*self.container, &mut self.sink)) {
                    Ok(track) => {
                        self.track = track;
                        Ok(true)
                    }
                    Err(error) => {
                        self.tolerate(Err(error))?;
                        self.end()
                    }
                }
            }
            Ok(Demuxed::End) => {
                self.end_track()?;
                self.end()
            }
            Err(error) => {
                let error = self.failed(error);
                self.tolerate(Err(error))?;
                self.end()
            }
        }
    }

    /// Decodes what is heard of a packet.
    fn decode(&mut self, packet: Packet, heard: Edit) -> Result<bool, AudioError> {
        let strict = self.policy == DamagePolicy::Refuse;
        let decoded = self.track.decode(packet, heard, &mut self.sink, strict);
        self.tolerate(decoded)?;
        Ok(true)
    }

    fn end_track(&mut self) -> Result<(), AudioError> {
        let ended = guarded(|| self.track.finish(&*self.container));
        self.tolerate(ended)
    }

    /// Ends the recording.
    fn end(&mut self) -> Result<bool, AudioError> {
        for fault in self.container.faults().to_vec() {
            if !self.noted.contains(&fault.kind) {
                self.tolerate(Err(AudioError::Damaged(fault)))?;
            }
        }
        match (self.sink.finish(), self.first.take()) {
            (Err(AudioError::NoAudio(_)), Some(error)) => Err(error),
            (ended, _) => ended.map(|()| false),
        }
    }

    /// Notes damage and goes on, unless it is to be refused; other errors end the decoding.
    ///
    /// What is not supported is damage here, too: of a recording whose headers were understood, it is a packet or a part.
    fn tolerate(&mut self, outcome: Result<(), AudioError>) -> Result<(), AudioError> {
        let Err(error) = outcome else { return Ok(()) };
        let fault = match &error {
            AudioError::Damaged(fault) => fault.clone(),
            AudioError::Unsupported(reason) | AudioError::Foreign(reason) => Fault::new(DamageKind::Corrupt, reason),
            AudioError::NoAudio(reason) if self.track.count.frames > 0 => Fault::new(DamageKind::Corrupt, reason),
            _ => return Err(error),
        };
        if self.policy == DamagePolicy::Refuse {
            return Err(error);
        }
        debug!(reason = fault.reason, at_s = self.sink.now(), "damage");
        if !self.noted.contains(&fault.kind) {
            self.noted.push(fault.kind);
        }
        self.first.get_or_insert(error);
        self.sink.note(fault);
        Ok(())
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

    /// How many decoded samples can be taken.
    pub(super) fn ready(&self) -> usize {
        self.sink.ready()
    }

    /// Takes up to `most` decoded samples, and the damage up to there. `at_end`, the last samples have all damage.
    pub(super) fn take(&mut self, most: usize, at_end: bool) -> Piece {
        self.sink.take(most, at_end)
    }
}

impl TrackDecoder {
    fn new(demuxer: &dyn Demuxer, container: &dyn Container, sink: &mut SampleSink) -> Result<Self, AudioError> {
        let track = demuxer.track().ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))?;
        let codec = Codec::new(&track.track)?;
        let edit = container.edit(&track);
        sink.start(edit, if edit.done { 0 } else { codec.pre_skip() });
        let (count, interleaved) = (Count::default(), Vec::new());
        Ok(Self { track, codec, starts_late: container.starts_late(), count, interleaved })
    }

    /// The number of channels by the headers. Some writers of MP4 state two whatever is in it.
    fn channels(&self) -> Option<usize> {
        self.codec.channels().or_else(|| self.track.channels())
    }

    fn decode(
        &mut self,
        mut packet: Packet,
        heard: Edit,
        sink: &mut SampleSink,
        strict: bool,
    ) -> Result<(), AudioError> {
        if packet.track_id != self.track.track.id {
            return Ok(());
        }
        self.count.packet(&packet);
        // Whether this packet is the last one is not known yet. The sink holds its padding back, and keeps it if more
        // packets follow.
        let padding = packet.trim_end;
        packet.dur = packet.dur.saturating_add(packet.trim_end);
        packet.trim_end = Ticks::ZERO;
        let spec = self.decode_packet(&packet).map_err(|error| match error {
            // Damage may look like a rare kind of the codec that packets before were not of.
            AudioError::Unsupported(what) if self.count.frames > 0 => sink.locate(AudioError::damaged(what)),
            error => sink.locate(error),
        })?;
        self.count.frames += (self.interleaved.len() / spec.channels.max(1)) as u64;
        self.count.rate = spec.rate;
        let skipped_s = heard.cut(&mut self.interleaved, spec.channels, spec.rate);
        if self.interleaved.is_empty() && heard != Edit::default() {
            return Ok(());
        }
        let at_s = self.track.seconds_at(packet.pts).map(|at_s| at_s + skipped_s);
        let stamp = at_s.map(|at_s| Stamp { at_s, starts_late: self.starts_late });
        let padding = match self.track.track.time_base {
            Some(base) => Span::of(padding.get(), Some(base)).samples(spec.rate),
            None => padding.get(),
        };
        sink.push(&mut self.interleaved, spec, padding, stamp, strict)
    }

    /// Decodes a packet; a decoder that panics is replaced.
    fn decode_packet(&mut self, packet: &Packet) -> Result<Spec, AudioError> {
        let Self { codec, interleaved, .. } = self;
        match caught(|| codec.decode(packet, interleaved)) {
            Ok(decoded) => decoded,
            Err(_) => {
                self.codec = Codec::new(&self.track.track)?;
                Err(AudioError::damaged("the decoder cannot make sense of a packet"))
            }
        }
    }

    fn finish(&mut self, container: &dyn Container) -> Result<(), AudioError> {
        self.codec.finish()?;
        container.check(&self.track, &self.count)
    }
}
