//! [`Codec`]: decodes packets to samples.

use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecId, AudioDecoder, AudioDecoderOptions,
                well_known::{
                    CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2,
                    CODEC_ID_OPUS, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_F64LE,
                    CODEC_ID_SPEEX, CODEC_ID_VORBIS,
                },
            },
        },
        errors::Error as Symphonia,
        formats::Track,
        packet::Packet,
    },
    default::get_codecs,
};

use super::{
    aac,
    error::AudioError,
    fault::Fault,
    flac::FlacTrack,
    opus::{self, OpusTrack},
    vorbis,
};
use crate::damage::DamageKind;

/// The rate in Hz and the number of channels of a packet's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// Whether samples cannot lie far beyond full scale.
    pub(super) bounded: bool,
}

/// The decoder of a track.
pub(super) enum Codec {
    Symphonia { decoder: Box<dyn AudioDecoder>, bounded: bool },
    Opus(Box<OpusTrack>),
    Flac(Box<FlacTrack>),
}

impl Codec {
    pub(super) fn new(track: &Track) -> Result<Self, AudioError> {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(AudioError::NoAudio("no audio track with a known codec".to_owned()));
        };
        if params.channels.as_ref().is_some_and(|channels| channels.count() == 0) {
            return Err(AudioError::NoAudio("its header says 0 channels".to_owned()));
        }
        if let Some(rate) = params.sample_rate.filter(|rate| !super::resample::RATES.contains(rate)) {
            return Err(AudioError::damaged(format!("its header says {rate} Hz")));
        }
        if params.codec == CODEC_ID_OPUS {
            let header = params.extra_data.as_deref().unwrap_or_default();
            return Ok(Self::Opus(Box::new(OpusTrack::new(header)?)));
        }
        if params.codec == CODEC_ID_FLAC {
            let header = params.extra_data.as_deref().unwrap_or_default();
            return Ok(Self::Flac(Box::new(FlacTrack::new(header)?)));
        }
        if params.codec == CODEC_ID_VORBIS {
            vorbis::check_codebooks(params.extra_data.as_deref().unwrap_or_default())?;
        }
        let core = (params.codec == CODEC_ID_AAC).then(|| aac::core(params)).transpose()?;
        let params = core.as_ref().unwrap_or(params);
        match get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default()) {
            Ok(decoder) => {
                // Floats in a file may have any scale.
                let float = matches!(
                    params.codec,
                    CODEC_ID_PCM_F32LE | CODEC_ID_PCM_F32BE | CODEC_ID_PCM_F64LE | CODEC_ID_PCM_F64BE
                );
                Ok(Self::Symphonia { decoder, bounded: !float })
            }
            Err(Symphonia::Unsupported(_)) => Err(AudioError::foreign(name(params.codec))),
            Err(error) => Err(error.into()),
        }
    }

    /// The number of channels by the codec's own header, which may contradict the container's.
    pub(super) fn channels(&self) -> Option<usize> {
        match self {
            Self::Symphonia { decoder, .. } => {
                decoder.codec_params().channels.as_ref().map(symphonia::core::audio::Channels::count)
            }
            Self::Opus(track) => Some(track.channels()),
            Self::Flac(track) => Some(track.channels()),
        }
    }

    /// Samples to remove from the start.
    pub(super) fn pre_skip(&self) -> u64 {
        match self {
            Self::Symphonia { .. } | Self::Flac(_) => 0,
            Self::Opus(track) => track.pre_skip,
        }
    }

    /// Replaces `out` with the packet's samples, interleaved.
    pub(super) fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Spec, AudioError> {
        match self {
            Self::Symphonia { decoder, bounded } => {
                let samples = decoder.decode(packet)?;
                let spec = samples.spec();
                let spec = Spec { rate: spec.rate(), channels: spec.channels().count(), bounded: *bounded };
                samples.copy_to_vec_interleaved(out);
                Ok(spec)
            }
            Self::Opus(track) => {
                track.decode(&packet.data, out)?;
                Ok(Spec { rate: opus::RATE, channels: track.channels(), bounded: true })
            }
            Self::Flac(track) => {
                let (rate, channels) = track.decode(&packet.data, out)?;
                Ok(Spec { rate, channels, bounded: true })
            }
        }
    }

    /// Verifies the checksum of all samples, where the format has one.
    pub(super) fn finish(&mut self) -> Result<(), AudioError> {
        if let Self::Flac(track) = self
            && !track.verify()
        {
            let reason = "the samples do not match their checksum";
            return Err(AudioError::Damaged(Fault::new(DamageKind::Checksum, reason)));
        }
        Ok(())
    }
}

/// What a codec that is not decoded is called.
fn name(codec: AudioCodecId) -> &'static str {
    match codec {
        CODEC_ID_MP1 => "MPEG audio of layer 1",
        CODEC_ID_MP2 => "MP2",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_ALAC => "ALAC of a rare kind",
        CODEC_ID_FLAC => "FLAC of a rare kind",
        CODEC_ID_VORBIS => "Vorbis of a rare kind",
        _ => "a codec that is not known",
    }
}
