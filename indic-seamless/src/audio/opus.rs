//! [`OpusTrack`]: decodes Opus packets to samples at 48 kHz.

use ropus::OpusMSDecoder;

use super::error::AudioError;

/// The native rate of Opus in Hz. It decodes to this rate whatever the recording's was.
pub(super) const RATE: u32 = 48_000;
/// Samples per channel of the longest packet, 120 ms.
const MAX_FRAMES: usize = 5_760;

/// A decoder for all channels of an Opus track.
pub(super) struct OpusTrack {
    inner: OpusMSDecoder,
    channels: usize,
    /// Samples to remove from the start.
    pub(super) pre_skip: u64,
    gain: f32,
    pcm: Vec<i16>,
}

impl OpusTrack {
    /// A decoder for the track with this identification header ([RFC 7845, section 5.1][rfc]).
    ///
    /// [rfc]: https://www.rfc-editor.org/rfc/rfc7845#section-5.1
    pub(super) fn new(header: &[u8]) -> Result<Self, AudioError> {
        let damaged = |what: &str| AudioError::damaged(format!("Opus header: {what}"));
        let fields = header.strip_prefix(b"OpusHead").unwrap_or_default();
        let &[version, channels, s0, s1, _, _, _, _, g0, g1, family, ref rest @ ..] = fields else {
            return Err(damaged(&format!("{} bytes that are none", header.len())));
        };
        if version >> 4 != 0 {
            return Err(AudioError::Unsupported(format!("Opus of version {version}")));
        }
        let (streams, coupled, mapping) = match (family, channels) {
            (_, 0) => return Err(AudioError::NoAudio("its Opus header says 0 channels".to_owned())),
            (0, 1 | 2) => (1, channels - 1, &[0, 1][..]),
            (1, 1..=8) | (255, _) => match rest {
                [streams, coupled, mapping @ ..] => (*streams, *coupled, mapping),
                _ => return Err(damaged("no channel mapping")),
            },
            (0 | 1, _) => return Err(damaged(&format!("{channels} channels in mapping family {family}"))),
            _ => return Err(AudioError::Unsupported(format!("Opus of channel mapping family {family}"))),
        };
        let mapping =
            mapping.get(..usize::from(channels)).ok_or_else(|| damaged("the channel mapping is cut short"))?;
        let inner = OpusMSDecoder::new(RATE as i32, channels.into(), streams.into(), coupled.into(), mapping)
            .map_err(|_| damaged(&format!("{channels} channels from {streams} streams, {coupled} of them stereo")))?;
        let channels = usize::from(channels);
        Ok(Self {
            inner,
            channels,
            pre_skip: u16::from_le_bytes([s0, s1]).into(),
            // In dB/256. Applied to floats after decoding, so that it cannot clip.
            gain: 10_f32.powf(f32::from(i16::from_le_bytes([g0, g1])) / (20.0 * 256.0)),
            pcm: vec![0; MAX_FRAMES * channels],
        })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Replaces `out` with the packet's samples, interleaved.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        out.clear();
        // The decoder would take an empty packet for a lost one and conceal it.
        if packet.is_empty() {
            return Err(AudioError::damaged("an empty Opus packet"));
        }
        let length = i32::try_from(packet.len()).unwrap_or(i32::MAX);
        let frames = self
            .inner
            .decode(Some(packet), length, &mut self.pcm, MAX_FRAMES as i32, false)
            .map_err(|code| AudioError::damaged(format!("an Opus packet of {length} bytes (error {code})")))?;
        let count = usize::try_from(frames).unwrap_or(0) * self.channels;
        let scale = self.gain / 32_768.0;
        out.extend(self.pcm.iter().take(count).map(|&sample| f32::from(sample) * scale));
        Ok(())
    }
}
