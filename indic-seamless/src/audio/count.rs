//! [`Count`]: how much came out of a track, to be compared with what its container promised.

use symphonia::core::packet::Packet;

use super::{edit::Span, error::AudioError, fault::Fault};
use crate::damage::DamageKind;

/// How much came out of a track.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// The end of the last packet, in the track's time base.
    pub(super) end: u64,
    /// Decoded samples per channel, including those that are not heard.
    pub(super) frames: u64,
    /// The rate of the decoded samples in Hz.
    pub(super) rate: u32,
}

impl Count {
    /// Counts a packet in.
    pub(super) fn packet(&mut self, packet: &Packet) {
        let end = packet.pts.saturating_add(packet.dur).get();
        self.end = self.end.max(u64::try_from(end).unwrap_or(0));
    }

    /// The length of the decoded samples.
    pub(super) fn decoded(&self) -> Span {
        Span { ticks: self.frames, per_second: self.rate.into() }
    }
}

/// Refuses a track of `found` s of which its container promises `promised` s, give or take `slack` s.
pub(super) fn check_seconds(found: Span, promised: Span, slack: f64) -> Result<(), AudioError> {
    let (found, promised) = (found.seconds(), promised.seconds());
    if found + slack < promised {
        let reason = format!("cut short: {found:.3} of {promised:.3} s of audio are there");
        return Err(AudioError::Damaged(Fault::new(DamageKind::CutShort, reason)));
    }
    Ok(())
}
