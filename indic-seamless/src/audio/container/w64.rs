//! Sony Wave64: WAV whose chunks have names of 16 bytes and sizes of 64 bits.

use super::{
    Container,
    layout::Layout,
    samples::{self, Region},
    wave::WaveFormat,
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    scan::Scan,
    source::AudioSource,
};

/// How the file starts.
const RIFF: &[u8] = b"riff\x2e\x91\xcf\x11";
/// What the names of the chunks end with.
const WAVE: [u8; 12] = *b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a";
/// A name and a size.
const HEADER: u64 = 24;
/// The largest format chunk.
const MAX_FORMAT: u64 = 1 << 17;

/// A Wave64 file.
pub(super) struct Wave64(Region);

impl Container for Wave64 {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(RIFF)
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let mut scan = Scan::new(source)?;
        // The name of the file, its size, and the name of its kind.
        scan.goto(40)?;
        let mut layout = None;
        loop {
            let at = scan.pos();
            let (Some(name), Some(size)) = (scan.try_bytes::<16>()?, scan.try_bytes::<8>()?) else {
                return Err(AudioError::damaged(format!("it ends at byte {} before any data chunk", scan.length())));
            };
            let (size, present) = (u64::from_le_bytes(size), scan.left());
            let body = size.saturating_sub(HEADER);
            let wave = name.ends_with(&WAVE);
            match (&name, layout.take()) {
                ([b'd', b'a', b't', b'a', ..], Some(layout)) if wave => {
                    let layout: Layout = layout;
                    let found = match body {
                        0 => samples::to_the_end(present, layout.block),
                        body if body >= i64::MAX as u64 - (1 << 16) => samples::to_the_end(present, layout.block),
                        body => samples::measure(body, present, layout.block),
                    };
                    return Region::of_file(layout, scan.pos(), found).map(Self);
                }
                ([b'f', b'm', b't', b' ', ..], _) if wave && body <= MAX_FORMAT => {
                    layout = match WaveFormat::parse(&scan.data(body)?, false)? {
                        WaveFormat::Samples(layout) => Some(layout),
                        WaveFormat::Mp3 => return Err(AudioError::foreign("MP3 in Wave64")),
                    };
                }
                (_, known) => layout = known,
            }
            // Chunks start at multiples of 8.
            let next = at.saturating_add(size.max(HEADER)).checked_next_multiple_of(8).unwrap_or(u64::MAX);
            if next > scan.length() {
                return Err(AudioError::cut("bytes of a chunk", present, body));
            }
            scan.goto(next)?;
        }
    }

    fn faults(&self) -> &[Fault] {
        self.0.faults()
    }

    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError> {
        self.0.open(source)
    }

    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64> {
        track.seconds()
    }
}
