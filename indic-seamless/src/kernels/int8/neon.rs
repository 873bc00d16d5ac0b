//! NEON with dot products of bytes.
#![allow(
    unsafe_code,
    reason = "an instruction that the standard library does not offer yet, and that not every machine has"
)]

use std::arch::{aarch64::*, asm};

use super::{
    GROUP, PANEL,
    tile::{STEP, STRETCH, Tile},
};

/// `sum[i] + a[4i..] · b[4i..]` for the four lanes `i`.
#[target_feature(enable = "dotprod")]
#[inline]
fn dot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction on three registers. `vdotq_s32` is not stable yet.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Of the 32 registers 24 hold the sums of 16 outputs, so each stretch of the panel is gone over four times.
///
/// # Safety
///
/// The machine must have the dot-product extension.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn dot_product<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    sums.as_flattened_mut().fill(0);
    let groups = tile.panel.len() / STEP;
    for start in (0..groups).step_by(STRETCH) {
        let groups = start..groups.min(start + STRETCH);
        // SAFETY: as for this function; the groups are those of the panel.
        unsafe {
            if R == 1 {
                columns::<R, 16>(tile, groups, 0, sums);
            } else {
                for column in (0..PANEL).step_by(16) {
                    columns::<R, 4>(tile, groups.clone(), column, sums);
                }
            }
        }
    }
}

/// Adds the products of `V` vectors of 4 outputs from `column` on.
///
/// # Safety
///
/// The machine must have the dot-product extension, the panel the groups and the columns.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn columns<const R: usize, const V: usize>(
    tile: &Tile<'_, R>,
    groups: std::ops::Range<usize>,
    column: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    let rows = tile.rows.map(<[i8]>::as_ptr);
    let mut totals = [[vdupq_n_s32(0); V]; R];
    for g in groups {
        // SAFETY: as for this function.
        unsafe {
            let panel = tile.panel.as_ptr().add(g * STEP + column * GROUP);
            let mut weights = [vdupq_n_s8(0); V];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = vld1q_s8(panel.add(v * 16));
            }
            for r in 0..R {
                let x = vreinterpretq_s8_s32(vdupq_n_s32(rows[r].add(g * GROUP).cast::<i32>().read_unaligned()));
                for v in 0..V {
                    totals[r][v] = dot(totals[r][v], weights[v], x);
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, total) in sums[column..].as_chunks_mut::<4>().0.iter_mut().zip(totals) {
            // SAFETY: 4 lanes in 4 places.
            unsafe { vst1q_s32(sums.as_mut_ptr(), vaddq_s32(vld1q_s32(sums.as_ptr()), total)) };
        }
    }
}
