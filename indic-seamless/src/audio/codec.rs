//! [`Codec`]: decodes packets to samples.

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
        formats::Track,
        packet::Packet,
    },
    default::get_codecs,
};

use super::{
    error::AudioError,
    opus::{self, OpusTrack},
};

/// The rate in Hz and the number of channels of a packet's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) rate: u32,
    pub(super) channels: usize,
}

/// The decoder of a track.
pub(super) enum Codec {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<OpusTrack>),
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
            return Err(AudioError::Damaged(format!("its header says {rate} Hz")));
        }
        if params.codec == CODEC_ID_OPUS {
            let header = params.extra_data.as_deref().unwrap_or_default();
            return Ok(Self::Opus(Box::new(OpusTrack::new(header)?)));
        }
        let options = AudioDecoderOptions::default().verify(params.codec == CODEC_ID_FLAC);
        match get_codecs().make_audio_decoder(params, &options) {
            Ok(decoder) => Ok(Self::Symphonia(decoder)),
            Err(Symphonia::Unsupported(what)) => {
                Err(AudioError::Unsupported(format!("a codec that is not read ({}: {what})", params.codec)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Samples to remove from the start.
    pub(super) fn pre_skip(&self) -> u64 {
        match self {
            Self::Symphonia(_) => 0,
            Self::Opus(track) => track.pre_skip,
        }
    }

    /// Replaces `out` with the packet's samples, interleaved.
    pub(super) fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Spec, AudioError> {
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

    /// Verifies the checksum of all samples, where the format has one.
    pub(super) fn finish(&mut self) -> Result<(), AudioError> {
        if let Self::Symphonia(decoder) = self
            && decoder.finalize().verify_ok == Some(false)
        {
            return Err(AudioError::Damaged("the samples do not match their checksum".to_owned()));
        }
        Ok(())
    }
}
