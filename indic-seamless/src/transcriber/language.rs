//! Detection of the spoken language. Experimental.

use super::{Segmentation, Transcriber, read_ahead::first_clip};
use crate::{
    audio::{AudioReader, Waveform},
    cancel::CancelToken,
    error::Result,
    features::{FeatureBatch, Features},
    generation::{GenerationConfig, StepDecoder},
    language::Language,
    scheduler::{Loaded, ModelDecoder},
    segmentation::SegmentationOptions,
};

/// After so many samples of a recording no more of it is read: a minute. A recording of speech has some of it there.
const MOST: usize = 60 * Waveform::SAMPLE_RATE as usize;

/// The probability that a language is spoken, from [`Transcriber::detect_language`].
///
/// ```
/// use indic_seamless::{Language, LanguageScore};
///
/// let sure = |guess: &[LanguageScore]| guess.first().is_some_and(|best| best.probability > 0.9);
/// assert!(sure(&[LanguageScore { language: Language::HINDI, probability: 0.97 }]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LanguageScore {
    /// The language.
    pub language: Language,
    /// Its probability among the languages that the checkpoint knows.
    pub probability: f32,
}

impl Transcriber {
    /// Guesses the spoken language, likeliest first. **Experimental.**
    ///
    /// The score of a language is that of its token after the decoder's start token. In a checkpoint trained to translate, it
    /// need not be the spoken language: SeamlessM4T was not trained to identify it. The demo model was: it is right for 98% of
    /// its held-out clips (200 in each of five languages), and its errors confuse Bengali and Hindi. Measure other checkpoints
    /// before relying on it, and pass the language where it is known.
    ///
    /// Only the first clip of speech is used, 20 s at most; without speech, the start of the recording.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
    /// let guess = Transcriber::demo()?.detect_language(&recording)?;
    /// assert_eq!(guess[0].language, Language::HINDI);
    /// assert!(guess[0].probability > 0.9);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AudioTooShort`](crate::Error::AudioTooShort) for a recording of less than 35 ms.
    pub fn detect_language(&self, audio: &Waveform) -> Result<Vec<LanguageScore>> {
        self.guess(audio, &CancelToken::new())
    }

    /// [`detect_language`](Self::detect_language) of a recording that is read piece by piece, up to its first minute. Of a pipe, so
    /// much is waited for, or its end.
    ///
    /// ```
    /// use indic_seamless::{AudioOptions, CancelToken, Language, Transcriber};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let recording = AudioOptions::new().reader("examples/audio/hindi-1.wav")?;
    /// let guess = Transcriber::demo()?.detect_language_reader(recording, &CancelToken::new())?;
    /// assert_eq!(guess[0].language, Language::HINDI);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`detect_language`](Self::detect_language), those of the recording, and [`Error::Stopped`](crate::Error::Stopped) as soon
    /// as `cancel` says so.
    pub fn detect_language_reader(&self, audio: AudioReader, cancel: &CancelToken) -> Result<Vec<LanguageScore>> {
        let mut samples = Vec::new();
        for piece in audio {
            cancel.check()?;
            samples.extend(piece?);
            if samples.len() >= MOST {
                break;
            }
        }
        self.guess(&Waveform::from_samples(samples, Waveform::SAMPLE_RATE)?, cancel)
    }

    /// [`detect_language`](Self::detect_language) that `cancel` stops.
    pub(crate) fn guess(&self, audio: &Waveform, cancel: &CancelToken) -> Result<Vec<LanguageScore>> {
        let clip = first_clip(audio, &Segmentation::default())?;
        let most = (SegmentationOptions::default().max_s * f64::from(Waveform::SAMPLE_RATE)) as usize;
        let start = || &audio.samples()[..audio.len().min(most)];
        let samples = clip.map_or_else(|| start().to_vec(), |clip| clip.samples);
        self.scheduler.call(cancel, move |loaded| loaded.language_scores(&samples))
    }
}

impl Loaded {
    /// The score of each language for a clip of speech, best first.
    fn language_scores(&self, samples: &[f32]) -> Result<Vec<LanguageScore>> {
        let features = FeatureBatch::new(&[Features::extract(samples)?], self.checkpoint.padding_value());
        let encoded = self.model.encode(&features);
        let generation = GenerationConfig { num_beams: 1, max_new_tokens: 1, ..self.checkpoint.generation().clone() };
        let start = [generation.decoder_start_token_id];
        let mut logits = Vec::new();
        ModelDecoder::new(&self.model, &encoded, &generation, start.len()).prompt(&start, &mut logits)?;

        let logit = |language| {
            let token = self.checkpoint.language_token(language).ok()?;
            Some((language, *logits.get(token as usize)?))
        };
        let mut scores: Vec<(Language, f32)> = self.checkpoint.known_languages().filter_map(logit).collect();
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = scores.first().map_or(0.0, |best| best.1);
        let total: f32 = scores.iter().map(|(_, logit)| (logit - most).exp()).sum();
        let score =
            |(language, logit): (Language, f32)| LanguageScore { language, probability: (logit - most).exp() / total };
        Ok(scores.into_iter().map(score).collect())
    }
}
