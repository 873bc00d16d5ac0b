//! [`SampleSink`]: turns decoded samples into one channel at 16 kHz and removes what is not to be heard.

use super::{
    codec::Spec,
    edit::Edit,
    error::AudioError,
    options::{AudioOptions, Channel},
    resample::{RATES, Resampler},
    waveform::Waveform,
};

/// The longest padding at the end of a track, in seconds: what may be padding has to be held back. Codecs pad by less
/// than a second, and an Ogg page that is removed whole holds less than this.
const MAX_PADDING_S: usize = 60;

/// Collects a recording.
#[derive(Debug)]
pub(super) struct SampleSink {
    channel: Channel,
    limit_s: f64,
    /// The finished samples. They can be taken out at any time.
    pub(super) out: Vec<f32>,
    /// Whether any sample was finished.
    heard: bool,
    resampler: Option<(u32, Resampler)>,
    /// Samples that are removed if nothing follows.
    held: Vec<f32>,
    /// Seconds before the current rate.
    seconds: f64,
    /// Samples at the current rate.
    kept: u64,
    /// Samples since the start of the recording, removed ones included, at whatever rate.
    seen: usize,
    track: Trim,
}

/// What is removed from a track, in samples once its rate is known.
#[derive(Debug, Default)]
struct Trim {
    edit: Edit,
    pre_skip: u64,
    rate: Option<u32>,
    skip: u64,
    keep: u64,
    /// Samples to hold back at the end.
    hold: usize,
    /// How many of the last samples are marked as padding.
    padding: usize,
}

impl SampleSink {
    pub(super) fn new(options: &AudioOptions) -> Self {
        Self {
            channel: options.channel,
            limit_s: options.max_duration.as_secs_f64(),
            out: Vec::new(),
            heard: false,
            resampler: None,
            held: Vec::new(),
            seconds: 0.0,
            kept: 0,
            seen: 0,
            track: Trim::default(),
        }
    }

    /// Begins a track.
    pub(super) fn start(&mut self, edit: Edit, pre_skip: u64) {
        self.held.clear();
        self.track = Trim { edit, pre_skip, ..Trim::default() };
    }

    /// Takes in interleaved samples, of which the last `padding` per channel are removed if nothing follows. Returns the
    /// number of samples per channel.
    pub(super) fn push(&mut self, interleaved: &[f32], spec: Spec, padding: u64) -> Result<u64, AudioError> {
        let Spec { rate, channels } = spec;
        if channels == 0 {
            return Err(AudioError::NoAudio("no channel".to_owned()));
        }
        if !RATES.contains(&rate) {
            return Err(AudioError::Damaged(format!("it decodes to {rate} Hz")));
        }
        if let Channel::Only(wanted) = self.channel
            && wanted >= channels
        {
            return Err(AudioError::NoSuchChannel { wanted, found: channels });
        }
        if let Some(place) = interleaved.iter().position(|sample| !sample.is_finite()) {
            let value = interleaved.get(place).copied().unwrap_or(f32::NAN);
            return Err(AudioError::InvalidSample { index: self.seen + place / channels, value });
        }
        let count = interleaved.len() / channels;
        self.seen += count;
        self.track.at(rate);

        let skip = self.track.skip.min(count as u64);
        self.track.skip -= skip;
        let keep = self.track.keep.min(count as u64 - skip);
        self.track.keep -= keep;
        let range = skip as usize * channels..(skip + keep) as usize * channels;
        let heard = interleaved.get(range).unwrap_or_default();
        match self.channel {
            Channel::Average if channels == 1 => self.held.extend_from_slice(heard),
            Channel::Average => {
                let average = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
                self.held.extend(heard.chunks_exact(channels).map(average));
            }
            Channel::Only(wanted) => self.held.extend(heard.iter().skip(wanted).step_by(channels)),
        }
        self.check_limit(rate, keep)?;

        let padding = usize::try_from(padding).unwrap_or(usize::MAX);
        self.track.padding = if padding < count { padding } else { self.track.padding + count };
        let held = self.held.len();
        let release = held.saturating_sub(self.track.padding.max(self.track.hold));
        self.release(rate, release)?;
        if held - release > MAX_PADDING_S * rate as usize {
            return Err(AudioError::Damaged(format!("it leaves out more than {MAX_PADDING_S} s of audio")));
        }
        Ok(count as u64)
    }

    fn check_limit(&mut self, rate: u32, more: u64) -> Result<(), AudioError> {
        if self.resampler.as_ref().is_some_and(|(now, _)| *now != rate) {
            self.flush();
        }
        self.kept += more;
        if self.seconds + self.kept as f64 / f64::from(rate) > self.limit_s {
            return Err(AudioError::TooLong { limit_s: self.limit_s });
        }
        Ok(())
    }

    /// Passes on the first `count` of the samples held back.
    fn release(&mut self, rate: u32, count: usize) -> Result<(), AudioError> {
        let (_, resampler) = match &mut self.resampler {
            Some(resampler) => resampler,
            none => none.insert((rate, Resampler::new(rate, Waveform::SAMPLE_RATE).map_err(AudioError::Option)?)),
        };
        resampler.push(self.held.get(..count).unwrap_or_default(), &mut self.out);
        self.heard |= !self.out.is_empty();
        self.held.drain(..count.min(self.held.len()));
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
            AudioError::Damaged(reason) => {
                AudioError::Damaged(format!("{reason}, after {:.2} s of audio", self.seconds + now))
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
        self.keep = self.edit.keep.map_or(u64::MAX, |keep| keep.samples(rate));
        self.hold = usize::try_from(self.edit.drop.samples(rate)).unwrap_or(usize::MAX);
    }
}
