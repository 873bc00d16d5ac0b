//! From bytes to mono samples at 16 kHz, packet by packet.

use std::{io, panic};

use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{
                AudioDecoder, AudioDecoderOptions,
                well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS},
            },
        },
        errors::Error as Symphonia,
        formats::{FormatReader, Track, TrackType},
        packet::Packet,
        units::{Duration, TimeBase},
    },
    default::get_codecs,
};
use tracing::debug;

use super::{
    AudioOptions,
    container::{self, Container, Edit, Mpeg, Plan, Span},
    fault::Fault,
    opus::{self, OpusTrack},
    sink::Sink,
    source::Source,
};

/// Decodes a recording.
pub(super) fn decode(source: Source, hint: Option<&str>, options: &AudioOptions) -> Result<Vec<f32>, Fault> {
    // Demuxers and decoders index, assert and calculate with what the bytes say, and at a few of the bytes that say
    // nonsense they panic: flipping bits finds such files. No state outlives the panic: all of it is made in here.
    panic::catch_unwind(panic::AssertUnwindSafe(|| decode_all(source, hint, options)))
        .unwrap_or_else(|_| Err(Fault::Damaged("the decoder cannot make sense of it".to_owned())))
}

fn decode_all(mut source: Source, hint: Option<&str>, options: &AudioOptions) -> Result<Vec<f32>, Fault> {
    let plan = container::inspect(&mut source, hint)?;
    debug!(container = ?plan.container, bytes = source.length(), "decoding");
    let mut sink = Sink::new(options);
    let mut reader = container::open(plan.container, source)?;
    // A chain of Ogg streams: each has its own tracks.
    while read_track(reader.as_mut(), &plan, &mut sink)? == End::Chained {}
    sink.finish()
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    File,
    Chained,
}

/// Decodes the track to be heard, to the end of the file or of the link in a chain.
fn read_track(reader: &mut dyn FormatReader, plan: &Plan, sink: &mut Sink) -> Result<End, Fault> {
    let track = reader
        .default_track(TrackType::Audio)
        .or_else(|| reader.first_track(TrackType::Audio))
        .ok_or_else(|| Fault::NoAudio("no audio track".to_owned()))?
        .clone();
    let alone = reader.tracks().len() == 1;
    let media = (alone && plan.container == Container::Mkv).then(|| *reader.media_info());
    let mut codec = Codec::new(&track, plan.container)?;
    let edit = plan.edit(&track);
    let trusts_padding = plan.trusts_padding(&track);
    let mut count = Count::default();
    let mut interleaved = Vec::new();
    sink.start(edit, codec.pre_skip());

    let end = loop {
        let mut packet = match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == track.id => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break End::File,
            Err(Symphonia::ResetRequired) => break End::Chained,
            // A live stream does not say how long it is; that its last element is whole has been seen to.
            Err(Symphonia::IoError(error))
                if plan.container == Container::Mkv && error.kind() == io::ErrorKind::UnexpectedEof =>
            {
                break End::File;
            }
            Err(error) => {
                // "Cut short", with how much is missing, says more than "unexpected end".
                if matches!(error, Symphonia::IoError(_)) {
                    count.check(plan, &track)?;
                }
                return Err(sink.locate(error.into()));
            }
        };
        count.packet(&packet);
        // The end of the audio is only known at the end: what is to be cut off here is held back, and comes after all
        // if more follows.
        let padding = if trusts_padding { packet.trim_end.get() } else { 0 };
        packet.dur = packet.dur.saturating_add(packet.trim_end);
        packet.trim_end = Duration::ZERO;
        let spec = codec.decode(&packet, &mut interleaved).map_err(|error| sink.locate(error))?;
        count.frames += sink.push(&interleaved, spec, padding)?;
        count.rate = spec.rate;
    };
    codec.finish()?;
    count.check(plan, &track)?;
    if let Some(media) = media {
        count.check_duration(media.time_base.zip(media.duration), track.time_base)?;
    }
    Ok(end)
}

/// The form of a packet's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) rate: u32,
    pub(super) channels: usize,
}

enum Codec {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<OpusTrack>),
}

impl Codec {
    fn new(track: &Track, container: Container) -> Result<Self, Fault> {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(Fault::NoAudio("no audio track with a known codec".to_owned()));
        };
        if params.channels.as_ref().is_some_and(|channels| channels.count() == 0) {
            return Err(Fault::NoAudio("its header says 0 channels".to_owned()));
        }
        if let Some(rate) = params.sample_rate.filter(|rate| !super::resample::RATES.contains(rate)) {
            return Err(Fault::Damaged(format!("its header says {rate} Hz")));
        }
        if params.codec == CODEC_ID_OPUS {
            let header = params.extra_data.as_deref().unwrap_or_default();
            return Ok(Self::Opus(Box::new(OpusTrack::new(header, container == Container::Mp4)?)));
        }
        let options = AudioDecoderOptions::default().verify(params.codec == CODEC_ID_FLAC);
        match get_codecs().make_audio_decoder(params, &options) {
            Ok(decoder) => Ok(Self::Symphonia(decoder)),
            Err(Symphonia::Unsupported(what)) => {
                Err(Fault::Unsupported(format!("a codec that is not read ({}: {what})", params.codec)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn pre_skip(&self) -> u64 {
        match self {
            Self::Symphonia(_) => 0,
            Self::Opus(track) => track.pre_skip,
        }
    }

    /// Replaces `out` by the packet's samples, channel by channel within each frame.
    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Spec, Fault> {
        match self {
            Self::Symphonia(decoder) => {
                let samples = decoder.decode(packet)?;
                let spec = samples.spec();
                let spec = Spec { rate: spec.rate(), channels: spec.channels().count() };
                samples.copy_to_vec_interleaved(out);
                Ok(spec)
            }
            Self::Opus(track) => {
                track.decode(&packet.data, out)?;
                Ok(Spec { rate: opus::RATE, channels: track.channels() })
            }
        }
    }

    /// Compares checksums where the format has one.
    fn finish(&mut self) -> Result<(), Fault> {
        if let Self::Symphonia(decoder) = self
            && decoder.finalize().verify_ok == Some(false)
        {
            return Err(Fault::Damaged("the samples do not match their checksum".to_owned()));
        }
        Ok(())
    }
}

impl Plan {
    /// The part of the track that is to be heard.
    fn edit(&self, track: &Track) -> Edit {
        let mut edit = self.edits.get(&track.id).copied().unwrap_or_default();
        if self.container == Container::Mp4
            && !self.fragmented
            && let (Some(duration), Some(base)) = (track.duration, track.time_base)
        {
            // In some files the sample table says how much of the last packet is padding, in others the edit list.
            let ticks = duration.get().saturating_mul(base.numer.get().into());
            let whole = Span { ticks, per_second: base.denom.get().into() };
            let rest = Span { ticks: whole.ticks.saturating_sub(edit.skip.ticks), ..whole };
            if whole.ticks > 0 && edit.keep.is_none_or(|keep| rest.seconds() < keep.seconds()) {
                edit.keep = Some(rest);
            }
        }
        edit
    }

    /// Whether the end of the audio is where the demuxer says.
    fn trusts_padding(&self, track: &Track) -> bool {
        // MP3 files written one after the other start with the info frame of the first.
        self.container != Container::Mpeg
            || promised_samples(track).is_some_and(|promised| self.mpeg.samples() <= promised)
    }
}

/// The length of an MPEG audio stream, by its info frame.
fn promised_samples(track: &Track) -> Option<u64> {
    let around = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
    track.num_frames?.checked_add(around)
}

/// What came out of a track.
#[derive(Debug, Default)]
struct Count {
    packets: u64,
    bytes: u64,
    /// The end of the last packet in the track's time base.
    end: i64,
    /// Decoded samples per channel, what is left out included.
    frames: u64,
    rate: u32,
}

impl Count {
    fn packet(&mut self, packet: &Packet) {
        self.packets += 1;
        self.bytes += packet.data.len() as u64;
        self.end = self.end.max(packet.pts.saturating_add(packet.dur).get());
    }

    /// Compares with what the container promises.
    fn check(&self, plan: &Plan, track: &Track) -> Result<(), Fault> {
        match plan.container {
            Container::Flac => match track.num_frames.filter(|&promised| promised > 0) {
                Some(promised) if self.frames < promised => Err(Fault::cut("samples", self.frames, promised)),
                None if self.bytes < plan.flac_bytes => Err(Fault::cut("bytes of frames", self.bytes, plan.flac_bytes)),
                _ => Ok(()),
            },
            Container::Mpeg => {
                let Mpeg { frames, frame_samples } = plan.mpeg;
                if self.packets < frames {
                    return Err(Fault::Damaged(format!("only {} of its {frames} frames can be read", self.packets)));
                }
                // Some encoders count the info frame, too; those that state the padding do not.
                let slack = if track.delay.is_some() { 0 } else { frame_samples };
                let found = plan.mpeg.samples();
                match promised_samples(track) {
                    Some(promised) if found.saturating_add(slack) < promised => {
                        Err(Fault::cut("samples", found, promised))
                    }
                    _ => Ok(()),
                }
            }
            Container::Mp4 => {
                let promised = seconds(track.time_base, track.duration.map_or(0, Duration::get));
                let found = Span { ticks: self.frames, per_second: self.rate.into() }.seconds();
                // The time base may be coarser than the samples.
                check_seconds(found, promised, 0.001)
            }
            // The walk has compared these byte by byte.
            Container::Wav | Container::Adts | Container::Ogg | Container::Mkv => Ok(()),
        }
    }

    fn check_duration(&self, media: Option<(TimeBase, Duration)>, track: Option<TimeBase>) -> Result<(), Fault> {
        let Some((base, duration)) = media else { return Ok(()) };
        let found = seconds(track, u64::try_from(self.end).unwrap_or(0));
        // The length of the last packet need not be known.
        check_seconds(found, seconds(Some(base), duration.get()), 0.25)
    }
}

fn seconds(base: Option<TimeBase>, ticks: u64) -> f64 {
    base.map_or(0.0, |base| ticks as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
}

fn check_seconds(found: f64, promised: f64, slack: f64) -> Result<(), Fault> {
    if found + slack < promised {
        return Err(Fault::Damaged(format!("cut short: {found:.3} of {promised:.3} s of audio are there")));
    }
    Ok(())
}
