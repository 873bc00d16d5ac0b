//! What a host is told about each transcription.

use crate::transcript::Timings;

/// What one transcription took. Holds no audio and no text.
///
/// [`Service::start_observed`](super::Service::start_observed) hands it to the host.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Measurements<'a> {
    /// The request's id, as in the log.
    pub request_id: &'a str,
    /// Length of the recording in seconds.
    pub audio_s: f64,
    /// How long the recording waited for the model, in milliseconds.
    pub queue_ms: f64,
    /// Time per stage, and the number of tokens.
    pub timings: Timings,
    /// Whether this is the first transcription since the service was started.
    pub cold_start: bool,
}

impl Measurements<'_> {
    /// Processing time, without waiting, over the length of the recording. Below 1 is faster than real time.
    ///
    /// ```
    /// use indic_seamless::service::Measurements;
    ///
    /// let mut measurements = Measurements::default();
    /// (measurements.audio_s, measurements.timings.total_ms) = (10.0, 2000.0);
    /// assert_eq!(measurements.real_time_factor(), 0.2);
    /// ```
    pub fn real_time_factor(&self) -> f64 {
        self.timings.total_ms / 1000.0 / self.audio_s
    }
}

/// Called after each transcription, on its thread.
pub(crate) type Observer = dyn Fn(&Measurements<'_>) + Send + Sync;
