//! Products of bf16 numbers: AVX-512 BF16.
#![allow(unsafe_code, reason = "intrinsics that read memory, for instructions that not every machine has")]

use std::arch::x86_64::*;

use super::pairs::Pair;

/// Columns of a panel that this kernel takes: with the 6 rows of a tile their sums fill 24 of 32 registers.
pub(super) const ACROSS: usize = 64;

#[inline(always)]
fn bf16s(bits: __m512i) -> __m512bh {
    // SAFETY: two names for 512 bits.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
}

/// [`pair_sums`](super::pairs::pair_sums) for panels of [`ACROSS`] columns.
///
/// # Safety
///
/// The machine must have AVX-512 F and BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn avx512_bf16<const R: usize>(
    left: [&[Pair]; R],
    panel: &[[Pair; ACROSS]],
    out: &mut [f32],
    stride: usize,
) {
    const VECTORS: usize = ACROSS / 16;
    assert!(left.iter().all(|row| row.len() >= panel.len()), "an element for each row of the panel");
    let mut totals = [[_mm512_setzero_ps(); VECTORS]; R];
    for (k, panel) in panel.iter().enumerate() {
        let mut right = [_mm512_setzero_si512(); VECTORS];
        for (v, right) in right.iter_mut().enumerate() {
            // SAFETY: 16 of the 64 pairs.
            *right = unsafe { _mm512_loadu_si512(panel.as_ptr().add(v * 16).cast()) };
        }
        for (left, totals) in left.iter().zip(&mut totals) {
            // SAFETY: the two numbers of a pair, which the row has.
            let x = _mm512_set1_epi32(unsafe { left.as_ptr().add(k).cast::<i32>().read_unaligned() });
            for (total, right) in totals.iter_mut().zip(right) {
                *total = _mm512_dpbf16_ps(*total, bf16s(x), bf16s(right));
            }
        }
    }
    for (out, totals) in out.chunks_mut(stride).zip(totals) {
        for (out, total) in out.as_chunks_mut::<16>().0.iter_mut().zip(totals) {
            // SAFETY: 16 lanes in 16 places.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), total) };
        }
    }
}
