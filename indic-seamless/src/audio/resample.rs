//! Sample rate conversion, equal value for value to `torchaudio.functional.resample` with its default options.

use std::f32::consts::PI;

use crate::error::{Error, Result};

/// Zero crossings of the sinc on each side.
const ZERO_CROSSINGS: f64 = 6.0;
/// Cut-off as a share of the lower Nyquist frequency.
const ROLLOFF: f64 = 0.99;
/// Samples taken in at a time, so that pushing an hour at once does not copy the whole hour.
const CHUNK: usize = 16_384;
/// The supported rates in Hz.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// A streaming sample rate converter: a windowed sinc with 6 zero crossings and a Hann window, as
/// [`torchaudio.functional.resample`] computes it by default.
///
/// `n` samples give `ceil(n * to / from)` samples, in whatever pieces they are pushed. Equal rates pass the samples
/// through unchanged.
///
/// [`torchaudio.functional.resample`]: https://docs.pytorch.org/audio/stable/generated/torchaudio.functional.resample.html
///
/// ```
/// use indic_seamless::audio::Resampler;
///
/// let mut resampler = Resampler::new(48_000, 16_000)?;
/// let mut out = Vec::new();
/// for piece in [[0.5; 480], [0.25; 480]] {
///     resampler.push(&piece, &mut out);
/// }
/// resampler.finish(&mut out);
/// assert_eq!(out.len(), 320);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Resampler {
    /// `None` where the rates are equal.
    kernel: Option<Kernel>,
    /// Input that is still needed, starting with the padding before the first sample.
    buffer: Vec<f32>,
    /// Where in `buffer` the current group of input samples starts; this can be beyond its end.
    group: usize,
    /// The next output within the group.
    phase: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A converter from `from` Hz to `to` Hz.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a rate outside 1 kHz to 768 kHz.
    pub fn new(from: u32, to: u32) -> Result<Self> {
        check_rate(from)?;
        check_rate(to)?;
        let kernel = (from != to).then(|| Kernel::new(from, to));
        let mut resampler = Self { kernel, buffer: Vec::new(), group: 0, phase: 0, taken: 0, given: 0 };
        resampler.restart();
        Ok(resampler)
    }

    /// Takes in samples and appends to `out` the output that is complete: all but about the last `6 / min(from, to)`
    /// seconds.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        if self.kernel.is_none() {
            out.extend_from_slice(samples);
            return;
        }
        for chunk in samples.chunks(CHUNK) {
            self.taken += chunk.len() as u64;
            self.buffer.extend_from_slice(chunk);
            self.run(u64::MAX, out);
        }
    }

    /// Ends the signal: appends the rest to `out`. The converter can then be used for another signal.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(kernel) = &self.kernel else { return };
        let total = (u128::from(self.taken) * kernel.phases as u128).div_ceil(kernel.stride as u128);
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        // The last window ends at most this far behind the last sample.
        let mut padding = kernel.stride + kernel.width + kernel.taps;
        while self.given < total && padding > 0 {
            let zeros = padding.min(CHUNK);
            self.buffer.resize(self.buffer.len() + zeros, 0.0);
            padding -= zeros;
            self.run(total, out);
        }
        self.restart();
    }

    fn restart(&mut self) {
        self.buffer.clear();
        self.buffer.resize(self.kernel.as_ref().map_or(0, |kernel| kernel.width), 0.0);
        (self.group, self.phase, self.taken, self.given) = (0, 0, 0, 0);
    }

    /// Appends the outputs whose windows are in the buffer, at most `limit` in all, and drops the input before the group.
    fn run(&mut self, limit: u64, out: &mut Vec<f32>) {
        let Some(kernel) = &mut self.kernel else { return };
        while self.given < limit {
            let (first, taps) = kernel.phase(self.phase);
            let at = self.group + first;
            let Some(window) = self.buffer.get(at..at + taps.len()) else { break };
            out.push(dot(window, taps));
            self.given += 1;
            self.phase += 1;
            if self.phase == kernel.phases {
                self.phase = 0;
                self.group += kernel.stride;
            }
        }
        let done = self.group.min(self.buffer.len());
        self.buffer.drain(..done);
        self.group -= done;
    }
}

/// Converts a whole signal from `from` Hz to `to` Hz: `ceil(len * to / from)` samples.
///
/// # Errors
///
/// As [`Resampler::new`].
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>> {
    let mut resampler = Resampler::new(from, to)?;
    let length = (samples.len() as u128 * u128::from(to)).div_ceil(u128::from(from));
    let mut out = Vec::with_capacity(usize::try_from(length).unwrap_or(samples.len()));
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

/// Refuses a rate outside [`RATES`]: no recording has it, and its filter could be very long.
pub(super) fn check_rate(rate: u32) -> Result<()> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    let wanted = format!("{} to {} Hz", RATES.start(), RATES.end());
    Err(Error::InvalidOption { option: "sample_rate", found: format!("{rate} Hz"), wanted })
}

/// The filter, one row of taps for each of the outputs that a group of input samples gives.
///
/// Beyond the window's 6 zero crossings a row is zero. Only the part between them is stored: for coprime rates a full
/// row is as long as the lower rate, and nearly all zeros. Such rates have a row for each output of a second, 36 MiB in all for
/// 768 kHz, so that a row is made at its first use.
#[derive(Clone)]
struct Kernel {
    /// Outputs per group: `to / gcd`.
    phases: usize,
    /// Inputs per group: `from / gcd`.
    stride: usize,
    /// Zeros before the first sample.
    width: usize,
    /// Stored taps per row.
    taps: usize,
    /// For each row made so far, the offset of its first stored tap.
    first: Vec<usize>,
    rows: Vec<f32>,
}

impl Kernel {
    fn new(from: u32, to: u32) -> Self {
        let common = gcd(from, to);
        let (stride, phases) = ((from / common) as usize, (to / common) as usize);
        let mut kernel = Self { phases, stride, width: 0, taps: 0, first: Vec::new(), rows: Vec::new() };
        kernel.width = kernel.reach().ceil() as usize;
        kernel.taps = (2.0 * kernel.reach()).ceil() as usize + 1;
        kernel.rows.reserve_exact(phases * kernel.taps);
        kernel
    }

    /// Zero crossings per group of inputs.
    fn base(&self) -> f64 {
        self.stride.min(self.phases) as f64 * ROLLOFF
    }

    /// Inputs between an output and the end of its window.
    fn reach(&self) -> f64 {
        ZERO_CROSSINGS * self.stride as f64 / self.base()
    }

    /// The row of a phase, and the offset of its first tap.
    fn phase(&mut self, phase: usize) -> (usize, &[f32]) {
        while self.first.len() <= phase {
            self.make_row();
        }
        (self.first[phase], &self.rows[phase * self.taps..][..self.taps])
    }

    fn make_row(&mut self) {
        let phase = self.first.len();
        let (o, n, base) = (self.stride as f64, self.phases as f64, self.base());
        let width = self.width as f64;
        let start = (width + phase as f64 * o / n - self.reach()).floor().max(0.0);
        self.first.push(start as usize);
        // In single precision, operation by operation, as the reference computes its filter for `f32` signals: when
        // upsampling, its rounding is all there is above the old Nyquist frequency.
        let shift = -(phase as f32) / n as f32;
        self.rows.extend((0..self.taps).map(|tap| {
            let t = (shift + (start + tap as f64 - width) as f32 / o as f32) * base as f32;
            let t = t.clamp(-ZERO_CROSSINGS as f32, ZERO_CROSSINGS as f32);
            let window = (t * PI / ZERO_CROSSINGS as f32 / 2.0).cos();
            let t = t * PI;
            let sinc = if t == 0.0 { 1.0 } else { t.sin() / t };
            sinc * (window * window * (base / o) as f32)
        }));
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { phases, stride, taps, .. } = self;
        write!(f, "Kernel({stride} -> {phases}, {taps} taps)")
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One sum in the order of the taps, as in the reference's convolution. When upsampling, the highest mel bins hold only
/// the rounding of these sums, so another order would change the features.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}
