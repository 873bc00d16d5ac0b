//! Matroska and `WebM`: the sound track, and what the headers say about its length.

mod blocks;
mod ebml;
mod encoding;
mod lacing;
mod tracks;

use symphonia::core::{
    codecs::CodecParameters,
    formats::{MediaInfo, Track},
    units::{Duration, TimeBase},
};

use self::{
    blocks::{Blocks, CLUSTER, EBML, INFO, SEGMENT, TRACKS},
    tracks::SoundTrack,
};
use super::Container;
use crate::audio::{
    count::{self, Count},
    demuxer::{AudioTrack, Demuxer},
    edit::{Edit, Span},
    error::AudioError,
    fault::Fault,
    scan::{Reader, Scan},
    source::AudioSource,
};

const SCALE: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
/// The largest header that is read into memory. Those of tracks may hold fonts and the like of codecs.
const MAX_HEADER: u64 = 1 << 24;
const NANOSECONDS: u32 = 1_000_000_000;

/// A Matroska or `WebM` file.
pub(super) struct Mkv {
    /// The body of the `Tracks` element.
    tracks: Vec<u8>,
    /// The number of the sound track, if it is not the default one.
    number: Option<usize>,
    /// Where the first cluster is.
    start: u64,
    /// Nanoseconds in a unit of time.
    scale: u64,
    /// The length in units, 0 where it is not known.
    duration: f64,
    /// What the codec adds at the start, in nanoseconds.
    delay: u64,
    faults: Vec<Fault>,
}

impl Container for Mkv {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(&EBML.to_be_bytes())
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        Self::of(source, None)
    }

    fn walk_track(source: &mut AudioSource, number: usize) -> Result<Self, AudioError> {
        Self::of(source, Some(number))
    }

    fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        let sound = SoundTrack::choose(&self.tracks, self.number)?;
        let mut track = Track::new(u32::try_from(sound.number).unwrap_or(u32::MAX));
        track.with_codec_params(CodecParameters::Audio(sound.params.clone()));
        track.time_base = TimeBase::try_new(1, NANOSECONDS);
        let mut media = MediaInfo::default();
        let nanoseconds = self.duration * self.scale as f64;
        media.duration = (nanoseconds >= 1.0).then(|| Duration::new(nanoseconds as u64));
        media.time_base = track.time_base;
        let mut reader = Reader::new(source)?;
        reader.goto(self.start)?;
        Ok(Box::new(Blocks::new(reader, sound, track, media, self.scale)))
    }

    fn edit(&self, _track: &AudioTrack) -> Edit {
        Edit { skip: Span { ticks: self.delay, per_second: NANOSECONDS.into() }, ..Edit::default() }
    }

    fn starts_late(&self) -> bool {
        true
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        Some(Span::of(track.media.duration?.get(), track.media.time_base).seconds())
    }

    fn check(&self, track: &AudioTrack, count: &Count) -> Result<(), AudioError> {
        let Some(duration) = track.media.duration.filter(|_| track.alone) else { return Ok(()) };
        let promised = Span::of(duration.get(), track.media.time_base);
        let found = Span::of(count.end, track.track.time_base);
        let found = if found.seconds() > count.decoded().seconds() { found } else { count.decoded() };
        // The length of the last packet need not be known.
        count::check_seconds(found, promised, 0.25)
    }
}

impl Mkv {
    /// Walks over the headers of a file, for a sound track by its number or the default one.
    fn of(source: &mut AudioSource, number: Option<usize>) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut mkv = Self {
            tracks: Vec::new(),
            number,
            start: 0,
            scale: 1_000_000,
            duration: 0.0,
            delay: 0,
            faults: Vec::new(),
        };
        mkv.headers(&mut scan)?;
        if mkv.tracks.is_empty() {
            return Err(AudioError::damaged(format!("no tracks in its {} bytes", scan.length())));
        }
        mkv.delay = SoundTrack::choose(&mkv.tracks, number)?.delay;
        Ok(mkv)
    }

    /// Reads the elements up to the first cluster behind the tracks.
    fn headers(&mut self, scan: &mut Scan<'_>) -> Result<(), AudioError> {
        let mut first = None;
        loop {
            let at = scan.pos();
            let Some(header) = ebml::header(scan)? else {
                // Bytes that are no element: the tracks may be behind them.
                scan.goto(scan.length().min(at + 1))?;
                if self.tracks.is_empty() && scan.find(TRACKS.to_be_bytes())? {
                    continue;
                }
                break;
            };
            let (left, size) = (scan.left(), header.size.unwrap_or(scan.left()));
            if header.id == SEGMENT {
                if size > left {
                    self.faults.push(Fault::cut("bytes of the segment", left, size));
                }
                continue;
            }
            match header.id {
                INFO if size <= MAX_HEADER => self.info(&scan.data(size)?),
                TRACKS if size <= MAX_HEADER => self.tracks = scan.data(size)?,
                CLUSTER => {
                    first.get_or_insert(at);
                    // A cluster without a size ends nowhere; the tracks always come first there.
                    if !self.tracks.is_empty() || header.size.is_none() {
                        break;
                    }
                    scan.goto(scan.pos().saturating_add(size).min(scan.length()))?;
                }
                _ if size > left => {
                    // A wrong size: the next cluster is somewhere here.
                    scan.goto(scan.length().min(at + 1))?;
                    let wanted = if self.tracks.is_empty() { TRACKS } else { CLUSTER };
                    if !scan.find(wanted.to_be_bytes())? {
                        break;
                    }
                }
                _ => scan.goto(scan.pos() + size)?,
            }
        }
        self.start = first.unwrap_or(scan.pos());
        Ok(())
    }

    fn info(&mut self, body: &[u8]) {
        for (id, body) in ebml::elements(body) {
            match id {
                SCALE => self.scale = ebml::unsigned(body).max(1),
                DURATION => self.duration = ebml::float(body),
                _ => {}
            }
        }
    }
}
