//! MP4: whether all boxes are there, and the edit lists, which the demuxer does not apply.

use std::collections::BTreeMap;

use super::{Edit, Span};
use crate::audio::{
    fault::Fault,
    source::{Scan, Source},
};

/// Boxes in boxes, at most.
const DEPTH: usize = 4;

#[derive(Debug, Default)]
struct Movie {
    scale: u64,
    tracks: Vec<Track>,
    seen: bool,
    fragmented: bool,
}

#[derive(Debug, Default)]
struct Track {
    id: u32,
    scale: u64,
    /// Length in the movie's units and start in the track's units; -1 for a pause.
    edits: Vec<(u64, i64)>,
}

/// Checks that the boxes of the file fit into it, and returns the tracks' edits, and whether the file is fragmented.
pub(super) fn inspect(source: &mut Source) -> Result<(BTreeMap<u32, Edit>, bool), Fault> {
    let mut scan = source.scan();
    let mut movie = Movie::default();
    let end = scan.length();
    walk(&mut scan, end, 0, &mut movie)?;
    if !movie.seen {
        return Err(Fault::Damaged(format!("cut short: the moov box is missing from its {end} bytes")));
    }
    let edits = movie.tracks.iter().filter_map(|track| Some((track.id, track.edit(&movie)?))).collect();
    Ok((edits, movie.fragmented))
}

fn walk(scan: &mut Scan<'_>, end: u64, depth: usize, movie: &mut Movie) -> Result<(), Fault> {
    while scan.pos() < end {
        let at = scan.pos();
        let left = end - at;
        // QuickTime may end a list of boxes with four zeros.
        if left < 8 && depth > 0 {
            return scan.goto(end);
        }
        let Some([s0, s1, s2, s3, kind @ ..]) = scan.try_bytes::<8>()? else {
            return Err(Fault::cut("bytes of a box header", left, 8));
        };
        let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 if depth == 0 => left,
            1 => u64::from_be_bytes(scan.bytes()?),
            size => u64::from(size),
        };
        let head = scan.pos() - at;
        if size < head {
            return Err(Fault::Damaged(format!("a box of {size} bytes at byte {at}")));
        }
        let name: String = kind.iter().map(|&byte| char::from(byte).escape_default().to_string()).collect();
        if size > left {
            return Err(Fault::cut(&format!("bytes of box {name}"), left, size));
        }
        let next = at + size;
        match &kind {
            b"moov" | b"trak" | b"edts" | b"mdia" if depth < DEPTH => {
                movie.seen |= &kind == b"moov";
                if &kind == b"trak" {
                    movie.tracks.push(Track::default());
                }
                walk(scan, next, depth + 1, movie)?;
            }
            b"mvex" if depth > 0 => movie.fragmented = true,
            b"mvhd" | b"mdhd" | b"tkhd" | b"elst" if depth > 0 => read(scan, &kind, movie)?,
            _ => {}
        }
        scan.goto(next)?;
    }
    Ok(())
}

fn read(scan: &mut Scan<'_>, kind: &[u8; 4], movie: &mut Movie) -> Result<(), Fault> {
    let [version, ..] = scan.bytes::<4>()?;
    let wide = version == 1;
    if kind == b"elst" {
        let count = u32::from_be_bytes(scan.bytes()?);
        let Some(track) = movie.tracks.last_mut() else { return Ok(()) };
        // Nobody has more; it keeps a wrong count from being believed.
        for _ in 0..count.min(64) {
            let edit = if wide {
                (u64::from_be_bytes(scan.bytes()?), i64::from_be_bytes(scan.bytes()?))
            } else {
                (u32::from_be_bytes(scan.bytes()?).into(), i32::from_be_bytes(scan.bytes()?).into())
            };
            let _rate = scan.bytes::<4>()?;
            track.edits.push(edit);
        }
        return Ok(());
    }
    // The times of creation and modification come first.
    scan.goto(scan.pos() + if wide { 16 } else { 8 })?;
    let value = u32::from_be_bytes(scan.bytes()?);
    match (kind, movie.tracks.last_mut()) {
        (b"mvhd", _) => movie.scale = value.into(),
        (b"tkhd", Some(track)) => track.id = value,
        (b"mdhd", Some(track)) => track.scale = value.into(),
        _ => {}
    }
    Ok(())
}

impl Track {
    /// What to leave out, if the edit list is the usual one: a start and perhaps a length.
    fn edit(&self, movie: &Movie) -> Option<Edit> {
        let mut heard = self.edits.iter().filter(|(_, start)| *start >= 0);
        let (length, start) = *heard.next()?;
        if heard.next().is_some() || self.scale == 0 {
            return None;
        }
        let skip = Span { ticks: u64::try_from(start).ok()?, per_second: self.scale };
        // The movie's unit is often a millisecond: the length is only good to one of them. 0 means "to the end", and
        // the writer of fragments does not know the length yet.
        let keep = (length > 0 && movie.scale > 0 && !movie.fragmented)
            .then(|| Span { ticks: length.saturating_add(1), per_second: movie.scale });
        Some(Edit { skip, keep, ..Edit::default() })
    }
}
