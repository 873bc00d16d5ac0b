//! What `transcribe` can be told.

use std::{num::NonZeroUsize, path::PathBuf, str::FromStr, time::Duration};

use clap::{Parser, ValueEnum};
use indic_seamless::{
    AudioOptions, Backend, EarlyStopping, Error, GenerationConfig, Language, Precision, Retry, Segmentation,
    audio::{Channel, PipeFormat},
    segmentation::SegmentationOptions,
    subtitles::SubtitleOptions,
};

use crate::model::ModelArgs;

/// Speech to text with SeamlessM4T v2: transcription, or translation into another language.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Recordings: WAV, FLAC, MP3, M4A, Ogg, Opus, WebM, MKV; - for the standard input, which is cut at pauses while it
    /// comes if it does not say how long it is
    #[arg(required = true, value_name = "AUDIO")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Language of the text, by code or English name; "auto" for the one that is spoken, as far as it can be told
    #[arg(long, default_value = "eng", value_name = "CODE|NAME|auto")]
    pub(crate) lang: TextLanguage,
    /// Type of the weights in memory: auto (as stored), f32, bf16 or int8
    #[arg(long, default_value = "auto")]
    pub(crate) precision: Precision,
    /// Where the model runs: flex, or ndarray, wgpu, cuda in a build with that feature
    #[arg(long, default_value = "flex")]
    pub(crate) backend: Backend,
    /// Threads on the CPU [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Channel to use, from 0 [default: the average of all]
    #[arg(long, value_name = "N")]
    channel: Option<usize>,
    /// The standard input has bare samples: 16-bit integers, little-endian, mono, at HZ
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1000..=768_000))]
    pub(crate) pcm: Option<u32>,
    #[command(flatten)]
    pub(crate) search: Search,
    #[command(flatten)]
    pub(crate) cutting: Cutting,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// List the words of each segment in JSON, with times and confidence; let subtitles keep time with the words
    #[arg(long)]
    pub(crate) words: bool,
    #[command(flatten)]
    pub(crate) subtitles: Subtitles,
    /// File for the results, or folder for one result a file [default: standard output]
    ///
    /// A folder is one that exists or a name that ends in a slash. Files whose result is there already are skipped.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Do files again whose result is in the folder already
    #[arg(long)]
    pub(crate) overwrite: bool,
}

impl Args {
    pub(crate) fn audio_options(&self) -> AudioOptions {
        // As long as it likes: it is read piece by piece.
        AudioOptions::new().channel(self.channel.map_or(Channel::Average, Channel::Only)).max_duration(Duration::MAX)
    }

    pub(crate) fn pipe_format(&self) -> PipeFormat {
        self.pcm.map_or(PipeFormat::Detect, |rate| PipeFormat::Pcm16 { rate, channels: 1 })
    }
}

/// `--lang`
#[derive(Clone, Copy)]
pub(crate) enum TextLanguage {
    Spoken,
    Known(Language),
}

impl FromStr for TextLanguage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "auto" { Ok(Self::Spoken) } else { text.parse().map(Self::Known) }
    }
}

/// The search; what is not given is as the checkpoint asks for.
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
    /// No sequence of N tokens comes twice
    #[arg(long, value_name = "N")]
    no_repeat_ngram_size: Option<usize>,
    /// Above 1 makes tokens that are there already less likely
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f32>,
    #[arg(long, value_name = "N")]
    min_new_tokens: Option<usize>,
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<usize>,
    /// Best hypotheses to return
    #[arg(long, value_name = "N")]
    num_return_sequences: Option<usize>,
    /// When a search that ended in a loop is done again without repetitions: auto (where recordings are cut), always or never
    #[arg(long, default_value = "auto", value_name = "WHEN")]
    pub(crate) retry: Retry,
    /// Segments that are decoded together [default: as many as make 40 s, 16 at most, both divided by the beams]
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
    /// Which recordings are cut at pauses: auto (those longer than a segment may be), always or none
    #[arg(long, default_value = "auto", value_name = "WHICH")]
    segmentation: Segmentation,
    /// Longest segment, in seconds; from 40 % to 75 % of it are aimed for [default: 20]
    #[arg(long, value_name = "S")]
    max_segment: Option<f64>,
    /// Longest pause within a segment, in seconds [default: 0.5]
    #[arg(long, value_name = "S")]
    max_pause: Option<f64>,
    /// Probability from which on sound is speech [default: 0.35]
    #[arg(long, value_name = "P")]
    speech_threshold: Option<f32>,
}

impl Cutting {
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
        }
        Ok(segmentation)
    }
}

/// How cues are cut.
#[derive(clap::Args)]
#[command(next_help_heading = "Subtitles")]
pub(crate) struct Subtitles {
    /// Longest line, in letters; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 42)]
    max_line_length: usize,
    /// Lines of a cue
    #[arg(long, value_name = "N", default_value_t = 2)]
    max_lines: usize,
    /// Fastest reading, in letters a second
    #[arg(long, value_name = "X", default_value_t = 20.0)]
    max_reading_speed: f64,
    /// Shortest cue, in seconds
    #[arg(long, value_name = "S", default_value_t = 0.833)]
    min_cue_duration: f64,
}

impl Subtitles {
    pub(crate) fn options(&self) -> SubtitleOptions {
        SubtitleOptions {
            max_line_length: self.max_line_length,
            max_lines: self.max_lines,
            max_reading_speed: self.max_reading_speed,
            min_duration_s: self.min_cue_duration,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// The text of a file on a line
    Text,
    /// A JSON object for a file on a line
    Json,
    /// SubRip subtitles, of one file
    Srt,
    /// WebVTT subtitles, of one file
    Vtt,
}

impl Format {
    /// Of files that hold it.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
        }
    }
}
