//! The configuration of codecs, as containers store it, for the decoders.

use symphonia::core::{
    audio::Channels,
    codecs::audio::{
        AudioCodecId, AudioCodecParameters,
        well_known::{
            CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
        },
    },
};

use crate::audio::error::AudioError;

/// Parameters of a codec with a rate in Hz and a number of channels, where these are known.
pub(super) fn params(codec: AudioCodecId, (rate, channels): (u32, u32)) -> AudioCodecParameters {
    let mut params = AudioCodecParameters::new();
    params.for_codec(codec);
    if rate > 0 {
        params.with_sample_rate(rate);
    }
    if let Some(channels) = u16::try_from(channels).ok().filter(|&channels| channels > 0) {
        params.with_channels(Channels::Discrete(channels));
    }
    params
}

/// The same with a configuration.
pub(super) fn configured(codec: AudioCodecId, format: (u32, u32), config: &[u8]) -> AudioCodecParameters {
    let mut params = params(codec, format);
    params.with_extra_data(config.into());
    params
}

/// What an MPEG-4 elementary stream descriptor (`esds`) says.
pub(super) fn elementary_stream(descriptor: &[u8], format: (u32, u32)) -> Result<AudioCodecParameters, AudioError> {
    let (kind, config) = descriptors(descriptor);
    Ok(match kind {
        // MPEG-4 audio, and the profiles of MPEG-2 AAC.
        None | Some(0x40 | 0x66..=0x68) => match config {
            Some(config) => configured(CODEC_ID_AAC, format, config),
            None => params(CODEC_ID_AAC, format),
        },
        Some(0x69 | 0x6b) => params(CODEC_ID_MP3, format),
        Some(0xdd) => configured(CODEC_ID_VORBIS, format, &vorbis(config.unwrap_or_default())?),
        Some(0xa5) => return Err(AudioError::foreign("AC-3")),
        Some(0xa6) => return Err(AudioError::foreign("E-AC-3")),
        Some(0xa9..=0xac) => return Err(AudioError::foreign("DTS")),
        Some(0xe1) => return Err(AudioError::foreign("QCELP")),
        Some(other) => return Err(AudioError::foreign(&format!("an MPEG-4 codec with the number {other:#04x}"))),
    })
}

/// The number of the codec, and the decoder's own configuration, in nested descriptors.
fn descriptors(mut bytes: &[u8]) -> (Option<u8>, Option<&[u8]>) {
    let mut kind = None;
    while let [tag, rest @ ..] = bytes {
        // The size has up to four bytes of seven bits.
        let length = rest.iter().take(4).position(|byte| byte & 0x80 == 0).map_or(4, |at| at + 1);
        let size = rest.iter().take(length).fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let body = rest.get(length..).unwrap_or_default();
        match tag {
            // The stream: an id and flags that announce more fields, then the others in it.
            3 => {
                let flags = body.get(2).copied().unwrap_or(0);
                let url = body.get(3).map_or(0, |&length| usize::from(length) + 1);
                let depends = usize::from(flags >> 7) * 2;
                let skip = 3 + depends + usize::from(flags >> 6 & 1) * url + usize::from(flags >> 5 & 1) * 2;
                bytes = body.get(skip..).unwrap_or_default();
            }
            4 => {
                kind = body.first().copied();
                bytes = body.get(13..).unwrap_or_default();
            }
            5 => return (kind, body.get(..size.min(body.len())).filter(|config| !config.is_empty())),
            _ => bytes = body.get(size..).unwrap_or_default(),
        }
    }
    (kind, None)
}

/// The header of Opus from a `dOps` box, whose numbers are big-endian.
pub(super) fn opus(dops: &[u8]) -> Result<AudioCodecParameters, AudioError> {
    let Some((&[_, channels, p0, p1, r0, r1, r2, r3, g0, g1], family)) = dops.split_first_chunk() else {
        return Err(AudioError::damaged(format!("an Opus header of {} bytes", dops.len())));
    };
    let numbers = [1, channels, p1, p0, r3, r2, r1, r0, g1, g0];
    let head = [&b"OpusHead"[..], &numbers, family].concat();
    Ok(configured(CODEC_ID_OPUS, (48_000, channels.into()), &head))
}

/// Opus without a header of its own.
pub(super) fn bare_opus((rate, channels): (u32, u32), pre_skip: u16) -> AudioCodecParameters {
    let numbers = [&[1, channels as u8][..], &pre_skip.to_le_bytes(), &rate.to_le_bytes(), &[0; 3]].concat();
    configured(CODEC_ID_OPUS, (48_000, channels), &[&b"OpusHead"[..], &numbers].concat())
}

/// FLAC, whose `STREAMINFO` is the first of these metadata blocks.
pub(super) fn flac(blocks: &[u8], format: (u32, u32)) -> Result<AudioCodecParameters, AudioError> {
    let blocks = blocks.strip_prefix(b"fLaC").unwrap_or(blocks);
    match blocks.get(4..38) {
        Some(info) if blocks.first().is_some_and(|kind| kind & 0x7f == 0) => {
            Ok(configured(CODEC_ID_FLAC, format, info))
        }
        _ => Err(AudioError::damaged(format!("a FLAC header of {} bytes", blocks.len()))),
    }
}

/// ALAC; its magic cookie may stand behind the headers of the boxes that `QuickTime` puts around it.
pub(super) fn alac(cookie: &[u8], format: (u32, u32)) -> Result<AudioCodecParameters, AudioError> {
    let cookie = match cookie {
        [_, _, _, _, b'f', b'r', b'm', b'a', _, _, _, _, rest @ ..] => rest.get(12..).unwrap_or_default(),
        cookie => cookie,
    };
    match cookie.get(..48).filter(|_| cookie.len() == 48).or(cookie.get(..24)) {
        Some(cookie) => Ok(configured(CODEC_ID_ALAC, format, cookie)),
        None => Err(AudioError::damaged(format!("an ALAC header of {} bytes", cookie.len()))),
    }
}

/// MPEG audio of layer 2 or 3.
pub(super) fn mpeg(layer: u32, format: (u32, u32)) -> AudioCodecParameters {
    params(if layer == 2 { CODEC_ID_MP2 } else { CODEC_ID_MP3 }, format)
}

/// The first and the third of the three headers of Vorbis, joined, from all three with their lengths.
pub(super) fn vorbis(private: &[u8]) -> Result<Vec<u8>, AudioError> {
    let damaged = || AudioError::damaged(format!("Vorbis headers of {} bytes", private.len()));
    let [2, rest @ ..] = private else { return Err(damaged()) };
    let mut rest = rest;
    let mut length = || -> Option<usize> {
        let full = rest.iter().take_while(|&&byte| byte == 255).count();
        let last = *rest.get(full)?;
        rest = rest.get(full + 1..)?;
        Some(255 * full + usize::from(last))
    };
    let (first, second) = (length().ok_or_else(damaged)?, length().ok_or_else(damaged)?);
    match (rest.get(..first), rest.get(first + second..)) {
        (Some(identification), Some(setup)) => Ok([identification, setup].concat()),
        _ => Err(damaged()),
    }
}
