//! [`SampleSink`]: turns decoded samples into one channel at 16 kHz and removes what is not to be heard.

use std::mem;

use super::{
    channels::Mixer,
    clock::Clock,
    codec::Spec,
    edit::Edit,
    error::AudioError,
    fault::Fault,
    options::AudioOptions,
    piece::Piece,
    resample::{RATES, Resampler},
    waveform::{Waveform, seconds},
};
use crate::damage::{Damage, DamageKind};

/// The longest padding at the end of a track, in seconds: what may be padding has to be held back. Codecs pad by less
/// than a second, and an Ogg page that is removed whole holds less than this.
const MAX_PADDING_S: usize = 60;
/// Samples of codecs that only reach full scale, 1, or a little more: beyond this the decoder went astray.
const LOUDEST: f32 = 16.0;
/// Floats in a file may have any scale; but sums of larger ones, of channels or in a filter, may not be finite.
const LOUDEST_FLOAT: f32 = 1e30;
/// The most places of damage that are listed.
const MAX_DAMAGE: usize = 1_000;
/// How often the rate may change: for each rate there is a filter, which costs more than the few samples of a short packet.
const MAX_RATE_CHANGES: usize = 1_000;

/// Collects a recording.
#[derive(Debug)]
pub(super) struct SampleSink {
    mixer: Mixer,
    limit_s: f64,
    /// Samples of all channels that may still come, and how many may in all.
    left: u64,
    max_samples: u64,
    /// The finished samples that were not taken.
    out: Vec<f32>,
    /// The position of `out` in all finished samples, and by how much time is ahead of the samples there, in seconds.
    taken: usize,
    ahead: f64,
    clock: Clock,
    /// Damage that was not handed out, and how much there was in all.
    damage: Vec<Damage>,
    damages: usize,
    /// Whether any sample was finished.
    heard: bool,
    resampler: Option<(u32, Resampler)>,
    rate_changes: usize,
    /// Samples from `released` on are removed if nothing follows.
    held: Vec<f32>,
    released: usize,
    /// Seconds before the current rate.
    seconds: f64,
    /// Samples at the current rate.
    kept: u64,
    /// Samples since the start of the recording, removed ones included, at whatever rate.
    seen: usize,
    track: Trim,
}

/// When a packet is heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// The time stamp of its first sample, in seconds. Samples that are removed count.
    pub(super) at_s: f64,
    /// Whether the recording may start later than at 0.
    pub(super) starts_late: bool,
}

/// What is removed from a track, in samples once its rate is known.
#[derive(Debug, Default)]
struct Trim {
    edit: Edit,
    pre_skip: u64,
    rate: Option<u32>,
    skip: u64,
    /// All that is removed from the start, in seconds.
    skip_s: f64,
    keep: u64,
    /// Samples to hold back at the end.
    hold: usize,
    /// How many of the last samples are marked as padding.
    padding: usize,
}

impl SampleSink {
    pub(super) fn new(options: &AudioOptions) -> Self {
        Self {
            mixer: Mixer::new(options.channel),
            limit_s: options.max_duration.as_secs_f64(),
            left: options.max_samples,
            max_samples: options.max_samples,
            out: Vec::new(),
            taken: 0,
            ahead: 0.0,
            clock: Clock::default(),
            damage: Vec::new(),
            damages: 0,
            heard: false,
            resampler: None,
            rate_changes: 0,
            held: Vec::new(),
            released: 0,
            seconds: 0.0,
            kept: 0,
            seen: 0,
            track: Trim::default(),
        }
    }

    /// Begins a track.
    pub(super) fn start(&mut self, edit: Edit, pre_skip: u64) {
        self.held.clear();
        self.released = 0;
        self.clock.restart();
        self.track = Trim { edit, pre_skip, ..Trim::default() };
    }

    /// Takes in interleaved samples, of which the last `padding` per channel are removed if nothing follows. Samples that are
    /// not finite are an error, as `strict` asks for, or silence.
    pub(super) fn push(
        &mut self,
        interleaved: &mut [f32],
        spec: Spec,
        padding: u64,
        stamp: Option<Stamp>,
        strict: bool,
    ) -> Result<(), AudioError> {
        let Spec { rate, channels, .. } = spec;
        self.mixer.check(channels)?;
        if !RATES.contains(&rate) {
            return Err(AudioError::damaged(format!("it decodes to {rate} Hz")));
        }
        if self.resampler.as_ref().is_some_and(|(now, _)| *now != rate) {
            if self.rate_changes == MAX_RATE_CHANGES {
                return Err(AudioError::damaged(format!("its rate changes more than {MAX_RATE_CHANGES} times")));
            }
            self.rate_changes += 1;
            self.flush();
        }
        let left = self.left.checked_sub(interleaved.len() as u64);
        self.left = left.ok_or(AudioError::TooManySamples { limit: self.max_samples })?;
        self.check_samples(interleaved, spec, strict)?;
        let count = interleaved.len() / channels;
        self.seen += count;
        self.track.at(rate);

        let skip = self.track.skip.min(count as u64);
        self.track.skip -= skip;
        let keep = self.track.keep.min(count as u64 - skip);
        self.track.keep -= keep;
        if let Some(Stamp { at_s, starts_late }) = stamp.filter(|_| keep > 0) {
            let heard_s = at_s + skip as f64 / f64::from(rate) - self.track.skip_s + self.track.edit.start.seconds();
            self.clock.stamp(self.position(rate), heard_s, starts_late);
        }
        let range = skip as usize * channels..(skip + keep) as usize * channels;
        self.mixer.mix(interleaved.get(range).unwrap_or_default(), channels, &mut self.held);
        self.kept += keep;
        if self.position(rate) > self.limit_s {
            return Err(AudioError::TooLong { limit_s: self.limit_s });
        }

        let padding = usize::try_from(padding).unwrap_or(usize::MAX);
        self.track.padding = if padding < count { padding } else { self.track.padding + count };
        let held = self.held.len() - self.released;
        let release = held.saturating_sub(self.track.padding.max(self.track.hold));
        self.release(rate, release)?;
        if held - release > MAX_PADDING_S * rate as usize {
            return Err(AudioError::damaged(format!("it leaves out more than {MAX_PADDING_S} s of audio")));
        }
        Ok(())
    }

    /// Makes silence of samples that cannot be, or refuses them.
    fn check_samples(&mut self, interleaved: &mut [f32], spec: Spec, strict: bool) -> Result<(), AudioError> {
        let loudest = if spec.bounded { LOUDEST } else { LOUDEST_FLOAT };
        let wrong = |sample: &f32| sample.abs().partial_cmp(&loudest).is_none_or(std::cmp::Ordering::is_gt);
        let Some(place) = interleaved.iter().position(wrong) else { return Ok(()) };
        let (index, value) = (self.seen + place / spec.channels, interleaved.get(place).copied().unwrap_or(f32::NAN));
        if strict {
            return Err(AudioError::InvalidSample { index, value });
        }
        interleaved.iter_mut().filter(|sample| wrong(sample)).for_each(|sample| *sample = 0.0);
        self.note(Fault::new(DamageKind::InvalidSamples, format!("sample {index} is {value}")));
        Ok(())
    }

    /// Seconds of samples so far, the current ones being at `rate`.
    fn position(&self, rate: u32) -> f64 {
        self.seconds + self.kept as f64 / f64::from(rate)
    }

    /// The time now, in seconds.
    pub(super) fn now(&self) -> f64 {
        self.clock.time(self.resampler.as_ref().map_or(self.seconds, |(rate, _)| self.position(*rate)))
    }

    /// Notes damage at the current time. One of the same kind at the same place is only noted once.
    pub(super) fn note(&mut self, fault: Fault) {
        let Fault { kind, reason } = fault;
        let at_s = self.now();
        let known = |damage: &Damage| damage.kind == kind && at_s - damage.at_s < 1e-3;
        if self.damage.last().is_some_and(known) || self.damages >= MAX_DAMAGE {
            return;
        }
        self.damages += 1;
        self.damage.push(Damage { at_s, kind, reason });
    }

    /// How many finished samples can be taken.
    pub(super) fn ready(&self) -> usize {
        self.out.len()
    }

    /// Takes up to `most` samples off the start, fewer where time jumps, and the damage up to there. `at_end`, the last samples
    /// have all damage.
    pub(super) fn take(&mut self, most: usize, at_end: bool) -> Piece {
        self.ahead = self.clock.ahead_at(self.taken, self.ahead);
        let until_jump = self.clock.next_jump(self.taken).map_or(usize::MAX, |jump| jump - self.taken);
        let rest = self.out.split_off(self.out.len().min(most).min(until_jump));
        let samples = mem::replace(&mut self.out, rest);
        let start = seconds(self.taken) + self.ahead;
        self.taken += samples.len();
        let end = start + seconds(samples.len());
        let all = at_end && self.out.is_empty();
        let count = if all { self.damage.len() } else { self.damage.partition_point(|damage| damage.at_s < end) };
        Piece { start, samples, damage: self.damage.drain(..count).collect() }
    }

    /// Passes on the first `count` of the samples held back.
    fn release(&mut self, rate: u32, count: usize) -> Result<(), AudioError> {
        let (_, resampler) = match &mut self.resampler {
            Some(resampler) => resampler,
            none => none.insert((rate, Resampler::new(rate, Waveform::SAMPLE_RATE).map_err(AudioError::Option)?)),
        };
        let end = self.held.len().min(self.released + count);
        resampler.push(self.held.get(self.released..end).unwrap_or_default(), &mut self.out);
        self.heard |= !self.out.is_empty();
        self.released = end;
        // Moving what is left costs time, so it is only done once most is gone.
        if 2 * self.released >= self.held.len() {
            self.held.drain(..self.released);
            self.released = 0;
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Some((rate, mut resampler)) = self.resampler.take() {
            resampler.finish(&mut self.out);
            self.heard |= !self.out.is_empty();
            self.seconds += self.kept as f64 / f64::from(rate);
            self.kept = 0;
        }
    }

    /// Adds to the error how far into the audio it lies.
    pub(super) fn locate(&self, error: AudioError) -> AudioError {
        let now = self.resampler.as_ref().map_or(0.0, |(rate, _)| self.kept as f64 / f64::from(*rate));
        match error {
            AudioError::Damaged(Fault { kind, reason }) => {
                let reason = format!("{reason}, after {:.2} s of audio", self.seconds + now);
                AudioError::Damaged(Fault { kind, reason })
            }
            other => other,
        }
    }

    /// Ends the recording.
    pub(super) fn finish(&mut self) -> Result<(), AudioError> {
        self.flush();
        if !self.heard {
            return Err(AudioError::NoAudio("no sample".to_owned()));
        }
        // Padding that was removed in the end.
        let end_s = self.clock.time(seconds(self.taken + self.out.len()));
        self.damage.iter_mut().for_each(|damage| damage.at_s = damage.at_s.min(end_s));
        Ok(())
    }
}

impl Trim {
    fn at(&mut self, rate: u32) {
        if self.rate.replace(rate).is_some() {
            return;
        }
        // The start of an edit list or a codec delay repeats the pre-skip of the codec.
        self.skip = self.pre_skip.max(self.edit.skip.samples(rate));
        self.skip_s = self.skip as f64 / f64::from(rate);
        self.keep = self.edit.keep.map_or(u64::MAX, |keep| keep.samples(rate));
        self.hold = usize::try_from(self.edit.drop.samples(rate)).unwrap_or(usize::MAX);
    }
}
