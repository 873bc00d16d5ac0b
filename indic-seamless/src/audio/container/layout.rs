//! [`Layout`]: how the samples of an uncompressed recording, or one of blocks of a fixed size, are packed.

use symphonia::core::{
    audio::Channels,
    codecs::audio::{
        AudioCodecId, AudioCodecParameters,
        well_known::{
            CODEC_ID_ADPCM_IMA_QT, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE, CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE,
            CODEC_ID_PCM_F64LE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8, CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S16LE,
            CODEC_ID_PCM_S24BE, CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE, CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8,
        },
    },
};

use crate::audio::{error::AudioError, resample::RATES};

/// The most samples per channel in a block of ADPCM: real ones have up to 4,000.
const MAX_FRAMES: u64 = 1 << 16;

/// The bytes that are decoded at once, about.
const PACKET: u64 = 8_192;

/// How samples are packed.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) params: AudioCodecParameters,
    /// Bytes that only make sense together: a sample of each channel, or more in compressed formats.
    pub(super) block: u64,
    /// Samples per channel in a block.
    pub(super) frames: u64,
    /// How many blocks are decoded at once.
    pub(super) packet: u64,
}

impl Layout {
    /// Blocks of `block` bytes with `frames` samples of each channel.
    pub(super) fn blocks(
        codec: AudioCodecId,
        (rate, channels): (u32, u32),
        block: u64,
        frames: u64,
    ) -> Result<Self, AudioError> {
        if channels == 0 {
            return Err(AudioError::NoAudio("its header says 0 channels".to_owned()));
        }
        if !RATES.contains(&rate) {
            return Err(AudioError::damaged(format!("its header says {rate} Hz")));
        }
        let channels = u16::try_from(channels).map_err(|_| AudioError::damaged(format!("{channels} channels")))?;
        if block == 0 || frames == 0 || frames > MAX_FRAMES {
            return Err(AudioError::damaged(format!("blocks of {block} bytes with {frames} samples")));
        }
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_sample_rate(rate).with_channels(Channels::Discrete(channels));
        // Decoders of ADPCM take the blocks of a packet to have no bytes left over.
        let packet = if frames > 1 { 1 } else { (PACKET / block).max(1) };
        if frames > 1 {
            params.with_frames_per_block(frames).with_max_frames_per_packet(frames);
        }
        Ok(Self { params, block, frames, packet })
    }

    /// PCM, A-law or mu-law with `bytes` per sample.
    pub(super) fn pcm(codec: AudioCodecId, bytes: u64, (rate, channels): (u32, u32)) -> Result<Self, AudioError> {
        Self::blocks(codec, (rate, channels), bytes * u64::from(channels), 1)
    }

    /// A-law.
    pub(super) fn alaw(format: (u32, u32)) -> Result<Self, AudioError> {
        Self::pcm(CODEC_ID_PCM_ALAW, 1, format)
    }

    /// Mu-law.
    pub(super) fn mulaw(format: (u32, u32)) -> Result<Self, AudioError> {
        Self::pcm(CODEC_ID_PCM_MULAW, 1, format)
    }

    /// The ADPCM of `QuickTime`.
    pub(super) fn ima4((rate, channels): (u32, u32)) -> Result<Self, AudioError> {
        Self::blocks(CODEC_ID_ADPCM_IMA_QT, (rate, channels), 34 * u64::from(channels), 64)
    }

    /// Signed integers of `bytes` bytes.
    pub(super) fn integers(bytes: u64, big_endian: bool, format: (u32, u32)) -> Result<Self, AudioError> {
        let codec = match (bytes, big_endian) {
            (1, _) => CODEC_ID_PCM_S8,
            (2, false) => CODEC_ID_PCM_S16LE,
            (2, true) => CODEC_ID_PCM_S16BE,
            (3, false) => CODEC_ID_PCM_S24LE,
            (3, true) => CODEC_ID_PCM_S24BE,
            (4, false) => CODEC_ID_PCM_S32LE,
            (4, true) => CODEC_ID_PCM_S32BE,
            _ => return Err(AudioError::foreign(&format!("PCM with {} bits per sample", 8 * bytes))),
        };
        Self::pcm(codec, bytes, format)
    }

    /// Unsigned bytes.
    pub(super) fn unsigned_bytes(format: (u32, u32)) -> Result<Self, AudioError> {
        Self::pcm(CODEC_ID_PCM_U8, 1, format)
    }

    /// Floats of `bytes` bytes.
    pub(super) fn floats(bytes: u64, big_endian: bool, format: (u32, u32)) -> Result<Self, AudioError> {
        let codec = match (bytes, big_endian) {
            (4, false) => CODEC_ID_PCM_F32LE,
            (4, true) => CODEC_ID_PCM_F32BE,
            (8, false) => CODEC_ID_PCM_F64LE,
            (8, true) => CODEC_ID_PCM_F64BE,
            _ => return Err(AudioError::foreign(&format!("floats with {} bits", 8 * bytes))),
        };
        Self::pcm(codec, bytes, format)
    }

    /// The bytes of a second of audio, at least a block.
    pub(super) fn second(&self) -> u64 {
        let rate = self.params.sample_rate.unwrap_or(0);
        (u64::from(rate) * self.block / self.frames).max(self.block)
    }
}
