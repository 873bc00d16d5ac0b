//! Comparison with ffmpeg's decoding.

use std::{
    iter,
    ops::{Range, RangeInclusive},
    path::Path,
    process::Command,
};

use crate::table::{Case, Compare};

/// The least correlation with ffmpeg's samples.
const ALIKE: f64 = 0.999;
/// How many times the energy of ffmpeg's samples there may be.
const ENERGY: RangeInclusive<f64> = 0.98..=1.02;

/// The samples that ffmpeg gives, mono at 16 kHz. `input` and `output` are options before and behind the file.
pub(crate) fn ffmpeg(path: &Path, input: &str, output: &str) -> Vec<f32> {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(input.split_whitespace())
        .arg("-i")
        .arg(path)
        .args(output.split_whitespace())
        // The average of two channels. Of floats it would otherwise make √2 times as much.
        .args(["-rematrix_maxval", "1"])
        .args(["-f", "f32le", "-ar", "16000", "-ac", "1", "-"])
        .output()
        .expect("ffmpeg");
    let (samples, _) = run.stdout.as_chunks::<4>();
    samples.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// The correlation of two recordings, the first of which is `lag` samples late, and how many times the energy of the second the
/// first has: 1 and 1 for equal ones.
fn compare(found: &[f32], wanted: &[f32], lag: isize) -> (f64, f64) {
    let late = |samples: &[f32], by: isize| samples.len().min(by.max(0).unsigned_abs());
    let (found, wanted) = (&found[late(found, lag)..], &wanted[late(wanted, -lag)..]);
    let (mut product, mut a, mut b) = (0.0, 0.0, 0.0);
    for (&x, &y) in found.iter().zip(wanted) {
        let (x, y) = (f64::from(x), f64::from(y));
        product += x * y;
        a += x * x;
        b += y * y;
    }
    if a == 0.0 && b == 0.0 {
        return (1.0, 1.0);
    }
    (product / (a * b).sqrt().max(f64::MIN_POSITIVE), a / b.max(f64::MIN_POSITIVE))
}

/// What is wrong if two recordings are not alike at any of some lags.
fn unlike(found: &[f32], wanted: &[f32], lags: Range<isize>, what: &str) -> Option<String> {
    // The lag is that of some seconds in the middle.
    let middle = found.len().min(wanted.len()) / 2;
    let some = middle.saturating_sub(40_000)..middle + middle.min(40_000);
    let some_alike = |lag| (compare(&found[some.clone()], &wanted[some.clone()], lag).0, lag);
    let (_, lag) = lags.map(some_alike).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let (alike, energy) = compare(found, wanted, lag);
    (alike < ALIKE || !ENERGY.contains(&energy)).then(|| {
        format!(
            "{what} correlates {alike:.4} with that of ffmpeg, {lag} samples later, and has {energy:.3} of its energy"
        )
    })
}

/// What differs between the samples of a case and those of ffmpeg.
pub(crate) fn differences(case: &Case, folder: &Path, found: &[f32]) -> Vec<String> {
    // Behind damage and joints, sound may be later or earlier by up to a frame.
    let (exact, near) = (0..1, -(case.frame as isize)..case.frame as isize + 1);
    let decoded = |file: &str| ffmpeg(&folder.join(file), case.input, case.output);
    let wanted: Vec<Vec<f32>> = match case.compare {
        Compare::Parts(parts) => parts.iter().map(|part| decoded(part)).collect(),
        Compare::Whole | Compare::Ends => vec![decoded(case.file)],
    };
    let length: usize = wanted.iter().map(Vec::len).sum();
    let mut differences = Vec::new();
    // Of the frames at both edges of damage, one decoder keeps what the other drops.
    let frames = match case.compare {
        Compare::Whole => 1,
        Compare::Parts(parts) => parts.len(),
        Compare::Ends => 2,
    };
    if found.len().abs_diff(length) > case.frame * frames {
        differences.push(format!("{} samples, where ffmpeg gives {length}", found.len()));
    }
    match case.compare {
        Compare::Whole => differences.extend(unlike(found, &wanted[0], exact, "the sound")),
        Compare::Parts(parts) => {
            let mut rest = found;
            let joints = iter::once(exact).chain(iter::repeat(near));
            for ((wanted, part), lags) in wanted.iter().zip(parts).zip(joints) {
                differences.extend(unlike(rest, wanted, lags, part));
                rest = &rest[wanted.len().min(rest.len())..];
            }
        }
        Compare::Ends => {
            let size = found.len().min(length) * 2 / 5;
            let ends = |samples: &[f32]| (samples[..size].to_vec(), samples[samples.len() - size..].to_vec());
            let ((start, end), (wanted_start, wanted_end)) = (ends(found), ends(&wanted[0]));
            differences.extend(unlike(&start, &wanted_start, exact, "what comes before the damage"));
            differences.extend(unlike(&end, &wanted_end, near, "what comes behind the damage"));
        }
    }
    differences
}
