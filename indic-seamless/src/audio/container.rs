//! Which container the bytes are, whether it is whole, and what it says about where the audio starts and ends.
//!
//! A demuxer reads on for as long as it can, and at a break it stops, skips or resynchronises, so that a damaged
//! recording comes out shorter, without a word. Each container is therefore walked once before it is decoded, header by
//! header.

mod flac;
mod mkv;
mod mp4;
mod mpeg;
mod ogg;
mod wav;
mod wav_samples;

use std::{collections::BTreeMap, io::Seek};

use symphonia::{
    core::{
        formats::{FormatOptions, FormatReader, MediaInfo},
        io::{MediaSourceStream, MediaSourceStreamOptions, ReadBytes},
    },
    default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader},
};

pub(super) use self::wav::header;
use self::wav_samples::WavSamples;

use super::{fault::Fault, source::Source};

/// The containers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Wav,
    Flac,
    /// MPEG audio, layer 1 to 3.
    Mpeg,
    /// Bare AAC.
    Adts,
    Mp4,
    Ogg,
    Mkv,
}

/// What a walk through a container found out.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) container: Container,
    /// Per track, the stretch to be heard, where the container has one and the demuxer does not know.
    pub(super) edits: BTreeMap<u32, Edit>,
    pub(super) mpeg: Mpeg,
    pub(super) wav: wav::Layout,
    /// The size of all frames of a FLAC file.
    pub(super) flac_bytes: u64,
    /// Whether the sample table covers only a part of the audio.
    pub(super) fragmented: bool,
}

impl Plan {
    fn new(container: Container) -> Self {
        Self {
            container,
            edits: BTreeMap::new(),
            mpeg: Mpeg::default(),
            wav: wav::Layout::default(),
            flac_bytes: 0,
            fragmented: false,
        }
    }
}

/// How much there is of a stream of MPEG audio or AAC frames, an info frame not counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mpeg {
    pub(super) frames: u64,
    /// Samples of a frame, per channel.
    pub(super) frame_samples: u64,
}

impl Mpeg {
    pub(super) fn samples(self) -> u64 {
        self.frames.saturating_mul(self.frame_samples)
    }
}

/// The part of a track that is to be heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Edit {
    /// Left out at the start.
    pub(super) skip: Span,
    /// Left out at the end.
    pub(super) drop: Span,
    /// The length after `skip`.
    pub(super) keep: Option<Span>,
}

/// A time in units of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) ticks: u64,
    pub(super) per_second: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self { ticks: 0, per_second: 1 }
    }
}

impl Span {
    /// The nearest number of samples.
    pub(super) fn samples(self, rate: u32) -> u64 {
        let per_second = u128::from(self.per_second.max(1));
        let samples = (u128::from(self.ticks) * u128::from(rate) + per_second / 2) / per_second;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    pub(super) fn seconds(self) -> f64 {
        self.ticks as f64 / self.per_second.max(1) as f64
    }
}

/// Finds out what `source` is, leaves tags out of it, and walks through it.
pub(super) fn inspect(source: &mut Source, hint: Option<&str>) -> Result<Plan, Fault> {
    if source.is_pipe() {
        // What it is has been seen before it came here, and what its header promises is checked as it comes.
        return Ok(Plan { wav: wav::inspect(source)?, ..Plan::new(Container::Wav) });
    }
    if source.length() == 0 {
        return Err(Fault::NoAudio("no bytes".to_owned()));
    }
    let start = mpeg::skip_id3(source)?;
    source.narrow(start, source.length());
    let head = source.peek(0, 64)?;
    let container = match sniff(&head) {
        Some(container) => container,
        None if hint.is_some_and(is_mpeg_hint) => {
            // A recording of a radio stream starts anywhere in a frame.
            let start = mpeg::find_frames(source)?.ok_or_else(|| unknown(&head))?;
            source.narrow(start, source.length());
            Container::Mpeg
        }
        None => return Err(unknown(&head)),
    };
    let mut plan = Plan::new(container);
    match container {
        Container::Wav => plan.wav = wav::inspect(source)?,
        Container::Flac => plan.flac_bytes = flac::inspect(source)?,
        Container::Mpeg => plan.mpeg = mpeg::inspect(source)?,
        Container::Adts => plan.mpeg = mpeg::inspect_adts(source)?,
        Container::Mp4 => (plan.edits, plan.fragmented) = mp4::inspect(source)?,
        Container::Ogg => ogg::inspect(source)?,
        Container::Mkv => plan.edits = mkv::inspect(source)?,
    }
    Ok(plan)
}

/// Takes the packets out of a container.
pub(super) enum Demuxer {
    Wav(Box<WavSamples>),
    Symphonia(Box<dyn FormatReader>),
}

impl Demuxer {
    pub(super) fn media_info(&self) -> Option<&MediaInfo> {
        match self {
            Self::Wav(_) => None,
            Self::Symphonia(reader) => Some(reader.media_info()),
        }
    }
}

/// The demuxer for the container.
pub(super) fn open(plan: &Plan, mut source: Source) -> Result<Demuxer, Fault> {
    if matches!(plan.container, Container::Mpeg | Container::Adts) {
        // Knowing the length, the demuxer would guess a duration from the bit rate of the first frames and cut the
        // audio there.
        source.forbid_seeking();
    }
    source.rewind()?;
    let options = FormatOptions::default();
    let stream = |source| MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    Ok(Demuxer::Symphonia(match plan.container {
        Container::Wav => {
            return Ok(Demuxer::Wav(Box::new(WavSamples::new(source, &plan.wav)?)));
        }
        Container::Flac => Box::new(FlacReader::try_new(stream(source), options)?),
        Container::Mpeg => Box::new(MpaReader::try_new(stream(source), options)?),
        Container::Adts => Box::new(AdtsReader::try_new(stream(source), options)?),
        Container::Mp4 => {
            let mut stream = stream(source);
            // This one expects to be handed the stream where the magic bytes are found.
            stream.ignore_bytes(4)?;
            Box::new(IsoMp4Reader::try_new(stream, options)?)
        }
        Container::Ogg => Box::new(OggReader::try_new(stream(source), options)?),
        Container::Mkv => Box::new(MkvReader::try_new(stream(source), options)?),
    }))
}

/// How many bytes [`sniff`] looks at.
pub(super) const SNIFFED: usize = 12;

/// The container that starts with these bytes.
pub(super) fn sniff(head: &[u8]) -> Option<Container> {
    match head {
        [a, b, c, d, _, _, _, _, b'W', b'A', b'V', b'E', ..] if wav::MAGIC.contains(&[*a, *b, *c, *d]) => {
            Some(Container::Wav)
        }
        [b'f', b'L', b'a', b'C', ..] => Some(Container::Flac),
        [b'O', b'g', b'g', b'S', ..] => Some(Container::Ogg),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Container::Mkv),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Container::Mp4),
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some(Container::Adts),
        [a, b, c, d, ..] if mpeg::Frame::parse([*a, *b, *c, *d]).is_some() => Some(Container::Mpeg),
        _ => None,
    }
}

fn is_mpeg_hint(hint: &str) -> bool {
    let hint = hint.split(';').next().unwrap_or(hint).trim().trim_start_matches('.');
    ["mp3", "mpga", "audio/mpeg", "audio/mp3", "audio/x-mpeg", "audio/x-mp3"]
        .iter()
        .any(|known| hint.eq_ignore_ascii_case(known))
}

/// Says what unknown bytes look like.
pub(super) fn unknown(head: &[u8]) -> Fault {
    let known = [
        (&b"FORM"[..], "an AIFF file"),
        (b"caff", "a Core Audio file"),
        (b"#!AMR", "an AMR recording"),
        (b"riff", "a Wave64 file"),
        (b"wvpk", "a WavPack file"),
        (b"MAC ", "a Monkey's Audio file"),
        (b"\x30\x26\xb2\x75", "a Windows Media file"),
        (b"RIFF", "a RIFF file of another kind than WAVE"),
        (b"<", "an HTML or XML text"),
        (b"{", "a JSON text"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Fault::Unsupported((*what).to_owned());
    }
    let start = head.get(..12).unwrap_or(head);
    if start.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        return Fault::Unsupported(format!("text that starts with {:?}", String::from_utf8_lossy(start)));
    }
    let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
    Fault::Unsupported(format!("unknown bytes {}", hex.join(" ")))
}
