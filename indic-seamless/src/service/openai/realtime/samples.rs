//! The audio of events: base64 of raw samples becomes samples at 16 kHz.

use serde_json::{Value, json};

use crate::{
    audio::{Resampler, Waveform},
    error::Result,
    service::{encoded, problem::Problem},
};

/// The rates of `audio/pcm` in Hz. That of OpenAI's API is 24,000.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// The rate of telephone audio in Hz.
const TELEPHONE: u32 = 8_000;

/// The format of the audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// 16-bit little-endian PCM at this rate.
    Pcm(u32),
    /// G.711 mu-law at 8 kHz.
    Mulaw,
    /// G.711 A-law at 8 kHz.
    Alaw,
}

impl Default for Format {
    fn default() -> Self {
        Self::Pcm(24_000)
    }
}

impl Format {
    fn rate(self) -> u32 {
        match self {
            Self::Pcm(rate) => rate,
            Self::Mulaw | Self::Alaw => TELEPHONE,
        }
    }

    /// As events write it.
    pub(super) fn view(self) -> Value {
        match self {
            Self::Pcm(rate) => json!({ "type": "audio/pcm", "rate": rate }),
            Self::Mulaw => json!({ "type": "audio/pcmu" }),
            Self::Alaw => json!({ "type": "audio/pcma" }),
        }
    }
}

/// Decodes the audio of a session.
#[derive(Debug)]
pub(super) struct Decoder {
    format: Format,
    resampler: Resampler,
}

impl Decoder {
    pub(super) fn new(format: Format) -> Result<Self> {
        Ok(Self { format, resampler: Resampler::new(format.rate(), Waveform::SAMPLE_RATE)? })
    }

    /// The samples of an event's `audio`. Nothing of it is taken if something is wrong with it.
    pub(super) fn push(&mut self, audio: &str) -> Result<Vec<f32>, Problem> {
        let (bytes, _) = encoded::decode(audio)?;
        let decoded: Vec<f32> = match self.format {
            Format::Pcm(_) => {
                let (samples, odd) = bytes.as_chunks();
                if !odd.is_empty() {
                    let detail = format!("audio has {} bytes, wanted pairs: 16-bit samples", bytes.len());
                    return Err(Problem::invalid_field(detail));
                }
                samples.iter().map(|&sample| i16::from_le_bytes(sample)).map(scaled).collect()
            }
            Format::Mulaw => bytes.iter().map(|&code| scaled(of_mulaw(code))).collect(),
            Format::Alaw => bytes.iter().map(|&code| scaled(of_alaw(code))).collect(),
        };
        let mut samples = Vec::with_capacity(decoded.len());
        self.resampler.push(&decoded, &mut samples);
        Ok(samples)
    }

    /// The samples that the converter of the rate still holds.
    pub(super) fn finish(&mut self) -> Vec<f32> {
        let mut samples = Vec::new();
        self.resampler.finish(&mut samples);
        samples
    }
}

fn scaled(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// A sample of mu-law, [G.711](https://www.itu.int/rec/T-REC-G.711): sign, exponent and mantissa, all inverted.
fn of_mulaw(code: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let code = !code;
    let magnitude = ((i16::from(code & 0x0f) << 3) + BIAS) << ((code & 0x70) >> 4);
    if code & 0x80 == 0 { magnitude - BIAS } else { BIAS - magnitude }
}

/// A sample of A-law, G.711: every other bit is inverted.
fn of_alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = ((code & 0x70) >> 4, i16::from(code & 0x0f) << 4);
    let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::audio::{AudioOptions, PipeFormat};

    /// All codes, as the library decodes a file of them.
    fn reference(format: PipeFormat, bytes: &[u8]) -> Vec<f32> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let reader = AudioOptions::new().raw_reader(file.path(), format).expect("a recording");
        reader.flat_map(|piece| piece.expect("a piece").to_vec()).collect()
    }

    #[test]
    fn audio_is_decoded_as_in_recordings_in_whatever_pieces() {
        let bytes: Vec<u8> = (0..=255).cycle().take(48_000).collect();
        for (format, same) in [
            (Format::Pcm(24_000), PipeFormat::Pcm16 { rate: 24_000, channels: 1 }),
            (Format::Pcm(16_000), PipeFormat::Pcm16 { rate: 16_000, channels: 1 }),
            (Format::Mulaw, PipeFormat::Mulaw { rate: 8_000, channels: 1 }),
            (Format::Alaw, PipeFormat::Alaw { rate: 8_000, channels: 1 }),
        ] {
            let mut decoder = Decoder::new(format).expect("a rate");
            let pieces = bytes.chunks(998).map(|piece| decoder.push(&STANDARD.encode(piece)).expect("audio"));
            let mut samples: Vec<f32> = pieces.collect::<Vec<_>>().concat();
            samples.extend(decoder.finish());
            let wanted = reference(same, &bytes);
            assert_eq!(samples.len(), wanted.len(), "{format:?}");
            let apart = samples.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{format:?}: {apart}");
        }
    }

    #[test]
    fn what_is_no_audio_is_refused_whole() {
        let mut decoder = Decoder::new(Format::default()).expect("a rate");
        for wrong in ["?", "AAA=AAAA", &STANDARD.encode([1, 2, 3])] {
            assert_eq!(decoder.push(wrong).expect_err(wrong).code, "invalid_field", "{wrong}");
        }
        assert!(decoder.push("").expect("nothing").is_empty() && decoder.finish().is_empty());
    }
}
