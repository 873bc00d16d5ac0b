//! [`Mixer`]: makes one channel of several.

use super::{error::AudioError, options::Channel};

/// Two channels cancel each other below this correlation: then only the first is used.
const OPPOSITE: f64 = -0.9;
/// The power below which there is only noise of the converter, -80 dBFS: its correlation means nothing.
const SILENT: f64 = 1e-8;
/// How many samples the correlation remembers.
const MEMORY: f64 = 8_000.0;

/// Makes one channel of the interleaved samples of several.
///
/// Where one of two sides is inverted, as by a balanced cable on an unbalanced input, their average is silence. The mixer
/// then uses the first side.
#[derive(Debug)]
pub(super) struct Mixer {
    channel: Channel,
    /// Sums of left², right² and left · right over the last samples.
    sums: [f64; 3],
    opposite: bool,
}

impl Mixer {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, sums: [0.0; 3], opposite: false }
    }

    /// Checks that the channel exists.
    pub(super) fn check(&self, channels: usize) -> Result<(), AudioError> {
        match self.channel {
            _ if channels == 0 => Err(AudioError::NoAudio("no channel".to_owned())),
            Channel::Only(wanted) if wanted >= channels => Err(AudioError::NoSuchChannel { wanted, found: channels }),
            Channel::Only(_) | Channel::Average => Ok(()),
        }
    }

    /// Appends one channel of `interleaved` to `out`.
    pub(super) fn mix(&mut self, interleaved: &[f32], channels: usize, out: &mut Vec<f32>) {
        let cancels = self.channel == Channel::Average && channels == 2 && self.cancels(interleaved);
        match self.channel {
            Channel::Average if channels == 1 => out.extend_from_slice(interleaved),
            Channel::Average if cancels => out.extend(interleaved.iter().step_by(2)),
            Channel::Average => {
                let average = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
                out.extend(interleaved.chunks_exact(channels.max(1)).map(average));
            }
            Channel::Only(wanted) => out.extend(interleaved.iter().skip(wanted).step_by(channels.max(1))),
        }
    }

    /// Whether the sides cancel each other, judged from the last half second or so.
    fn cancels(&mut self, stereo: &[f32]) -> bool {
        let mut sums = [0.0_f64; 3];
        for frame in stereo.chunks_exact(2) {
            let &[left, right] = frame else { continue };
            let (left, right) = (f64::from(left), f64::from(right));
            sums[0] += left * left;
            sums[1] += right * right;
            sums[2] += left * right;
        }
        let count = (stereo.len() / 2) as f64;
        let keep = (-count / MEMORY).exp();
        for (kept, new) in self.sums.iter_mut().zip(sums) {
            *kept = *kept * keep + new;
        }
        let [left, right, both] = self.sums;
        if left.min(right) > SILENT * MEMORY {
            let opposite = both < OPPOSITE * (left * right).sqrt();
            if opposite && !self.opposite {
                tracing::warn!("left and right cancel each other: one of them is inverted; using the left one");
            }
            self.opposite = opposite;
        }
        self.opposite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(pairs: impl Iterator<Item = (f32, f32)>) -> Vec<f32> {
        let stereo: Vec<f32> = pairs.flat_map(|(left, right)| [left, right]).collect();
        let (mut mixer, mut out) = (Mixer::new(Channel::Average), Vec::new());
        stereo.chunks(2 * 480).for_each(|chunk| mixer.mix(chunk, 2, &mut out));
        out
    }

    fn wave(i: usize, pitch: f32) -> f32 {
        (i as f32 * pitch).sin() * 0.5
    }

    #[test]
    fn inverted_sides_do_not_cancel() {
        let left: Vec<f32> = (0..48_000).map(|i| wave(i, 0.05)).collect();
        assert_eq!(mixed(left.iter().map(|&x| (x, -x))), left);
        assert_eq!(mixed(left.iter().map(|&x| (x, -0.7 * x))), left);
    }

    #[test]
    fn other_sides_are_averaged() {
        for i in [0, 100, 47_999] {
            let same = mixed((0..48_000).map(|i| (wave(i, 0.05), wave(i, 0.05))));
            assert_eq!(same[i], wave(i, 0.05));
            let different = mixed((0..48_000).map(|i| (wave(i, 0.05), wave(i, 0.031))));
            assert_eq!(different[i], (wave(i, 0.05) + wave(i, 0.031)) / 2.0);
            let silent = mixed((0..48_000).map(|i| (wave(i, 0.05), 0.0)));
            assert_eq!(silent[i], wave(i, 0.05) / 2.0);
        }
    }
}
