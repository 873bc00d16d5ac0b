//! The audio of one segment.

use std::fmt;

use crate::{
    audio::seconds,
    error::{Error, Result},
    transcript::EndReason,
};

/// By how much the times of a clip may disagree with the length of its audio, in seconds: rounding.
const TOLERANCE_S: f64 = 1e-6;

/// Audio to be transcribed as one segment, with its place in the recording.
///
/// A [`Segmenter`](super::Segmenter) cuts clips out of a stream of samples. Clips that were cut in another way are
/// transcribed by [`Transcriber::transcribe_clips`](crate::Transcriber::transcribe_clips).
///
/// ```
/// use indic_seamless::{
///     Waveform,
///     segmentation::{CONTEXT_S, SegmentationOptions, Segmenter},
/// };
///
/// let speech = Waveform::open("examples/audio/hindi-1.wav")?;
/// let padded = [&[0.0; 16_000], speech.samples(), &[0.0; 16_000]].concat();
/// let (mut segmenter, mut clips) = (Segmenter::new(SegmentationOptions::default())?, Vec::new());
/// segmenter.push(&padded, &mut clips);
/// segmenter.finish(&mut clips);
/// let clip = &clips[0];
/// assert!((clip.start - 1.0).abs() < 0.1 && (clip.start - clip.audio_start - CONTEXT_S).abs() < 1e-9);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Clip {
    /// Where speech begins, in seconds from the start of the recording.
    pub start: f64,
    /// Where speech ends, in seconds from the start of the recording.
    pub end: f64,
    /// Where `samples` begins, in seconds from the start of the recording; at most `start`.
    pub audio_start: f64,
    /// The audio to transcribe, mono at 16 kHz. From a [`Segmenter`](super::Segmenter) it is the speech with up to
    /// [`CONTEXT_S`](super::CONTEXT_S) of surrounding audio on both sides, but without speech of another clip.
    pub samples: Vec<f32>,
    /// Why the clip ends there.
    pub end_reason: EndReason,
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, audio_start, samples, end_reason } = self;
        let samples = samples.len();
        write!(f, "Clip({start:.3} s to {end:.3} s, {end_reason:?}, {samples} samples from {audio_start:.3} s)")
    }
}

impl Clip {
    /// A recording that is not cut, which starts at a time.
    pub(crate) fn whole(start: f64, samples: Vec<f32>) -> Self {
        let end = start + seconds(samples.len());
        Self { start, end, audio_start: start, samples, end_reason: EndReason::Whole }
    }

    /// Whether it is a recording that was not cut.
    pub(crate) fn is_whole(&self) -> bool {
        self.end_reason == EndReason::Whole
    }

    /// The length of its audio in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.samples.len())
    }

    /// Checks that its samples are finite and that its times are in order and within its audio.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSample`], and [`Error::InvalidOption`] for the times.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some((index, &value)) = self.samples.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(Error::InvalidSample { source_name: "clip".to_owned(), index, value });
        }
        let Self { start, end, audio_start, .. } = *self;
        let audio_end = audio_start + self.seconds();
        if end.is_finite()
            && 0.0 <= audio_start
            && audio_start <= start
            && start <= end
            && end <= audio_end + TOLERANCE_S
        {
            return Ok(());
        }
        Err(Error::InvalidOption {
            option: "clip",
            found: format!("speech from {start} s to {end} s in audio from {audio_start} s to {audio_end} s"),
            wanted: "times in seconds from the start of the recording, the speech within the audio".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_the_audio_are_refused() {
        let clip = |audio_start: f64, start: f64, end: f64| Clip {
            start,
            end,
            audio_start,
            samples: vec![0.0; 16_000],
            end_reason: EndReason::Pause,
        };
        assert!(clip(2.0, 2.0, 3.0).check().is_ok() && clip(2.0, 2.1, 2.9).check().is_ok());
        for wrong in [
            clip(-1.0, 0.0, 0.0),
            clip(2.0, 1.9, 2.5),
            clip(2.0, 2.5, 2.4),
            clip(2.0, 2.0, 3.1),
            clip(2.0, f64::NAN, 3.0),
            clip(f64::INFINITY, f64::INFINITY, f64::INFINITY),
            clip(2.0, 32_000.0, 48_000.0),
        ] {
            assert!(matches!(wrong.check(), Err(Error::InvalidOption { option: "clip", .. })), "{wrong:?}");
        }
        let mut broken = clip(0.0, 0.0, 1.0);
        broken.samples[7] = f32::NAN;
        assert!(matches!(broken.check(), Err(Error::InvalidSample { index: 7, .. })));
    }
}
