//! How recordings are transcribed, and what is written for them.

use std::{num::NonZeroUsize, ops::RangeInclusive, str::FromStr, time::Duration};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indic_seamless::{
    AudioOptions, Backend, EarlyStopping, Error, GenerationConfig, Language, OutputFormat, Precision, Retry,
    ScriptChoice, Segmentation,
    audio::{Channel, DamagePolicy, PipeFormat},
    segmentation::SegmentationOptions,
    subtitles::SubtitleOptions,
};

use crate::model::ModelArgs;

/// How recordings are transcribed, and what is written for each.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Language of the text, such as "hi", "hi-IN", "hin" or "Hindi"; "auto" for the spoken language, which is detected
    #[arg(long, default_value = "eng", value_name = "CODE|NAME|auto")]
    pub(crate) lang: TextLanguage,
    /// Type of the weights in memory: auto (as stored), f32, bf16, int8 or int4
    #[arg(long, default_value = "auto")]
    pub(crate) precision: Precision,
    /// Where the model runs: flex, or ndarray, wgpu, cuda in a build with that feature
    #[arg(long, default_value = "flex")]
    pub(crate) backend: Backend,
    /// Which GPU of the backend, from 0 [default: the one that the backend prefers]
    #[arg(long, value_name = "N")]
    pub(crate) device: Option<usize>,
    /// Threads on the CPU [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Recordings that are transcribed at a time; fewer take less memory [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) recordings: Option<NonZeroUsize>,
    /// Channel to use, from 0 [default: the average of all]
    #[arg(long, value_name = "N", conflicts_with = "channels")]
    channel: Option<usize>,
    /// Sound track to use, from 1, of a recording with several, such as a film in several languages [default: the default one]
    #[arg(long, value_name = "N")]
    track: Option<NonZeroUsize>,
    /// What becomes of several channels: "average", or "split" for calls with a speaker on each: each is transcribed apart, and
    /// the text says who speaks, from 1
    #[arg(long, value_enum, default_value = "average", value_name = "HOW")]
    pub(crate) channels: Channels,
    /// Start at this second of the recording; times stay those of the whole recording
    #[arg(long, value_name = "S", value_parser = seconds)]
    start: Option<Duration>,
    /// Transcribe so many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    duration: Option<Duration>,
    /// What happens with damaged recordings: "keep" transcribes all that can be decoded, and warns; "refuse" makes them errors
    #[arg(long, default_value = "keep", value_name = "HOW")]
    damage: DamagePolicy,
    /// The recordings, or standard input, are raw samples without a header: s16 (signed, 16 bits, little-endian), alaw or
    /// mulaw [default: s16], their rate in Hz, and their channels [default: 1], as in 16000 or alaw,8000 or s16,44100,2
    #[arg(long, value_name = "[FORMAT,]HZ[,CHANNELS]", value_parser = raw_samples)]
    pub(crate) pcm: Option<PipeFormat>,
    /// What is written for a recording; several, separated by commas, with --output and a folder
    ///
    /// The texts of several recordings that share standard output or a file are one line each, or with --channels split one for
    /// each turn: the recording's path, a tab, the text.
    #[arg(long, value_parser = formats(), value_delimiter = ',', default_value = "text", value_name = "FORMAT,...")]
    pub(crate) format: Vec<OutputFormat>,
    /// Add words with times and confidence to JSON
    #[arg(long)]
    pub(crate) words: bool,
    #[command(flatten)]
    pub(crate) search: Search,
    #[command(flatten)]
    pub(crate) cutting: Cutting,
    #[command(flatten)]
    pub(crate) subtitles: Subtitles,
}

impl Options {
    pub(crate) fn audio_options(&self) -> AudioOptions {
        // No limit: a recording is read piece by piece.
        let options = AudioOptions::new()
            .channel(self.channel.map_or(Channel::Average, Channel::Only))
            .max_duration(Duration::MAX)
            .damage(self.damage)
            .start(self.start.unwrap_or_default());
        let options = match self.track {
            Some(number) => options.track(number.get()),
            None => options,
        };
        match self.duration {
            Some(duration) => options.duration(duration),
            None => options,
        }
    }

    pub(crate) fn pipe_format(&self) -> PipeFormat {
        self.pcm.unwrap_or_default()
    }

    /// The formats, each once.
    pub(crate) fn formats(&self) -> Vec<OutputFormat> {
        let mut distinct = Vec::new();
        for format in &self.format {
            if !distinct.contains(format) {
                distinct.push(*format);
            }
        }
        distinct
    }

    /// What a recording is transcribed with that has no wishes of its own.
    pub(crate) fn choice(&self, base: &GenerationConfig) -> Choice {
        Choice {
            lang: self.lang,
            audio: self.audio_options(),
            generation: self.search.apply(base),
            script: self.search.script,
        }
    }
}

/// The options that may differ from recording to recording.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) lang: TextLanguage,
    pub(crate) audio: AudioOptions,
    pub(crate) generation: GenerationConfig,
    pub(crate) script: ScriptChoice,
}

/// `--channels`
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Channels {
    Average,
    Split,
}

/// A number of seconds, such as `90` or `12.5`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The value of `--pcm`, such as `16000` or `alaw,8000,2`.
fn raw_samples(text: &str) -> Result<PipeFormat, String> {
    const RATES: RangeInclusive<u32> = 1_000..=768_000;
    const CHANNELS: RangeInclusive<u16> = 1..=26;
    let mut parts = text.split(',').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let is_rate = first.starts_with(|start: char| start.is_ascii_digit());
    let (name, rate) = if is_rate { ("s16", first) } else { (first, parts.next().unwrap_or_default()) };
    let rate = rate.parse().ok().filter(|rate| RATES.contains(rate));
    let rate = rate.ok_or_else(|| format!("the rate has to be {} to {} Hz", RATES.start(), RATES.end()))?;
    let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok()).filter(|n| CHANNELS.contains(n));
    let channels =
        channels.ok_or_else(|| format!("there have to be {} to {} channels", CHANNELS.start(), CHANNELS.end()))?;
    if let Some(more) = parts.next() {
        return Err(format!("{more:?} follows the number of channels"));
    }
    match name {
        "s16" | "s16le" => Ok(PipeFormat::Pcm16 { rate, channels }),
        "alaw" => Ok(PipeFormat::Alaw { rate, channels }),
        "mulaw" | "ulaw" => Ok(PipeFormat::Mulaw { rate, channels }),
        other => Err(format!("{other:?} is no format of raw samples; wanted s16, alaw or mulaw")),
    }
}

/// `--lang`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TextLanguage {
    Spoken,
    Known(Language),
}

impl TextLanguage {
    /// The part of a result's name that says its language.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Spoken => "auto",
            Self::Known(language) => language.code(),
        }
    }
}

impl FromStr for TextLanguage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "auto" { Ok(Self::Spoken) } else { text.parse().map(Self::Known) }
    }
}

/// Options of the search. The default of each is the checkpoint's.
#[derive(clap::Args)]
#[command(next_help_heading = "Search")]
pub(crate) struct Search {
    /// Beams; 1 is greedy search
    #[arg(long, value_name = "N")]
    num_beams: Option<usize>,
    /// Scores of beams are divided by length^X
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    length_penalty: Option<f64>,
    /// When beam search ends: true, false or never
    #[arg(long, value_name = "WHEN")]
    early_stopping: Option<EarlyStopping>,
    /// No sequence of N tokens occurs twice
    #[arg(long, value_name = "N")]
    no_repeat_ngram_size: Option<usize>,
    /// Above 1 makes tokens that occurred before less likely
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f32>,
    /// Least number of tokens of a segment
    #[arg(long, value_name = "N")]
    min_new_tokens: Option<usize>,
    /// Greatest number of tokens of a segment
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<usize>,
    /// Best hypotheses to return
    #[arg(long, value_name = "N")]
    num_return_sequences: Option<usize>,
    /// The only script of the text, such as devanagari; auto for that of the language, any for all
    #[arg(long, default_value = "any", value_name = "SCRIPT")]
    pub(crate) script: ScriptChoice,
    /// When a looping segment is decoded again without repeats: auto (where recordings are cut), always or never
    #[arg(long, default_value = "auto", value_name = "WHEN")]
    pub(crate) retry: Retry,
    /// Segments of a recording that are decoded at a time [default: up to 80 s of speech]
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<NonZeroUsize>,
}

impl Search {
    pub(crate) fn apply(&self, base: &GenerationConfig) -> GenerationConfig {
        GenerationConfig {
            num_beams: self.num_beams.unwrap_or(base.num_beams),
            length_penalty: self.length_penalty.unwrap_or(base.length_penalty),
            early_stopping: self.early_stopping.unwrap_or(base.early_stopping),
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(base.no_repeat_ngram_size),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            min_new_tokens: self.min_new_tokens.unwrap_or(base.min_new_tokens),
            max_new_tokens: self.max_new_tokens.unwrap_or(base.max_new_tokens),
            num_return_sequences: self.num_return_sequences.unwrap_or(base.num_return_sequences),
            ..base.clone()
        }
    }
}

/// How recordings are cut.
#[derive(clap::Args)]
#[command(next_help_heading = "Long recordings")]
pub(crate) struct Cutting {
    /// Where speech is detected and cut out: auto (unless speech fills a short recording), always or none
    #[arg(long, default_value = "auto", value_name = "WHICH")]
    segmentation: Segmentation,
    /// Longest segment, in seconds; 40 % to 75 % of it is preferred [default: 20]
    #[arg(long, value_name = "S")]
    max_segment: Option<f64>,
    /// Longest pause within a segment, in seconds [default: 0.5]
    #[arg(long, value_name = "S")]
    max_pause: Option<f64>,
    /// Sound of at least this speech probability is speech [default: 0.35]
    #[arg(long, value_name = "P")]
    speech_threshold: Option<f32>,
}

impl Cutting {
    /// How recordings are cut.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for values that cannot be used, and for any where nothing is cut.
    pub(crate) fn segmentation(&self) -> indic_seamless::Result<Segmentation> {
        let mut segmentation = self.segmentation.clone();
        if let Segmentation::Auto(options) | Segmentation::Always(options) = &mut segmentation {
            if let Some(max_s) = self.max_segment {
                *options =
                    SegmentationOptions { max_s, target_min_s: 0.4 * max_s, target_max_s: 0.75 * max_s, ..*options };
            }
            options.max_pause_s = self.max_pause.unwrap_or(options.max_pause_s);
            options.threshold = self.speech_threshold.unwrap_or(options.threshold);
            options.check()?;
        } else if let Some((option, value)) = self.given().next() {
            return Err(Error::InvalidOption {
                option,
                found: format!("{value} with segmentation none, which cuts nothing,"),
                wanted: "segmentation auto or always".to_owned(),
            });
        }
        Ok(segmentation)
    }

    /// The options that say where recordings are cut, as far as they were given.
    fn given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let all = [
            ("max_segment", self.max_segment.map(|value| value.to_string())),
            ("max_pause", self.max_pause.map(|value| value.to_string())),
            ("speech_threshold", self.speech_threshold.map(|value| value.to_string())),
        ];
        all.into_iter().filter_map(|(option, value)| Some((option, value?)))
    }
}

/// How subtitles are cut into cues.
#[derive(clap::Args)]
#[command(next_help_heading = "Subtitles")]
pub(crate) struct Subtitles {
    /// Longest line, in characters; a longer word has a line of its own; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 42)]
    max_line_length: usize,
    /// Most lines of a cue
    #[arg(long, value_name = "N", default_value_t = 2)]
    max_lines: usize,
    /// Reading speed, in characters per second: a cue is shown long enough for it
    #[arg(long, value_name = "X", default_value_t = 20.0)]
    max_reading_speed: f64,
    /// Shortest cue, in seconds; shorter only where the next one is too close
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    min_cue_duration: f64,
    /// Longest cue, in seconds; 0 for no limit
    #[arg(long, value_name = "S", default_value_t = 7.0)]
    max_cue_duration: f64,
}

impl Subtitles {
    pub(crate) fn options(&self) -> SubtitleOptions {
        SubtitleOptions {
            max_line_length: self.max_line_length,
            max_lines: self.max_lines,
            max_reading_speed: self.max_reading_speed,
            min_duration_s: self.min_cue_duration,
            max_duration_s: self.max_cue_duration,
        }
    }
}

/// The formats by name, each with its line of help.
fn formats() -> impl TypedValueParser<Value = OutputFormat> {
    let value = |format: &OutputFormat| PossibleValue::new(format.name()).help(format.summary());
    PossibleValuesParser::new(OutputFormat::ALL.iter().map(value)).try_map(|name| name.parse::<OutputFormat>())
}
