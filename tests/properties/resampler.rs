//! The resampler: lengths, pieces of any size, and that it is linear and does not depend on the time.

use indic_seamless::audio::{Resampler, resample};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::check;

/// Rates in Hz, those of recordings and any.
fn rates() -> impl Strategy<Value = (u32, u32)> {
    let usual = select(vec![8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]);
    prop_oneof![2 => (usual, Just(16_000)), 1 => (1_000_u32..50_000, 1_000_u32..50_000)]
}

fn samples() -> impl Strategy<Value = Vec<f32>> {
    vec(-1.0_f32..1.0, 0..1500)
}

fn resampled(samples: &[f32], (from, to): (u32, u32)) -> Vec<f32> {
    resample(samples, from, to).expect("rates")
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[test]
fn the_length_follows_from_the_rates_and_pieces_change_nothing() {
    check(400, (rates(), samples(), vec(0_usize..400, 1..6)), |((from, to), samples, sizes)| {
        let whole = resampled(&samples, (from, to));
        prop_assert_eq!(whole.len() as u64, (samples.len() as u64 * u64::from(to)).div_ceil(from.into()));
        let mut resampler = Resampler::new(from, to).expect("rates");
        // Twice: the end of a signal leaves nothing behind.
        for _ in 0..2 {
            let (mut rest, mut out) = (&samples[..], Vec::new());
            for size in sizes.iter().cycle().take(2 * samples.len()) {
                let (piece, behind) = rest.split_at(rest.len().min(*size));
                resampler.push(piece, &mut out);
                rest = behind;
                // All but about the last six periods of the lower rate.
                let taken = samples.len() - rest.len();
                let missing = taken as f64 * f64::from(to) / f64::from(from) - out.len() as f64;
                prop_assert!(missing <= 7.0 * f64::from(to) / f64::from(from.min(to)) + 1.0, "{} are missing", missing);
            }
            resampler.push(rest, &mut out);
            resampler.finish(&mut out);
            prop_assert_eq!(&out, &whole);
        }
        Ok(())
    });
}

#[test]
fn it_is_linear() {
    let pair = (rates(), vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..1500), -1.0_f32..1.0, -1.0_f32..1.0);
    check(200, pair, |(rates, both, a, b)| {
        let (left, right): (Vec<f32>, Vec<f32>) = both.into_iter().unzip();
        let sum: Vec<f32> = left.iter().zip(&right).map(|(x, y)| a * x + b * y).collect();
        let (left, right) = (resampled(&left, rates), resampled(&right, rates));
        for ((found, x), y) in resampled(&sum, rates).iter().zip(&left).zip(&right) {
            prop_assert!((found - (a * x + b * y)).abs() < 1e-5, "{} instead of {}", found, a * x + b * y);
        }
        Ok(())
    });
}

#[test]
fn a_factor_of_two_is_exact_and_time_does_not_matter() {
    check(200, (rates(), samples(), 0_usize..3), |((from, to), samples, groups)| {
        let whole = resampled(&samples, (from, to));
        let half: Vec<f32> = samples.iter().map(|x| x / 2.0).collect();
        let doubled: Vec<f32> = resampled(&half, (from, to)).iter().map(|x| x * 2.0).collect();
        prop_assert_eq!(&doubled, &whole);
        // The shortest time that is a whole number of samples of both rates.
        let common = greatest_common_divisor(from, to);
        let (before, shift) = (groups * (from / common) as usize, groups * (to / common) as usize);
        let late = resampled(&[vec![0.0; before], samples].concat(), (from, to));
        prop_assert_eq!(&late[shift..], &whole[..]);
        Ok(())
    });
}
