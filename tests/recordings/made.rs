//! Recordings made of the example clips.

use std::ops::Range;

use indic_seamless::Waveform;

use crate::common;

pub(crate) const RATE: f64 = 16_000.0;

/// The example clips, in the order of the recordings.
pub(crate) const CLIPS: [&str; 10] = [
    "bengali-1.wav",
    "bengali-2.flac",
    "english-1.wav",
    "english-2.flac",
    "hindi-1.wav",
    "hindi-2.flac",
    "tamil-1.wav",
    "tamil-2.flac",
    "telugu-1.wav",
    "telugu-2.flac",
];

pub(crate) struct Random(pub(crate) u32);

impl Random {
    /// A number between -1 and 1.
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The sound between two clips: silence, a hiss, a rumble, or notes with overtones.
fn gap(number: usize, seconds: f64, random: &mut Random) -> Vec<f32> {
    let n = (seconds * RATE) as usize;
    let mut rumble = 0.0;
    (0..n)
        .map(|i| {
            let time = i as f64 / RATE;
            let fade = (time.min(seconds - time) / 0.05).min(1.0) as f32;
            let sound = match number % 4 {
                0 => 0.0,
                1 => 0.02 * random.next(),
                2 => {
                    rumble = 0.99 * rumble + 0.02 * random.next();
                    rumble
                }
                _ => {
                    let note = 220.0 * f64::powi(1.5, (time / 0.5) as i32 % 3);
                    let tone = |k: f64| (k * note * time * std::f64::consts::TAU).sin() / k;
                    0.05 * (tone(1.0) + tone(2.0) + tone(3.0)) as f32
                }
            };
            fade * sound
        })
        .collect()
}

/// A clip in a recording, and where its speech is, in seconds.
pub(crate) struct Spoken {
    pub(crate) clip: &'static str,
    pub(crate) speech: Range<f64>,
}

/// The speech in a clean clip: from its first to its last sample above 2% of the peak.
pub(crate) fn speech(samples: &[f32]) -> Range<usize> {
    let loudest = samples.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let loud = |x: &f32| x.abs() > 0.02 * loudest;
    let first = samples.iter().position(loud).expect("speech");
    first..samples.iter().rposition(loud).expect("speech") + 1
}

/// All clips, `rounds` times, with gaps of one to three seconds between them.
pub(crate) fn recording(rounds: usize) -> (Waveform, Vec<Spoken>) {
    let (mut samples, mut spoken, mut random) = (Vec::new(), Vec::new(), Random(5));
    for number in 0..rounds * CLIPS.len() {
        let seconds = 2.0 + f64::from(random.next());
        samples.extend(gap(number, seconds, &mut random));
        let clip = CLIPS[number % CLIPS.len()];
        let audio = Waveform::open(common::example(clip)).expect("clip");
        let inside = speech(audio.samples());
        let at = |place: usize| (samples.len() + place) as f64 / RATE;
        spoken.push(Spoken { clip, speech: at(inside.start)..at(inside.end) });
        samples.extend_from_slice(audio.samples());
    }
    samples.extend(gap(0, 2.0, &mut random));
    (Waveform::from_samples(samples, 16_000).expect("samples"), spoken)
}
