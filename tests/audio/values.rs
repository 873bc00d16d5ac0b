//! The values of samples: scale, channels, gain, and values that are not finite.

use std::time::Duration;

use indic_seamless::{
    Error,
    audio::{AudioOptions, Channel, DamagePolicy, Waveform},
};

use crate::{assert_close, clip, decode, samples, wav, wav16};

#[test]
fn scales_samples_as_usual() {
    let cases: [(u16, u16, &[u8], &[f32]); 9] = [
        (1, 8, &[0, 128, 255], &[-1.0, 0.0, 127.0 / 128.0]),
        (1, 16, &[0, 0x80, 0xff, 0x7f, 1, 0], &[-1.0, 32_767.0 / 32_768.0, 1.0 / 32_768.0]),
        (1, 24, &[0, 0, 0x80, 1, 0, 0], &[-1.0, 1.0 / 8_388_608.0]),
        (1, 32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], &[-1.0, 0.5]),
        (3, 32, &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xbe], &[1.0, -0.125]),
        (3, 64, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f], &[0.5]),
        (6, 8, &[0xd5, 0x55, 0x2a], &[8.0 / 32_768.0, -8.0 / 32_768.0, -32_256.0 / 32_768.0]),
        (7, 8, &[0xff, 0x00, 0x80], &[0.0, -32_124.0 / 32_768.0, 32_124.0 / 32_768.0]),
        (0xfffe, 16, &[0, 0x40, 0, 0xc0], &[0.5, -0.5]),
    ];
    for (format, bits, data, wanted) in cases {
        let found = decode(wav(format, 1, 16_000, bits, data));
        let found = found.unwrap_or_else(|error| panic!("format {format}, {bits} bits: {error}"));
        assert_eq!(found.samples(), wanted, "format {format}, {bits} bits");
    }
}

#[test]
fn picks_or_averages_channels() {
    let stereo = wav16(&[16_384, 0, -16_384, 8_192], 2, 16_000);
    assert_eq!(decode(stereo.clone()).expect("a recording").samples(), [0.25, -0.125]);
    let only = |channel| AudioOptions::new().channel(Channel::Only(channel)).from_bytes(stereo.clone(), None);
    assert_eq!(only(0).expect("a channel").samples(), [0.5, -0.5]);
    assert_eq!(only(1).expect("a channel").samples(), [0.0, 0.25]);
    assert!(matches!(only(2), Err(Error::NoSuchChannel { wanted: 2, found: 2, .. })));

    let options = AudioOptions::new().channel(Channel::Only(1));
    assert_eq!(options.from_samples(&[1.0, 0.5, 1.0, 0.25], 2, 16_000).expect("samples").samples(), [0.5, 0.25]);
    assert!(matches!(options.from_samples(&[1.0; 3], 2, 16_000), Err(Error::InvalidOption { .. })));
    assert!(matches!(options.from_samples(&[1.0; 3], 0, 16_000), Err(Error::NoAudio { .. })));
    assert!(matches!(options.from_samples(&[1.0; 3], 1, 16_000), Err(Error::NoSuchChannel { .. })));
}

#[test]
fn samples_are_used_as_files_are() {
    let samples: Vec<f32> = (0..16_000).map(|i| if i == 9_000 { f32::NAN } else { i as f32 / 16_000.0 }).collect();
    let bytes = wav(3, 1, 16_000, 32, &samples.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
    let part = AudioOptions::new().start(Duration::from_millis(500)).duration(Duration::from_millis(250));
    let found = part.from_samples(&samples, 1, 16_000).expect("a part");
    assert_eq!((found.start(), found.len(), found.damage().len()), (0.5, 4_000, 1));
    assert_eq!(found, part.from_bytes(bytes.clone(), None).expect("a part"));
    let refused = part.damage(DamagePolicy::Refuse).from_samples(&samples, 1, 16_000);
    assert!(matches!(refused, Err(Error::InvalidSample { index: 9_000, .. })), "{refused:?}");
    let second = AudioOptions::new().track(2).from_samples(&samples, 1, 16_000);
    assert!(matches!(second, Err(Error::NoSuchTrack { wanted: 2, .. })), "{second:?}");

    for nothing in [AudioOptions::new().start(Duration::from_secs(2)), AudioOptions::new().duration(Duration::ZERO)] {
        assert!(matches!(nothing.from_samples(&samples, 1, 16_000), Err(Error::NoAudio { .. })));
        assert!(matches!(nothing.from_bytes(bytes.clone(), None), Err(Error::NoAudio { .. })));
    }
}

#[test]
fn decodes_opus_of_several_channels() {
    let channel = |name: &str, channel| {
        let options = AudioOptions::new().channel(Channel::Only(channel));
        options.from_bytes(clip(name), None).expect("a channel").into_samples()
    };
    let energy = |samples: &[f32]| samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
    // The right channel is the left one upside down and half as loud.
    let (left, right) = (channel("short_stereo.opus", 0), channel("short_stereo.opus", 1));
    let ratio = left.iter().zip(&right).map(|(l, r)| l * r).sum::<f32>() / left.iter().map(|l| l * l).sum::<f32>();
    // At this bit rate the coder mixes them a little.
    assert!((ratio + 0.5).abs() < 0.1, "{ratio}");
    // Only the centre speaks; Opus has it second.
    assert_eq!(samples("short_surround.opus").len(), 8_000);
    let loud: Vec<bool> = (0..6).map(|c| energy(&channel("short_surround.opus", c)) > 1e-3).collect();
    assert_eq!(loud, [false, true, false, false, false, false]);
}

#[test]
fn applies_the_gain_of_opus() {
    let mut bytes = clip("hi.webm");
    let head = bytes.windows(8).position(|window| window == b"OpusHead").expect("a header");
    // -6.02 dB in 1/256 dB.
    bytes[head + 16..head + 18].copy_from_slice(&(-1_541_i16).to_le_bytes());
    let wanted: Vec<f32> = samples("hi.webm").iter().map(|x| x * 0.5).collect();
    assert_close(decode(bytes.clone()).expect("a recording").samples(), &wanted, 1e-4, "gain");
    // Ambisonics.
    bytes[head + 18] = 3;
    assert!(matches!(decode(bytes), Err(Error::UnsupportedAudio { .. })));
}

#[test]
fn refuses_samples_that_are_no_numbers() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = Waveform::from_samples(vec![0.0, 0.5, bad], 16_000);
        assert!(matches!(found, Err(Error::InvalidSample { index: 2, .. })), "{found:?}");
        let data: Vec<u8> = [0.0, bad].iter().flat_map(|x| x.to_le_bytes()).collect();
        let found = decode(wav(3, 1, 16_000, 32, &data));
        assert!(matches!(found, Err(Error::InvalidSample { index: 1, .. })), "{found:?}");
    }
}

#[test]
fn sums_of_samples_are_finite() {
    let stereo = |value: f32| [value; 2_000].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    for rate in [16_000, 44_100] {
        let found = decode(wav(3, 2, rate, 32, &stereo(f32::MAX)));
        assert!(matches!(found, Err(Error::InvalidSample { index: 0, .. })), "{rate} Hz: {found:?}");
        let found = decode(wav(3, 2, rate, 32, &stereo(1e29))).expect("a recording");
        assert!(found.samples().iter().all(|sample| sample.is_finite()), "{rate} Hz");
    }
}

#[test]
fn hides_samples_from_debug() {
    let printed = format!("{:?}", Waveform::from_samples(vec![0.125; 16_000], 16_000).expect("samples"));
    assert_eq!(printed, "Waveform(16000 samples, 1s)");
}
