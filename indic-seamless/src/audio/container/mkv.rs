//! Matroska and `WebM`: whether all elements are there, and the padding, which the demuxer does not remove.

use std::collections::BTreeMap;

use symphonia::{core::formats::FormatOptions, default::formats::MkvReader};

use super::Container;
use crate::audio::{
    count::{self, Count},
    demuxer::{self, AudioTrack, Demuxer, SymphoniaDemuxer},
    edit::{Edit, Span},
    error::AudioError,
    scan::Scan,
    source::AudioSource,
};

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const CODEC_DELAY: u32 = 0x56aa;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const SIMPLE_BLOCK: u32 = 0xa3;
const DISCARD_PADDING: u32 = 0x75a2;
/// Elements directly below the segment; each ends a cluster of unknown size.
const TOP: [u32; 8] = [CLUSTER, TRACKS, 0x114d_9b74, 0x1549_a966, 0x1c53_bb6b, 0x1941_a469, 0x1043_a770, 0x1254_c367];

/// A Matroska or `WebM` file.
pub(super) struct Mkv {
    /// By the number of the track.
    edits: BTreeMap<u32, Edit>,
}

impl Container for Mkv {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        let mut elements = Elements::default();
        let end = scan.length();
        elements.children(&mut scan, None, end)?;
        if elements.segments == 0 {
            return Err(AudioError::Damaged(format!("cut short: no segment in its {end} bytes")));
        }
        Ok(Self { edits: elements.edits })
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        let reader = MkvReader::try_new(demuxer::stream(source), FormatOptions::default())?;
        // A live stream does not say how long it is. The walk has checked that its last element is complete.
        Ok(Box::new(SymphoniaDemuxer::new(reader).open_ended()))
    }

    fn edit(&self, track: &AudioTrack) -> Edit {
        self.edits.get(&track.track.id).copied().unwrap_or_default()
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        Some(Span::of(track.media.duration?.get(), track.media.time_base).seconds())
    }

    fn check(&self, track: &AudioTrack, count: &Count) -> Result<(), AudioError> {
        let Some(duration) = track.media.duration.filter(|_| track.alone) else { return Ok(()) };
        let promised = Span::of(duration.get(), track.media.time_base);
        // The length of the last packet need not be known.
        count::check_seconds(Span::of(count.end, track.track.time_base), promised, 0.25)
    }
}

/// What the walk over the elements has seen so far.
#[derive(Default)]
struct Elements {
    edits: BTreeMap<u32, Edit>,
    /// The number of the track that the walk is in, and its codec delay in nanoseconds.
    track: u32,
    delay: u64,
    segments: usize,
}

impl Elements {
    /// Walks over the children of `parent` up to `end`; those of a cluster of unknown size, up to the next element that
    /// cannot be in it. `parent` is its id, and whether its size is unknown.
    fn children(&mut self, scan: &mut Scan<'_>, parent: Option<(u32, bool)>, end: u64) -> Result<(), AudioError> {
        while scan.pos() < end {
            let at = scan.pos();
            let id = number(scan, end, true)?.and_then(|id| u32::try_from(id).ok());
            let Some(id) = id else { return Err(AudioError::Damaged(format!("no element at byte {at}"))) };
            if parent == Some((CLUSTER, true)) && TOP.contains(&id) {
                return scan.goto(at);
            }
            let size = number(scan, end, false)?;
            let left = end - scan.pos();
            if size.is_some_and(|size| size > left) {
                return Err(AudioError::cut(&format!("bytes of element {id:x}"), left, size.unwrap_or(0)));
            }
            let next = scan.pos() + size.unwrap_or(left);
            // Each kind is entered only below its own parent, which bounds the nesting.
            match id {
                SEGMENT | CLUSTER | TRACKS | TRACK | BLOCK_GROUP if parent.map(|(id, _)| id) == home(id) => {
                    if size.is_none() && !matches!(id, SEGMENT | CLUSTER) {
                        return Err(AudioError::Damaged(format!("element {id:x} at byte {at} has no size")));
                    }
                    self.segments += usize::from(id == SEGMENT);
                    if id == TRACK {
                        (self.track, self.delay) = (0, 0);
                    }
                    self.children(scan, Some((id, size.is_none())), next)?;
                    if id == TRACK && self.delay > 0 {
                        let skip = Span { ticks: self.delay, per_second: 1_000_000_000 };
                        self.edits.entry(self.track).or_default().skip = skip;
                    }
                    if size.is_none() {
                        continue;
                    }
                }
                TRACK_NUMBER if parent.is_some_and(|(id, _)| id == TRACK) => {
                    self.track = u32::try_from(unsigned(scan, size)?).unwrap_or(u32::MAX);
                }
                CODEC_DELAY if parent.is_some_and(|(id, _)| id == TRACK) => self.delay = unsigned(scan, size)?,
                BLOCK | SIMPLE_BLOCK => {
                    let track = number(scan, next, false)?.unwrap_or(u64::MAX);
                    self.track = u32::try_from(track).unwrap_or(u32::MAX);
                    // Only the padding of the last block is padding at the end.
                    if let Some(edit) = self.edits.get_mut(&self.track) {
                        edit.drop = Span::default();
                    }
                }
                DISCARD_PADDING if parent.is_some_and(|(id, _)| id == BLOCK_GROUP) => {
                    let padding = unsigned(scan, size)?;
                    // It is signed; negative padding is at the start of the block.
                    let negative = size.is_some_and(|size| size > 0 && padding >> (8 * size - 1) != 0);
                    let drop = Span { ticks: if negative { 0 } else { padding }, per_second: 1_000_000_000 };
                    self.edits.entry(self.track).or_default().drop = drop;
                }
                _ => {}
            }
            scan.goto(next)?;
        }
        Ok(())
    }
}

/// The parent of an element that has children of interest.
fn home(id: u32) -> Option<u32> {
    match id {
        CLUSTER | TRACKS => Some(SEGMENT),
        TRACK => Some(TRACKS),
        BLOCK_GROUP => Some(CLUSTER),
        _ => None,
    }
}

/// A number of variable length; `None` for all ones, which means "unknown".
fn number(scan: &mut Scan<'_>, end: u64, keep_marker: bool) -> Result<Option<u64>, AudioError> {
    let at = scan.pos();
    let cut = |left: u64| AudioError::Damaged(format!("cut short: an element header of {left} bytes at byte {at}"));
    let [first] = scan.bytes::<1>()?;
    let length = first.leading_zeros() + 1;
    if length > 8 {
        return Err(AudioError::Damaged(format!("no element at byte {at}")));
    }
    if at + u64::from(length) > end {
        return Err(cut(end - at));
    }
    let mut value = u64::from(first);
    for _ in 1..length {
        let [byte] = scan.bytes::<1>()?;
        value = value << 8 | u64::from(byte);
    }
    let mask = (1_u64 << (7 * length)) - 1;
    Ok(match value & mask {
        _ if keep_marker => Some(value),
        ones if ones == mask => None,
        value => Some(value),
    })
}

fn unsigned(scan: &mut Scan<'_>, size: Option<u64>) -> Result<u64, AudioError> {
    let size =
        size.filter(|&size| size <= 8).ok_or_else(|| AudioError::Damaged("a number of over 8 bytes".to_owned()))?;
    (0..size).try_fold(0, |value, _| {
        let [byte] = scan.bytes::<1>()?;
        Ok(value << 8 | u64::from(byte))
    })
}
