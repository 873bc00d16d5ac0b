//! Per-clip normalisation, stacking of frames in pairs, and padding of a batch.

use super::fbank::{Fbank, MEL_BINS};
use crate::error::{Error, Result};

/// Width of a stacked row: two frames of 80 bins.
pub const STACKED: usize = 2 * MEL_BINS;

/// The least number of samples at 16 kHz that features can be computed from, 35 ms: two frames, since the variance has
/// `frames - 1` in its denominator.
pub const LEAST_SAMPLES: usize = super::FRAME_LENGTH + super::FRAME_SHIFT;

/// The normalised log-mel energies of one clip, `[frames, 80]`.
///
/// ```
/// use indic_seamless::features::Features;
///
/// # fn main() -> indic_seamless::Result<()> {
/// let samples: Vec<f32> = (0..16_000).map(|i| (i as f32 * 0.05).sin()).collect();
/// let features = Features::extract(&samples)?;
/// assert_eq!(features.frames(), 98);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    rows: Vec<f32>,
}

impl Features {
    /// Computes the features of mono samples at 16 kHz.
    ///
    /// # Errors
    ///
    /// [`Error::AudioTooShort`] for fewer than two frames, which have no variance; [`Error::InvalidSample`] for a sample
    /// that is NaN or infinite.
    pub fn extract(samples: &[f32]) -> Result<Self> {
        let source_name = || "audio".to_owned();
        if samples.len() < LEAST_SAMPLES {
            let (samples, wanted) = (samples.len(), LEAST_SAMPLES);
            return Err(Error::AudioTooShort { source_name: source_name(), samples, wanted });
        }
        if let Some((index, &value)) = samples.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::InvalidSample { source_name: source_name(), index, value });
        }
        let mut rows = Fbank::extract(samples);
        normalise(&mut rows);
        Ok(Self { rows })
    }

    /// Number of 10 ms frames.
    pub fn frames(&self) -> usize {
        self.rows.len() / MEL_BINS
    }

    /// The values, `[frames, 80]` row after row.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }
}

/// `(x - mean) / sqrt(variance + 1e-7)` per mel bin over all frames, the variance with `frames - 1` in the denominator.
///
/// In single precision, summed in NumPy's order: in bins that hardly vary, as in silence or a tone, the rounding of the
/// mean is divided by `sqrt(1e-7)`, and the reference's features there are made of it.
fn normalise(rows: &mut [f32]) {
    let frames = rows.len() / MEL_BINS;
    let mut column = vec![0.0f32; frames];
    for bin in 0..MEL_BINS {
        let values = rows.iter().skip(bin).step_by(MEL_BINS);
        column.iter_mut().zip(values).for_each(|(x, &value)| *x = value);
        let mean = pairwise_sum(&column) / frames as f32;
        column.iter_mut().for_each(|x| *x = (*x - mean) * (*x - mean));
        let variance = pairwise_sum(&column) / (frames - 1) as f32;
        let deviation = (variance + 1e-7).sqrt();
        rows.iter_mut().skip(bin).step_by(MEL_BINS).for_each(|x| *x = (*x - mean) / deviation);
    }
}

/// The sum as NumPy computes it: eight running sums for up to 128 values, halves of longer stretches summed apart.
fn pairwise_sum(values: &[f32]) -> f32 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (a, b) = values.split_at(half - half % LANES);
        return pairwise_sum(a) + pairwise_sum(b);
    }
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sum = 0.0;
    if let Some((first, others)) = chunks.split_first() {
        let mut r = *first;
        for chunk in others {
            r.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
        }
        sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    }
    rest.iter().fold(sum, |sum, x| sum + x)
}

/// Clips of different lengths, stacked in pairs of frames and padded on the right to one length: `[batch, T, 160]`.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureBatch {
    rows: Vec<f32>,
    lengths: Vec<usize>,
    time: usize,
}

impl FeatureBatch {
    /// Stacks and pads `clips`; `padding_value` is that of `preprocessor_config.json`.
    ///
    /// A clip of `n` frames has `floor(n / 2)` valid stacked rows. With an odd `n` there is one more row, half frame and
    /// half padding, which the reference masks: so even a single clip may carry a masked row.
    pub fn new(clips: &[Features], padding_value: f32) -> Self {
        let time = clips.iter().map(Features::frames).max().unwrap_or(0).div_ceil(2);
        let mut rows = Vec::with_capacity(clips.len() * time * STACKED);
        for (item, clip) in clips.iter().enumerate() {
            rows.extend_from_slice(clip.rows());
            rows.resize((item + 1) * time * STACKED, padding_value);
        }
        Self { rows, lengths: clips.iter().map(|clip| clip.frames() / 2).collect(), time }
    }

    /// A batch from rows that are stacked already: `rows` is `[batch, time, 160]`, `lengths` the valid rows of each item.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] when the sizes contradict each other.
    pub fn from_rows(rows: Vec<f32>, time: usize, lengths: Vec<usize>) -> Result<Self> {
        if rows.len() != lengths.len() * time * STACKED || lengths.iter().any(|&length| length > time) {
            return Err(Error::InvalidOption {
                option: "features",
                found: format!("{} values for lengths {lengths:?} of {time}", rows.len()),
                wanted: format!("[{}, {time}, {STACKED}] values", lengths.len()),
            });
        }
        Ok(Self { rows, lengths, time })
    }

    /// The values, `[batch, T, 160]` row after row.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// How many of the `T` rows of each item are valid (the sum of its attention mask).
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// `T`, the stacked rows of the longest item.
    pub fn time(&self) -> usize {
        self.time
    }
}
