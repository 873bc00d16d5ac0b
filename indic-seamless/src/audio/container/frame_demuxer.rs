//! [`FrameDemuxer`]: takes the packets out of a stream of frames.

use std::{
    io::{Read, Seek},
    marker::PhantomData,
};

use symphonia::core::{
    formats::{FormatReader, MediaInfo, Track},
    io::MediaSourceStream,
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::frames::{Form, Frame, FrameReader, Step};
use crate::audio::{
    demuxer::{self, AudioTrack, DemuxError, Demuxed, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// A kind of frames.
pub(super) trait FrameKind: Send + Sync {
    /// The frame with this header.
    fn parse(head: &[u8]) -> Option<Frame>;

    /// The track that begins with this frame.
    fn track(frame: &[u8]) -> Result<Track, AudioError>;

    /// Whether it is the first frame of a file, and describes the others.
    fn describes(_frame: &[u8]) -> bool {
        false
    }
}

/// Takes the packets out of a stream of frames. Where rate, channels or codec change, or another file was appended, another
/// track begins.
pub(super) struct FrameDemuxer<K, R> {
    frames: FrameReader<R>,
    track: Track,
    form: Form,
    /// A frame that was read and not passed on.
    held: Option<(Frame, Vec<u8>)>,
    /// Samples of the track so far.
    position: u64,
    /// Samples that the track has at least, by its description.
    promised: Option<u64>,
    /// Whether another track begins here.
    turned: bool,
    kind: PhantomData<K>,
}

impl<K: FrameKind, R: Read + Seek> FrameDemuxer<K, R> {
    pub(super) fn new(reader: R) -> Result<Self, AudioError> {
        let mut frames = FrameReader::new(reader, K::parse)?;
        let mut refused = AudioError::NoAudio("no frame with audio".to_owned());
        loop {
            match frames.next()? {
                Step::Frame(frame, bytes) => {
                    let track = match K::track(&bytes) {
                        Ok(track) => track,
                        Err(error) => {
                            refused = error;
                            continue;
                        }
                    };
                    // Some encoders count the description, too; those that state the padding do not.
                    let slack = if track.delay.is_some() { 0 } else { frame.samples.into() };
                    let promised = promised_samples(&track).map(|samples| samples.saturating_sub(slack));
                    let held = (!K::describes(&bytes)).then_some((frame, bytes));
                    let (form, kind) = (frame.form, PhantomData);
                    return Ok(Self { frames, track, form, held, position: 0, promised, turned: false, kind });
                }
                Step::Fault(_) => {}
                Step::End => return Err(refused),
            }
        }
    }

    /// Begins another track with this frame.
    fn begin(&mut self, frame: Frame, bytes: Vec<u8>) -> Result<Demuxed, AudioError> {
        let mut track = K::track(&bytes)?;
        // Players take the description of an appended file for a frame of silence, and trim nothing of it.
        (track.delay, track.padding) = (None, None);
        let missing = self.missing();
        (self.track, self.form, self.position, self.held) = (track, frame.form, 0, Some((frame, bytes)));
        self.turned = missing.is_some();
        Ok(missing.map_or(Demuxed::NewTracks, Demuxed::Fault))
    }

    /// What is missing at the end of the track.
    fn missing(&mut self) -> Option<Fault> {
        let promised = self.promised.take()?;
        (self.position < promised).then(|| Fault::cut("samples", self.position, promised))
    }

    fn packet(&mut self, frame: Frame, bytes: &[u8]) -> Demuxed {
        let pts = Timestamp::new(i64::try_from(self.position).unwrap_or(i64::MAX));
        self.position = self.position.saturating_add(frame.samples.into());
        let data = bytes.get(frame.skip..).unwrap_or_default();
        Demuxed::Packet(Packet::new(self.track.id, pts, Duration::new(frame.samples.into()), data))
    }
}

impl<K: FrameKind, R: Read + Seek + Send + Sync> Demuxer for FrameDemuxer<K, R> {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: MediaInfo::default(), alone: true })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        if std::mem::take(&mut self.turned) {
            return Ok(Demuxed::NewTracks);
        }
        if let Some((frame, bytes)) = self.held.take() {
            return Ok(self.packet(frame, &bytes));
        }
        match self.frames.next()? {
            Step::Frame(frame, bytes) if frame.form != self.form || K::describes(&bytes) => {
                match self.begin(frame, bytes) {
                    Err(AudioError::Damaged(fault)) => Ok(Demuxed::Fault(fault)),
                    other => Ok(other?),
                }
            }
            Step::Frame(frame, bytes) => Ok(self.packet(frame, &bytes)),
            Step::Fault(fault) => Ok(Demuxed::Fault(fault)),
            Step::End => Ok(self.missing().map_or(Demuxed::End, Demuxed::Fault)),
        }
    }
}

/// The track that one of Symphonia's demuxers, which `open` opens, finds in a frame.
pub(super) fn first_track(
    frame: &[u8],
    open: impl FnOnce(MediaSourceStream<'static>) -> Result<Box<dyn FormatReader>, AudioError>,
) -> Result<Track, AudioError> {
    let mut source = AudioSource::from_bytes(frame.to_vec());
    // If it knew the length, the demuxer would guess a duration.
    source.forbid_seeking();
    let reader = open(demuxer::stream(source))?;
    reader.tracks().first().cloned().ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))
}

/// The length by the description, in samples, with all that is to be removed.
pub(super) fn promised_samples(track: &Track) -> Option<u64> {
    let around = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
    track.num_frames?.checked_add(around)
}
