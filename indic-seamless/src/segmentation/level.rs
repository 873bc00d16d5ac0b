//! The gain that brings quiet recordings to the level that the detector was trained with.

/// The level of the louder parts of a recording after the gain, in dBFS.
const TARGET: f32 = -23.0;
/// The largest gain, in dB.
const MOST: f32 = 40.0;
/// The level, in dBFS, that no chunk is amplified beyond: sound after a long silence must not end far above full scale.
const CEILING: f32 = -13.0;
/// How far a louder chunk raises the level, and a quieter one lowers it, in dB. Their ratio makes the level the one that
/// a sixth of the last seconds exceeds, so a slamming door hardly changes it. In a pause of 3 s it falls by 19 dB, so that a
/// second speaker who is far away is heard.
const RISE: f32 = 1.0;
const FALL: f32 = 0.2;
/// The highest level after the first chunk, in dBFS: it may be the click of a switch.
const START: f32 = -35.0;
/// The level of digital silence, in dBFS.
const FLOOR: f32 = -120.0;
/// Sound louder than this, in dBFS, is that of samples which were never scaled to full scale, such as floats in the range of
/// 16 bits. It is brought down as quiet sound is brought up.
const UNSCALED: f32 = 3.0;
/// Sound louder than this, in dBFS, is wrong: samples in the range of 32 bits reach 187.
const WRONG: f32 = 190.0;
/// From so many chunks in a row on, a quarter of a second, loud sound is that of unscaled samples and not a few wrong ones.
const SUSTAINED: u32 = 8;

/// Follows the level of a recording.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// In dB; `None` before the first sound.
    level: Option<f32>,
    /// How many chunks in a row were louder than [`UNSCALED`], and not [`WRONG`].
    unscaled: u32,
}

impl Level {
    /// The gain of the next chunk, from 1 to 100; less for samples that were not scaled.
    pub(super) fn gain(&mut self, chunk: &[f32]) -> f32 {
        let power = chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len().max(1) as f32;
        let heard = (10.0 * power.log10()).max(FLOOR);
        let level = match self.level {
            None => heard.min(START),
            Some(level) if heard > level => (level + RISE).min(heard),
            Some(level) => (level - FALL).max(heard),
        };
        let loud = heard > UNSCALED;
        self.unscaled = if loud && heard < WRONG { self.unscaled.saturating_add(1) } else { 0 };
        let now = if loud { level.max(heard + TARGET - CEILING) } else { level };
        // Wrong samples must not silence what follows; a pause in unscaled ones must not become as loud as the speech.
        let kept = if self.unscaled < SUSTAINED { level } else { now };
        self.level = (heard > FLOOR || self.level.is_some()).then_some(kept);
        let least = if now > 0.0 { f32::MIN } else { 0.0 };
        let gain = (TARGET - now).min(CEILING - heard).clamp(least, MOST);
        10f32.powf(gain / 20.0)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// How loud the chunks are after the gain, in dBFS, of a tone of this amplitude with a pause in it.
    fn loudness(amplitude: f32, pause: Range<usize>) -> Vec<f32> {
        let mut level = Level::default();
        let chunk = |volume: f32| -> Vec<f32> { (0..512).map(|i| volume * (i as f32 * 0.3).sin()).collect() };
        let chunks = (0..300).map(|i| chunk(if pause.contains(&i) { amplitude / 1_000.0 } else { amplitude }));
        chunks
            .map(|chunk| {
                let gain = level.gain(&chunk);
                let power = chunk.iter().map(|x| (gain * x).powi(2)).sum::<f32>() / 512.0;
                10.0 * power.log10()
            })
            .collect()
    }

    #[test]
    fn a_wrong_sample_silences_nothing_behind_it() {
        for wrong in [1e6, 1e18, 1e30] {
            let mut level = Level::default();
            let speech: Vec<f32> = (0..512).map(|i| 0.1 * (i as f32 * 0.3).sin()).collect();
            let before = (0..100).map(|_| level.gain(&speech)).last().expect("a gain");
            let mut damaged = speech.clone();
            damaged[100] = wrong;
            level.gain(&damaged);
            let after = level.gain(&speech);
            assert!((after / before - 1.0).abs() < 0.2, "{wrong}: {before} and {after}");
        }
    }

    #[test]
    fn a_second_of_wrong_samples_is_no_recording_of_such_samples() {
        for wrong in [1e14, 1e30] {
            let mut level = Level::default();
            let speech: Vec<f32> = (0..512).map(|i| 0.1 * (i as f32 * 0.3).sin()).collect();
            let before = (0..100).map(|_| level.gain(&speech)).last().expect("a gain");
            for _ in 0..31 {
                level.gain(&[wrong; 512]);
            }
            let after = level.gain(&speech);
            assert!(after > before / 100.0, "{wrong}: {before} and {after}");
        }
    }

    #[test]
    fn pauses_in_samples_that_were_not_scaled_are_quiet() {
        for pause in [10..40, 100..150] {
            let loud = loudness(3_276.8, pause.clone());
            assert!(loud[pause].iter().all(|&loud| loud < -50.0), "{loud:?}");
        }
    }

    #[test]
    fn samples_that_were_not_scaled_sound_like_others() {
        let (scaled, unscaled) = (loudness(0.1, 100..150), loudness(3_276.8, 100..150));
        assert!(unscaled.iter().all(|&loud| loud < CEILING + 0.1), "{unscaled:?}");
        for i in [60, 99, 120, 299] {
            assert!((scaled[i] - unscaled[i]).abs() < 12.0, "{i}: {} and {}", scaled[i], unscaled[i]);
        }
        assert!((scaled[299] - unscaled[299]).abs() < 0.1, "{} and {}", scaled[299], unscaled[299]);
    }
}
