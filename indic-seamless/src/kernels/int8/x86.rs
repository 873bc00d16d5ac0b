//! Products of bytes: AVX-512 VNNI, and AVX2 without it.
#![allow(unsafe_code, reason = "intrinsics that read memory, for instructions that not every machine has")]

use std::arch::x86_64::*;

use super::{
    GROUP, PANEL,
    nibbles::{BLOCK, LANE, bytes_of_step},
    tile::{STEP, STRETCH, Tile},
};

/// How far ahead of its use the weight is asked for: further than the hardware looks, which stops at the end of a page.
const AHEAD: usize = 8192;

/// Asks for a step of the weight, [`AHEAD`] of `place`, for kernels that go over a stretch several times: they ask for all of
/// a step when they begin it, since memory gives lines faster that follow each other, and for the second-level cache, since
/// the first one can wait for a few lines only.
#[inline(always)]
pub(super) fn prefetch_step(place: *const i8) {
    const LINE: usize = 64;
    for line in (0..STEP).step_by(LINE) {
        // SAFETY: a prefetch may point anywhere.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(place.wrapping_add(AHEAD + line)) };
    }
}

/// Four bytes of a row, as one lane of a dot product takes them.
///
/// # Safety
///
/// The row must have the group.
#[inline(always)]
unsafe fn group(row: *const i8, group: usize) -> i32 {
    unsafe { row.add(group * GROUP).cast::<i32>().read_unaligned() }
}

/// The dot product multiplies unsigned bytes by signed ones, so 128 is added to the weights (their highest bit flips), and
/// 128 times the sum of the row taken off.
///
/// # Safety
///
/// The machine must have AVX-512 F, BW and VNNI, each row a group for each step of the panel.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn avx512_vnni<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    const VECTORS: usize = PANEL / 16;
    let groups = tile.panel.len() / STEP;
    debug_assert!(tile.rows.iter().all(|row| groups <= row.len() / GROUP), "a group for each step");
    let rows = tile.rows.map(<[i8]>::as_ptr);
    let offset = _mm512_set1_epi8(i8::MIN);
    let mut totals = [[_mm512_setzero_si512(); VECTORS]; R];
    for (totals, sum) in totals.iter_mut().zip(tile.row_sums) {
        *totals = [_mm512_set1_epi32(-128 * sum); VECTORS];
    }
    for g in 0..groups {
        // SAFETY: as for this function; a prefetch may point anywhere.
        unsafe {
            let panel = tile.panel.as_ptr().add(g * STEP);
            let mut weights = [offset; VECTORS];
            for (v, weights) in weights.iter_mut().enumerate() {
                _mm_prefetch::<_MM_HINT_T0>(panel.wrapping_add(AHEAD + v * 64));
                *weights = _mm512_xor_si512(_mm512_loadu_si512(panel.add(v * 64).cast()), offset);
            }
            for r in 0..R {
                let x = _mm512_set1_epi32(group(rows[r], g));
                for v in 0..VECTORS {
                    totals[r][v] = _mm512_dpbusd_epi32(totals[r][v], weights[v], x);
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, total) in sums.as_chunks_mut::<16>().0.iter_mut().zip(totals) {
            // SAFETY: 16 lanes in 16 places.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), total) };
        }
    }
}

/// AVX2 has products of bytes that saturate, and exact ones of 16-bit numbers. One row takes the former, of which half the
/// registers do; more rows share the work of widening the weights.
///
/// # Safety
///
/// The machine must have AVX2, each row a group for each step of the panel.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    // SAFETY: as for this function.
    unsafe {
        match (tile.rows.as_slice(), sums.as_mut_slice()) {
            ([row], [sums]) => avx2_row(row, tile.panel, sums),
            _ => avx2_rows(tile, sums),
        }
    }
}

/// Products of unsigned and signed bytes are added in pairs with saturation at 16 bits: `|x| · sign(x)·w` stays below it,
/// since no byte is -128. With the roles exchanged, weights of -128 would do no harm, but each vector of weights would need an
/// absolute value of its own.
///
/// # Safety
///
/// The machine must have AVX2, the row a group for each step of the panel.
#[target_feature(enable = "avx2")]
unsafe fn avx2_row(row: &[i8], panel: &[i8], sums: &mut [i32; PANEL]) {
    const VECTORS: usize = PANEL / 8;
    debug_assert!(panel.len() / STEP <= row.len() / GROUP, "a group for each step");
    let ones = _mm256_set1_epi16(1);
    let mut totals = [_mm256_setzero_si256(); VECTORS];
    for (g, panel) in panel.chunks_exact(STEP).enumerate() {
        // SAFETY: as for this function; a prefetch may point anywhere.
        unsafe {
            let x = _mm256_set1_epi32(group(row.as_ptr(), g));
            let magnitude = _mm256_abs_epi8(x);
            for (v, total) in totals.iter_mut().enumerate() {
                let place = panel.as_ptr().add(v * 32);
                if v % 2 == 0 {
                    _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(AHEAD));
                }
                let weights = _mm256_loadu_si256(place.cast());
                let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(weights, x));
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    for (sums, total) in sums.as_chunks_mut::<8>().0.iter_mut().zip(totals) {
        // SAFETY: 8 lanes in 8 places.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), total) };
    }
}

/// # Safety
///
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn avx2_rows<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    sums.as_flattened_mut().fill(0);
    let mut wide = [[0i16; STRETCH * GROUP]; R];
    for (number, panel) in tile.panel.chunks(tile.stretch() * STEP).enumerate() {
        for (wide, row) in wide.iter_mut().zip(tile.rows) {
            let row = &row[number * tile.stretch() * GROUP..][..panel.len() / PANEL];
            wide.iter_mut().zip(row).for_each(|(wide, x)| *wide = i16::from(*x));
        }
        for column in (0..PANEL).step_by(8) {
            // SAFETY: as for this function.
            unsafe { avx2_columns(&wide, panel, column, tile.is_near, sums) };
        }
    }
}

/// Adds the products of 8 outputs from `column` on. With 6 rows the 12 sums, 2 weights and 1 input fill the registers.
///
/// # Safety
///
/// The machine must have AVX2; the panel has [`STRETCH`] steps at most.
#[target_feature(enable = "avx2")]
unsafe fn avx2_columns<const R: usize>(
    rows: &[[i16; STRETCH * GROUP]; R],
    panel: &[i8],
    column: usize,
    is_near: bool,
    sums: &mut [[i32; PANEL]; R],
) {
    debug_assert!(panel.len() <= STRETCH * STEP && column + 8 <= PANEL, "the stretch and the panel");
    // Two lanes for each output: its first two inputs of a group, and the last two.
    let mut totals = [[_mm256_setzero_si256(); 2]; R];
    for (g, panel) in panel.chunks_exact(STEP).enumerate() {
        // SAFETY: 32 bytes for 8 outputs, and a group of each row.
        unsafe {
            let place = panel.as_ptr().add(column * GROUP);
            if column == 0 && !is_near {
                prefetch_step(place);
            }
            let weights = [
                _mm256_cvtepi8_epi16(_mm_loadu_si128(place.cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(place.add(16).cast())),
            ];
            for (row, totals) in rows.iter().zip(&mut totals) {
                let x = _mm256_set1_epi64x(row.as_ptr().add(g * GROUP).cast::<i64>().read_unaligned());
                for (total, weights) in totals.iter_mut().zip(weights) {
                    *total = _mm256_add_epi32(*total, _mm256_madd_epi16(weights, x));
                }
            }
        }
    }
    for (sums, [low, high]) in sums.iter_mut().zip(totals) {
        // Adds neighbours; the halves of the two vectors come out interleaved.
        let added = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high));
        // SAFETY: 8 lanes in 8 places.
        unsafe {
            let place = sums[column..column + 8].as_mut_ptr().cast();
            _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), added));
        }
    }
}

/// The bytes that half bytes stand for, looked up 32 at a time, in two lanes with a table each.
///
/// # Safety
///
/// The machine must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn expand(blocks: &[u8], bytes: &mut [i8]) {
    const WIDTH: usize = 2 * LANE;
    let low = _mm256_set1_epi8(0x0f);
    for (block, bytes) in blocks.chunks_exact(BLOCK).zip(bytes.chunks_exact_mut(2 * STEP)) {
        let (halves, steps) = block.split_at(STEP);
        let (first, second) = bytes.split_at_mut(STEP);
        let lanes = steps.as_chunks::<2>().0.iter().zip(halves.as_chunks::<WIDTH>().0);
        let places = first.as_chunks_mut::<WIDTH>().0.iter_mut().zip(second.as_chunks_mut::<WIDTH>().0);
        for ((steps, halves), (first, second)) in lanes.zip(places) {
            // SAFETY: a table is as wide as a lane, the others as a vector; a prefetch may point anywhere.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(halves.as_ptr().wrapping_add(AHEAD).cast());
                let [low_lane, high_lane] = steps.map(|step| _mm_loadu_si128(bytes_of_step(step).as_ptr().cast()));
                let tables = _mm256_set_m128i(high_lane, low_lane);
                let both = _mm256_loadu_si256(halves.as_ptr().cast());
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), low);
                let (low, high) =
                    (_mm256_shuffle_epi8(tables, _mm256_and_si256(both, low)), _mm256_shuffle_epi8(tables, high));
                _mm256_storeu_si256(first.as_mut_ptr().cast(), low);
                _mm256_storeu_si256(second.as_mut_ptr().cast(), high);
            }
        }
    }
}

/// One row and a panel of half bytes, which do not become bytes: `Σ (n - 8) · s · x` is `s · (Σ n · x - 8 · Σ x)` for the two groups
/// of a block, and all of that fits in 16 bits before `s`.
///
/// # Safety
///
/// The machine must have AVX2. The row must have as many groups as the blocks of the panel, or one less.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn nibbles_row(row: &[i8], panel: &[u8], sums: &mut [i32; PANEL]) {
    const VECTORS: usize = PANEL / 8;
    /// Which bytes of the steps become the 16-bit factors of a vector's lanes.
    const SPREAD: [[u8; 32]; VECTORS] = {
        let mut spread = [[0x80; 32]; VECTORS];
        let mut place = 0;
        while place < VECTORS * 32 {
            if place % 2 == 0 {
                spread[place / 32][place % 32] = (place / LANE) as u8;
            }
            place += 1;
        }
        spread
    };
    let (low, eights) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(8));
    let groups = row.len() / GROUP;
    debug_assert_eq!(groups.div_ceil(2), panel.len() / BLOCK, "two groups for each block");
    let mut totals = [_mm256_setzero_si256(); VECTORS];
    for (number, block) in panel.chunks_exact(BLOCK).enumerate() {
        // SAFETY: as for this function; vectors of a block; a prefetch may point anywhere.
        unsafe {
            let first = _mm256_set1_epi32(group(row.as_ptr(), 2 * number));
            let second = if 2 * number + 1 < groups { group(row.as_ptr(), 2 * number + 1) } else { 0 };
            let second = _mm256_set1_epi32(second);
            let offset = _mm256_add_epi16(_mm256_maddubs_epi16(eights, first), _mm256_maddubs_epi16(eights, second));
            let steps = _mm256_broadcastsi128_si256(_mm_loadu_si128(block.as_ptr().add(STEP).cast()));
            let steps = _mm256_and_si256(steps, low);
            for (v, total) in totals.iter_mut().enumerate() {
                let place = block.as_ptr().add(v * 32);
                if v % 2 == 0 {
                    _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(AHEAD).cast());
                }
                let both = _mm256_loadu_si256(place.cast());
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), low);
                let pairs = _mm256_add_epi16(
                    _mm256_maddubs_epi16(_mm256_and_si256(both, low), first),
                    _mm256_maddubs_epi16(high, second),
                );
                let factors = _mm256_shuffle_epi8(steps, _mm256_loadu_si256(SPREAD[v].as_ptr().cast()));
                *total = _mm256_add_epi32(*total, _mm256_madd_epi16(_mm256_sub_epi16(pairs, offset), factors));
            }
        }
    }
    for (sums, total) in sums.as_chunks_mut::<8>().0.iter_mut().zip(totals) {
        // SAFETY: 8 lanes in 8 places.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), total) };
    }
}
