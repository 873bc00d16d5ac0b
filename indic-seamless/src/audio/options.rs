//! [`AudioOptions`]: how to decode a recording.

use std::{ops::Range, str::FromStr, time::Duration};

use crate::error::{Error, Result, by_name};

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

/// What happens with a recording that is damaged or cut short.
///
/// ```
/// use indic_seamless::audio::DamagePolicy;
///
/// assert_eq!("refuse".parse::<DamagePolicy>()?, DamagePolicy::Refuse);
/// # Ok::<(), indic_seamless::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamagePolicy {
    /// All that can be decoded is kept. [`Waveform::damage`](super::Waveform::damage), [`Piece::damage`](super::Piece::damage)
    /// and [`Transcript::damage`](crate::Transcript::damage) say where it is damaged. One of which nothing can be decoded is
    /// an error.
    #[default]
    Keep,
    /// It is an error, even if most of it can be decoded.
    Refuse,
}

impl FromStr for DamagePolicy {
    type Err = Error;

    /// `keep` or `refuse`.
    fn from_str(text: &str) -> Result<Self> {
        let name = |policy| match policy {
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        };
        by_name("damage", text, [Self::Keep, Self::Refuse], name)
    }
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
    pub(super) track: Option<usize>,
    pub(super) max_duration: Duration,
    pub(super) max_samples: u64,
    pub(super) damage: DamagePolicy,
    pub(super) start: Duration,
    pub(super) duration: Option<Duration>,
}

impl Default for AudioOptions {
    fn default() -> Self {
        Self {
            channel: Channel::Average,
            track: None,
            max_duration: Duration::from_secs(3600),
            max_samples: u64::MAX,
            damage: DamagePolicy::Keep,
            start: Duration::ZERO,
            duration: None,
        }
    }
}

impl AudioOptions {
    /// The default track, the average of its channels, and at most an hour.
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

    /// The sound track to use, counted from 1 among the sound tracks of the recording; its default one unless set.
    ///
    /// MP4, Matroska and Ogg can have several, such as a film in several languages. A number that there is not is an
    /// [`Error::NoSuchTrack`], which lists the tracks.
    ///
    /// ```
    /// use indic_seamless::{Error, audio::AudioOptions};
    ///
    /// let second = AudioOptions::new().track(2);
    /// let refused = second.open("examples/audio/hindi-1.wav").unwrap_err();
    /// assert!(matches!(refused, Error::NoSuchTrack { wanted: 2, .. }));
    /// ```
    #[must_use]
    pub fn track(mut self, number: usize) -> Self {
        self.track = Some(number);
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

    /// The most samples to decode, of all channels together and at the rate of the recording; no limit unless set.
    ///
    /// Decoding takes time by samples: a minute of eight channels at 192 kHz is as much work as half an hour of one at 48 kHz.
    #[must_use]
    pub fn max_samples(mut self, max_samples: u64) -> Self {
        self.max_samples = max_samples;
        self
    }

    /// What happens with a recording that is damaged, [`DamagePolicy::Keep`] unless set.
    #[must_use]
    pub fn damage(mut self, damage: DamagePolicy) -> Self {
        self.damage = damage;
        self
    }

    /// Where to start, 0 unless set. Times stay those of the whole recording; what lies before is decoded and dropped.
    #[must_use]
    pub fn start(mut self, start: Duration) -> Self {
        self.start = start;
        self
    }

    /// How much to use from [`start`](Self::start) on, all unless set. What lies behind is not read.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use indic_seamless::audio::AudioOptions;
    ///
    /// let part = AudioOptions::new().start(Duration::from_millis(500)).duration(Duration::from_millis(250));
    /// let speech = part.open("examples/audio/hindi-1.wav")?;
    /// assert_eq!((speech.start(), speech.len()), (0.5, 4_000));
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The part that is used, in seconds.
    pub(super) fn part(&self) -> Range<f64> {
        let start = self.start.as_secs_f64();
        start..self.duration.map_or(f64::INFINITY, |duration| start + duration.as_secs_f64())
    }

    /// How much is used of a recording of this length.
    pub(super) fn used_of(&self, length: Duration) -> Duration {
        let left = length.saturating_sub(self.start);
        self.duration.map_or(left, |duration| duration.min(left))
    }
}
