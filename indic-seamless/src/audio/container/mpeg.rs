//! MPEG audio: frame after frame, without a container.

use symphonia::{
    core::{
        codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3},
        formats::{FormatOptions, Track},
    },
    default::formats::MpaReader,
};

use super::{
    Container,
    frame_demuxer::{FrameDemuxer, FrameKind, first_track, promised_samples},
    frames::{self, Form, Frame, first_frame},
    survey::{self, Survey},
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    edit::{Edit, Span},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// A stream of MPEG audio frames.
pub(super) struct Mpeg {
    survey: Survey,
}

impl Container for Mpeg {
    fn sniff(head: &[u8]) -> bool {
        parse(head).is_some() || is_free_format(head)
    }

    fn starts(bytes: &[u8]) -> Option<bool> {
        Some(frames::starts(bytes, parse))
    }

    fn first_frame(source: &mut AudioSource) -> Result<Option<u64>, AudioError> {
        first_frame(source, parse)
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        if is_free_format(&source.peek(0, 4)?) {
            return Err(AudioError::Unsupported("MPEG audio of free format, without a bit rate".to_owned()));
        }
        let survey = Survey::of(&mut FrameDemuxer::<Mpa, _>::new(source)?)?;
        match survey.seconds {
            0.0 => Err(AudioError::NoAudio("no frame with audio".to_owned())),
            _ => Ok(Self { survey }),
        }
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn estimate(source: &mut AudioSource) -> Result<Option<f64>, AudioError> {
        let first = FrameDemuxer::<Mpa, _>::new(&mut *source)?.track();
        let (head, length) = (source.peek(0, 256)?, source.length());
        // The first frame may describe the others. A file can be joined of several, or cut.
        match first.and_then(|track| track.seconds()).zip(described_bytes(&head)) {
            Some((seconds, bytes)) => Ok(Some(seconds * length as f64 / f64::from(bytes))),
            None => survey::estimate(source, FrameDemuxer::<Mpa, _>::new).map(Some),
        }
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(FrameDemuxer::<Mpa, _>::new(source)?))
    }

    fn edit(&self, track: &AudioTrack) -> Edit {
        let span = |samples: Option<u32>| {
            let rate = track.rate().unwrap_or(0);
            Span { ticks: samples.unwrap_or(0).into(), per_second: rate.into() }
        };
        // Where there are more frames than stated, the end is not where the padding would be.
        let complete = promised_samples(&track.track).is_some_and(|promised| self.survey.first <= promised);
        let padding = track.track.padding.filter(|_| complete);
        Edit { skip: span(track.track.delay), drop: span(padding), ..Edit::default() }
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        let Edit { skip, drop, .. } = self.edit(track);
        Some(self.survey.seconds - skip.seconds() - drop.seconds())
    }
}

/// MPEG audio frames.
struct Mpa;

impl FrameKind for Mpa {
    fn parse(head: &[u8]) -> Option<Frame> {
        parse(head)
    }

    fn track(frame: &[u8]) -> Result<Track, AudioError> {
        first_track(frame, |stream| Ok(Box::new(MpaReader::try_new(stream, FormatOptions::default())?)))
    }

    /// Whether it holds a Xing, Info or VBRI tag instead of audio.
    fn describes(frame: &[u8]) -> bool {
        let Some(&[_, version, _, mode]) = frame.first_chunk() else { return false };
        let info_at = match (version & 8 != 0, mode >> 6 == 3) {
            (true, false) => 36,
            (true, true) | (false, false) => 21,
            (false, true) => 13,
        };
        let at = |at: usize, tag: &[u8]| frame.get(at..).is_some_and(|rest| rest.starts_with(tag));
        version & 6 == 2 && (at(info_at, b"Xing") || at(info_at, b"Info") || at(36, b"VBRI"))
    }
}

/// The size of a file by the Xing or Info tag in its first frame.
fn described_bytes(head: &[u8]) -> Option<u32> {
    let at = head.windows(4).position(|window| matches!(window, b"Xing" | b"Info"))?;
    let (flags, fields) =
        head.get(at + 4..)?.split_first_chunk().map(|(flags, rest)| (u32::from_be_bytes(*flags), rest))?;
    // The number of frames stands before it.
    let fields = fields.get(if flags & 1 == 0 { 0 } else { 4 }..)?;
    let bytes = u32::from_be_bytes(*fields.first_chunk()?);
    (flags & 2 != 0 && bytes > 0).then_some(bytes)
}

/// Whether it is the header of a frame whose size is not stated.
fn is_free_format(head: &[u8]) -> bool {
    // As a frame of some bit rate, it would be one.
    matches!(head, &[a, b, c, d, ..] if c >> 4 == 0 && parse(&[a, b, c | 0x80, d]).is_some())
}

/// The frame with this header.
fn parse(head: &[u8]) -> Option<Frame> {
    const KBIT: [[u32; 15]; 5] = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let word = u32::from_be_bytes(*head.first_chunk()?);
    if word >> 21 != 0x7ff {
        return None;
    }
    let (version, layer) = (word >> 19 & 3, 4 - (word >> 17 & 3));
    let divisor = match version {
        0 => 4,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    let (table, samples) = match (divisor, layer) {
        (_, 4) => return None,
        (1, 1) => (0, 384),
        (1, 2) => (1, 1152),
        (1, _) => (2, 1152),
        (_, 1) => (3, 384),
        (_, 2) => (4, 1152),
        _ => (4, 576),
    };
    let kbit = *KBIT.get(table)?.get((word >> 12 & 15) as usize)?;
    let rate = [44_100, 48_000, 32_000].get((word >> 10 & 3) as usize)? / divisor;
    // Free-format streams do not say how long a frame is.
    if kbit == 0 {
        return None;
    }
    let padding = word >> 9 & 1;
    let size = match layer {
        1 => (12_000 * kbit / rate + padding) * 4,
        _ => samples / 8 * 1000 * kbit / rate + padding,
    };
    let codec = match layer {
        1 => CODEC_ID_MP1,
        2 => CODEC_ID_MP2,
        _ => CODEC_ID_MP3,
    };
    let form = Form { codec, rate, layout: u32::from(word >> 6 & 3 == 3) };
    Some(Frame { form, size: size as usize, skip: 0, samples })
}
