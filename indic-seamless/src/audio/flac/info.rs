//! [`StreamInfo`]: what a FLAC file says of all its frames.

use symphonia::core::{
    audio::Channels,
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, well_known::CODEC_ID_FLAC},
    },
    formats::Track,
};

use super::header::FrameHeader;

/// The size of the block.
pub(in crate::audio) const SIZE: usize = 34;

/// The fields of the STREAMINFO block that matter
/// ([RFC 9639, section 8.2](https://www.rfc-editor.org/rfc/rfc9639#section-8.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audio) struct StreamInfo {
    pub(in crate::audio) rate: u32,
    pub(in crate::audio) channels: u32,
    /// Bits per sample.
    pub(in crate::audio) bits: u32,
    /// Samples per channel; 0 for unknown.
    pub(in crate::audio) samples: u64,
    /// The checksum of all samples; zeros for none.
    pub(in crate::audio) md5: [u8; 16],
}

impl StreamInfo {
    pub(in crate::audio) fn parse(block: &[u8]) -> Option<Self> {
        let (fields, rest) = block.get(10..)?.split_first_chunk::<8>()?;
        let fields = u64::from_be_bytes(*fields);
        let md5 = *rest.first_chunk()?;
        let part = |shift: u32, bits: u32| (fields >> shift & ((1 << bits) - 1)) as u32;
        let (rate, channels, bits) = (part(44, 20), part(41, 3) + 1, part(36, 5) + 1);
        Some(Self { rate, channels, bits, samples: fields & 0xf_ffff_ffff, md5 }).filter(|_| rate > 0)
    }

    /// What a frame says for itself.
    pub(in crate::audio) fn of(frame: &FrameHeader) -> Option<Self> {
        let (rate, bits) = (frame.rate?, frame.bits?);
        Some(Self { rate, channels: frame.channels, bits, samples: 0, md5: [0; 16] })
    }

    /// Whether a frame has the same rate and number of channels. The decoder takes any number of bits.
    pub(in crate::audio) fn fits(&self, frame: &FrameHeader) -> bool {
        frame.channels == self.channels && frame.rate.is_none_or(|rate| rate == self.rate)
    }

    /// The block, for any size of blocks and frames.
    pub(in crate::audio) fn block(&self) -> [u8; SIZE] {
        let mut block = [0; SIZE];
        let fields = u64::from(self.rate) << 44
            | u64::from(self.channels - 1) << 41
            | u64::from(self.bits - 1) << 36
            | self.samples;
        let (sizes, rest) = block.split_at_mut(10);
        let (mixed, md5) = rest.split_at_mut(8);
        sizes.copy_from_slice(&[0, 16, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
        mixed.copy_from_slice(&fields.to_be_bytes());
        md5.copy_from_slice(&self.md5);
        block
    }

    /// The track of its frames.
    pub(in crate::audio) fn track(&self, id: u32) -> Track {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_FLAC)
            .with_sample_rate(self.rate)
            .with_channels(Channels::Discrete(self.channels as u16))
            .with_extra_data(Box::new(self.block()));
        let mut track = Track::new(id);
        track.with_codec_params(CodecParameters::Audio(params));
        if self.samples > 0 {
            track.with_num_frames(self.samples);
        }
        track
    }
}
