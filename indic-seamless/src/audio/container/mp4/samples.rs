//! [`Mp4Samples`]: takes the samples of the sound track out of an MP4 file.

use std::collections::VecDeque;

use symphonia::core::{
    formats::{MediaInfo, Track},
    packet::Packet,
    units::{Duration, Timestamp},
};

use super::{
    TOP,
    boxes::{BoxHeader, next_box},
    movie::{Movie, Part},
    table::{Run, Sample, Table, runs},
};
use crate::{
    audio::{
        container::layout::Layout,
        demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
        edit::{Edit, Span},
        error::AudioError,
        fault::Fault,
        scan::Reader,
        source::AudioSource,
    },
    damage::DamageKind,
};

/// How much in front of a part is decoded and not heard, in seconds: decoders need some packets until they are right. It is what
/// ffmpeg takes.
const LEAD_IN_S: u64 = 1;
/// The largest `moof` box that is read into memory. Those of real files have a few kilobytes.
const MAX_FRAGMENT: u64 = 1 << 26;

/// Takes samples out of the table of the movie, then out of its fragments.
pub(super) struct Mp4Samples {
    pub(super) reader: Reader<AudioSource>,
    pub(super) movie: Movie,
    /// The number of the sound track, if it is not the default one.
    pub(super) number: Option<usize>,
    /// The sound track, as the decoder wants it.
    pub(super) track: Track,
    pub(super) layout: Option<Layout>,
    /// What is heard, if that is more than one part.
    pub(super) parts: VecDeque<Part>,
    pub(super) table: Option<Table>,
    /// Where the next box is that may be a fragment.
    pub(super) next_box: u64,
    /// The body of the last box of a known kind. Its size may be wrong.
    pub(super) known: u64,
    /// Up to where fragments were looked for in boxes whose size was wrong: once, so that it costs no more than the file is long.
    pub(super) searched: u64,
    pub(super) runs: VecDeque<Run>,
    /// When the next fragment starts, if it does not say so.
    pub(super) time: u64,
    /// How many more bytes are handed out: no more than the file has, so that a table that points to the same bytes again
    /// and again costs no more than one that does not.
    pub(super) budget: u64,
    /// Whether it was said that samples are missing.
    pub(super) cut: bool,
    /// Damage before the sample `missed`, which was not handed out yet.
    pub(super) fault: Option<Fault>,
    pub(super) missed: Option<Sample>,
}

impl Mp4Samples {
    fn sample(&mut self) -> Result<Option<Sample>, DemuxError> {
        let length = self.reader.length();
        loop {
            if let Some(run) = self.runs.front_mut() {
                match run.next(length) {
                    Some(sample) => return Ok(Some(sample)),
                    None => drop(self.runs.pop_front()),
                }
                continue;
            }
            if let (Some(table), Some(sound)) = (&mut self.table, self.movie.sound(self.number)) {
                match table.next(sound, self.layout.as_ref(), length) {
                    Some(sample) => return Ok(Some(sample)),
                    None => self.end_table(),
                }
                continue;
            }
            if !self.movie.fragmented || !self.next_fragment()? {
                return Ok(None);
            }
        }
    }

    /// Goes through the table again for the next part.
    fn end_table(&mut self) {
        self.table = None;
        if self.parts.len() > 1 {
            self.parts.pop_front();
            self.table = Some(Table::default());
            self.budget = self.reader.length();
        }
    }

    /// Reads the next fragment, or finds where it may be. `false` where there is none.
    fn next_fragment(&mut self) -> Result<bool, AudioError> {
        let reader = &mut self.reader;
        let length = reader.length();
        let mut cut = false;
        reader.goto(self.next_box)?;
        while let Some(header) = next_box(reader, length)? {
            let known = TOP.contains(&&header.kind);
            if known {
                self.known = header.body;
            }
            if &header.kind == b"moof" {
                return self.fragment(header).map(|()| true);
            }
            if let Some(size) = header.cut {
                // Whether samples are missing from the data, their table says.
                if known && &header.kind != b"mdat" {
                    self.fault = Some(Fault::cut(&format!("bytes of box {}", header.name()), length - header.at, size));
                }
                cut = true;
                break;
            }
            reader.goto(header.end)?;
        }
        // Faults behind the last fragment are found once.
        self.next_box = length;
        match reader.left() {
            0 => return Ok(false),
            left @ 1..8 if !cut => {
                self.fault = Some(Fault::cut("bytes of a box header", left, 8));
                return Ok(false);
            }
            _ => {}
        }
        // Behind bytes that are no box there may be more fragments, and in the box before them if its size is wrong.
        if self.known >= self.searched && self.known < reader.pos() {
            self.searched = reader.pos();
            reader.goto(self.known)?;
        }
        if !reader.find(*b"moof")? {
            return Ok(false);
        }
        let at = reader.pos().saturating_sub(4);
        self.fault = Some(Fault::new(DamageKind::Corrupt, format!("no box before byte {at}")));
        self.next_box = at;
        Ok(true)
    }

    /// Reads the fragment with this header.
    fn fragment(&mut self, header: BoxHeader) -> Result<(), AudioError> {
        let reader = &mut self.reader;
        let mut end = header.end;
        let size = header.cut.unwrap_or(header.end - header.at);
        if header.cut.is_some() || size > MAX_FRAGMENT {
            let found = reader.find(*b"moof")?;
            self.fault = Some(if found || header.cut.is_none() {
                Fault::new(DamageKind::Corrupt, format!("box moof of {size} bytes at byte {}", header.at))
            } else {
                Fault::cut("bytes of box moof", reader.length() - header.at, size)
            });
            if found {
                end = reader.pos().saturating_sub(4).max(header.body);
            }
            reader.goto(header.body)?;
        }
        let body = reader.data((end - header.body).min(MAX_FRAGMENT))?;
        self.next_box = end;
        self.runs = runs(header, &body, self.track.id, &self.movie.defaults, &mut self.time).into();
        Ok(())
    }

    /// What is heard of a sample, and its time stamp. `None` where it is of no use: outside of the part that is heard, and not
    /// so shortly before that the decoder needs it.
    fn place(&self, sample: Sample) -> Option<(i64, Edit)> {
        let Some(part) = self.parts.front() else { return Some((i64::try_from(sample.time).ok()?, Edit::default())) };
        let per_second = u64::from(self.track.time_base.map_or(1, |base| base.denom.get()));
        let lead_in = if self.layout.is_some() { 0 } else { LEAD_IN_S * per_second };
        let end = sample.time.saturating_add(sample.duration);
        if end.saturating_add(lead_in) <= part.from || sample.time >= part.to {
            return None;
        }
        let span = |ticks| Span { ticks, per_second };
        let skip = part.from.saturating_sub(sample.time).min(sample.duration);
        let keep = end.min(part.to).saturating_sub(sample.time.saturating_add(skip));
        let time = i64::try_from(sample.time).ok()?.saturating_sub_unsigned(part.from).saturating_add_unsigned(part.at);
        Some((time, Edit { skip: span(skip), keep: Some(span(keep)), ..Edit::default() }))
    }
}

impl Demuxer for Mp4Samples {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: MediaInfo::default(), alone: self.movie.tracks.len() == 1 })
    }

    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        loop {
            let sample = match self.missed.take() {
                None => self.sample()?,
                missed => missed,
            };
            // The damage lies before the fragment of the sample.
            if let Some(fault) = self.fault.take() {
                self.missed = sample;
                return Ok(Demuxed::Fault(fault));
            }
            let Some(sample) = sample else { return Ok(Demuxed::End) };
            let Some((time, heard)) = self.place(sample) else { continue };
            let mut data = Vec::new();
            if sample.at < self.reader.length() {
                self.reader.goto(sample.at)?;
                data = self.reader.data(sample.size)?;
            }
            let Some(budget) = self.budget.checked_sub(data.len() as u64) else {
                let reason = "its sample table is longer than the file";
                (self.table, self.movie.fragmented) = (None, false);
                self.runs.clear();
                self.parts.clear();
                let fault = Fault::new(DamageKind::Corrupt, reason);
                return Ok(if std::mem::replace(&mut self.cut, true) { Demuxed::End } else { Demuxed::Fault(fault) });
            };
            if let Some(layout) = &self.layout {
                data.truncate(data.len() - data.len() % layout.block as usize);
            }
            if (data.len() as u64) < sample.size {
                let (end, length) = (sample.at.saturating_add(sample.size), self.reader.length());
                if !std::mem::replace(&mut self.cut, true) {
                    self.fault = Some(Fault::cut("bytes", length, end));
                }
                // What there is of plain samples can be heard.
                if self.layout.is_none() || data.is_empty() {
                    continue;
                }
            }
            self.budget = budget;
            // Decoders of ADPCM want the number of samples.
            let duration = match &self.layout {
                Some(layout) => data.len() as u64 / layout.block * layout.frames,
                None => sample.duration,
            };
            let packet = Packet::new(self.track.id, Timestamp::new(time), Duration::new(duration), data);
            return Ok(Demuxed::Part(packet, heard));
        }
    }
}
