//! ADTS: bare AAC, frame after frame.

use symphonia::{
    core::{
        codecs::audio::well_known::CODEC_ID_AAC,
        formats::{FormatOptions, FormatReader, Track},
    },
    default::formats::AdtsReader,
};

use super::{
    Container,
    frame_demuxer::{FrameDemuxer, FrameKind},
    frames::{Form, Frame},
    survey::Survey,
};
use crate::audio::{
    demuxer::{self, AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// The samples of a frame, per channel and at the rate in its header.
const SAMPLES_EACH: u32 = 1024;
/// How far to look for the first frame of a stream that starts in the middle of one.
const SEARCH: usize = 1 << 16;

/// A stream of AAC frames.
pub(super) struct Adts {
    survey: Survey,
}

impl Container for Adts {
    fn sniff(head: &[u8]) -> bool {
        matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0)
    }

    fn first_frame(source: &mut AudioSource) -> Result<Option<u64>, AudioError> {
        let head = source.peek(0, SEARCH)?;
        let frame = |at: usize| AdtsFrames::parse(head.get(at..)?);
        let found = (0..head.len()).find(|&at| {
            let Some(first) = frame(at) else { return false };
            frame(at + first.size).is_some_and(|second| second.form == first.form)
        });
        Ok(found.map(|at| at as u64))
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        Ok(Self { survey: Survey::of(&mut FrameDemuxer::<AdtsFrames, _>::new(source)?)? })
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        Ok(Box::new(FrameDemuxer::<AdtsFrames, _>::new(source)?))
    }

    fn promised_seconds(&self, _track: &AudioTrack) -> Option<f64> {
        Some(self.survey.seconds)
    }
}

/// Frames with a header of ADTS.
struct AdtsFrames;

impl FrameKind for AdtsFrames {
    fn parse(head: &[u8]) -> Option<Frame> {
        const RATES: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let &[0xff, sync, a, b, c, d, _] = head.first_chunk()? else { return None };
        let size = usize::from(b & 3) << 11 | usize::from(c) << 3 | usize::from(d >> 5);
        let skip = if sync & 1 == 0 { 9 } else { 7 };
        let rate = *RATES.get(usize::from(a >> 2 & 15))?;
        // Object type and channel configuration; the bit between them is private.
        let layout = u32::from(a & 0xc1) << 8 | u32::from(b & 0xc0);
        let form = Form { codec: CODEC_ID_AAC, rate, layout };
        let found = Frame { form, size, skip, samples: SAMPLES_EACH };
        Some(found).filter(|_| sync & 0xf6 == 0xf0 && size > skip)
    }

    fn track(frame: &[u8]) -> Result<Track, AudioError> {
        let mut source = AudioSource::from_bytes(frame.to_vec());
        // If it knew the length, the demuxer would guess a duration.
        source.forbid_seeking();
        let reader = AdtsReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        reader.tracks().first().cloned().ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))
    }
}
