//! NEON with dot products of bytes, and with products of small matrices of bytes (i8mm).
#![allow(
    unsafe_code,
    reason = "instructions that the standard library does not offer yet, and that not every machine has"
)]

use std::{
    arch::{aarch64::*, asm},
    ops::Range,
};

use super::{
    GROUP, PANEL,
    nibbles::{BLOCK, LANE, bytes_of_step},
    tile::{ROWS, STEP, STRETCH, Tile},
};

/// Groups of a row in a vector, and outputs of a panel's group in a vector.
const LANES: usize = 4;
/// Rows that [`matrix_product`] takes side by side.
const PAIRS: usize = ROWS.div_ceil(2);

/// `sum[i] + a[4i..] · b[4·LANE..]` for the four lanes `i`.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot<const LANE: usize>(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction on three registers. `vdotq_laneq_s32` is not stable yet.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// `sum[2i + j] + a[8i..] · b[8j..]` for `i` and `j` of 0 and 1.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn product_of_pairs(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: one instruction on three registers. `vmmlaq_s32` is not stable yet.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Of the 32 registers up to 24 hold sums: those of a whole panel for one row, of half for two or three, else of a quarter.
///
/// # Safety
///
/// The machine must have the dot-product extension, each row a group for each step of the panel.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn dot_product<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    // SAFETY: as for this function.
    unsafe {
        match R {
            1 => dot_stretches::<R, 16>(tile, sums),
            2 | 3 => dot_stretches::<R, 8>(tile, sums),
            _ => dot_stretches::<R, 4>(tile, sums),
        }
    }
}

/// # Safety
///
/// The machine must have the dot-product extension, each row a group for each step of the panel.
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot_stretches<const R: usize, const V: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    sums.as_flattened_mut().fill(0);
    let groups = tile.panel.len() / STEP;
    for start in (0..groups).step_by(STRETCH) {
        for column in (0..PANEL).step_by(V * LANES) {
            // SAFETY: as for this function; the groups are those of the panel, and so of each row.
            unsafe { dot_columns::<R, V>(tile, start..groups.min(start + STRETCH), column, sums) };
        }
    }
}

/// Adds the products of `V` vectors of outputs from `column` on.
///
/// # Safety
///
/// The machine must have the dot-product extension, the panel the groups and the columns, each row the groups.
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot_columns<const R: usize, const V: usize>(
    tile: &Tile<'_, R>,
    groups: Range<usize>,
    column: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    debug_assert!(
        groups.end * STEP <= tile.panel.len()
            && tile.rows.iter().all(|row| groups.end * GROUP <= row.len())
            && column + V * LANES <= PANEL,
        "groups and columns of the panel, groups of the rows"
    );
    let rows = tile.rows.map(<[i8]>::as_ptr);
    let mut totals = [[vdupq_n_s32(0); V]; R];
    let mut group = groups.start;
    // SAFETY: as for this function.
    unsafe {
        let panel = tile.panel.as_ptr().add(column * GROUP);
        while group + LANES <= groups.end {
            let x = rows.map(|row| vld1q_s8(row.add(group * GROUP)));
            let panel = panel.add(group * STEP);
            dot_group::<R, V, 0>(panel, x, &mut totals);
            dot_group::<R, V, 1>(panel.add(STEP), x, &mut totals);
            dot_group::<R, V, 2>(panel.add(2 * STEP), x, &mut totals);
            dot_group::<R, V, 3>(panel.add(3 * STEP), x, &mut totals);
            group += LANES;
        }
        for group in group..groups.end {
            let x = |row: *const i8| vreinterpretq_s8_s32(vld1q_dup_s32(row.add(group * GROUP).cast()));
            dot_group::<R, V, 0>(panel.add(group * STEP), rows.map(x), &mut totals);
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, total) in sums[column..].as_chunks_mut().0.iter_mut().zip(totals) {
            add(sums, total);
        }
    }
}

/// The products of one group, which is in lane `LANE` of the rows.
///
/// # Safety
///
/// The machine must have the dot-product extension, the panel `V` vectors.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn dot_group<const R: usize, const V: usize, const LANE: usize>(
    panel: *const i8,
    x: [int8x16_t; R],
    totals: &mut [[int32x4_t; V]; R],
) {
    for v in 0..V {
        // SAFETY: as for this function.
        let weights = unsafe { vld1q_s8(panel.add(v * LANES * GROUP)) };
        for r in 0..R {
            totals[r][v] = dot::<LANE>(totals[r][v], weights, x[r]);
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn add(sums: &mut [i32; LANES], total: int32x4_t) {
    // SAFETY: 4 lanes in 4 places.
    unsafe { vst1q_s32(sums.as_mut_ptr(), vaddq_s32(vld1q_s32(sums.as_ptr()), total)) };
}

/// Two groups of two rows: the left matrix of [`product_of_pairs`].
type TwoRows = [[i8; 2 * GROUP]; 2];

/// One instruction multiplies two rows by two outputs over two groups. Its right matrix comes from two neighbouring groups of
/// the panel, interleaved. For three rows and fewer that costs what is saved, so they take dot products.
///
/// # Safety
///
/// The machine must have the dot-product extension and i8mm, each row a group for each step of the panel.
#[target_feature(enable = "neon,dotprod,i8mm")]
pub(super) unsafe fn matrix_product<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    // SAFETY: as for this function.
    unsafe {
        match R {
            1..=3 => dot_product(tile, sums),
            4 => matrix_stretches::<R, 4>(tile, sums),
            // With the 24 sums of four vectors the compiler runs out of registers.
            _ => matrix_stretches::<R, 2>(tile, sums),
        }
    }
}

/// # Safety
///
/// The machine must have i8mm.
#[target_feature(enable = "neon,i8mm")]
unsafe fn matrix_stretches<const R: usize, const V: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    sums.as_flattened_mut().fill(0);
    // A row that is not there is zero.
    let mut pairs = [[[[0; 2 * GROUP]; 2]; PAIRS]; STRETCH / 2];
    for (stretch, panel) in tile.panel.chunks(STRETCH * STEP).enumerate() {
        let groups = panel.len() / STEP;
        for (r, row) in tile.rows.iter().enumerate() {
            let (whole, rest) = row[stretch * STRETCH * GROUP..][..groups * GROUP].as_chunks();
            for (pairs, bytes) in pairs.iter_mut().zip(whole) {
                pairs[r / 2][r % 2] = *bytes;
            }
            if let [a, b, c, d] = *rest {
                pairs[whole.len()][r / 2][r % 2] = [a, b, c, d, 0, 0, 0, 0];
            }
        }
        for column in (0..PANEL).step_by(V * LANES) {
            // SAFETY: as for this function; the stretch has the groups.
            unsafe { matrix_columns::<R, V>(&pairs, panel, groups, column, sums) };
        }
    }
}

/// Adds the products of `V` vectors of outputs from `column` on.
///
/// # Safety
///
/// The machine must have i8mm, the panel the groups, at most [`STRETCH`], and the columns.
#[target_feature(enable = "neon,i8mm")]
unsafe fn matrix_columns<const R: usize, const V: usize>(
    pairs: &[[TwoRows; PAIRS]; STRETCH / 2],
    panel: &[i8],
    groups: usize,
    column: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    debug_assert!(
        groups <= STRETCH && groups * STEP <= panel.len() && column + V * LANES <= PANEL,
        "the panel's stretch"
    );
    let mut totals = [[[vdupq_n_s32(0); 2]; V]; PAIRS];
    let (whole, last) = (groups / 2, groups % 2);
    // SAFETY: as for this function.
    unsafe {
        let panel = panel.as_ptr().add(column * GROUP);
        for (k, pairs) in pairs[..whole].iter().enumerate() {
            matrix_groups::<R, V>(pairs, [panel.add(2 * k * STEP), panel.add((2 * k + 1) * STEP)], &mut totals);
        }
        if last == 1 {
            // Beside the last group any other will do, since the rows are zero there.
            matrix_groups::<R, V>(&pairs[whole], [panel.add(2 * whole * STEP); 2], &mut totals);
        }
    }
    for (pair, totals) in sums.chunks_mut(2).zip(totals) {
        for (v, [low, high]) in totals.into_iter().enumerate() {
            // Each has two outputs of the first row, then those of the second.
            let (low, high) = (vreinterpretq_s64_s32(low), vreinterpretq_s64_s32(high));
            let of_rows = [vzip1q_s64(low, high), vzip2q_s64(low, high)];
            for (sums, total) in pair.iter_mut().zip(of_rows) {
                if let Some(sums) = sums[column + v * LANES..].first_chunk_mut() {
                    add(sums, vreinterpretq_s32_s64(total));
                }
            }
        }
    }
}

/// The products of two groups.
///
/// # Safety
///
/// The machine must have i8mm, each group `V` vectors.
#[target_feature(enable = "neon,i8mm")]
#[inline]
unsafe fn matrix_groups<const R: usize, const V: usize>(
    pairs: &[TwoRows; PAIRS],
    panels: [*const i8; 2],
    totals: &mut [[[int32x4_t; 2]; V]; PAIRS],
) {
    let mut x = [vdupq_n_s8(0); PAIRS];
    for (x, pair) in x.iter_mut().zip(&pairs[..R.div_ceil(2)]) {
        // SAFETY: 16 bytes.
        *x = unsafe { vld1q_s8(pair.as_flattened().as_ptr()) };
    }
    for v in 0..V {
        // SAFETY: as for this function.
        let [first, second] = panels.map(|panel| unsafe { vld1q_s32(panel.add(v * LANES * GROUP).cast()) });
        let outputs = [vzip1q_s32(first, second), vzip2q_s32(first, second)].map(|w| vreinterpretq_s8_s32(w));
        for p in 0..R.div_ceil(2) {
            for (total, outputs) in totals[p][v].iter_mut().zip(outputs) {
                *total = product_of_pairs(*total, x[p], outputs);
            }
        }
    }
}

/// The bytes that half bytes stand for, looked up 16 at a time.
///
/// # Safety
///
/// The machine must have NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn expand(blocks: &[u8], bytes: &mut [i8]) {
    for (block, bytes) in blocks.chunks_exact(BLOCK).zip(bytes.chunks_exact_mut(2 * STEP)) {
        let (halves, steps) = block.split_at(STEP);
        let (first, second) = bytes.split_at_mut(STEP);
        let lanes = steps.iter().zip(halves.as_chunks::<LANE>().0);
        let places = first.as_chunks_mut::<LANE>().0.iter_mut().zip(second.as_chunks_mut::<LANE>().0);
        for ((step, halves), (first, second)) in lanes.zip(places) {
            // SAFETY: tables, lanes and places are as wide as a vector.
            unsafe {
                let table = vld1q_s8(bytes_of_step(*step).as_ptr());
                let both = vld1q_u8(halves.as_ptr());
                vst1q_s8(first.as_mut_ptr(), vqtbl1q_s8(table, vandq_u8(both, vdupq_n_u8(0x0f))));
                vst1q_s8(second.as_mut_ptr(), vqtbl1q_s8(table, vshrq_n_u8::<4>(both)));
            }
        }
    }
}
