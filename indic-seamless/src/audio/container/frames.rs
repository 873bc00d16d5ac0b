//! What the streams of frames without a container, MPEG audio and ADTS, have in common.

use crate::audio::{error::AudioError, scan::Scan};

/// How many frames of audio there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frames {
    pub(super) count: u64,
    /// Samples of a frame, per channel.
    pub(super) samples_each: u64,
}

impl Frames {
    /// Samples per channel.
    pub(super) fn samples(self) -> u64 {
        self.count.saturating_mul(self.samples_each)
    }
}

/// There is no frame at byte `at`, after `count` of them.
pub(super) fn no_frame(scan: &Scan<'_>, at: u64, count: u64) -> AudioError {
    AudioError::Damaged(format!("no frame at byte {at} of {}, after {count} frames", scan.length()))
}
