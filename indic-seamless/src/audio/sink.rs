//! Where decoded samples go: one channel, cut to what is to be heard, at 16 kHz.

use super::{
    AudioOptions, Channel, Waveform,
    codec::Spec,
    container::Edit,
    fault::Fault,
    resample::{RATES, Resampler},
};

/// The longest padding at the end of a track, in seconds: what may be padding has to be held back. Codecs have less
/// than a second of it, and a whole Ogg page that is cut off less than this.
const MAX_PADDING_S: usize = 60;

/// Collects a recording.
#[derive(Debug)]
pub(super) struct Sink {
    channel: Channel,
    limit_s: f64,
    /// What is ready. It can be taken out at any time.
    pub(super) out: Vec<f32>,
    /// Whether there has been anything.
    heard: bool,
    resampler: Option<(u32, Resampler)>,
    /// Samples that are left out if nothing follows.
    held: Vec<f32>,
    /// Seconds before the current rate.
    seconds: f64,
    /// Samples at the current rate.
    kept: u64,
    /// Samples since the start of the recording, whatever was left out and at whatever rate.
    seen: usize,
    track: Cut,
}

/// What is left out of a track, in samples once its rate is known.
#[derive(Debug, Default)]
struct Cut {
    edit: Edit,
    pre_skip: u64,
    rate: Option<u32>,
    skip: u64,
    keep: u64,
    /// Samples to hold back at the end.
    hold: usize,
    /// How many of the last samples came marked as padding.
    padding: usize,
}

impl Sink {
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
            track: Cut::default(),
        }
    }

    /// Begins a track.
    pub(super) fn start(&mut self, edit: Edit, pre_skip: u64) {
        self.held.clear();
        self.track = Cut { edit, pre_skip, ..Cut::default() };
    }

    /// Takes in interleaved samples, the last `padding` of each channel to be left out if nothing follows. Returns the
    /// number of samples per channel.
    pub(super) fn push(&mut self, interleaved: &[f32], spec: Spec, padding: u64) -> Result<u64, Fault> {
        let Spec { rate, channels } = spec;
        if channels == 0 {
            return Err(Fault::NoAudio("no channel".to_owned()));
        }
        if !RATES.contains(&rate) {
            return Err(Fault::Damaged(format!("it decodes to {rate} Hz")));
        }
        if let Channel::Only(wanted) = self.channel
            && wanted >= channels
        {
            return Err(Fault::NoSuchChannel { wanted, found: channels });
        }
        if let Some(place) = interleaved.iter().position(|sample| !sample.is_finite()) {
            let value = interleaved.get(place).copied().unwrap_or(f32::NAN);
            return Err(Fault::InvalidSample { index: self.seen + place / channels, value });
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
            return Err(Fault::Damaged(format!("it leaves out more than {MAX_PADDING_S} s of audio")));
        }
        Ok(count as u64)
    }

    fn check_limit(&mut self, rate: u32, more: u64) -> Result<(), Fault> {
        if self.resampler.as_ref().is_some_and(|(now, _)| *now != rate) {
            self.flush();
        }
        self.kept += more;
        if self.seconds + self.kept as f64 / f64::from(rate) > self.limit_s {
            return Err(Fault::TooLong { limit_s: self.limit_s });
        }
        Ok(())
    }

    /// Passes on the first `count` of the samples held back.
    fn release(&mut self, rate: u32, count: usize) -> Result<(), Fault> {
        let (_, resampler) = match &mut self.resampler {
            Some(resampler) => resampler,
            none => none.insert((rate, Resampler::new(rate, Waveform::SAMPLE_RATE).map_err(Fault::Option)?)),
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

    /// Says how far into the audio the fault lies.
    pub(super) fn locate(&self, fault: Fault) -> Fault {
        let now = self.resampler.as_ref().map_or(0.0, |(rate, _)| self.kept as f64 / f64::from(*rate));
        match fault {
            Fault::Damaged(reason) => Fault::Damaged(format!("{reason}, after {:.2} s of audio", self.seconds + now)),
            other => other,
        }
    }

    /// Ends the recording.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        self.flush();
        if !self.heard {
            return Err(Fault::NoAudio("no sample".to_owned()));
        }
        Ok(())
    }
}

impl Cut {
    fn at(&mut self, rate: u32) {
        if self.rate.replace(rate).is_some() {
            return;
        }
        // An edit list's start or a codec delay repeats the codec's own.
        self.skip = self.pre_skip.max(self.edit.skip.samples(rate));
        self.keep = self.edit.keep.map_or(u64::MAX, |keep| keep.samples(rate));
        self.hold = usize::try_from(self.edit.drop.samples(rate)).unwrap_or(usize::MAX);
    }
}
