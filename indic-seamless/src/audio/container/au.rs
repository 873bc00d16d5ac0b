//! AU, the format of Sun and `NeXT`: a short header, then samples.

use super::{
    Container,
    layout::Layout,
    samples::{self, Region},
};
use crate::audio::{
    demuxer::{AudioTrack, Demuxer},
    error::AudioError,
    fault::Fault,
    scan::Scan,
    source::AudioSource,
};

/// "The length is not known."
const UNKNOWN: u32 = u32::MAX;

/// An AU file or pipe.
pub(super) struct Au(Region);

impl Container for Au {
    fn sniff(head: &[u8]) -> bool {
        head.starts_with(b".snd")
    }

    fn streams() -> bool {
        true
    }

    fn walk(source: &mut AudioSource) -> Result<Self, AudioError> {
        let is_pipe = source.is_pipe();
        let mut scan = Scan::new(source)?;
        scan.goto(4)?;
        let mut number = || scan.try_bytes::<4>().map(|bytes| bytes.map(u32::from_be_bytes));
        let (start, declared, encoding) = (number()?, number()?, number()?);
        let (Some(start), Some(declared), Some(encoding), Some(rate), Some(channels)) =
            (start, declared, encoding, number()?, number()?)
        else {
            return Err(AudioError::cut("bytes of the header", scan.length(), 24));
        };
        let format = (rate, channels);
        let layout = match encoding {
            1 => Layout::mulaw(format),
            2..=5 => Layout::integers(u64::from(encoding) - 1, true, format),
            6 => Layout::floats(4, true, format),
            7 => Layout::floats(8, true, format),
            23 => Err(AudioError::foreign("G.721")),
            24 => Err(AudioError::foreign("G.722")),
            25 | 26 => Err(AudioError::foreign("G.723")),
            27 => Layout::alaw(format),
            other => Err(AudioError::foreign(&format!("an AU codec with the number {other}"))),
        }?;
        if start < 24 {
            return Err(AudioError::damaged(format!("a header of {start} bytes")));
        }
        let unknown = declared == UNKNOWN || declared == 0;
        let start = u64::from(start);
        if is_pipe {
            let length = (!unknown).then_some(declared.into());
            return Ok(Self(Region::of_pipe(layout, start, length)));
        }
        scan.goto(start)?;
        let present = scan.left();
        let found = match unknown {
            true => samples::to_the_end(present, layout.block),
            false => samples::measure(declared.into(), present, layout.block),
        };
        Region::of_file(layout, start, found).map(Self)
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
