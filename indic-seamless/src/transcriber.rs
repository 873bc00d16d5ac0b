//! The front door: recordings in, text out.

use std::{path::Path, time::Instant};

use burn::tensor::Tensor;
use rayon::ThreadPool;

use crate::{
    audio::Waveform,
    backend::{Backend, Precision},
    checkpoint::{Checkpoint, OnProgress},
    error::{Error, Result},
    features::{FeatureBatch, Features},
    generation::{CancelToken, GenerationConfig, Hypothesis, Observer, StepDecoder, TokenEvent, generate},
    isa::Isa,
    language::Language,
    model::{Encoded, SpeechToText, decoder::DecoderState},
    text::DecodeOptions,
    transcript::{Alternative, Segment, Timings, Transcript},
};

/// Beyond this length the model, trained on short utterances, drops or repeats text.
const LONG_CLIP_S: f64 = 60.0;

/// A loaded model that turns speech into text.
///
/// It can be shared between threads; each call works on its own state.
///
/// ```no_run
/// use indic_seamless::{Language, Transcriber, Waveform};
///
/// # fn main() -> indic_seamless::Result<()> {
/// let transcriber = Transcriber::from_dir("path/to/indic-seamless")?;
/// let recording = Waveform::open("speech.wav")?;
/// let hindi: Language = "hin".parse()?;
/// println!("{}", transcriber.transcribe(&recording, hindi)?.text);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Transcriber {
    checkpoint: Checkpoint,
    model: SpeechToText,
    backend: Backend,
    precision: Precision,
    threads: Option<ThreadPool>,
    load_ms: f64,
}

/// Settings of a [`Transcriber`].
#[derive(Debug, Clone, Default)]
pub struct TranscriberBuilder {
    backend: Backend,
    precision: Precision,
    threads: Option<usize>,
}

impl TranscriberBuilder {
    /// Where the model runs; Flex by default.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The type of the weights in memory; by default what suits the checkpoint.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// How many threads a CPU backend uses; by default those of rayon's global pool, one per core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Loads the checkpoint in `dir`.
    ///
    /// # Errors
    ///
    /// What is missing, broken or contradictory in the folder; [`Error::InvalidOption`] for a setting.
    pub fn build(self, dir: impl AsRef<Path>) -> Result<Transcriber> {
        self.build_with_progress(dir, &mut |_, _| {})
    }

    /// [`build`](Self::build), telling `progress` the bytes of weights loaded so far and in all.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_progress(self, dir: impl AsRef<Path>, progress: OnProgress<'_>) -> Result<Transcriber> {
        self.build_from(|| Checkpoint::open(dir), progress)
    }

    /// Loads the [demo model](Transcriber::demo).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a setting.
    #[cfg(feature = "demo")]
    pub fn build_demo(self) -> Result<Transcriber> {
        self.build_from(Checkpoint::demo, &mut |_, _| {})
    }

    /// Loads a checkpoint that was opened otherwise, such as one [in memory](Checkpoint::from_files).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_checkpoint(self, checkpoint: Checkpoint, progress: OnProgress<'_>) -> Result<Transcriber> {
        self.build_from(|| Ok(checkpoint), progress)
    }

    /// The type that the weights will have.
    fn resolved_precision(&self, checkpoint: &Checkpoint) -> Result<Precision> {
        let has_bf16 = self.backend == Backend::Flex;
        match (self.precision, checkpoint.precision()) {
            (Precision::Auto, Precision::Bf16) if !has_bf16 => Ok(Precision::F32),
            (Precision::Auto, stored) => Ok(stored),
            (Precision::Bf16, _) if !has_bf16 => Err(Error::InvalidOption {
                option: "precision",
                found: format!("bf16 on {}", self.backend),
                wanted: "f32 or int8 there, or the backend flex".to_owned(),
            }),
            (asked, _) => Ok(asked),
        }
    }

    fn build_from(self, open: impl FnOnce() -> Result<Checkpoint>, progress: OnProgress<'_>) -> Result<Transcriber> {
        let started = Instant::now();
        let device = self.backend.device()?;
        let threads = self.threads.map(thread_pool).transpose()?;
        let checkpoint = open()?;
        Isa::checked()?;
        let precision = self.resolved_precision(&checkpoint)?;
        let model = checkpoint.load(precision, &device, progress)?;
        let load_ms = milliseconds(started);
        tracing::info!(dir = %checkpoint.dir().display(), backend = %self.backend, %precision, load_ms, "loaded");
        Ok(Transcriber { checkpoint, model, backend: self.backend, precision, threads, load_ms })
    }
}

fn thread_pool(threads: usize) -> Result<ThreadPool> {
    let invalid = |wanted: String| Error::InvalidOption { option: "threads", found: threads.to_string(), wanted };
    if threads == 0 {
        return Err(invalid("at least 1".to_owned()));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("indic-seamless-{i}"));
    pool.build().map_err(|error| invalid(format!("a number of threads that can be started ({error})")))
}

/// How one recording is transcribed.
#[derive(Default)]
pub struct TranscribeOptions<'a> {
    /// The search; `None` for what the checkpoint asks for.
    pub generation: Option<GenerationConfig>,
    /// Stops the work from elsewhere.
    pub cancel: CancelToken,
    /// Called for each token that the search accepts.
    pub on_token: Option<&'a mut (dyn FnMut(TokenEvent) + Send)>,
}

impl std::fmt::Debug for TranscribeOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TranscribeOptions")
            .field("generation", &self.generation)
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

impl Transcriber {
    /// Settings other than the default.
    pub fn builder() -> TranscriberBuilder {
        TranscriberBuilder::default()
    }

    /// Loads the checkpoint in `dir` with default settings.
    ///
    /// # Errors
    ///
    /// What is missing, broken or contradictory in the folder.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::builder().build(dir)
    }

    /// Loads the demo model: four megabytes that are part of the crate, so that it works without a download.
    ///
    /// It knows digits and some forty everyday words and phrases in Bengali, English, Hindi, Tamil and Telugu, spoken by
    /// a synthesiser, and translates between these five. It is made for first steps and for tests; use
    /// `ai4bharat/indic-seamless` for real speech.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let transcriber = Transcriber::demo()?;
    /// let recording = Waveform::open("../examples/audio/hindi-1.wav")?;
    /// let tamil: Language = "tam".parse()?;
    /// assert_eq!(transcriber.transcribe(&recording, Language::HINDI)?.text, "कृपया आज का मौसम");
    /// assert_eq!(transcriber.transcribe(&recording, tamil)?.text, "தயவுசெய்து இன்றைய வானிலை");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None, unless the crate was built with other files.
    #[cfg(feature = "demo")]
    pub fn demo() -> Result<Self> {
        Self::builder().build_demo()
    }

    /// The checkpoint, with its configuration, languages and tokenizer.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The model.
    pub fn model(&self) -> &SpeechToText {
        &self.model
    }

    /// Where the model runs.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The type of the weights in memory; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Transcribes a recording into `language`: its own for transcription, another one for translation.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`] if the checkpoint does not know the language, [`Error::AudioTooShort`] for a recording
    /// of less than 35 ms.
    pub fn transcribe(&self, audio: &Waveform, language: Language) -> Result<Transcript> {
        self.transcribe_with(audio, language, TranscribeOptions::default())
    }

    /// [`transcribe`](Self::transcribe) with options.
    ///
    /// ```no_run
    /// use indic_seamless::{GenerationConfig, Language, TranscribeOptions, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// # let transcriber = Transcriber::from_dir("path/to/indic-seamless")?;
    /// # let recording = Waveform::open("speech.wav")?;
    /// # let tamil: Language = "tam".parse()?;
    /// let beams = GenerationConfig { num_beams: 5, ..transcriber.checkpoint().generation().clone() };
    /// let options = TranscribeOptions { generation: Some(beams), ..Default::default() };
    /// let transcript = transcriber.transcribe_with(&recording, tamil, options)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Beside those of [`transcribe`](Self::transcribe), [`Error::InvalidOption`] for a search that makes no sense and
    /// [`Error::Cancelled`].
    pub fn transcribe_with(
        &self,
        audio: &Waveform,
        language: Language,
        mut options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        match &self.threads {
            Some(pool) => pool.install(|| self.run(audio, language, &mut options)),
            // Into the pool once, instead of once for each operation.
            None => rayon::scope(|_| self.run(audio, language, &mut options)),
        }
    }

    fn run(&self, audio: &Waveform, language: Language, options: &mut TranscribeOptions<'_>) -> Result<Transcript> {
        let started = Instant::now();
        let duration_s = audio.duration().as_secs_f64();
        if duration_s > LONG_CLIP_S {
            tracing::warn!(
                duration_s,
                "the model was trained on short utterances: text may be dropped or repeated beyond {LONG_CLIP_S} s"
            );
        }
        let language_token = self.checkpoint.language_token(language)?;
        let generation = options.generation.as_ref().unwrap_or(self.checkpoint.generation());
        let mut timings = Timings { load_ms: self.load_ms, ..Timings::default() };

        let features = Features::extract(audio.samples())?;
        let features = FeatureBatch::new(&[features], self.checkpoint.padding_value());
        timings.features_ms = milliseconds(started);
        options.cancel.check()?;

        let stage = Instant::now();
        let encoded = self.model.encode(&features);
        timings.encoder_ms = milliseconds(stage);

        let stage = Instant::now();
        let prompt = vec![generation.decoder_start_token_id, language_token];
        let mut ignore = |_| {};
        let on_token: &mut dyn FnMut(TokenEvent) = match &mut options.on_token {
            Some(on_token) => on_token,
            None => &mut ignore,
        };
        let mut observer = Observer { on_token, cancel: &options.cancel };
        let mut decoder = ModelDecoder::new(&self.model, &encoded, generation, prompt.len());
        let mut hypotheses = generate(&mut decoder, std::slice::from_ref(&prompt), generation, &mut observer)?;
        timings.generation_ms = milliseconds(stage);

        let hypotheses = hypotheses.pop().unwrap_or_default();
        let mut segments = Vec::new();
        if let Some((best, others)) = hypotheses.split_first() {
            timings.new_tokens = best.logprobs.len();
            segments.push(self.segment(best, others, duration_s)?);
        }
        timings.total_ms = milliseconds(started);
        let text = segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ");
        Ok(Transcript { duration_s, language, text, segments, timings })
    }

    fn segment(&self, best: &Hypothesis, others: &[Hypothesis], end: f64) -> Result<Segment> {
        let text = |tokens: &[u32]| self.checkpoint.tokenizer().decode(tokens, DecodeOptions::default());
        let alternative = |other: &Hypothesis| {
            Ok(Alternative { text: text(&other.tokens)?, tokens: other.tokens.clone(), score: other.score })
        };
        Ok(Segment {
            start: 0.0,
            end,
            text: text(&best.tokens)?,
            tokens: best.tokens.clone(),
            score: best.score,
            avg_logprob: best.avg_logprob(),
            alternatives: others.iter().map(alternative).collect::<Result<_>>()?,
        })
    }
}

/// The model as the search sees it.
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a SpeechToText,
    state: DecoderState,
}

impl<'a> ModelDecoder<'a> {
    /// Prepares the decoder for `encoded`, with room for the beams and tokens that `config` allows after prompts of
    /// `prompt` tokens.
    pub fn new(model: &'a SpeechToText, encoded: &Encoded, config: &GenerationConfig, prompt: usize) -> Self {
        let hypotheses = encoded.lengths.len() * config.num_beams;
        Self { model, state: model.start(encoded, hypotheses, prompt + config.max_new_tokens) }
    }

    /// Feeds tokens to each hypothesis; the logits after the last one.
    fn feed(&mut self, tokens: &[u32], logits: &mut Vec<f32>) {
        let hidden: Tensor<3> = self.model.decode(&mut self.state, tokens);
        let [_, time, _] = hidden.dims();
        self.model.logits_into(&hidden.narrow(1, time - 1, 1), logits);
    }
}

impl StepDecoder for ModelDecoder<'_> {
    fn prompt(&mut self, tokens: &[u32], logits: &mut Vec<f32>) {
        self.feed(tokens, logits);
    }

    fn step(&mut self, parents: &[usize], tokens: &[u32], logits: &mut Vec<f32>) {
        self.state.reorder(parents);
        self.feed(tokens, logits);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
