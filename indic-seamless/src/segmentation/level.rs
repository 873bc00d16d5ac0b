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

/// Follows the level of a recording.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// In dB; `None` before the first sound.
    level: Option<f32>,
}

impl Level {
    /// The gain of the next chunk, from 1 to 100.
    pub(super) fn gain(&mut self, chunk: &[f32]) -> f32 {
        let power = chunk.iter().map(|s| s * s).sum::<f32>() / chunk.len().max(1) as f32;
        let heard = (10.0 * power.log10()).max(FLOOR);
        let level = match self.level {
            None => heard.min(START),
            Some(level) if heard > level => (level + RISE).min(heard),
            Some(level) => (level - FALL).max(heard),
        };
        self.level = (heard > FLOOR || self.level.is_some()).then_some(level);
        let gain = (TARGET - level).min(CEILING - heard).clamp(0.0, MOST);
        10f32.powf(gain / 20.0)
    }
}
