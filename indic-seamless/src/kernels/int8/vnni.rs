//! Products of bytes by dot products of 256 bits: those of AVX-VNNI, or the same of AVX-512, which are encoded differently.
#![allow(unsafe_code, reason = "intrinsics that read memory, for instructions that not every machine has")]

use std::arch::x86_64::*;

use super::{
    GROUP, PANEL,
    tile::{STEP, Tile},
    x86::prefetch_step,
};
use crate::kernels::isa::Prefix;

/// Outputs of a vector.
const LANES: usize = 8;

/// As for AVX-512, 128 is added to the weights, and 128 times the sum of the row taken off.
///
/// # Safety
///
/// The machine must have AVX2 and the dot products in this encoding, each row a group for each step of the panel.
pub(super) unsafe fn dot_products<const R: usize>(prefix: Prefix, tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    debug_assert!(tile.rows.iter().all(|row| tile.panel.len() / STEP <= row.len() / GROUP), "a group for each step");
    for (sums, sum) in sums.iter_mut().zip(tile.row_sums) {
        sums.fill(-128 * sum);
    }
    for (number, panel) in tile.panel.chunks(tile.stretch() * STEP).enumerate() {
        let mut rows = [std::ptr::null(); R];
        for (pointer, row) in rows.iter_mut().zip(tile.rows) {
            *pointer = row[number * tile.stretch() * GROUP..].as_ptr();
        }
        // As many vectors at a time as there are registers for their sums.
        // SAFETY: as for this function.
        unsafe {
            match (R, prefix) {
                (1, Prefix::Vex) => avx_vnni::<R, 8>(rows, panel, tile.is_near, sums),
                (2 | 3, Prefix::Vex) => avx_vnni::<R, 4>(rows, panel, tile.is_near, sums),
                (_, Prefix::Vex) => avx_vnni::<R, 2>(rows, panel, tile.is_near, sums),
                (1, Prefix::Evex) => avx512_vnni::<R, 8>(rows, panel, tile.is_near, sums),
                (2 | 3, Prefix::Evex) => avx512_vnni::<R, 4>(rows, panel, tile.is_near, sums),
                (_, Prefix::Evex) => avx512_vnni::<R, 2>(rows, panel, tile.is_near, sums),
            }
        }
    }
}

/// A function that adds the products of a stretch of the panel, `V` vectors of outputs at a time.
macro_rules! stretch {
    ($name:ident, $features:literal, $dot:ident) => {
        /// # Safety
        ///
        /// The machine must have the instructions, each row a group for each step of the panel.
        #[target_feature(enable = $features)]
        unsafe fn $name<const R: usize, const V: usize>(
            rows: [*const i8; R],
            panel: &[i8],
            is_near: bool,
            sums: &mut [[i32; PANEL]; R],
        ) {
            let offset = _mm256_set1_epi8(i8::MIN);
            for first in (0..PANEL).step_by(V * LANES) {
                let mut totals = [[_mm256_setzero_si256(); V]; R];
                for (g, panel) in panel.chunks_exact(STEP).enumerate() {
                    // SAFETY: vectors of a step, and a group of each row.
                    unsafe {
                        let place = panel.as_ptr().add(first * GROUP);
                        if first == 0 && !is_near {
                            prefetch_step(place);
                        }
                        let mut weights = [offset; V];
                        for (v, weights) in weights.iter_mut().enumerate() {
                            let place = place.add(v * LANES * GROUP);
                            *weights = _mm256_xor_si256(_mm256_loadu_si256(place.cast()), offset);
                        }
                        for r in 0..R {
                            let x = _mm256_set1_epi32(rows[r].add(g * GROUP).cast::<i32>().read_unaligned());
                            for v in 0..V {
                                totals[r][v] = $dot(totals[r][v], weights[v], x);
                            }
                        }
                    }
                }
                for (sums, totals) in sums.iter_mut().zip(totals) {
                    for (sums, total) in sums[first..].as_chunks_mut::<LANES>().0.iter_mut().zip(totals) {
                        // SAFETY: 8 lanes in 8 places.
                        unsafe {
                            let place = sums.as_mut_ptr().cast();
                            _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), total));
                        }
                    }
                }
            }
        }
    };
}

stretch!(avx_vnni, "avx2,avxvnni", _mm256_dpbusd_avx_epi32);
stretch!(avx512_vnni, "avx2,avx512vl,avx512vnni", _mm256_dpbusd_epi32);
