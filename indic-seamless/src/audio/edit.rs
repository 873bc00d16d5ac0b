//! [`Edit`]: the part of a track that is heard, as a container states it.

use symphonia::core::units::TimeBase;

/// The part of a track, or of a packet, that is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Edit {
    /// Removed from the start.
    pub(super) skip: Span,
    /// Removed from the end.
    pub(super) drop: Span,
    /// The length after `skip`; `None` for all of it.
    pub(super) keep: Option<Span>,
    /// When its first sample is heard.
    pub(super) start: Span,
    /// Whether the demuxer leaves out what is not heard, what the codec adds at the start included.
    pub(super) done: bool,
}

impl Edit {
    /// Removes what is not heard from interleaved samples of a packet. Returns how much time was removed from its start, in
    /// seconds.
    pub(super) fn cut(&self, interleaved: &mut Vec<f32>, channels: usize, rate: u32) -> f64 {
        let count = interleaved.len() / channels.max(1);
        let samples = |span: Span| usize::try_from(span.samples(rate)).unwrap_or(usize::MAX);
        let skip = samples(self.skip).min(count);
        let keep = self.keep.map_or(usize::MAX, samples);
        let end = count.saturating_sub(samples(self.drop)).min(skip.saturating_add(keep)).max(skip);
        interleaved.truncate(end * channels);
        interleaved.drain(..skip * channels);
        skip as f64 / f64::from(rate.max(1))
    }
}

/// A length of time in units of its own, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) ticks: u64,
    pub(super) per_second: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self { ticks: 0, per_second: 1 }
    }
}

impl Span {
    /// `ticks` of a demuxer's time base; nothing without a time base.
    pub(super) fn of(ticks: u64, base: Option<TimeBase>) -> Self {
        base.map_or_else(Self::default, |base| Self {
            ticks: ticks.saturating_mul(base.numer.get().into()),
            per_second: base.denom.get().into(),
        })
    }

    /// The nearest number of samples.
    pub(super) fn samples(self, rate: u32) -> u64 {
        let per_second = u128::from(self.per_second.max(1));
        let samples = (u128::from(self.ticks) * u128::from(rate) + per_second / 2) / per_second;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    pub(super) fn seconds(self) -> f64 {
        self.ticks as f64 / self.per_second.max(1) as f64
    }
}
