//! Which language is spoken. Experimental.

use super::{ModelDecoder, Transcriber};
use crate::{
    audio::Waveform,
    cancel::CancelToken,
    error::Result,
    features::{FeatureBatch, Features},
    generation::{GenerationConfig, StepDecoder},
    language::Language,
    segmentation::{SegmentationOptions, Segmenter},
};

/// How likely it is that a language is spoken, by [`Transcriber::detect_language`].
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
    /// Its share of the probability of all languages that the checkpoint knows.
    pub probability: f32,
}

impl Transcriber {
    /// Guesses which language is spoken, the likeliest first. **Experimental.**
    ///
    /// The decoder is asked what comes after its very first token, where the language of the text stands. In a checkpoint
    /// that was trained to translate that need not be the language that is spoken: SeamlessM4T never learnt to tell it. The
    /// demo model did: of its held-out clips (five languages, 200 each) it gets 98 of 100 right, and takes Bengali and Hindi for
    /// each other. With another checkpoint,
    /// measure first; where the language is known, say it.
    ///
    /// Of a long recording the first stretch of speech, of 20 s at most, is listened to.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let recording = Waveform::open("../examples/audio/hindi-1.wav")?;
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
        let options = SegmentationOptions::default();
        let most = audio.len().min((options.max_s * f64::from(Waveform::SAMPLE_RATE)) as usize);
        let mut speech = None;
        if audio.len() > most {
            let mut segments = Vec::new();
            let mut segmenter = Segmenter::new(options)?;
            for piece in audio.samples().chunks(Waveform::SAMPLE_RATE as usize) {
                segmenter.push(piece, &mut segments);
                if !segments.is_empty() {
                    break;
                }
            }
            segmenter.finish(&mut segments);
            speech = segments.into_iter().next().map(|segment| segment.samples);
        }
        let samples = speech.as_deref().unwrap_or(&audio.samples()[..most]);
        self.in_turn(&CancelToken::new(), || self.language_scores(samples))
    }

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
