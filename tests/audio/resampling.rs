//! Resampling: as the reference and the formula say, in any pieces, and rates that are refused.

use std::fs;

use indic_seamless::{
    Error,
    audio::{AudioOptions, Channel, Resampler, Waveform, resample},
};
use safetensors::SafeTensors;

use crate::{assert_close, common, damage, folder, wav16};

#[test]
fn resamples_as_the_reference() {
    let tiny = folder("golden").join("tiny");
    for stem in ["hi_44k_stereo", "en_8k_stereo", "te_22k_f32", "ta_48k_s24"] {
        let golden = fs::read(tiny.join("golden").join(stem).with_extension("safetensors")).expect("a golden file");
        let golden = SafeTensors::deserialize(&golden).expect("safetensors");
        let golden = golden.tensor("waveform_16k").expect("the resampled recording");
        let wanted: Vec<f32> =
            golden.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let options = AudioOptions::new().channel(Channel::Only(0));
        let found = options.open(tiny.join("audio").join(stem).with_extension("wav")).expect("a recording");
        assert_close(found.samples(), &wanted, 1e-5, stem);
    }
}

#[test]
fn resamples_alike_in_any_pieces() {
    let signal = common::noise(5_000);
    for (from, to) in [(48_000, 16_000), (8_000, 16_000), (44_100, 16_000), (16_001, 16_000), (16_000, 44_101)] {
        let whole = resample(&signal, from, to).expect("rates");
        assert_eq!(whole.len(), (signal.len() * to as usize).div_ceil(from as usize));
        let mut resampler = Resampler::new(from, to).expect("rates");
        for size in [1, 7, 160, 4_999] {
            let mut out = Vec::new();
            signal.chunks(size).for_each(|chunk| resampler.push(chunk, &mut out));
            resampler.finish(&mut out);
            assert_eq!(out, whole, "{from} to {to} by {size}");
        }
    }
}

#[test]
fn resamples_odd_rates_as_the_formula_says() {
    use std::f64::consts::PI;
    let signal = common::noise(400);
    for (from, to) in [(44_101, 16_000), (11_025, 16_000), (1_000, 16_000), (192_000, 16_000), (7, 5)] {
        let (o, n) = (f64::from(from), f64::from(to));
        let base = o.min(n) * 0.99;
        let value = |j: usize| -> f64 {
            let at = |i: usize| ((i as f64 / o - j as f64 / n) * base).clamp(-6.0, 6.0);
            let sinc = |t: f64| if t == 0.0 { 1.0 } else { (PI * t).sin() / (PI * t) };
            let tap = |t: f64| sinc(t) * (PI * t / 12.0).cos().powi(2) * base / o;
            signal.iter().enumerate().map(|(i, &x)| tap(at(i)) * f64::from(x)).sum()
        };
        // Rates below 1 kHz are refused; only their ratio matters.
        let scale = if from < 1_000 { 1_000 } else { 1 };
        let found = resample(&signal, from * scale, to * scale).expect("rates");
        let wanted: Vec<f32> = (0..found.len()).map(|j| value(j) as f32).collect();
        // The taps are computed in single precision, as by the reference.
        assert_close(&found, &wanted, 5e-5, &format!("{from} to {to}"));
    }
}

#[test]
fn refuses_absurd_rates() {
    for rate in [0, 999, 768_001, u32::MAX] {
        assert!(matches!(Resampler::new(rate, 16_000), Err(Error::InvalidOption { .. })), "{rate}");
        assert!(matches!(Waveform::from_samples(vec![0.0], rate), Err(Error::InvalidOption { .. })), "{rate}");
        assert!(!damage(wav16(&[1; 64], 1, rate)).is_empty());
    }
    assert!(Resampler::new(767_999, 16_000).is_ok());
}
