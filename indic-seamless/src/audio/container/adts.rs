//! ADTS: bare AAC, frame after frame.

use symphonia::{
    core::{
        codecs::audio::well_known::CODEC_ID_AAC,
        formats::{FormatOptions, Track},
    },
    default::formats::AdtsReader,
};

use super::{
    Container,
    frame_demuxer::{FrameDemuxer, FrameKind, first_track},
    frames::{self, Form, Frame, first_frame},
    survey::{self, Survey},
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// The samples of a frame, per channel and at the rate in its header.
const SAMPLES_EACH: u32 = 1024;

/// A stream of AAC frames.
pub(super) struct Adts {
    survey: Survey,
}

impl Container for Adts {
    fn sniff(head: &[u8]) -> bool {
        matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0)
    }

    fn starts(bytes: &[u8]) -> Option<bool> {
        Some(frames::starts(bytes, AdtsFrames::parse))
    }

    fn first_frame(source: &mut AudioSource) -> Result<Option<u64>, AudioError> {
        first_frame(source, AdtsFrames::parse)
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        Ok(Self { survey: Survey::of(&mut FrameDemuxer::<AdtsFrames, _>::new(source)?)? })
    }

    fn faults(&self) -> &[Fault] {
        &self.survey.faults
    }

    fn estimate(source: &mut AudioSource) -> Result<Option<f64>, AudioError> {
        survey::estimate(source, FrameDemuxer::<AdtsFrames, _>::new).map(Some)
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
        first_track(frame, |stream| Ok(Box::new(AdtsReader::try_new(stream, FormatOptions::default())?)))
    }
}
