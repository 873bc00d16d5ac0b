//! [`SoundTrack`]: the track to decode, and its codec.

use symphonia::core::codecs::audio::{
    AudioCodecParameters,
    well_known::{CODEC_ID_AAC, CODEC_ID_OPUS, CODEC_ID_VORBIS},
};

use super::{
    ebml::{elements, float, unsigned},
    encoding::{self, Encoding},
};
use crate::audio::{
    container::{
        config,
        label::{self, TrackLabel},
        layout::Layout,
        wave::WaveFormat,
    },
    error::AudioError,
};

const TRACK: u32 = 0xae;
const NUMBER: u32 = 0xd7;
const KIND: u32 = 0x83;
const ENABLED: u32 = 0xb9;
const DEFAULT: u32 = 0x88;
const CODEC: u32 = 0x86;
const PRIVATE: u32 = 0x63a2;
const LANGUAGE: u32 = 0x0022_b59c;
const LANGUAGE_TAG: u32 = 0x0022_b59d;
const DELAY: u32 = 0x56aa;
const FRAME_DURATION: u32 = 0x0023_e383;
const AUDIO: u32 = 0xe1;
const RATE: u32 = 0xb5;
const CHANNELS: u32 = 0x9f;
const BITS: u32 = 0x6264;
const ENCODINGS: u32 = 0x6d80;
/// The most tracks that are looked at. Each costs more memory than an empty element has bytes.
const MAX_TRACKS: usize = 1_000;
/// The kind of tracks of sound.
const SOUND: u64 = 2;

/// A track of sound.
#[derive(Debug)]
pub(super) struct SoundTrack {
    pub(super) number: u64,
    pub(super) params: AudioCodecParameters,
    /// How samples are packed, for PCM and blocks of a fixed size.
    pub(super) layout: Option<Layout>,
    pub(super) encodings: Vec<Encoding>,
    /// What the codec adds at the start, and how long a frame is, in nanoseconds.
    pub(super) delay: u64,
    pub(super) frame: u64,
    /// Whether it is the only track.
    pub(super) alone: bool,
}

/// What a `TrackEntry` element says, by default what the specification says.
#[derive(Debug)]
struct Entry<'a> {
    number: u64,
    kind: u64,
    enabled: bool,
    default: bool,
    codec: &'a [u8],
    private: &'a [u8],
    language: &'a [u8],
    delay: u64,
    frame: u64,
    rate: f64,
    channels: u64,
    bits: u64,
    encodings: &'a [u8],
}

impl<'a> Entry<'a> {
    fn parse(body: &'a [u8]) -> Self {
        let mut entry = Self {
            number: 0,
            kind: 0,
            enabled: true,
            default: true,
            codec: b"",
            private: &[],
            language: b"",
            delay: 0,
            frame: 0,
            rate: 8_000.0,
            channels: 1,
            bits: 0,
            encodings: &[],
        };
        for (id, body) in elements(body) {
            match id {
                NUMBER => entry.number = unsigned(body),
                KIND => entry.kind = unsigned(body),
                ENABLED => entry.enabled = unsigned(body) != 0,
                DEFAULT => entry.default = unsigned(body) != 0,
                CODEC => entry.codec = text(body),
                PRIVATE => entry.private = body,
                LANGUAGE if entry.language.is_empty() => entry.language = text(body),
                LANGUAGE_TAG => entry.language = text(body),
                DELAY => entry.delay = unsigned(body),
                FRAME_DURATION => entry.frame = unsigned(body),
                ENCODINGS => entry.encodings = body,
                AUDIO => {
                    for (id, body) in elements(body) {
                        match id {
                            RATE => entry.rate = float(body),
                            CHANNELS => entry.channels = unsigned(body),
                            BITS => entry.bits = unsigned(body),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        entry
    }

    /// How frames are encoded, the codec, and how samples are packed.
    fn decoding(&self) -> Result<(Vec<Encoding>, AudioCodecParameters, Option<Layout>), AudioError> {
        let encodings = encoding::parse(self.encodings)?;
        let (params, layout) = self.codec(&encoding::private(&encodings, self.private)?)?;
        Ok((encodings, params, layout))
    }

    /// The track, for people.
    fn label(&self, default: bool) -> TrackLabel {
        let codec = label::codec(&self.decoding().map(|(_, params, layout)| (params, layout)));
        let language = str::from_utf8(self.language).ok().filter(|&language| !matches!(language, "" | "und"));
        TrackLabel { codec, language: language.map(str::to_owned), default }
    }

    /// The codec, and how samples are packed if it has no frames of its own.
    fn codec(&self, private: &[u8]) -> Result<(AudioCodecParameters, Option<Layout>), AudioError> {
        let format = (self.rate.round() as u32, u32::try_from(self.channels).unwrap_or(u32::MAX));
        let bytes = self.bits.div_ceil(8);
        let pcm = |layout: Layout| (layout.params.clone(), Some(layout));
        let params = match self.codec {
            b"A_OPUS" if private.is_empty() => config::bare_opus(format, 0),
            b"A_OPUS" => config::configured(CODEC_ID_OPUS, format, private),
            b"A_VORBIS" => config::configured(CODEC_ID_VORBIS, format, &config::vorbis(private)?),
            b"A_FLAC" => config::flac(private, format)?,
            b"A_ALAC" => config::alac(private, format)?,
            b"A_MPEG/L3" => config::mpeg(3, format),
            b"A_MPEG/L2" => config::mpeg(2, format),
            codec if codec.starts_with(b"A_AAC") && private.is_empty() => config::params(CODEC_ID_AAC, format),
            codec if codec.starts_with(b"A_AAC") => config::configured(CODEC_ID_AAC, format, private),
            b"A_PCM/INT/LIT" if bytes == 1 => return Layout::unsigned_bytes(format).map(pcm),
            b"A_PCM/INT/LIT" => return Layout::integers(bytes, false, format).map(pcm),
            b"A_PCM/INT/BIG" => return Layout::integers(bytes, true, format).map(pcm),
            b"A_PCM/FLOAT/IEEE" => return Layout::floats(bytes, false, format).map(pcm),
            b"A_MS/ACM" => match WaveFormat::parse(private, false)? {
                WaveFormat::Samples(layout) => return Ok(pcm(layout)),
                WaveFormat::Mp3 => config::mpeg(3, format),
            },
            other => return Err(unknown(other)),
        };
        Ok((params, None))
    }
}

/// A text up to the zeros that may follow it.
fn text(body: &[u8]) -> &[u8] {
    body.split(|&byte| byte == 0).next().unwrap_or(body)
}

impl SoundTrack {
    /// Chooses among the tracks in the body of a `Tracks` element: track `number` of those of sound, counted from 1; without
    /// a number the first that is marked as the default, else the first.
    pub(super) fn choose(tracks: &[u8], number: Option<usize>) -> Result<Self, AudioError> {
        let entries = elements(tracks).filter(|&(id, _)| id == TRACK).take(MAX_TRACKS);
        let entries: Vec<_> = entries.map(|(_, body)| Entry::parse(body)).collect();
        let sound = || entries.iter().filter(|entry| entry.kind == SOUND);
        let default = sound().find(|entry| entry.enabled && entry.default);
        let default = default.or_else(|| sound().find(|entry| entry.enabled)).or_else(|| sound().next());
        let default = default.ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))?;
        let entry = match number {
            None => default,
            Some(number) => number.checked_sub(1).and_then(|index| sound().nth(index)).ok_or_else(|| {
                let labels: Vec<_> = sound().map(|entry| entry.label(entry.number == default.number)).collect();
                label::no_such_track(number, &labels)
            })?,
        };
        let (encodings, params, layout) = entry.decoding()?;
        let alone = entries.len() == 1;
        Ok(Self { number: entry.number, params, layout, encodings, delay: entry.delay, frame: entry.frame, alone })
    }
}

/// A codec that is not decoded.
fn unknown(codec: &[u8]) -> AudioError {
    let codec = String::from_utf8_lossy(codec);
    let kind = codec.strip_prefix("A_").unwrap_or(&codec).split('/').next().unwrap_or_default();
    AudioError::foreign(match kind {
        "AC3" => "AC-3",
        "EAC3" => "E-AC-3",
        "DTS" => "DTS",
        "TRUEHD" | "MLP" => "Dolby TrueHD",
        "MPEG" => "MPEG audio of layer 1",
        "TTA1" => "TTA",
        "WAVPACK4" => "WavPack",
        "MPC" => "Musepack",
        "REAL" => "RealAudio",
        "QUICKTIME" => "a QuickTime codec in Matroska",
        "ATRAC" => "ATRAC",
        _ => return AudioError::foreign(&format!("a Matroska codec with the name {codec:?}")),
    })
}
