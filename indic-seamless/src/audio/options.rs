//! [`AudioOptions`]: how to decode a recording.

use std::time::Duration;

/// Which channel of a recording is transcribed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// The average of all channels.
    #[default]
    Average,
    /// One channel, counted from 0.
    Only(usize),
}

/// How to decode a recording.
///
/// ```
/// use std::time::Duration;
///
/// use indic_seamless::audio::{AudioOptions, Channel};
///
/// let stereo = [0.5, -0.5, 0.25, -0.25];
/// let options = AudioOptions::new().channel(Channel::Only(1)).max_duration(Duration::from_secs(60));
/// assert_eq!(options.from_samples(&stereo, 2, 16_000)?.samples(), [-0.5, -0.25]);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct AudioOptions {
    pub(super) channel: Channel,
    pub(super) max_duration: Duration,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self { channel: Channel::Average, max_duration: Duration::from_secs(3600) }
    }
}

impl AudioOptions {
    /// The average of the channels, and at most an hour.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The channel to use, [`Channel::Average`] unless set.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }

    /// The longest recording to accept, an hour unless set.
    ///
    /// The limit is checked during decoding, so that a small file that decodes to a very long recording costs neither
    /// time nor memory.
    #[must_use]
    pub fn max_duration(mut self, max_duration: Duration) -> Self {
        self.max_duration = max_duration;
        self
    }
}
