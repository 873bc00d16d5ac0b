//! Options of the segmentation.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};

const MAX_S: RangeInclusive<f64> = 1.0..=300.0;
const THRESHOLD: RangeInclusive<f32> = 0.02..=0.99;

/// How speech is detected and where a recording is cut.
///
/// The defaults suit a model trained on clips of up to 20 s: segments of 8 to 15 s that end at pauses.
///
/// ```
/// use indic_seamless::segmentation::SegmentationOptions;
///
/// let subtitles = SegmentationOptions { target_min_s: 3.0, target_max_s: 6.0, max_s: 8.0, ..Default::default() };
/// assert!(subtitles.check().is_ok());
/// let wrong = SegmentationOptions { max_s: 4.0, ..subtitles };
/// assert!(wrong.check().unwrap_err().to_string().contains("target_max_s"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentationOptions {
    /// The probability at which speech begins; it ends when the probability falls 0.15 below. Default 0.35. A higher
    /// threshold rejects more noise, but also more quiet speech.
    pub threshold: f32,
    /// The longest pause inside a segment, in seconds; a longer one ends it. Default 0.5.
    pub max_pause_s: f64,
    /// A segment of at least this length ends at the next pause of 0.2 s. In seconds, default 8.
    pub target_min_s: f64,
    /// A longer segment is cut at its last pause, or where the probability of speech dips. In seconds, default 15.
    pub target_max_s: f64,
    /// The longest segment: without a pause it is cut where speech is least likely. In seconds, default 20.
    pub max_s: f64,
}

impl Default for SegmentationOptions {
    fn default() -> Self {
        Self { threshold: 0.35, max_pause_s: 0.5, target_min_s: 8.0, target_max_s: 15.0, max_s: 20.0 }
    }
}

impl SegmentationOptions {
    /// The probability below which speech ends.
    pub(super) fn leave(&self) -> f32 {
        (self.threshold - 0.15).max(0.01)
    }

    /// Checks that all values are in range and consistent.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a threshold outside 0.02 to 0.99, a `max_s` outside 1 to 300 s, a target that is
    /// negative or above the next one, and a pause that is negative or longer than `max_s`.
    pub fn check(&self) -> Result<()> {
        within("threshold", &self.threshold, &THRESHOLD)?;
        within("max_s", &self.max_s, &MAX_S)?;
        within("target_max_s", &self.target_max_s, &(0.0..=self.max_s))?;
        within("target_min_s", &self.target_min_s, &(0.0..=self.target_max_s))?;
        within("max_pause_s", &self.max_pause_s, &(0.0..=self.max_s))
    }
}

fn within<T: PartialOrd + std::fmt::Display>(option: &'static str, value: &T, range: &RangeInclusive<T>) -> Result<()> {
    if range.contains(value) {
        return Ok(());
    }
    let wanted = format!("{} to {}", range.start(), range.end());
    Err(Error::InvalidOption { option, found: value.to_string(), wanted })
}
