//! How recordings are transcribed.

use std::{fmt, sync::Arc, time::Instant};

use crate::{
    cancel::CancelToken,
    error::{Error, Result, by_name},
    generation::{GenerationConfig, LogitsProcessor, TokenEvent},
    segmentation::SegmentationOptions,
    transcript::Segment,
};

/// How one recording is transcribed.
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
    /// The search; `None` for what the checkpoint asks for.
    pub generation: Option<GenerationConfig>,
    /// Your own changes to the scores of tokens, applied in this order after those that [`generation`](Self::generation)
    /// asks for, in every search, also in one that is [retried](Self::retry).
    pub processors: Vec<Arc<dyn LogitsProcessor>>,
    /// Which recordings are cut at pauses, and how.
    pub segmentation: Segmentation,
    /// Segments that are decoded together; `None` for as many as make 40 s, and 16 at most, both divided by the number of
    /// beams. The weights are read once for all of them, which is most of the work of a step. The text does not depend on it.
    pub batch_size: Option<usize>,
    /// Whether segments list their words, with times and confidence.
    pub words: bool,
    /// Whether a search that went wrong is done again.
    pub retry: Retry,
    /// Stops the work from elsewhere.
    pub cancel: CancelToken,
    /// Stops the work at this time.
    pub deadline: Option<Instant>,
    /// Called for each token that the search accepts. [`TokenEvent::item`] is the place of a segment among those that are
    /// decoded together, 0 in a second search.
    pub on_token: Option<&'a mut (dyn FnMut(TokenEvent) + Send)>,
    /// Called for each segment as soon as it and all before it are done; when the work is stopped, for what is finished
    /// behind a gap, too.
    pub on_segment: Option<&'a mut (dyn FnMut(&Segment) + Send)>,
    /// Called when more of the recording is done.
    pub on_progress: Option<&'a mut (dyn FnMut(Progress) + Send)>,
}

impl TranscribeOptions<'_> {
    /// What stops the work.
    pub(super) fn stop(&self) -> CancelToken {
        self.deadline.map_or(self.cancel.clone(), |deadline| self.cancel.with_deadline(deadline))
    }
}

impl fmt::Debug for TranscribeOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscribeOptions")
            .field("generation", &self.generation)
            .field("processors", &self.processors.iter().map(|processor| processor.name()).collect::<Vec<_>>())
            .field("segmentation", &self.segmentation)
            .field("batch_size", &self.batch_size)
            .field("words", &self.words)
            .field("retry", &self.retry)
            .field("cancel", &self.cancel)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Which recordings are cut at pauses. What is cut loses its silence: it is neither decoded nor does it give text.
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
pub enum Segmentation {
    /// Those longer than [`SegmentationOptions::max_s`]: 20 s, as the model was trained on short utterances.
    Auto(SegmentationOptions),
    /// All: even a short one may begin with a long silence.
    Always(SegmentationOptions),
    /// None: the recording is one segment, whatever its length, and what the reference makes of it.
    None,
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

/// Whether a search that ended in a loop, or ran on for longer than anybody can speak, is done again with the constraint that
/// no four tokens come twice.
///
/// ```
/// assert_eq!("never".parse::<indic_seamless::Retry>()?, indic_seamless::Retry::Never);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retry {
    /// Where the recording is cut: a short one gives what the reference gives, loops and all.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never. [`Segment::flags`] say what is wrong all the same.
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
    /// Its length, if it is known.
    pub total_s: Option<f64>,
}

impl Progress {
    /// How much is done, from 0 to 1; `None` if the length is not known.
    pub fn share(self) -> Option<f64> {
        self.total_s.filter(|&total| total > 0.0).map(|total| (self.done_s / total).clamp(0.0, 1.0))
    }
}
