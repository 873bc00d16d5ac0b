//! The format chunk of WAV, Wave64 and Matroska: a `WAVEFORMATEX`.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS};

use super::layout::Layout;
use crate::audio::error::AudioError;

/// MPEG audio of layer 3.
const MP3: u16 = 0x55;
/// The format stands in the extension.
const EXTENSIBLE: u16 = 0xfffe;

/// What a format chunk says.
#[derive(Debug)]
pub(super) enum WaveFormat {
    /// Samples in blocks of a fixed size.
    Samples(Layout),
    /// Frames of MPEG audio.
    Mp3,
}

/// Codecs that are not decoded, by the tag of the format.
pub(super) fn name(tag: u16) -> Option<&'static str> {
    Some(match tag {
        0x10 | 0x17 => "OKI or Dialogic ADPCM",
        0x14 | 0x40 => "G.721",
        0x20 => "Yamaha ADPCM",
        0x22 => "TrueSpeech",
        0x31 | 0x32 => "GSM 06.10",
        0x42 | 0x111 => "G.723.1",
        0x45 | 0x64 | 0x85 | 0x125 => "G.726",
        0x50 => "MP2",
        0x57 => "AMR-NB",
        0x58 => "AMR-WB",
        0x65 | 0x28f => "G.722",
        0x83 | 0x133 => "G.729",
        0x92 | 0x2000 => "AC-3",
        0x130 => "ACELP.net",
        0x160..=0x163 => "WMA",
        0xa => "WMA Voice",
        0x200 => "Creative ADPCM",
        0x270 => "ATRAC3",
        0xff | 0x1600..=0x1602 | 0xa106 | 0x706d => "AAC in WAV",
        0x2001 => "DTS",
        0x674f..=0x6751 | 0x676f..=0x6771 => "Vorbis in WAV",
        0x704f => "Opus in WAV",
        0xa109 => "Speex",
        0xf1ac => "FLAC in WAV",
        0x5756 => "WavPack",
        _ => return None,
    })
}

impl WaveFormat {
    pub(super) fn parse(chunk: &[u8], big_endian: bool) -> Result<Self, AudioError> {
        let number = |at: usize| {
            let pair = chunk.get(at..).and_then(<[u8]>::first_chunk);
            pair.map_or(0, |&pair| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
        };
        if chunk.len() < 14 {
            return Err(AudioError::damaged(format!("a format chunk of {} bytes", chunk.len())));
        }
        let (mut tag, channels, block, bits) = (number(0), number(2), number(12), number(14));
        let (low, high) = if big_endian { (number(6), number(4)) } else { (number(4), number(6)) };
        let rate = u32::from(high) << 16 | u32::from(low);
        if tag == EXTENSIBLE && chunk.len() >= 26 {
            tag = number(24);
        }
        if tag == MP3 {
            return Ok(Self::Mp3);
        }
        if channels == 0 {
            return Err(AudioError::NoAudio("its header says 0 channels".to_owned()));
        }
        let format = (rate, u32::from(channels));
        // Bytes of a sample: samples of 20 bits, say, may be stored in 3 or in 4 bytes.
        let stated = u64::from(block / channels);
        let bytes = match u64::from(bits.div_ceil(8)) {
            least if (least..=4).contains(&stated) && block.is_multiple_of(channels) => stated,
            least => least,
        };
        let layout = match tag {
            1 if bytes == 1 => Layout::unsigned_bytes(format),
            1 => Layout::integers(bytes, big_endian, format),
            3 => Layout::floats(u64::from(bits / 8), big_endian, format),
            // A byte, whatever the header says.
            6 => Layout::alaw(format),
            7 => Layout::mulaw(format),
            2 | 0x11 => Self::adpcm(tag, format, block.into(), number(18).into()),
            other => Err(match name(other) {
                Some(name) => AudioError::foreign(name),
                None => AudioError::foreign(&format!("a WAV codec with the number {other:#06x}")),
            }),
        };
        layout.map(Self::Samples)
    }

    /// The ADPCM of Microsoft, and that of IMA.
    fn adpcm(tag: u16, (rate, channels): (u32, u32), block: u64, stated: u64) -> Result<Layout, AudioError> {
        let channel = block / u64::from(channels);
        let (codec, frames) = match tag {
            2 => (CODEC_ID_ADPCM_MS, (channel.saturating_sub(7)) * 2 + 2),
            _ => (CODEC_ID_ADPCM_IMA_WAV, channel.saturating_sub(4) * 2 + 1),
        };
        if channels > 2 {
            return Err(AudioError::foreign(&format!("ADPCM with {channels} channels")));
        }
        if channel < 8 || stated > frames {
            return Err(AudioError::damaged(format!("ADPCM blocks of {block} bytes with {stated} samples")));
        }
        Layout::blocks(codec, (rate, channels), block, if stated > 0 { stated } else { frames })
    }
}
