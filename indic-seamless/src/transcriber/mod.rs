//! The main entry point: recordings in, text out.
//!
//! Every recording passes through the same stages. It is read and cut into clips on a thread ahead of the model
//! (`read_ahead`). The scheduler encodes and searches the clips, some at a time (`flight`, `batch`). What it finds becomes
//! segments (`segment`): searches that went wrong are repeated (`quality`), and words are timed (`words`). `session` runs
//! these stages.

mod batch;
mod builder;
mod flight;
mod language;
mod options;
mod quality;
mod queue;
mod read_ahead;
mod segment;
mod session;
mod short;
mod stopwatch;
mod stream;
mod words;

use std::{path::Path, sync::Arc, thread};

pub use self::{
    builder::TranscriberBuilder,
    language::LanguageScore,
    options::{Progress, Retry, Segmentation, TranscribeOptions},
    stream::TranscriptStream,
};
use self::{
    read_ahead::{Heard, ReadAhead},
    session::Session,
};
use crate::{
    audio::{AudioReader, Waveform, seconds},
    backend::{Backend, Precision},
    checkpoint::Checkpoint,
    error::{Error, Result},
    language::Language,
    model::SpeechToText,
    scheduler::{Activity, Loaded, Scheduler},
    segmentation::Clip,
    transcript::Transcript,
};

/// What a thread that cannot be started is called in an error.
const READING_THREAD: &str = "the reading thread";

/// A loaded model that turns speech into text.
///
/// It can be shared between threads. Clips of concurrent calls are encoded one after the other and decoded together, which
/// takes little longer than decoding one. Each call ends within a step of its deadline, and a short recording does not wait for
/// a long one to finish.
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
    loaded: Arc<Loaded>,
    scheduler: Scheduler,
    backend: Backend,
    precision: Precision,
    load_ms: f64,
}

impl Transcriber {
    /// Settings for loading a model.
    pub fn builder() -> TranscriberBuilder {
        TranscriberBuilder::default()
    }

    /// Loads the checkpoint in `dir` with default settings.
    ///
    /// # Errors
    ///
    /// Files or tensors that are missing, damaged or inconsistent.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::builder().build(dir)
    }

    /// Loads the demo model: 4 MB that are part of the crate, so no download is needed.
    ///
    /// It knows the digits and about forty everyday words and phrases in Bengali, English, Hindi, Tamil and Telugu, in
    /// synthesised speech, and translates between these languages. It is meant for first steps and tests; use
    /// `ai4bharat/indic-seamless` for real speech.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let transcriber = Transcriber::demo()?;
    /// let recording = Waveform::open("examples/audio/hindi-1.wav")?;
    /// let tamil: Language = "tam".parse()?;
    /// assert_eq!(transcriber.transcribe(&recording, Language::HINDI)?.text, "कृपया आज का मौसम");
    /// assert_eq!(transcriber.transcribe(&recording, tamil)?.text, "தயவுசெய்து இன்றைய வானிலை");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None, unless the files in the crate were changed.
    #[cfg(feature = "demo")]
    pub fn demo() -> Result<Self> {
        Self::builder().build_demo()
    }

    /// The checkpoint, with its configuration, languages and tokenizer.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.loaded.checkpoint
    }

    /// The model.
    pub fn model(&self) -> &SpeechToText {
        &self.loaded.model
    }

    /// Where the model runs.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The type of the weights in memory; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What the model has to do, and has done, for all calls.
    ///
    /// ```
    /// use indic_seamless::{Language, Transcriber, Waveform};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let transcriber = Transcriber::demo()?;
    /// transcriber.transcribe(&Waveform::open("examples/audio/hindi-1.wav")?, Language::HINDI)?;
    /// let activity = transcriber.activity();
    /// assert!(activity.steps > 1);
    /// assert_eq!((activity.tokens, activity.searches), (activity.steps, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn activity(&self) -> Activity {
        self.scheduler.activity()
    }

    /// Transcribes a recording into `language`: its own for transcription, another one for translation.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`] if the checkpoint does not know the language, [`Error::AudioTooShort`] for a recording
    /// of less than 35 ms, and those of the model, such as [`Error::Device`]. After the first segment, an error is the
    /// [cause](Error::cause) of an [`Error::Unfinished`], which has the finished segments.
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
    /// Those of [`transcribe`](Self::transcribe), [`Error::InvalidOption`] for an invalid option, and [`Error::Stopped`], with
    /// the finished segments, if the work was cancelled or the deadline has passed.
    pub fn transcribe_with(
        &self,
        audio: &Waveform,
        language: Language,
        options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        let segmentation = options.segmentation.checked()?;
        let end_s = audio.pieces().last().map(|piece| piece.start + seconds(piece.len()));
        let mut session = Session::new(self, language, options, end_s)?;
        let (pieces, read) = ReadAhead::new(audio.pieces().map(Ok), segmentation, false, session.task.cancel.clone());
        thread::scope(|scope| {
            let thread = thread::Builder::new().spawn_scoped(scope, read);
            thread.map_err(Error::io("start", READING_THREAD))?;
            session.run(pieces)
        })
    }

    /// Transcribes a recording while it is decoded. However long it is, only a part of it is in memory. Speech from a pipe that
    /// is being written ([`AudioReader::is_live`]) is cut at pauses and transcribed as soon as it was said.
    ///
    /// ```
    /// use indic_seamless::{AudioOptions, Language, TranscribeOptions, Transcriber};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let recording = AudioOptions::new().reader("examples/audio/hindi-1.wav")?;
    /// let mut show = |segment: &indic_seamless::Segment| println!("{:.1} s: {}", segment.start, segment.text);
    /// let options = TranscribeOptions { on_segment: Some(&mut show), ..TranscribeOptions::default() };
    /// let transcript = Transcriber::demo()?.transcribe_reader(recording, Language::HINDI, options)?;
    /// assert_eq!(transcript.text, "कृपया आज का मौसम");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`transcribe_with`](Self::transcribe_with), and those of the recording, which may show only while it is
    /// decoded: then they, too, may be the cause of an [`Error::Unfinished`].
    pub fn transcribe_reader(
        &self,
        audio: AudioReader,
        language: Language,
        options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        let total_s = audio.duration_hint().map(|duration| duration.as_secs_f64());
        let live = audio.is_live();
        let segmentation = match options.segmentation.checked()? {
            // Whether the whole of it is short is not waited for.
            Segmentation::Auto(segmentation) if live => Segmentation::Always(segmentation),
            segmentation => segmentation,
        };
        let mut session = Session::new(self, language, options, total_s)?;
        let (pieces, read) = ReadAhead::new(audio, segmentation, live, session.task.cancel.clone());
        // Not joined: when the work is stopped, the thread may still wait for a silent pipe.
        thread::Builder::new().spawn(read).map_err(Error::io("start", READING_THREAD))?;
        session.run(pieces)
    }

    /// Transcribes clips that were cut out of a recording in another way than by [`TranscribeOptions::segmentation`], which is
    /// ignored. They are expected in the order of time; clips that wait are decoded in batches.
    ///
    /// The transcript is as long as the recording up to the end of its last clip.
    ///
    /// ```
    /// use indic_seamless::{EndReason, Language, TranscribeOptions, Transcriber, Waveform, segmentation::Clip};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// let samples = Waveform::open("examples/audio/hindi-1.wav")?.samples().to_vec();
    /// let end = 60.0 + samples.len() as f64 / 16_000.0;
    /// let clip = Clip { start: 60.0, end, audio_start: 60.0, samples, end_reason: EndReason::Pause };
    /// let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
    /// let transcript = Transcriber::demo()?.transcribe_clips([clip], Language::HINDI, options)?;
    /// assert_eq!(transcript.text, "कृपया आज का मौसम");
    /// assert!(transcript.segments[0].words[0].start >= 60.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`transcribe_with`](Self::transcribe_with); [`Error::InvalidSample`] for NaN or an infinity in a clip,
    /// [`Error::InvalidOption`] for one whose times are not in order or outside of its audio.
    pub fn transcribe_clips(
        &self,
        clips: impl IntoIterator<Item = Clip>,
        language: Language,
        options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        let mut session = Session::new(self, language, options, None)?;
        let cancel = session.task.cancel.clone();
        let mut read_s = 0.0;
        let hear = |clip: Clip| {
            cancel.check()?;
            clip.check()?;
            let heard = Heard::clip(clip, read_s);
            read_s = heard.end_s;
            Ok(heard)
        };
        session.run(clips.into_iter().map(hear))
    }

    /// Starts a transcription of speech that arrives piece by piece. It is always cut at pauses. [`TranscriptStream`] has an
    /// example.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`] and [`Error::InvalidOption`], as [`transcribe_with`](Self::transcribe_with).
    pub fn stream<'a>(&'a self, language: Language, options: TranscribeOptions<'a>) -> Result<TranscriptStream<'a>> {
        let segmentation = match &options.segmentation {
            Segmentation::Auto(segmentation) | Segmentation::Always(segmentation) => segmentation.clone(),
            Segmentation::None => {
                return Err(Error::InvalidOption {
                    option: "segmentation",
                    found: "none".to_owned(),
                    wanted: "auto or always: a stream is cut at pauses".to_owned(),
                });
            }
        };
        TranscriptStream::new(self, language, options, segmentation)
    }
}
