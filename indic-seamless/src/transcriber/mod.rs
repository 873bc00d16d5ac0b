//! The front door: recordings in, text out.

mod builder;
mod decode_clips;
mod decoder;
mod language;
mod options;
mod recording;
mod session;
mod stream;
mod timing;
mod turns;

use std::{panic::resume_unwind, path::Path, sync::mpsc::sync_channel, thread, time::Instant};

pub use self::{
    builder::TranscriberBuilder,
    decoder::ModelDecoder,
    language::LanguageScore,
    options::{Progress, Retry, Segmentation, TranscribeOptions},
    stream::TranscriptStream,
};
use self::{
    recording::{AHEAD, Message, hear, receive},
    session::{Clip, Session, with_partial},
    turns::Turns,
};
use crate::{
    audio::{AudioReader, Waveform, seconds},
    backend::{Backend, Precision},
    checkpoint::Checkpoint,
    error::{Error, Result},
    language::Language,
    model::SpeechToText,
    segmentation::SegmentationOptions,
    transcript::{Timings, Transcript},
};

/// Beyond this length the model, trained on short utterances, drops or repeats text.
const LONG_CLIP_S: f64 = 60.0;

/// A loaded model that turns speech into text.
///
/// It can be shared between threads. Calls at the same time take turns at all of its threads, a step of the encoder or decoder
/// each, so that each ends within a step of its deadline, and a short recording is not kept waiting by a long one.
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
    turns: Turns,
    load_ms: f64,
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
    /// Beside those of [`transcribe`](Self::transcribe), [`Error::InvalidOption`] for an option that makes no sense, and
    /// [`Error::Stopped`], with the segments that were finished, when the work was cancelled or the deadline has passed.
    pub fn transcribe_with(
        &self,
        audio: &Waveform,
        language: Language,
        options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        let duration_s = seconds(audio.len());
        let Some(segmentation) = options.segmentation.of(duration_s) else {
            return self.whole(audio, language, options, 0.0);
        };
        let started = Instant::now();
        let mut session = Session::new(self, language, options, true)?;
        session.total_s = Some(duration_s);
        let pieces = audio.samples().chunks(Waveform::SAMPLE_RATE as usize).map(|piece| Ok(piece.to_vec()));
        let segmentation = Segmentation::Always(segmentation);
        let mut segments = Vec::new();
        let outcome = thread::scope(|scope| {
            let (sender, messages) = sync_channel(AHEAD);
            scope.spawn(move || hear(&segmentation, pieces, &sender));
            recording::transcribe(&mut session, &messages, None, &mut segments)
        });
        match outcome {
            Some((run, read_s)) => session.result(run, read_s, segments, started),
            None => unreachable!("the thread says when it ends, and a panic of it has gone on"),
        }
    }

    /// Transcribes a recording while it is decoded, so that however long it is, only a part of it is in memory.
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
    /// As [`transcribe_with`](Self::transcribe_with), and what is found wrong with the recording on the way. Segments that
    /// [`on_segment`](TranscribeOptions::on_segment) was called with before such an error are not the whole recording.
    pub fn transcribe_reader(
        &self,
        audio: AudioReader,
        language: Language,
        options: TranscribeOptions<'_>,
    ) -> Result<Transcript> {
        let started = Instant::now();
        let total_s = audio.duration_hint().map(|duration| duration.as_secs_f64());
        let segmentation = options.segmentation.clone();
        if let Segmentation::Auto(segmentation) | Segmentation::Always(segmentation) = &segmentation {
            segmentation.check()?;
        }
        let (sender, messages) = sync_channel(AHEAD);
        // Not waited for when the work is stopped: a pipe may be silent for ever.
        let reading = thread::spawn(move || hear(&segmentation, audio, &sender));
        let stop = options.stop();
        let first = match receive(&messages, || stop.check()) {
            Ok(first) => first,
            Err(error) => {
                return with_partial(Err(error), Transcript::new(0.0, language, Vec::new(), Timings::default()));
            }
        };
        if let Some(Message::Whole { samples, audio_ms }) = first {
            let audio = Waveform::from_samples(samples, Waveform::SAMPLE_RATE)?;
            return self.whole(&audio, language, options, audio_ms);
        }
        let mut session = Session::new(self, language, options, true)?;
        session.total_s = total_s;
        let mut segments = Vec::new();
        match recording::transcribe(&mut session, &messages, first, &mut segments) {
            Some((run, read_s)) => session.result(run, read_s, segments, started),
            None => match reading.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => unreachable!("the thread says when it ends"),
            },
        }
    }

    /// Starts a transcription of speech that comes piece by piece. It is always cut at pauses. [`TranscriptStream`] has an
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

    /// Transcribes a recording as one segment.
    fn whole(
        &self,
        audio: &Waveform,
        language: Language,
        options: TranscribeOptions<'_>,
        audio_ms: f64,
    ) -> Result<Transcript> {
        let started = Instant::now();
        let duration_s = audio.duration().as_secs_f64();
        if duration_s > LONG_CLIP_S {
            tracing::warn!(
                duration_s,
                "the model was trained on short utterances: text may be dropped or repeated beyond {LONG_CLIP_S} s"
            );
        }
        let mut session = Session::new(self, language, options, false)?;
        session.total_s = Some(duration_s);
        let clip = Clip { samples: audio.samples(), offset: 0.0, start: 0.0, end: duration_s };
        let mut segments = Vec::new();
        let run = session.transcribe(&[clip]).map(|found| {
            found.into_iter().flatten().for_each(|segment| session.give(segment, &mut segments));
            session.progress(duration_s);
        });
        let timings = Timings { audio_ms, total_ms: audio_ms + milliseconds(started), ..session.timings };
        with_partial(run, Transcript::new(duration_s, language, segments, timings))
    }
}

impl Segmentation {
    /// How a recording of `seconds` or more is to be cut, if it is.
    fn of(&self, seconds: f64) -> Option<SegmentationOptions> {
        match self {
            Self::Auto(segmentation) => (seconds > segmentation.max_s).then(|| segmentation.clone()),
            Self::Always(segmentation) => Some(segmentation.clone()),
            Self::None => None,
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
