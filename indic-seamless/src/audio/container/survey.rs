//! [`Survey`]: what a demuxer gives from the start to the end, found out before anything is decoded.

use std::collections::VecDeque;

use crate::audio::{
    demuxer::{DemuxError, Demuxed, Demuxer},
    error::AudioError,
    fault::Fault,
    source::AudioSource,
};

/// The most faults that are kept.
const MAX_FAULTS: usize = 1_000;
/// How many bytes of a stream tell how long the rest is.
const PART: u64 = 1 << 17;

/// What a demuxer gives.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) faults: Vec<Fault>,
    /// The length of all packets in seconds. What is missing between them does not count.
    pub(super) seconds: f64,
    /// Samples of the first track, per channel.
    pub(super) first: u64,
    pub(super) tracks: usize,
}

impl Survey {
    /// Runs through all packets of a demuxer whose time stamps count samples.
    pub(super) fn of(demuxer: &mut dyn Demuxer) -> Result<Self, AudioError> {
        Self::within(demuxer, u64::MAX)
    }

    /// Like [`of`](Self::of), with at most `most` samples of all channels.
    pub(super) fn within(demuxer: &mut dyn Demuxer, most: u64) -> Result<Self, AudioError> {
        let mut survey = Self { tracks: 1, ..Self::default() };
        let (mut rate, mut channels, mut all) = (rate(demuxer), channels(demuxer), 0_u64);
        let promised = demuxer.track().and_then(|track| track.frames()).unwrap_or(0);
        if promised.saturating_mul(channels) > most {
            return Err(AudioError::TooManySamples { limit: most });
        }
        loop {
            match demuxer.next() {
                Ok(Demuxed::Packet(packet) | Demuxed::Part(packet, _)) => {
                    let samples = packet.dur.get();
                    all = all.saturating_add(samples.saturating_mul(channels));
                    if all > most {
                        return Err(AudioError::TooManySamples { limit: most });
                    }
                    survey.seconds += samples as f64 / f64::from(rate);
                    if survey.tracks == 1 {
                        survey.first += samples;
                    }
                }
                Ok(Demuxed::NewTracks) => {
                    survey.tracks += 1;
                    (rate, channels) = (self::rate(demuxer), self::channels(demuxer));
                }
                Ok(Demuxed::Fault(fault)) if survey.faults.len() < MAX_FAULTS => survey.faults.push(fault),
                Ok(Demuxed::Fault(_)) => {}
                Ok(Demuxed::End) => return Ok(survey),
                Err(DemuxError::Read(error)) => return Err(error.into()),
                Err(DemuxError::Other(error)) => return Err(error),
            }
        }
    }
}

/// Queues a fault that was found before the first packet, unless there are many: headers may have one in every few bytes.
pub(super) fn note(queue: &mut VecDeque<Demuxed>, fault: Fault) {
    if queue.len() < MAX_FAULTS {
        queue.push_back(Demuxed::Fault(fault));
    }
}

/// About how long a stream is in seconds, by the length of its first part. `open` opens its demuxer.
pub(super) fn estimate<'a, D: Demuxer>(
    source: &'a mut AudioSource,
    open: impl FnOnce(&'a mut AudioSource) -> Result<D, AudioError>,
) -> Result<f64, AudioError> {
    let all = source.length();
    let part = all.min(PART);
    source.narrow(0, part);
    let seconds = Survey::of(&mut open(source)?)?.seconds;
    Ok(seconds * all as f64 / part.max(1) as f64)
}

/// The rate of the track by its headers, in Hz.
fn rate(demuxer: &dyn Demuxer) -> u32 {
    demuxer.track().and_then(|track| track.rate()).unwrap_or(0).max(1)
}

/// The number of channels of the track by its headers.
fn channels(demuxer: &dyn Demuxer) -> u64 {
    demuxer.track().and_then(|track| track.channels()).unwrap_or(1) as u64
}
