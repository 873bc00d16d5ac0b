//! Options of a transcription.

use std::{fmt, sync::Arc, time::Instant};

use crate::{
    cancel::CancelToken,
    error::{Error, Result, by_name},
    generation::{GenerationConfig, LogitsProcessor, TokenEvent},
    scheduler::Priority,
    script::ScriptChoice,
    segmentation::SegmentationOptions,
    transcript::Segment,
};

/// Options for the transcription of one recording.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use indic_seamless::TranscribeOptions;
///
/// let options = TranscribeOptions {
///     words: true,
///     deadline: Some(Instant::now() + Duration::from_secs(60)),
///     ..TranscribeOptions::default()
/// };
/// ```
#[derive(Default)]
pub struct TranscribeOptions<'a> {
    /// The search; `None` for that of the checkpoint.
    pub generation: Option<GenerationConfig>,
    /// Your own changes to the scores of tokens, applied in this order after those that [`generation`](Self::generation)
    /// asks for, in every search, also in one that is [retried](Self::retry).
    pub processors: Vec<Arc<dyn LogitsProcessor>>,
    /// The script that texts are restricted to.
    pub script: ScriptChoice,
    /// Which recordings are cut into segments, and how.
    pub segmentation: Segmentation,
    /// The most segments that are decoded at a time; by default as many as make up to 80 s of speech. A decoder step reads the
    /// weights once for all of them, which is most of its work. The text does not depend on it.
    pub batch_size: Option<usize>,
    /// How urgent the recording is beside others that this transcriber works on at the same time.
    pub priority: Priority,
    /// Whether segments list their words, with times and confidence.
    pub words: bool,
    /// Whether a search that went wrong is repeated.
    pub retry: Retry,
    /// Stops the work from another thread.
    pub cancel: CancelToken,
    /// Stops the work at this time.
    pub deadline: Option<Instant>,
    /// Called for each token that the search accepts. [`TokenEvent::item`] is the number of the clip in the recording; clips are
    /// searched at the same time.
    pub on_token: Option<&'a mut (dyn FnMut(TokenEvent) + Send)>,
    /// Called for each segment, in order, as soon as it and all before it are finished. When the work is stopped, it is also
    /// called for segments that were finished out of order.
    pub on_segment: Option<&'a mut (dyn FnMut(&Segment) + Send)>,
    /// Called when more of the recording is done.
    pub on_progress: Option<&'a mut (dyn FnMut(Progress) + Send)>,
}

impl TranscribeOptions<'_> {
    /// Stops the work when it is cancelled or the deadline passes.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.deadline.map_or(self.cancel.clone(), |deadline| self.cancel.with_deadline(deadline))
    }
}

impl fmt::Debug for TranscribeOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscribeOptions")
            .field("generation", &self.generation)
            .field("processors", &self.processors.iter().map(|processor| processor.name()).collect::<Vec<_>>())
            .field("script", &self.script)
            .field("segmentation", &self.segmentation)
            .field("batch_size", &self.batch_size)
            .field("priority", &self.priority)
            .field("words", &self.words)
            .field("retry", &self.retry)
            .field("cancel", &self.cancel)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Whether speech is detected and which recordings are cut into segments at pauses. What is not speech is not decoded.
///
/// ```
/// use indic_seamless::{Segmentation, segmentation::SegmentationOptions};
///
/// let shorter = SegmentationOptions { target_max_s: 10.0, ..SegmentationOptions::default() };
/// let cut = Segmentation::Always(shorter);
/// assert_eq!("none".parse::<Segmentation>()?, Segmentation::None);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Segmentation {
    /// Only speech is decoded. A recording of up to [`SegmentationOptions::max_s`], 20 s by default, stays whole, and so
    /// gives the output of the reference implementation, if speech fills it: with no more than 0.3 s before it, 0.5 s
    /// behind it, and no pause longer than [`SegmentationOptions::max_pause_s`].
    Auto(SegmentationOptions),
    /// Only speech is decoded, and every recording is cut around it.
    Always(SegmentationOptions),
    /// Speech is not detected: the recording is one segment, whatever its length and whatever is in it, as in the reference
    /// implementation. Where its clock jumps, times behind the gap are too early by the gap, since the samples on both sides of
    /// it are decoded as one.
    None,
}

impl Segmentation {
    /// A copy with valid options.
    ///
    /// # Errors
    ///
    /// Those of [`SegmentationOptions::check`].
    pub(super) fn checked(&self) -> Result<Self> {
        match self {
            Self::Auto(options) | Self::Always(options) => options.check()?,
            Self::None => {}
        }
        Ok(self.clone())
    }
}

impl Default for Segmentation {
    fn default() -> Self {
        Self::Auto(SegmentationOptions::default())
    }
}

impl std::str::FromStr for Segmentation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = ["auto", "always", "none"];
        Ok(match by_name("segmentation", text, all, |name| name)? {
            "auto" => Self::default(),
            "always" => Self::Always(SegmentationOptions::default()),
            _ => Self::None,
        })
    }
}

/// Whether a search that looped, or gave more text than anyone can speak in the time, is repeated with the constraint that no
/// sequence of four tokens occurs twice.
///
/// ```
/// assert_eq!("never".parse::<indic_seamless::Retry>()?, indic_seamless::Retry::Never);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Retry {
    /// If the recording is cut. One that stays whole gives the output of the reference implementation, even if it loops.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never. [`Segment::flags`] still tell what is wrong.
    Never,
}

impl std::str::FromStr for Retry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = |retry| match retry {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        };
        by_name("retry", text, [Self::Auto, Self::Always, Self::Never], name)
    }
}

/// How far a transcription is.
///
/// ```
/// let half = indic_seamless::Progress { done_s: 30.0, total_s: Some(60.0) };
/// assert_eq!(half.share(), Some(0.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Seconds of the recording that are done, silence included.
    pub done_s: f64,
    /// The length of the recording, if known.
    pub total_s: Option<f64>,
}

impl Progress {
    /// The share that is done, 0 to 1; `None` if the length is not known.
    pub fn share(self) -> Option<f64> {
        self.total_s.filter(|&total| total > 0.0).map(|total| (self.done_s / total).clamp(0.0, 1.0))
    }
}
