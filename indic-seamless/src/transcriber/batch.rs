//! How many clips of a recording are computed at a time.

use crate::error::{Error, Result};

/// Seconds of speech that are computed at a time, at first and at most: the first text comes early, then throughput counts.
const WINDOW_S: (f64, f64) = (20.0, 80.0);

/// Decides how many clips are given to the scheduler at a time. There they wait for one another, and for other recordings.
#[derive(Debug)]
pub(super) struct Window {
    /// The most clips.
    clips: u64,
    /// The most seconds of speech; `None` where the caller said how many clips.
    seconds: Option<f64>,
}

impl Window {
    /// For [`TranscribeOptions::batch_size`](super::TranscribeOptions::batch_size) and the number of clips that fit into memory
    /// if each becomes as long as it may.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for no clip at a time.
    pub(super) fn new(size: Option<usize>, most_clips: u64) -> Result<Self> {
        let clips = size.map_or(u64::MAX, |size| size as u64).min(most_clips.max(1));
        match size {
            Some(0) => Err(Error::InvalidOption {
                option: "batch_size",
                found: "0".to_owned(),
                wanted: "at least 1".to_owned(),
            }),
            Some(_) => Ok(Self { clips, seconds: None }),
            None => Ok(Self { clips, seconds: Some(WINDOW_S.0) }),
        }
    }

    /// Whether a clip of so many seconds may join those that are computed.
    pub(super) fn has_room(&self, clips: usize, seconds: f64, more_s: f64) -> bool {
        clips == 0 || (clips as u64) < self.clips && self.seconds.is_none_or(|most| seconds + more_s <= most)
    }

    /// Lets more be computed from now on.
    pub(super) fn widen(&mut self) {
        self.seconds = self.seconds.map(|seconds| (2.0 * seconds).min(WINDOW_S.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(size: Option<usize>, most_clips: u64) -> Window {
        Window::new(size, most_clips).expect("options")
    }

    #[test]
    fn the_first_text_waits_for_less_speech() {
        let mut window = window(None, u64::MAX);
        assert!(window.has_room(1, 10.0, 10.0) && !window.has_room(1, 10.0, 10.1));
        window.widen();
        assert!(window.has_room(2, 20.0, 20.0) && !window.has_room(2, 20.0, 20.1));
        window.widen();
        window.widen();
        assert!(window.has_room(60, 70.0, 10.0) && !window.has_room(4, 70.0, 10.1));
    }

    #[test]
    fn callers_and_memory_limit_the_number() {
        let four = window(Some(4), u64::MAX);
        assert!(four.has_room(3, 900.0, 900.0) && !four.has_room(4, 1.0, 1.0));
        let memory = window(Some(4), 2);
        assert!(memory.has_room(1, 1.0, 1.0) && !memory.has_room(2, 1.0, 1.0));
        // A clip that is alone is computed in any case.
        assert!(window(None, 0).has_room(0, 0.0, 1000.0));
        assert!(Window::new(Some(0), 1).is_err());
    }
}
