//! Where a recording is cut.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};

const MAX_S: RangeInclusive<f64> = 1.0..=300.0;
const THRESHOLD: RangeInclusive<f32> = 0.02..=0.99;

/// Where a recording is cut.
///
/// The defaults suit a model that was trained on clips of up to 20 s: segments of 8 to 15 s, which end in pauses.
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
    /// From this probability of speech on, speech begins; when the probability falls 0.15 lower, it has ended. 0.35 unless
    /// set. Higher lets less noise pass, but also less quiet speech.
    pub threshold: f32,
    /// Pauses up to this long do not end a segment, in seconds. 0.5 unless set.
    pub max_pause_s: f64,
    /// A segment of at least this length ends at the next pause of 0.2 s, in seconds. 8 unless set.
    pub target_min_s: f64,
    /// A segment that gets longer than this is cut where it has paused before or where speech dips, in seconds. 15
    /// unless set.
    pub target_max_s: f64,
    /// No segment is longer than this, in seconds: without a pause it is cut where speech is least likely. 20 unless
    /// set.
    pub max_s: f64,
}

impl Default for SegmentationOptions {
    fn default() -> Self {
        Self { threshold: 0.35, max_pause_s: 0.5, target_min_s: 8.0, target_max_s: 15.0, max_s: 20.0 }
    }
}

impl SegmentationOptions {
    /// Below this probability speech ends.
    pub(super) fn leave(&self) -> f32 {
        (self.threshold - 0.15).max(0.01)
    }

    /// Checks that all values make sense together.
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
