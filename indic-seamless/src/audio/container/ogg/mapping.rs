//! [`Mapping`]: what the packets of an Ogg stream are.

use symphonia::core::{
    audio::Channels,
    codecs::{
        CodecParameters,
        audio::{
            AudioCodecParameters,
            well_known::{CODEC_ID_OPUS, CODEC_ID_VORBIS},
        },
    },
    formats::Track,
};

use super::vorbis::VorbisBlocks;
use crate::audio::flac::{FrameHeader, StreamInfo};

/// The rate of the granule positions of Opus, in Hz.
const OPUS_RATE: u32 = 48_000;

/// A codec in Ogg, and what is known of the stream.
#[derive(Debug)]
pub(super) enum Mapping {
    /// The identification header.
    Opus(Vec<u8>),
    /// The identification and setup headers, and the sizes of blocks once the second was read.
    Vorbis(Vec<u8>, Option<VorbisBlocks>),
    Flac(StreamInfo),
}

impl Mapping {
    /// The codec of the stream that begins with this packet.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        if packet.starts_with(b"OpusHead") {
            return Some(Self::Opus(packet.to_vec()));
        }
        if packet.starts_with(b"\x01vorbis") {
            return Some(Self::Vorbis(packet.to_vec(), None));
        }
        // Version and number of packets, the magic of FLAC, the header of a block.
        let block = packet.strip_prefix(b"\x7fFLAC")?.get(4..)?.strip_prefix(b"fLaC")?.get(4..)?;
        StreamInfo::parse(block).map(Self::Flac)
    }

    /// What the codec is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opus(_) => "Opus",
            Self::Vorbis(..) => "Vorbis",
            Self::Flac(_) => "FLAC",
        }
    }

    /// Takes in a header that follows the first. `false` means that the packet is audio.
    pub(super) fn take_header(&mut self, packet: &[u8]) -> bool {
        match self {
            Self::Opus(_) => packet.starts_with(b"OpusTags"),
            Self::Vorbis(headers, blocks) => {
                if packet.starts_with(b"\x05vorbis") && blocks.is_none() {
                    *blocks = VorbisBlocks::of(headers, packet);
                    headers.extend(packet);
                }
                packet.first().is_some_and(|first| first & 1 != 0)
            }
            Self::Flac(_) => packet.first() != Some(&0xff),
        }
    }

    /// Whether all headers are there that decoding needs.
    pub(super) fn is_ready(&self) -> bool {
        !matches!(self, Self::Vorbis(_, None))
    }

    /// The length of a packet in samples.
    pub(super) fn samples(&mut self, packet: &[u8]) -> u64 {
        match self {
            Self::Opus(_) => opus_samples(packet),
            Self::Vorbis(_, blocks) => blocks.as_mut().map_or(0, |blocks| blocks.samples(packet)),
            Self::Flac(_) => FrameHeader::parse(packet).map_or(0, |header| header.block.into()),
        }
    }

    /// The rate of granule positions, in Hz.
    pub(super) fn rate(&self) -> u32 {
        match self {
            Self::Flac(info) => info.rate,
            Self::Opus(_) => OPUS_RATE,
            Self::Vorbis(headers, _) => {
                headers.get(12..16).and_then(|rate| rate.first_chunk().copied()).map_or(0, u32::from_le_bytes)
            }
        }
    }

    fn channels(&self) -> u16 {
        match self {
            Self::Flac(info) => info.channels as u16,
            // Behind the name and the version, of which Vorbis has four bytes.
            Self::Opus(header) => header.get(9).copied().unwrap_or(0).into(),
            Self::Vorbis(headers, _) => headers.get(11).copied().unwrap_or(0).into(),
        }
    }

    pub(super) fn track(&self, id: u32) -> Track {
        let (codec, headers) = match self {
            Self::Flac(info) => return info.track(id),
            Self::Opus(header) => (CODEC_ID_OPUS, header),
            Self::Vorbis(headers, _) => (CODEC_ID_VORBIS, headers),
        };
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(codec)
            .with_sample_rate(self.rate())
            .with_channels(Channels::Discrete(self.channels()))
            .with_extra_data(headers.clone().into_boxed_slice());
        let mut track = Track::new(id);
        track.with_codec_params(CodecParameters::Audio(params));
        track
    }
}

/// The length of an Opus packet in samples at 48 kHz
/// ([RFC 6716, section 3.1](https://www.rfc-editor.org/rfc/rfc6716#section-3.1)).
fn opus_samples(packet: &[u8]) -> u64 {
    let Some(&first) = packet.first() else { return 0 };
    let each = match first >> 3 {
        // SILK, hybrid, CELT.
        config @ 0..12 => [480, 960, 1920, 2880].get(usize::from(config & 3)).copied().unwrap_or(0),
        config @ 12..16 => 480 << (config & 1),
        config => 120 << (config & 3),
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    each * frames
}
