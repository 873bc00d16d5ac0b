//! What a container promises about its audio, and whether it keeps it.

use symphonia::core::{
    codecs::CodecParameters,
    formats::{MediaInfo, Track},
    packet::Packet,
    units::{Duration, TimeBase},
};

use super::{
    container::{Container, Edit, Mpeg, Plan, Span},
    fault::Fault,
};

impl Plan {
    /// The part of the track that is to be heard.
    pub(super) fn edit(&self, track: &Track) -> Edit {
        let mut edit = self.edits.get(&track.id).copied().unwrap_or_default();
        if self.container == Container::Mp4
            && !self.fragmented
            && let (Some(duration), Some(base)) = (track.duration, track.time_base)
        {
            // In some files the sample table says how much of the last packet is padding, in others the edit list.
            let ticks = duration.get().saturating_mul(base.numer.get().into());
            let whole = Span { ticks, per_second: base.denom.get().into() };
            let rest = Span { ticks: whole.ticks.saturating_sub(edit.skip.ticks), ..whole };
            if whole.ticks > 0 && edit.keep.is_none_or(|keep| rest.seconds() < keep.seconds()) {
                edit.keep = Some(rest);
            }
        }
        edit
    }

    /// Whether the end of the audio is where the demuxer says.
    pub(super) fn trusts_padding(&self, track: &Track) -> bool {
        // MP3 files written one after the other start with the info frame of the first.
        self.container != Container::Mpeg
            || promised_samples(track).is_some_and(|promised| self.mpeg.samples() <= promised)
    }

    /// How many seconds there are to be heard, by the headers.
    pub(super) fn seconds(&self, track: &Track, media: Option<&MediaInfo>) -> Option<f64> {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { return None };
        let rate = f64::from(params.sample_rate?);
        let stated = match self.container {
            Container::Wav | Container::Flac => track.num_frames? as f64 / rate,
            Container::Mpeg if self.trusts_padding(track) => track.num_frames? as f64 / rate,
            Container::Mpeg | Container::Adts => self.mpeg.samples() as f64 / rate,
            Container::Mp4 => match self.edit(track).keep {
                Some(keep) => keep.seconds(),
                None => seconds(track.time_base, track.duration?.get()),
            },
            Container::Ogg => seconds(track.time_base, track.duration?.get()),
            Container::Mkv => media.and_then(|media| Some(seconds(media.time_base, media.duration?.get())))?,
        };
        Some(stated).filter(|&seconds| seconds > 0.0)
    }
}

/// The length of an MPEG audio stream, by its info frame.
fn promised_samples(track: &Track) -> Option<u64> {
    let around = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
    track.num_frames?.checked_add(around)
}

/// What came out of a track.
#[derive(Debug, Default)]
pub(super) struct Count {
    packets: u64,
    bytes: u64,
    /// The end of the last packet in the track's time base.
    end: i64,
    /// Decoded samples per channel, what is left out included.
    pub(super) frames: u64,
    pub(super) rate: u32,
}

impl Count {
    pub(super) fn packet(&mut self, packet: &Packet) {
        self.packets += 1;
        self.bytes += packet.data.len() as u64;
        self.end = self.end.max(packet.pts.saturating_add(packet.dur).get());
    }

    /// Compares with what the container promises.
    pub(super) fn check(&self, plan: &Plan, track: &Track) -> Result<(), Fault> {
        match plan.container {
            Container::Flac => match track.num_frames.filter(|&promised| promised > 0) {
                Some(promised) if self.frames < promised => Err(Fault::cut("samples", self.frames, promised)),
                None if self.bytes < plan.flac_bytes => Err(Fault::cut("bytes of frames", self.bytes, plan.flac_bytes)),
                _ => Ok(()),
            },
            Container::Mpeg => {
                let Mpeg { frames, frame_samples } = plan.mpeg;
                if self.packets < frames {
                    return Err(Fault::Damaged(format!("only {} of its {frames} frames can be read", self.packets)));
                }
                // Some encoders count the info frame, too; those that state the padding do not.
                let slack = if track.delay.is_some() { 0 } else { frame_samples };
                let found = plan.mpeg.samples();
                match promised_samples(track) {
                    Some(promised) if found.saturating_add(slack) < promised => {
                        Err(Fault::cut("samples", found, promised))
                    }
                    _ => Ok(()),
                }
            }
            Container::Mp4 => {
                let promised = seconds(track.time_base, track.duration.map_or(0, Duration::get));
                let found = Span { ticks: self.frames, per_second: self.rate.into() }.seconds();
                // The time base may be coarser than the samples.
                check_seconds(found, promised, 0.001)
            }
            // The walk, or the reading, has compared these byte by byte.
            Container::Wav | Container::Adts | Container::Ogg | Container::Mkv => Ok(()),
        }
    }

    pub(super) fn check_duration(&self, media: &MediaInfo, track: Option<TimeBase>) -> Result<(), Fault> {
        let Some((base, duration)) = media.time_base.zip(media.duration) else { return Ok(()) };
        let found = seconds(track, u64::try_from(self.end).unwrap_or(0));
        // The length of the last packet need not be known.
        check_seconds(found, seconds(Some(base), duration.get()), 0.25)
    }
}

fn seconds(base: Option<TimeBase>, ticks: u64) -> f64 {
    base.map_or(0.0, |base| ticks as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
}

fn check_seconds(found: f64, promised: f64, slack: f64) -> Result<(), Fault> {
    if found + slack < promised {
        return Err(Fault::Damaged(format!("cut short: {found:.3} of {promised:.3} s of audio are there")));
    }
    Ok(())
}
