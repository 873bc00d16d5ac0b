//! [`OggDemuxer`]: takes the packets of a stream out of an Ogg file, link after link.

use std::{
    collections::VecDeque,
    io::{Read, Seek},
    mem,
};

use symphonia::core::{
    formats::MediaInfo,
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::{
    mapping::Mapping,
    pages::{Page, PageReader, Step},
    timeline::Timeline,
};
use crate::{
    audio::{
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        error::AudioError,
        fault::Fault,
    },
    damage::DamageKind,
};

/// The largest packet, in bytes.
const LARGEST: usize = 1 << 24;

/// Takes the packets out of the first stream of Opus, Vorbis or FLAC in each link of a chain.
pub(super) struct OggDemuxer<R> {
    pages: PageReader<R>,
    stream: Option<Stream>,
    /// What was found and not passed on.
    queue: VecDeque<Demuxed>,
    /// Whether a track was announced.
    announced: bool,
    /// Whether bytes were skipped since the last page of the stream.
    skipped: bool,
    /// The name of a codec that was found and is not supported.
    unsupported: Option<&'static str>,
}

/// A logical stream.
struct Stream {
    serial: u32,
    mapping: Mapping,
    /// Whether a page with audio was found.
    begun: bool,
    /// The highest number of a page, and the checksum of the last.
    sequence: u32,
    sum: u32,
    /// The start of a packet that is continued on the next page.
    partial: Vec<u8>,
    timeline: Timeline,
}

impl<R: Read + Seek> OggDemuxer<R> {
    /// Reads up to the first page with audio.
    pub(super) fn new(reader: R) -> Result<Self, AudioError> {
        let pages = PageReader::new(reader)?;
        let mut ogg =
            Self { pages, stream: None, queue: VecDeque::new(), announced: false, skipped: false, unsupported: None };
        let mut fault = None;
        while !ogg.announced {
            match ogg.pages.next()? {
                Step::Page(page) => ogg.page(&page),
                Step::Fault(found) => {
                    fault.get_or_insert_with(|| found.clone());
                    ogg.skipped = true;
                    ogg.queue.push_back(Demuxed::Fault(found));
                }
                Step::End => return Err(ogg.nothing(fault)),
            }
        }
        Ok(ogg)
    }

    /// Why there is no audio.
    fn nothing(&self, fault: Option<Fault>) -> AudioError {
        match (&self.stream, self.unsupported, fault) {
            (None, Some(name), _) => AudioError::foreign(name),
            (_, _, Some(fault)) => AudioError::Damaged(fault),
            (Some(stream), ..) if !stream.mapping.is_ready() => {
                AudioError::damaged("the headers of its Vorbis stream are not complete")
            }
            (Some(_), ..) => AudioError::NoAudio("an Ogg file whose stream has no packet".to_owned()),
            _ => AudioError::NoAudio("an Ogg file without the start of a stream of Opus, Vorbis or FLAC".to_owned()),
        }
    }

    /// Takes in a page.
    fn page(&mut self, page: &Page) {
        if page.first {
            self.begin(page);
        }
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.serial == page.serial) else { return };
        let skipped = mem::take(&mut self.skipped);
        let mut lost = false;
        if !page.first {
            if page.sum == stream.sum && page.sequence == stream.sequence {
                let what = format!("page {} is there twice", page.sequence);
                self.queue.push_back(Demuxed::Fault(Fault::new(DamageKind::Corrupt, what)));
                return;
            }
            let step = page.sequence.wrapping_sub(stream.sequence);
            let ahead = step < 1 << 31;
            lost = step > 1 && ahead;
            if lost && !skipped {
                let what = format!("page {} follows page {}", page.sequence, stream.sequence);
                self.queue.push_back(Demuxed::Fault(Fault::new(DamageKind::Gap, what)));
            }
            if ahead {
                stream.sequence = page.sequence;
            }
        }
        stream.sum = page.sum;
        if lost || !page.continued {
            stream.partial.clear();
        }
        // The first packet of a stream describes it.
        let packets = stream.packets(page).into_iter().skip(usize::from(page.first));
        let audio: Vec<_> = packets.filter(|packet| !stream.mapping.take_header(packet)).collect();
        if !stream.mapping.is_ready() || audio.is_empty() {
            return;
        }
        if !mem::replace(&mut stream.begun, true) && mem::replace(&mut self.announced, true) {
            self.queue.push_back(Demuxed::NewTracks);
        }
        let mapping = &mut stream.mapping;
        let lengths: Vec<u64> = audio.iter().map(|packet| mapping.samples(packet)).collect();
        let times = stream.timeline.page(page.granule, &lengths, page.last && !lost);
        for (data, time) in audio.into_iter().zip(times) {
            let pts = Timestamp::new(i64::try_from(time.start).unwrap_or(i64::MAX));
            let mut packet = Packet::new(page.serial, pts, Duration::new(time.samples - time.padding), data);
            packet.trim_end = Duration::new(time.padding);
            self.queue.push_back(Demuxed::Packet(packet));
        }
    }

    /// Begins a stream, if it is audio that is wanted.
    fn begin(&mut self, page: &Page) {
        let Some(mapping) = Mapping::of(&page.body) else {
            self.unsupported = self.unsupported.or(page.body.starts_with(b"Speex   ").then_some("Speex"));
            return;
        };
        // A second audio stream beside the first, as in a film in two languages.
        if self.stream.as_ref().is_some_and(|stream| !stream.begun && stream.serial != page.serial) {
            return;
        }
        self.queue.extend(self.stream.take().and_then(|stream| stream.rest()).map(Demuxed::Fault));
        self.stream = Some(Stream {
            serial: page.serial,
            mapping,
            begun: false,
            sequence: page.sequence,
            sum: page.sum,
            partial: Vec::new(),
            timeline: Timeline::default(),
        });
    }
}

impl Stream {
    /// The packets that end on a page, without empty ones.
    fn packets(&mut self, page: &Page) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        // The start of the first packet may be lost.
        let mut broken = page.continued && self.partial.is_empty();
        let mut rest = &page.body[..];
        for &size in &page.lacing {
            let (segment, behind) = rest.split_at(usize::from(size).min(rest.len()));
            rest = behind;
            if !broken && self.partial.len() < LARGEST {
                self.partial.extend(segment);
            }
            if size < 255 {
                let packet = mem::take(&mut self.partial);
                packets.extend(Some(packet).filter(|packet| !packet.is_empty()));
                broken = false;
            }
        }
        packets
    }

    /// What is missing at the end.
    fn rest(&self) -> Option<Fault> {
        let size = self.partial.len();
        let what = format!("cut short: {size} bytes of the last packet are there, not all of it");
        (self.begun && size > 0).then(|| Fault::new(DamageKind::CutShort, what))
    }
}

impl<R: Read + Seek + Send + Sync> Demuxer for OggDemuxer<R> {
    fn track(&self) -> Option<AudioTrack> {
        let stream = self.stream.as_ref()?;
        Some(AudioTrack { track: stream.mapping.track(stream.serial), media: MediaInfo::default(), alone: true })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(item);
            }
            match self.pages.next()? {
                Step::Page(page) => self.page(&page),
                Step::Fault(fault) => {
                    self.skipped = true;
                    return Ok(Demuxed::Fault(fault));
                }
                Step::End => {
                    let rest = self.stream.as_mut().and_then(|stream| {
                        let rest = stream.rest();
                        stream.partial.clear();
                        rest
                    });
                    return Ok(rest.map_or(Demuxed::End, Demuxed::Fault));
                }
            }
        }
    }
}
