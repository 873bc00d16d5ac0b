//! [`Piece`]: consecutive samples of a recording with the time at which they start.

use std::{
    borrow::Borrow,
    ops::{Deref, Range},
};

use super::waveform::{Waveform, seconds};
use crate::damage::Damage;

/// Consecutive samples of a recording, mono and at 16 kHz, with the time at which they start.
///
/// ```
/// use indic_seamless::audio::AudioOptions;
///
/// let pieces: Vec<_> = AudioOptions::new().reader("examples/audio/hindi-1.wav")?.collect::<Result<_, _>>()?;
/// assert_eq!((pieces[0].start, pieces[1].start), (0.0, 1.0));
/// assert_eq!(pieces[0].len(), 16_000);
/// assert!(pieces.iter().all(|piece| piece.damage.is_empty()));
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Piece {
    /// When its first sample is heard, in seconds on the clock of the recording. Where nothing was recorded for a while,
    /// or data is lost, it is later than the end of the piece before.
    pub start: f64,
    /// The samples.
    pub samples: Vec<f32>,
    /// The damage that was found since the piece before, up to its end.
    pub damage: Vec<Damage>,
}

impl Piece {
    /// Keeps what lies in a part of the recording, in seconds.
    pub(super) fn keep(&mut self, part: &Range<f64>) {
        let at = |time: f64| ((time - self.start) * f64::from(Waveform::SAMPLE_RATE)).round().max(0.0) as usize;
        let (first, last) = (at(part.start).min(self.samples.len()), at(part.end).min(self.samples.len()));
        self.samples.truncate(last);
        self.samples.drain(..first.min(last));
        self.start += seconds(first);
        self.damage.retain(|damage| part.contains(&damage.at_s));
    }
}

impl Deref for Piece {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.samples
    }
}

impl Borrow<[f32]> for Piece {
    fn borrow(&self) -> &[f32] {
        &self.samples
    }
}

/// Its samples.
impl IntoIterator for Piece {
    type Item = f32;
    type IntoIter = std::vec::IntoIter<f32>;

    fn into_iter(self) -> Self::IntoIter {
        self.samples.into_iter()
    }
}
