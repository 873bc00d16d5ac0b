//! MP4, M4A and `QuickTime`: the sound track, the part of it that is heard, and fragments.

mod boxes;
mod entry;
mod movie;
mod samples;
mod table;

use symphonia::core::{
    codecs::CodecParameters,
    formats::Track,
    units::{Duration, TimeBase},
};

use self::{
    boxes::{BoxHeader, next_box},
    entry::Entry,
    movie::{Movie, Part},
    samples::Mp4Samples,
    table::Table,
};
use super::{Container, label, layout::Layout};
use crate::{
    audio::{
        demuxer::{AudioTrack, Demuxer},
        edit::{Edit, Span},
        error::AudioError,
        fault::Fault,
        scan::{Reader, Scan},
        source::AudioSource,
    },
    damage::DamageKind,
};

/// Boxes with which a file of `QuickTime` starts that has no `ftyp` box.
const STARTS: [&[u8; 4]; 7] = [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"];
/// The boxes that a file consists of.
const TOP: [&[u8; 4]; 21] = [
    b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"udta", b"meta", b"uuid", b"sidx",
    b"ssix", b"styp", b"pdin", b"prft", b"emsg", b"pnot", b"PICT", b"junk", b"bloc",
];

/// How many places are looked at that may be a lost `moov` box. Each may cost a walk to the end of the file.
const MAX_PLACES: usize = 16;

/// An MP4, M4A or `QuickTime` file.
pub(super) struct Mp4 {
    /// Where the `moov` box is, and the boxes behind it.
    moov: BoxHeader,
    /// The number of the sound track, if it is not the default one.
    number: Option<usize>,
    track: Track,
    layout: Option<Layout>,
    edit: Edit,
    /// The length of a recording of several parts.
    length: Option<Span>,
    faults: Vec<Fault>,
}

impl Container for Mp4 {
    fn sniff(head: &[u8]) -> bool {
        let [size @ .., a, b, c, d] = *head.first_chunk::<8>().unwrap_or(&[0; 8]);
        let kind = [a, b, c, d];
        // Text has letters there.
        let small = u32::from_be_bytes(size) < 1 << 24 || &kind == b"mdat";
        &kind == b"ftyp" || small && STARTS.contains(&&kind)
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
        let mut reader = Reader::new(source)?;
        let movie = Movie::read(&mut reader, self.moov)?;
        let parts = movie.sound(self.number).map(|sound| sound.parts(&movie)).unwrap_or_default();
        let parts = if parts.len() > 1 { parts } else { Vec::new() };
        Ok(Box::new(Mp4Samples {
            budget: reader.length(),
            reader,
            movie,
            number: self.number,
            track: self.track.clone(),
            layout: self.layout.clone(),
            parts: parts.into(),
            table: Some(Table::default()),
            next_box: self.moov.end,
            known: self.moov.end,
            searched: 0,
            runs: Default::default(),
            time: 0,
            cut: false,
            fault: None,
            missed: None,
        }))
    }

    fn edit(&self, _track: &AudioTrack) -> Edit {
        self.edit
    }

    fn starts_late(&self) -> bool {
        true
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        self.length.or(self.edit.keep).or_else(|| track.length()).map(Span::seconds)
    }
}

impl Mp4 {
    /// Walks over a file, for a sound track by its number or the default one.
    fn of(source: &mut AudioSource, number: Option<usize>) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut faults = Vec::new();
        let (moov, movie) = find_movie(&mut scan, &mut faults)?;
        let sound = movie.sound(number).ok_or_else(|| match (faults.first(), movie.labels(), number) {
            (_, tracks, Some(number)) if !tracks.is_empty() => label::no_such_track(number, &tracks),
            (Some(fault), ..) => AudioError::Damaged(fault.clone()),
            _ => AudioError::NoAudio("no audio track".to_owned()),
        })?;
        let Entry { params, layout } = Entry::parse(&sound.entries)?;
        let mut track = Track::new(sound.id);
        let rate = params.sample_rate;
        let scale = if sound.scale > 0 { sound.scale } else { rate.unwrap_or(1) };
        track.with_codec_params(CodecParameters::Audio(params));
        track.time_base = TimeBase::try_from_recip(scale);
        track.with_duration(Duration::new(sound.length()));
        let parts = sound.parts(&movie);
        let edit = sound.edit(&parts, &movie);
        let ticks = parts.last().filter(|part| parts.len() > 1 && part.to < u64::MAX).map(Part::end);
        let length = ticks.map(|ticks| Span::of(ticks, track.time_base));
        Ok(Self { moov, number, track, layout, edit, length, faults })
    }
}

/// Finds the `moov` box, and checks that the boxes around it are all there.
fn find_movie(scan: &mut Scan<'_>, faults: &mut Vec<Fault>) -> Result<(BoxHeader, Movie), AudioError> {
    let length = scan.length();
    let mut found = None;
    while let Some(header) = next_box(scan, length)? {
        if &header.kind == b"moov" && found.is_none() {
            let movie = Movie::read(scan, header)?;
            found = Some((header, movie));
        }
        // What follows the fragments is found when they are decoded.
        let fragmented = found.as_ref().is_some_and(|(_, movie)| movie.fragmented);
        if !TOP.contains(&&header.kind) && found.is_some() {
            break;
        }
        if let Some(size) = header.cut {
            let what = format!("bytes of box {}", header.name());
            // Whether samples are missing from the data, their table says.
            if &header.kind != b"mdat" || found.is_none() {
                faults.push(Fault::cut(&what, length - header.at, size));
            }
            break;
        }
        if fragmented {
            break;
        }
        scan.goto(header.end)?;
    }
    if let Some(found) = found {
        return Ok(found);
    }
    // The size of a box before it may be wrong.
    faults.clear();
    scan.goto(0)?;
    for _ in 0..MAX_PLACES {
        if !scan.find(*b"moov")? {
            break;
        }
        let at = scan.pos();
        scan.goto(at.saturating_sub(4))?;
        if let Some(header) = next_box(scan, length)? {
            let movie = Movie::read(scan, header)?;
            if !movie.tracks.is_empty() {
                return Ok((header, movie));
            }
        }
        scan.goto(at + 4)?;
    }
    let reason = "cut short: its table of samples (the moov box) is missing; the recorder did not finish the file";
    Err(AudioError::Damaged(Fault::new(DamageKind::CutShort, reason)))
}
