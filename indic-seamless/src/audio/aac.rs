//! AAC: the configuration of a decoder for the core of a stream, which is AAC-LC.
//!
//! HE-AAC adds high frequencies to an AAC-LC stream of half the rate, and a second channel to one of one channel. Speech
//! recognition at 16 kHz needs neither. The configuration is the `AudioSpecificConfig` of ISO/IEC 14496-3, 1.6.2.1.

use symphonia::core::{audio::Channels, codecs::audio::AudioCodecParameters};

use super::error::AudioError;

/// Rates by index, in Hz.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const LC: u32 = 2;
/// HE-AAC, and HE-AAC v2.
const EXTENSIONS: [u32; 2] = [5, 29];

/// The parameters of a decoder for the AAC-LC core, or an error that names what the stream is instead.
pub(super) fn core(params: &AudioCodecParameters) -> Result<AudioCodecParameters, AudioError> {
    let mut params = params.clone();
    let Some(config) = params.extra_data.as_deref().filter(|config| config.len() >= 2) else {
        params.extra_data = None;
        check_channels(params.channels.as_ref().map_or(1, Channels::count))?;
        return Ok(params);
    };
    let mut bits = Bits { bytes: config, at: 0 };
    let mut kind = bits.object_type();
    let rate = bits.rate()?;
    let layout = bits.take(4);
    if EXTENSIONS.contains(&kind) {
        bits.rate()?;
        kind = bits.object_type();
    }
    let name = match kind {
        LC => "",
        1 => "AAC Main",
        3 => "AAC SSR",
        4 => "AAC LTP",
        22 => "BSAC",
        23 => "AAC-LD",
        36 => "MPEG-4 ALS",
        39 => "AAC-ELD",
        42 => "xHE-AAC",
        32 | 33 => "MPEG audio of layer 1 or 2",
        _ => "AAC of a rare profile",
    };
    if !name.is_empty() {
        return Err(AudioError::foreign(name));
    }
    if bits.take(1) == 1 {
        return Err(AudioError::foreign("AAC with frames of 960 samples"));
    }
    let core_coder = bits.take(1);
    bits.take(14 * core_coder);
    bits.take(1);
    let channels = match layout {
        0 => bits.program_channels(),
        7 | 12 | 14 => 8,
        11 => 7,
        count => count as usize,
    };
    check_channels(channels)?;
    params.extra_data = Some(config_of(rate, channels as u64));
    params.with_sample_rate(rate).with_channels(Channels::Discrete(channels as u16));
    Ok(params)
}

fn check_channels(channels: usize) -> Result<(), AudioError> {
    match channels {
        0 => Err(AudioError::damaged("its AAC header says 0 channels")),
        1 | 2 => Ok(()),
        6 => Err(AudioError::foreign("AAC 5.1")),
        8 => Err(AudioError::foreign("AAC 7.1")),
        count => Err(AudioError::foreign(&format!("AAC with {count} channels"))),
    }
}

/// The configuration of an AAC-LC stream.
fn config_of(rate: u32, channels: u64) -> Box<[u8]> {
    let index = RATES.iter().position(|&known| known == rate);
    let (bits, length) = match index {
        Some(index) => (u64::from(LC) << 11 | (index as u64) << 7 | channels << 3, 2),
        None => (u64::from(LC) << 35 | 15 << 31 | u64::from(rate) << 7 | channels << 3, 5),
    };
    bits.to_be_bytes().split_at(8 - length).1.into()
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next bits, up to 24; zeros behind the end.
    fn take(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| {
            let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            value << 1 | u32::from(bit)
        })
    }

    fn object_type(&mut self) -> u32 {
        match self.take(5) {
            31 => 32 + self.take(6),
            kind => kind,
        }
    }

    fn rate(&mut self) -> Result<u32, AudioError> {
        match self.take(4) {
            15 => Ok(self.take(24)),
            index => {
                RATES.get(index as usize).copied().ok_or_else(|| AudioError::damaged("its AAC header has no rate"))
            }
        }
    }

    /// The channels of a program config element.
    fn program_channels(&mut self) -> usize {
        self.take(4 + 2 + 4);
        let elements = self.take(4) + self.take(4) + self.take(4);
        let low = self.take(2);
        self.take(3 + 4);
        for bits in [4, 4, 3] {
            let present = self.take(1);
            self.take(bits * present);
        }
        let pairs = (0..elements).fold(0, |count, _| {
            let pair = self.take(1);
            self.take(4);
            count + pair
        });
        (elements + pairs + low) as usize
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;

    use super::*;

    /// The configuration for the core of `config`, its rate and its channels.
    /// The configuration of the core, its rate and its channels.
    type Found = (Vec<u8>, Option<u32>, Option<usize>);

    fn found(config: &[u8]) -> Result<Found, AudioError> {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_extra_data(config.into());
        let params = core(&params)?;
        let config = params.extra_data.expect("a configuration").to_vec();
        Ok((config, params.sample_rate, params.channels.map(|channels| channels.count())))
    }

    fn name(config: &[u8]) -> String {
        match found(config) {
            Err(AudioError::Unsupported(name) | AudioError::Foreign(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn decodes_the_core_of_he_aac() {
        // AAC-LC, 44.1 kHz, stereo, and the same with the signalling of HE-AAC behind it.
        let stereo = (vec![0x12, 0x10], Some(44_100), Some(2));
        assert_eq!(found(&[0x12, 0x10]).expect("AAC-LC"), stereo);
        assert_eq!(found(&[0x12, 0x10, 0x56, 0xe5, 0xa0]).expect("AAC-LC"), stereo);
        // HE-AAC, 24 to 48 kHz, mono; HE-AAC v2.
        assert_eq!(found(&[0x2b, 0x09, 0x88, 0]).expect("HE-AAC"), (vec![0x13, 0x08], Some(24_000), Some(1)));
        assert_eq!(found(&[0xeb, 0x09, 0x88, 0]).expect("HE-AAC v2"), (vec![0x13, 0x08], Some(24_000), Some(1)));
        // A rate that is written out: 0x005622 is 22050.
        let explicit = [0x17, 0x80, 0x2b, 0x11, 0x08];
        assert_eq!(found(&explicit).expect("AAC-LC").1, Some(22_050));
    }

    #[test]
    fn names_what_is_not_decoded() {
        assert_eq!(name(&[0x12, 0x30]), "AAC 5.1");
        assert_eq!(name(&[0x12, 0x38]), "AAC 7.1");
        assert_eq!(name(&[0x12, 0x18]), "AAC with 3 channels");
        assert_eq!(name(&[0xf8, 0xe8, 0x50, 0]), "AAC-ELD");
        assert_eq!(name(&[0x0a, 0x10]), "AAC Main");
        assert_eq!(name(&[0x12, 0x14]), "AAC with frames of 960 samples");
    }
}
