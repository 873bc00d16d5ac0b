//! Removes a constant offset, which cheap sound cards add.

/// How much of the previous output remains: 3 dB less at 13 Hz, far below speech.
const KEEP: f32 = 0.995;
/// Smaller numbers are zero: they would become subnormal, which is slow.
const NOTHING: f32 = 1e-20;

/// A high-pass filter. In front of the detector, whose gain would otherwise follow the offset instead of the speech.
#[derive(Debug, Clone, Default)]
pub(super) struct OffsetFilter {
    /// The last sample taken in; `None` at the start, which is not a step from silence.
    previous: Option<f32>,
    out: f32,
}

impl OffsetFilter {
    /// The next sample.
    pub(super) fn next(&mut self, sample: f32) -> f32 {
        let out = sample - self.previous.replace(sample).unwrap_or(sample) + KEEP * self.out;
        self.out = if out.abs() < NOTHING { 0.0 } else { out };
        self.out
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// The largest output, after a tenth of a second, for a tone on an offset.
    fn loudest(frequency: f32, offset: f32) -> f32 {
        let mut filter = OffsetFilter::default();
        let tone = |i: i32| offset + 0.01 * (TAU * frequency * i as f32 / 16_000.0).sin();
        (0..16_000).map(|i| filter.next(tone(i))).skip(1600).fold(0.0, |most, x| most.max(x.abs()))
    }

    #[test]
    fn an_offset_is_removed_and_speech_is_not() {
        assert_eq!(loudest(0.0, 0.5), 0.0);
        for frequency in [100.0, 1000.0] {
            let alone = loudest(frequency, 0.0);
            assert!((alone / 0.01 - 1.0).abs() < 0.02, "{frequency} Hz: {alone}");
            assert!((loudest(frequency, 0.5) - alone).abs() < 1e-5);
        }
    }

    #[test]
    fn after_a_sound_there_is_silence() {
        let mut filter = OffsetFilter::default();
        (0..100).for_each(|i| {
            filter.next((i % 7) as f32);
        });
        let last: Vec<f32> = (0..16_000).map(|_| filter.next(0.0)).collect();
        assert!(last.iter().all(|x| *x == 0.0 || x.is_normal()) && last.ends_with(&[0.0]));
    }
}
