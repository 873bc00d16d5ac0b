//! [`Entry`]: the codec of a track, from its sample description.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::boxes::Numbers;
use crate::audio::{
    container::{config, layout::Layout, wave},
    error::AudioError,
};

/// The codec of a track.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) params: AudioCodecParameters,
    /// How samples are packed, where a sample of the table is one sample of each channel.
    pub(super) layout: Option<Layout>,
}

/// What the header of an entry says.
#[derive(Debug, Clone, Copy)]
struct Header<'a> {
    /// Rate in Hz and channels.
    format: (u32, u32),
    bits: u32,
    /// The flags of version 2 for PCM.
    flags: u32,
    /// The boxes behind it.
    boxes: Numbers<'a>,
}

impl Entry {
    /// Reads the body of an `stsd` box.
    pub(super) fn parse(entries: &[u8]) -> Result<Self, AudioError> {
        let mut numbers = Numbers(entries);
        let version = numbers.u8();
        numbers.skip(7);
        let Some((kind, body)) = numbers.boxes().next() else {
            return Err(AudioError::damaged("its sound track has no description of the codec"));
        };
        let header = Header::parse(body, version > 0);
        let params = match &kind {
            b"mp4a" => header.mpeg4(),
            b"alac" => match header.find(*b"alac") {
                // Behind version and flags.
                Some(cookie) => config::alac(cookie.get(4..).unwrap_or_default(), header.format),
                None => Err(AudioError::damaged("its ALAC track has no header")),
            },
            b"Opus" => config::opus(header.find(*b"dOps").unwrap_or_default()),
            b"fLaC" => {
                let blocks = header.find(*b"dfLa").and_then(|body| body.get(4..));
                config::flac(blocks.unwrap_or_default(), header.format)
            }
            b".mp3" | b"mp3 " | b"ms\0U" => Ok(config::mpeg(3, header.format)),
            b".mp2" | b"ms\0P" => Ok(config::mpeg(2, header.format)),
            _ => {
                let layout = header.layout(&kind)?;
                return Ok(Self { params: layout.params.clone(), layout: Some(layout) });
            }
        }?;
        Ok(Self { params, layout: None })
    }
}

impl<'a> Header<'a> {
    /// Reads the body of an entry. `iso` files number their versions otherwise than `QuickTime`.
    fn parse(body: &'a [u8], iso: bool) -> Self {
        let mut numbers = Numbers(body);
        numbers.skip(8);
        let version = numbers.u16();
        numbers.skip(6);
        let (mut channels, mut bits) = (u32::from(numbers.u16()), u32::from(numbers.u16()));
        numbers.skip(4);
        let mut rate = numbers.u32() >> 16;
        let mut flags = 0;
        match version {
            1 if !iso => numbers.skip(16),
            2 => {
                numbers.skip(4);
                // No rate is beyond what 32 bits hold; others become the nearest.
                rate = f64::from_bits(numbers.u64()).round() as u32;
                channels = numbers.u32();
                numbers.skip(4);
                bits = numbers.u32();
                flags = numbers.u32();
                numbers.skip(8);
            }
            _ => {}
        }
        Self { format: (rate, channels), bits, flags, boxes: numbers }
    }

    /// A box in the entry, or in the `wave` box that `QuickTime` puts around its boxes.
    fn find(&self, kind: [u8; 4]) -> Option<&'a [u8]> {
        let inner = self.boxes.boxes().filter(|(kind, _)| kind == b"wave").flat_map(|(_, body)| Numbers(body).boxes());
        let mut all = self.boxes.boxes().chain(inner);
        all.find(|(found, _)| *found == kind).map(|(_, body)| body)
    }

    fn mpeg4(&self) -> Result<AudioCodecParameters, AudioError> {
        let descriptor = self.find(*b"esds").and_then(|body| body.get(4..));
        config::elementary_stream(descriptor.unwrap_or_default(), self.format)
    }

    /// The layout of PCM and other blocks of a fixed size.
    fn layout(&self, kind: &[u8; 4]) -> Result<Layout, AudioError> {
        let format = self.format;
        let bytes = u64::from(self.bits.div_ceil(8));
        // `QuickTime` is big-endian but where a box says otherwise.
        let big = !self.find(*b"enda").is_some_and(|body| body.ends_with(&[1]));
        match kind {
            b"raw " | b"NONE" if bytes <= 1 => Layout::unsigned_bytes(format),
            b"twos" | b"NONE" => Layout::integers(bytes, true, format),
            b"sowt" => Layout::integers(bytes, false, format),
            b"in24" => Layout::integers(3, big, format),
            b"in32" => Layout::integers(4, big, format),
            b"fl32" => Layout::floats(4, big, format),
            b"fl64" => Layout::floats(8, big, format),
            b"lpcm" => match self.flags {
                // Float, big-endian, signed.
                flags if flags & 1 == 1 => Layout::floats(bytes, flags & 2 != 0, format),
                flags if bytes == 1 && flags & 4 == 0 => Layout::unsigned_bytes(format),
                flags => Layout::integers(bytes, flags & 2 != 0, format),
            },
            b"ipcm" | b"fpcm" => {
                // Version and flags, flags of the format, bits.
                let config = self.find(*b"pcmC").unwrap_or_default();
                let big = config.get(4).is_some_and(|flags| flags & 1 == 0);
                let bytes = config.get(5).map_or(bytes, |bits| u64::from(bits.div_ceil(8)));
                if kind == b"ipcm" { Layout::integers(bytes, big, format) } else { Layout::floats(bytes, big, format) }
            }
            b"alaw" => Layout::alaw(format),
            b"ulaw" => Layout::mulaw(format),
            b"ima4" => Layout::ima4(format),
            [b'm', b's', tag @ ..] => Err(match wave::name(u16::from_be_bytes(*tag)) {
                Some(name) => AudioError::foreign(name),
                None => unknown(kind),
            }),
            _ => Err(unknown(kind)),
        }
    }
}

/// A codec that is not decoded.
fn unknown(kind: &[u8; 4]) -> AudioError {
    let name = match kind {
        b"enca" | b"drms" | b"drmi" => return AudioError::Unsupported("an encrypted (DRM) recording".to_owned()),
        b"ac-3" | b"sac3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" | b"dtsx" => "DTS",
        b"mlpa" => "Dolby TrueHD",
        b"samr" => "AMR-NB",
        b"sawb" | b"sawp" => "AMR-WB",
        b"sqcp" | b"Qclp" => "QCELP",
        b"sevc" => "EVRC",
        b"agsm" => "GSM 06.10",
        b"QDM2" | b"QDMC" => "QDesign Music",
        b"MAC3" | b"MAC6" => "MACE",
        b"mha1" | b"mhm1" => "MPEG-H",
        b"spex" => "Speex",
        b"wma " => "WMA",
        _ => {
            let name: String = kind.iter().map(|&byte| char::from(byte).escape_default().to_string()).collect();
            return AudioError::foreign(&format!("an MP4 codec with the name {name}"));
        }
    };
    AudioError::foreign(name)
}
