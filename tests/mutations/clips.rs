//! The recordings that are mutated: the committed clips, and small ones of the other containers and codecs.

use std::cell::OnceCell;

use indic_seamless::audio::DamagePolicy;

use crate::{
    containers::{aiff, au, caf, w64, wav},
    heard::{Heard, Way, hear},
    movies::{caf_packets, matroska, moov_first, mp4, mp4_fragmented, mp4_pcm, table_first},
    packets::{Stream, clip, floats, ima_blocks, ima4_blocks, ms_blocks, ogg_opus, ogg_vorbis, speech, swapped},
    units::units,
};

/// Samples of the filter of the resampler: these in front of a place depend on what follows it.
const FILTER: usize = 200;
/// At so many places it is found out how much is decoded of a recording that ends there.
const CUTS: usize = 40;
/// A length may be wrong by so many bytes.
const OFF_BY: usize = 64;
/// More samples than any clip has.
const MOST: usize = 1 << 17;

/// A recording to mutate.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether checksums or lengths tell where something is missing.
    pub(crate) tells: Tells,
    /// The samples at 16 kHz of a packet: so many in front of a mutation may be lost with it.
    packet: usize,
    plain: OnceCell<Plain>,
}

/// What tells that something is missing behind the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Nothing.
    Nothing,
    /// A length: of fewer samples, it is said that some are missing.
    Length,
    /// Checksums of all parts: of other samples in the middle, it is said that some are damaged.
    Checksums,
}

/// The recording before it was mutated.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) heard: Heard,
    /// Places in the bytes, and how many samples are in front of them.
    known: Vec<(usize, usize)>,
}

impl Clip {
    fn new(name: &str, packet: usize, tells: Tells, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes, tells, packet, plain: OnceCell::new() }
    }

    pub(crate) fn extension(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Whether it can be read from a pipe. MP3 in WAV is refused there.
    pub(crate) fn streams(&self) -> bool {
        self.name != "mp3.wav"
    }

    /// What is decoded without a mutation, and of the bytes up to some places.
    pub(crate) fn plain(&self) -> &Plain {
        self.plain.get_or_init(|| {
            let hear =
                |length: usize| hear(&self.bytes[..length], Way::File, self.extension(), DamagePolicy::Keep, MOST);
            let heard = hear(self.bytes.len());
            // Of a recording that is too long, nothing is known.
            let cuts = if heard.error.is_some() { 0 } else { CUTS };
            let known = (1..=cuts).map(|cut| {
                let length = self.bytes.len() * cut / CUTS;
                let found = hear(length);
                let pairs = found.samples.iter().zip(&heard.samples);
                let same = if found.error.is_none() { pairs.take_while(|(a, b)| a == b).count() } else { 0 };
                (length, same.saturating_sub(FILTER))
            });
            let known = known.collect();
            Plain { heard, known }
        })
    }

    /// Whether `bytes`, which are as they were before `place`, were changed where that can be told: behind the start of the
    /// audio, and, where pages and frames tell it, before the last of these.
    pub(crate) fn tells_of(&self, bytes: &[u8], place: usize) -> bool {
        let behind = place >= self.audio_start();
        match self.tells {
            Tells::Nothing => false,
            // Writers count a header in, or forget to: nothing is said of so many bytes.
            Tells::Length => behind && (self.bytes.len() <= bytes.len() || self.bytes.len() - bytes.len() > OFF_BY),
            Tells::Checksums => {
                let last = units(&self.bytes).last().map_or(0, |unit| unit.end - unit.start);
                let same = self.bytes.iter().rev().zip(bytes.iter().rev()).take_while(|(a, b)| a == b).count();
                behind && same >= last
            }
        }
    }

    /// How many samples at least are as they were if the bytes before `place` are.
    pub(crate) fn samples_before(&self, place: usize) -> usize {
        let known = self.plain().known.iter().filter(|&&(at, _)| at <= place).map(|&(_, samples)| samples).max();
        known.unwrap_or(0).saturating_sub(self.packet)
    }

    /// Where the audio starts: behind this byte, something of it can be decoded.
    pub(crate) fn audio_start(&self) -> usize {
        let first = self.plain().known.iter().find(|(_, samples)| *samples > 0);
        first.map_or(self.bytes.len(), |&(at, _)| at)
    }
}

/// The committed clips: samples of a packet, and what tells that something is missing.
const COMMITTED: [(&str, usize, Tells); 21] = [
    ("hi.wav", 0, Tells::Length),
    ("hi.flac", 1_152, Tells::Checksums),
    ("hi.mp3", 576, Tells::Nothing),
    ("hi.m4a", 1_024, Tells::Length),
    ("hi.ogg", 1_024, Tells::Checksums),
    ("hi.opus", 320, Tells::Checksums),
    ("hi.webm", 320, Tells::Nothing),
    ("hi.aac", 1_024, Tells::Nothing),
    ("hi_fragmented.mp4", 1_024, Tells::Nothing),
    ("hi_opus.mp4", 320, Tells::Nothing),
    ("hi_live.webm", 320, Tells::Nothing),
    ("hi_opusenc.opus", 320, Tells::Checksums),
    ("short_streamed.flac", 1_152, Tells::Nothing),
    ("short_pcm.mkv", 0, Tells::Nothing),
    ("short_plain.mp3", 576, Tells::Nothing),
    ("short_stereo.opus", 320, Tells::Checksums),
    ("short_surround.opus", 320, Tells::Checksums),
    ("short_vorbis.mkv", 1_024, Tells::Nothing),
    ("short_alac.m4a", 4_096, Tells::Nothing),
    ("short_alac.caf", 4_096, Tells::Nothing),
    ("two_hours_of_silence.flac", 0, Tells::Nothing),
];

/// All recordings.
pub(crate) fn all() -> Vec<Clip> {
    let mut clips: Vec<_> =
        COMMITTED.iter().map(|&(name, packet, tells)| Clip::new(name, packet, tells, clip(name))).collect();
    clips.extend(plain_samples());
    clips.extend(streams());
    clips
}

/// Files of samples, or of blocks of ADPCM.
fn plain_samples() -> Vec<Clip> {
    let little = speech(6_000);
    let big = swapped(&little);
    let float = floats(&little[..10_000]);
    let bytes: Vec<u8> = little.chunks(2).map(|pair| pair[1]).collect();
    // Each sample twice: two channels.
    let stereo: Vec<u8> = little.chunks(2).flat_map(|pair| pair.repeat(2)).collect();
    let block = |mut wav: Vec<u8>, size: u16| {
        wav[32..34].copy_from_slice(&size.to_le_bytes());
        wav
    };
    let mp3 = wav(0x55, 1, 16_000, 0, &clip("short_plain.mp3"));
    let list = b"LIST\x0e\0\0\0INFOISFT\x02\0\0\0x\0";
    let whole = wav(1, 1, 16_000, 16, &little);
    let chunks = [&whole[..36], list, &whole[36..], list].concat();
    let mut rifx = whole.clone();
    rifx[..4].copy_from_slice(b"RIFX");
    for range in [4..8, 16..20, 20..22, 22..24, 24..28, 28..32, 32..34, 34..36, 40..44] {
        rifx[range].reverse();
    }
    rifx[44..].copy_from_slice(&big);
    let sizes = [&0_u64.to_le_bytes()[..], &(little.len() as u64).to_le_bytes(), &[0; 12]].concat();
    let rf64 = [
        b"RF64\xff\xff\xff\xffWAVEds64",
        &28_u32.to_le_bytes()[..],
        &sizes,
        &whole[12..36],
        b"data\xff\xff\xff\xff",
        &little,
    ]
    .concat();
    let of = |name: &str, packet: usize, bytes: Vec<u8>| Clip::new(name, packet, Tells::Length, bytes);
    vec![
        of("bytes.wav", 0, wav(1, 1, 16_000, 8, &bytes)),
        of("stereo.wav", 0, wav(1, 2, 16_000, 16, &stereo)),
        of("24 bits.wav", 0, wav(0xfffe, 1, 16_000, 24, &little)),
        of("float.wav", 0, wav(3, 1, 16_000, 32, &float)),
        of("alaw.wav", 0, wav(6, 1, 8_000, 8, &bytes)),
        of("mulaw.wav", 0, wav(7, 1, 8_000, 8, &bytes)),
        of("ima.wav", 505, block(wav(0x11, 1, 16_000, 4, &ima_blocks(12)), 256)),
        of("ms.wav", 500, block(wav(2, 1, 16_000, 4, &ms_blocks(12)), 256)),
        Clip::new("mp3.wav", 576, Tells::Nothing, mp3),
        of("chunks.wav", 0, chunks),
        of("rifx.wav", 0, rifx),
        of("rf64.wav", 0, rf64),
        of("samples.w64", 0, w64(&little)),
        of("samples.aiff", 0, aiff(b"AIFF", b"", &big)),
        of("little.aifc", 0, aiff(b"AIFC", b"sowt", &little)),
        of("ima4.aifc", 64, aiff(b"AIFC", b"ima4", &ima4_blocks(100))),
        of("samples.au", 0, au(3, big.len() as u32, &big)),
        Clip::new("endless.au", 0, Tells::Nothing, au(1, u32::MAX, &bytes)),
        of("samples.caf", 0, caf(big.len() as i64 + 4, &big)),
        Clip::new("endless.caf", 0, Tells::Nothing, caf(-1, &big)),
        of("samples.mov", 0, mp4_pcm(b"sowt", 16, &little)),
    ]
}

/// Files of packets, with the headers in front and the packets in many parts.
fn streams() -> Vec<Clip> {
    let (aac, mp3, opus) = (Stream::aac(), Stream::mp3(), Stream::opus());
    let (vorbis, flac) = (Stream::vorbis(), Stream::flac().first(0.75));
    let whole = Stream::flac();
    let of = |name: &str, packet: usize, tells: Tells, bytes: Vec<u8>| Clip::new(name, packet, tells, bytes);
    vec![
        of("compact.flac", 1_152, Tells::Checksums, whole.flac_file()),
        of("pages.opus", 320, Tells::Checksums, ogg_opus(5)),
        of("pages.ogg", 1_024, Tells::Checksums, ogg_vorbis(4)),
        of("chain.opus", 320, Tells::Checksums, [clip("short_stereo.opus"), clip("hi.ogg")].concat()),
        of("joined.mp3", 576, Tells::Nothing, [clip("short_plain.mp3"), clip("hi.mp3")].concat()),
        of("aac.mp4", 1_024, Tells::Length, mp4(&aac)),
        of("mp3.mp4", 576, Tells::Nothing, mp4(&mp3)),
        of("opus.mp4", 320, Tells::Nothing, mp4(&opus)),
        of("flac.mp4", 1_152, Tells::Length, mp4(&flac)),
        of("first.m4a", 1_024, Tells::Length, moov_first(&clip("hi.m4a"))),
        of("alac.m4a", 4_096, Tells::Nothing, moov_first(&clip("short_alac.m4a"))),
        of("aac fragments.mp4", 1_024, Tells::Nothing, mp4_fragmented(&aac)),
        of("opus fragments.mp4", 320, Tells::Nothing, mp4_fragmented(&opus)),
        of("aac.mka", 1_024, Tells::Nothing, matroska(&aac, false)),
        of("mp3.mka", 576, Tells::Nothing, matroska(&mp3, false)),
        of("opus.mka", 320, Tells::Nothing, matroska(&opus, false)),
        of("vorbis.mka", 1_024, Tells::Nothing, matroska(&vorbis, false)),
        of("flac.mka", 1_152, Tells::Nothing, matroska(&flac, false)),
        of("zlib.mka", 320, Tells::Nothing, matroska(&opus, true)),
        of("aac.caf", 1_024, Tells::Length, caf_packets(&aac)),
        of("mp3.caf", 576, Tells::Nothing, caf_packets(&mp3)),
        of("opus.caf", 320, Tells::Nothing, caf_packets(&opus)),
        of("flac.caf", 1_152, Tells::Length, caf_packets(&flac)),
        of("alac.caf", 4_096, Tells::Nothing, table_first(&clip("short_alac.caf"))),
    ]
}
