//! Sums of products of bytes: a few rows against a panel of 64 outputs.

use std::ops::Range;

use super::{GROUP, PANEL, Rows};
use crate::kernels::isa::Kernels;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::{vnni, x86};

/// Rows of a tile: with 64 outputs they fill 24 of AVX-512's 32 registers.
pub(in crate::kernels) const ROWS: usize = 6;

/// The bytes of a panel's group.
pub(super) const STEP: usize = PANEL * GROUP;

/// Steps of a panel that stay in the first-level cache while a kernel with few registers goes over them several times, at most.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const STRETCH: usize = 64;

/// `sums[i][o] = Σ_k rows[tile.start + i][depth.start + k] · panel[k][o]` for the rows of `tile`, at most [`ROWS`], and the inputs
/// of `depth`, whole groups.
#[inline(always)]
pub(super) fn tile(
    kernels: Kernels,
    rows: &Rows,
    tile: Range<usize>,
    depth: Range<usize>,
    panel: &[i8],
    sums: &mut [[i32; PANEL]; ROWS],
) {
    let first = tile.start;
    match tile.len() {
        1 => tile_of::<1>(kernels, rows, first, depth, panel, sums),
        2 => tile_of::<2>(kernels, rows, first, depth, panel, sums),
        3 => tile_of::<3>(kernels, rows, first, depth, panel, sums),
        4 => tile_of::<4>(kernels, rows, first, depth, panel, sums),
        5 => tile_of::<5>(kernels, rows, first, depth, panel, sums),
        _ => tile_of::<ROWS>(kernels, rows, first, depth, panel, sums),
    }
}

#[inline(always)]
fn tile_of<const R: usize>(
    kernels: Kernels,
    rows: &Rows,
    first: usize,
    depth: Range<usize>,
    panel: &[i8],
    sums: &mut [[i32; PANEL]; ROWS],
) {
    // Loops, since closures are not always inlined here.
    let (mut rows_of_tile, mut row_sums) = ([&rows.values[..0]; R], [0; R]);
    for (r, (row, sum)) in rows_of_tile.iter_mut().zip(&mut row_sums).enumerate() {
        *row = &rows.values[(first + r) * rows.depth..][depth.clone()];
        // The sum of a whole row is taken off once.
        *sum = if depth.start == 0 { rows.sums[first + r] } else { 0 };
    }
    let tile = Tile {
        rows: rows_of_tile,
        row_sums,
        panel: &panel[..depth.len() * PANEL],
        #[cfg(target_arch = "x86_64")]
        is_near: rows.len() > ROWS,
    };
    let Some(sums) = sums.first_chunk_mut::<R>() else { unreachable!("R is at most ROWS") };
    // What the kernels rely on.
    debug_assert!(depth.len().is_multiple_of(GROUP) && tile.rows.iter().all(|row| row.len() == depth.len()));
    // SAFETY: the variants of `Kernels` hold evidence that the machine has their instructions; rows and panel have as many groups.
    #[allow(unsafe_code, reason = "code for instructions that the compiler does not take for granted")]
    match kernels {
        #[cfg(target_arch = "x86_64")]
        Kernels::Avx512Vnni(_) => unsafe { x86::avx512_vnni(&tile, sums) },
        #[cfg(target_arch = "x86_64")]
        Kernels::AvxVnni(_, prefix) => unsafe { vnni::dot_products(prefix, &tile, sums) },
        #[cfg(target_arch = "x86_64")]
        Kernels::Avx2(_) => unsafe { x86::avx2(&tile, sums) },
        #[cfg(target_arch = "aarch64")]
        Kernels::I8mm(_) => unsafe { neon::matrix_product(&tile, sums) },
        #[cfg(target_arch = "aarch64")]
        Kernels::Neon(_) => unsafe { neon::dot_product(&tile, sums) },
        Kernels::Portable => portable::plain(&tile, sums),
    }
}

/// `R` rows of bytes and a panel.
pub(super) struct Tile<'a, const R: usize> {
    /// Of one length, a multiple of [`GROUP`].
    pub(super) rows: [&'a [i8]; R],
    /// To be taken off 128 times: the sums of the rows are those of these parts of them, and of parts that are added later.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "for signs by offset"))]
    pub(super) row_sums: [i32; R],
    /// [`PANEL`] times as long.
    pub(super) panel: &'a [i8],
    /// Whether the panel is in the second-level cache, as for many rows; else it comes from memory.
    #[cfg(target_arch = "x86_64")]
    pub(super) is_near: bool,
}

#[cfg(target_arch = "x86_64")]
impl<const R: usize> Tile<'_, R> {
    /// Steps at a time.
    pub(super) fn stretch(&self) -> usize {
        if self.is_near { STRETCH } else { STRETCH / 4 }
    }
}
