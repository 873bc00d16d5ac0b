//! Products of bf16 numbers: NEON's `bfdot`.
#![allow(
    unsafe_code,
    reason = "an instruction that the standard library does not offer yet, and that not every machine has"
)]

use std::arch::{aarch64::*, asm};

use super::pairs::Pair;

/// Columns of a panel that this kernel takes: with the 6 rows of a tile their sums fill 24 of 32 registers.
pub(super) const ACROSS: usize = 16;
/// Pairs in a vector.
const LANES: usize = 4;
const VECTORS: usize = ACROSS / LANES;

/// `sum[i] + a[2i..] · b[2·LANE..]` for the four lanes `i`.
#[target_feature(enable = "neon,bf16")]
#[inline]
fn dot<const LANE: usize>(mut sum: float32x4_t, a: uint16x8_t, b: uint16x8_t) -> float32x4_t {
    // SAFETY: one instruction on three registers. `vbfdotq_laneq_f32` is not stable yet.
    unsafe {
        asm!(
            "bfdot {sum:v}.4s, {a:v}.8h, {b:v}.2h[{lane}]",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// [`pair_sums`](super::pairs::pair_sums) for panels of [`ACROSS`] columns.
///
/// # Safety
///
/// The machine must have the extension bf16.
#[target_feature(enable = "neon,bf16")]
pub(super) unsafe fn bf16_dot<const R: usize>(
    left: [&[Pair]; R],
    panel: &[[Pair; ACROSS]],
    out: &mut [f32],
    stride: usize,
) {
    let left = left.map(|row| &row[..panel.len()]);
    let mut totals = [[vdupq_n_f32(0.0); VECTORS]; R];
    let (fours, rest) = panel.as_chunks::<LANES>();
    for (k, [first, second, third, fourth]) in fours.iter().enumerate() {
        // SAFETY: four pairs of a row.
        let x = left.map(|row| unsafe { vld1q_u16(row[k * LANES..][..LANES].as_ptr().cast()) });
        column::<R, 0>(first, x, &mut totals);
        column::<R, 1>(second, x, &mut totals);
        column::<R, 2>(third, x, &mut totals);
        column::<R, 3>(fourth, x, &mut totals);
    }
    for (k, panel) in (fours.len() * LANES..).zip(rest) {
        // SAFETY: one pair of a row.
        let x = left.map(|row| unsafe { vreinterpretq_u16_u32(vld1q_dup_u32(std::ptr::from_ref(&row[k]).cast())) });
        column::<R, 0>(panel, x, &mut totals);
    }
    for (out, totals) in out.chunks_mut(stride).zip(totals) {
        for (out, total) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(totals) {
            // SAFETY: 4 lanes in 4 places.
            unsafe { vst1q_f32(out.as_mut_ptr(), total) };
        }
    }
}

/// The products of one row of the panel, whose factors are in lane `LANE` of `x`.
#[target_feature(enable = "neon,bf16")]
#[inline]
fn column<const R: usize, const LANE: usize>(
    panel: &[Pair; ACROSS],
    x: [uint16x8_t; R],
    totals: &mut [[float32x4_t; VECTORS]; R],
) {
    for (v, right) in panel.as_chunks::<LANES>().0.iter().enumerate() {
        // SAFETY: four pairs.
        let right = unsafe { vld1q_u16(right.as_ptr().cast()) };
        for r in 0..R {
            totals[r][v] = dot::<LANE>(totals[r][v], right, x[r]);
        }
    }
}
