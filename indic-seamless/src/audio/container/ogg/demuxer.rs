//! [`OggDemuxer`]: takes the packets of a stream out of an Ogg file, link after link.

use std::{
    collections::{HashSet, VecDeque},
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
    streams::SoundStreams,
    timeline::Timeline,
};
use crate::{
    audio::{
        container::survey,
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        error::AudioError,
        fault::Fault,
    },
    damage::DamageKind,
};

/// The largest packet, in bytes.
const LARGEST: usize = 1 << 24;

/// Takes the packets out of a stream of Opus, Vorbis or FLAC in each link of a chain: the first, or one that is asked for.
pub(super) struct OggDemuxer<R> {
    pages: PageReader<R>,
    stream: Option<Stream>,
    /// The streams of which a page was found, whatever is in them.
    serials: HashSet<u32>,
    sounds: SoundStreams,
    /// What was found and not passed on.
    queue: VecDeque<Demuxed>,
    /// Whether a track was announced.
    announced: bool,
    /// Whether bytes were skipped since the last page of the stream.
    skipped: bool,
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
    /// Reads up to the first page with audio of the sound stream with this number, counted from 1, or of the first.
    pub(super) fn new(reader: R, number: Option<usize>) -> Result<Self, AudioError> {
        let (pages, sounds) = (PageReader::new(reader)?, SoundStreams::new(number));
        let mut ogg = Self {
            pages,
            stream: None,
            serials: HashSet::new(),
            sounds,
            queue: VecDeque::new(),
            announced: false,
            skipped: false,
        };
        let mut fault = None;
        while !ogg.announced {
            match ogg.pages.next()? {
                Step::Page(page) => ogg.page(&page),
                Step::Fault(found) => {
                    fault.get_or_insert_with(|| found.clone());
                    ogg.skipped = true;
                    survey::note(&mut ogg.queue, found);
                }
                Step::End => return Err(ogg.nothing(fault)),
            }
        }
        ogg.sounds.check()?;
        Ok(ogg)
    }

    /// The number of the stream, the time of its first packet in samples, and their rate in Hz.
    pub(super) fn first(&self) -> (u32, u64, u32) {
        let serial = self.stream.as_ref().map_or(0, |stream| stream.serial);
        let first = self.queue.iter().find_map(|item| match item {
            Demuxed::Packet(packet) => u64::try_from(packet.pts.get()).ok(),
            _ => None,
        });
        let rate = self.stream.as_ref().map_or(0, |stream| stream.mapping.rate());
        (serial, first.unwrap_or(0), rate)
    }

    /// Why there is no audio.
    fn nothing(&self, fault: Option<Fault>) -> AudioError {
        if let Err(error) = self.sounds.check() {
            return error;
        }
        match (&self.stream, self.sounds.foreign(), fault) {
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
        let known = !self.serials.insert(page.serial);
        if page.first {
            self.begin(page);
        } else {
            if !known && self.announced {
                let what = format!("page {} is of a stream whose start is missing", page.sequence);
                survey::note(&mut self.queue, Fault::new(DamageKind::Gap, what));
            }
            self.sounds.follow(page, !self.announced);
        }
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.serial == page.serial) else { return };
        let skipped = mem::take(&mut self.skipped);
        let mut lost = false;
        if !page.first {
            if page.sum == stream.sum && page.sequence == stream.sequence {
                let what = format!("page {} is there twice", page.sequence);
                survey::note(&mut self.queue, Fault::new(DamageKind::Corrupt, what));
                return;
            }
            let step = page.sequence.wrapping_sub(stream.sequence);
            let ahead = step < 1 << 31;
            lost = step > 1 && ahead;
            if lost && !skipped {
                let what = format!("page {} follows page {}", page.sequence, stream.sequence);
                survey::note(&mut self.queue, Fault::new(DamageKind::Gap, what));
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
        let mapping = Mapping::of(&page.body);
        // A second audio stream beside the first, as in a film in two languages.
        let beside = self.stream.as_ref().is_some_and(|stream| !stream.begun && stream.serial != page.serial);
        let wanted = self.sounds.begin(page, mapping.as_ref(), beside, !self.announced);
        let Some(mapping) = mapping.filter(|_| wanted || !beside) else { return };
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use symphonia::core::{checksum::Crc32, io::Monitor};

    use super::*;

    /// A page with one short packet.
    fn page(sequence: u8, flags: u8, packet: &[u8]) -> Vec<u8> {
        let fields = [1, 0, 0, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 1, packet.len() as u8];
        let mut page = [&b"OggS\0"[..], &[flags], &[0; 8], &fields, packet].concat();
        let mut sum = Crc32::new(0);
        sum.process_buf_bytes(&page);
        page[22..26].copy_from_slice(&sum.crc().to_le_bytes());
        page
    }

    #[test]
    fn queues_a_few_of_the_faults_in_headers() {
        let bytes = [
            page(0, 2, b"OpusHead\x01\x01\0\0\0\0\0\0\0\0\0"),
            b"OggS".repeat(5_000),
            page(1, 0, b"OpusTags"),
            page(2, 0, &[0xf8, 0xff, 0xfe]),
        ];
        let ogg = OggDemuxer::new(Cursor::new(bytes.concat()), None).expect("a packet");
        assert_eq!(ogg.queue.len(), 1_001);
        assert!(matches!(ogg.queue.back(), Some(Demuxed::Packet(_))));
    }
}
