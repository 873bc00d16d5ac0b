//! Causal depthwise convolution over rows of channels.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::isa::arch;

/// Rows of a tile: with two vectors across, their sums fill 12 of 16 registers.
const ROWS: usize = 6;
/// Vectors across in a tile.
const VECTORS: usize = 2;
/// Channels whose taps lie together, a multiple of every tile's.
const CHANNELS: usize = 32;
/// Rows of a task.
const RUN: usize = 4 * ROWS;

/// `y[t, c] = Σ_i w[c, i] · x[t - k + 1 + i, c]` for `x: [batch, time, channels]`, `w: [channels, 1, k]`; `y` is as large as `x`.
pub(crate) fn causal_depthwise(x: &[f32], weight: &[f32], time: usize, channels: usize, y: &mut [f32]) {
    if x.is_empty() {
        return;
    }
    let kernel = weight.len() / channels;
    // [channels / CHANNELS, k, CHANNELS]; the last block is narrower.
    let blocks = weight.chunks(CHANNELS * kernel);
    let taps = |block: &'_ [f32]| -> Vec<f32> {
        (0..kernel).flat_map(|i| block.iter().skip(i).step_by(kernel)).copied().collect()
    };
    let taps: Vec<f32> = blocks.flat_map(taps).collect();
    let arch = arch();
    y.par_chunks_mut(RUN * channels).enumerate().for_each(|(run, y)| {
        let mut row = run * RUN;
        let mut rest = y;
        while !rest.is_empty() {
            let (item, t) = (row / time, row % time);
            let taken = if rest.len() / channels >= ROWS && t + ROWS <= time { ROWS } else { 1 };
            let (y, behind) = rest.split_at_mut(taken * channels);
            // What is before the item's first row counts as zeros.
            let unseen = (kernel - 1).saturating_sub(t);
            let x =
                &x[(item * time + t + unseen + 1 - kernel) * channels..][..(taken + kernel - 1 - unseen) * channels];
            match taken {
                ROWS => arch.dispatch(Tile::<ROWS> { x, taps: &taps, y, kernel, unseen, channels }),
                _ => arch.dispatch(Tile::<1> { x, taps: &taps, y, kernel, unseen, channels }),
            }
            (row, rest) = (row + taken, behind);
        }
    });
}

/// `R` rows of one item.
struct Tile<'a, const R: usize> {
    /// The rows from the first that the first tap sees.
    x: &'a [f32],
    taps: &'a [f32],
    y: &'a mut [f32],
    kernel: usize,
    /// How many rows of the first row's window are before the item.
    unseen: usize,
    channels: usize,
}

impl<const R: usize> WithSimd for Tile<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for first in (0..self.channels).step_by(CHANNELS) {
            let width = CHANNELS.min(self.channels - first);
            let wide = width / (VECTORS * S::F32_LANES) * VECTORS * S::F32_LANES;
            let whole = width / S::F32_LANES * S::F32_LANES;
            for column in (0..wide).step_by(VECTORS * S::F32_LANES) {
                self.columns::<S, VECTORS>(simd, first, width, column);
            }
            for column in (wide..whole).step_by(S::F32_LANES) {
                self.columns::<S, 1>(simd, first, width, column);
            }
            for column in whole..width {
                self.column(first, width, column);
            }
        }
    }
}

impl<const R: usize> Tile<'_, R> {
    /// `V` vectors of columns from `column` on in the block of `width` channels from `first` on.
    #[inline(always)]
    fn columns<S: Simd, const V: usize>(&mut self, simd: S, first: usize, width: usize, column: usize) {
        let Self { x, taps, y, kernel, unseen, channels } = self;
        let (kernel, channels, across) = (*kernel, *channels, V * S::F32_LANES);
        let taps = &taps[first * kernel..][..width * kernel];
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        // Each row of the input is read once, for all sums that it is part of.
        for (number, x) in (*unseen..).zip(x.chunks_exact(channels)) {
            let (x, _) = S::as_simd_f32s(&x[first + column..][..across]);
            let mut add = |r: usize, tap: usize| {
                let (taps, _) = S::as_simd_f32s(&taps[tap * width + column..][..across]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(taps[v], x[v], sums[r][v]);
                }
            };
            if (R - 1..kernel).contains(&number) {
                (0..R).for_each(|r| add(r, number - r));
            } else {
                (0..R).for_each(|r| tap(number, r, kernel).into_iter().for_each(|tap| add(r, tap)));
            }
        }
        for (y, sums) in y.chunks_exact_mut(channels).zip(&sums) {
            S::as_mut_simd_f32s(&mut y[first + column..][..across]).0.copy_from_slice(sums);
        }
    }

    /// One column.
    fn column(&mut self, first: usize, width: usize, column: usize) {
        let Self { x, taps, y, kernel, unseen, channels } = self;
        let taps = &taps[first * *kernel..][..width * *kernel];
        for (r, y) in y.chunks_exact_mut(*channels).enumerate() {
            let mut sum = 0.0;
            for (number, x) in (*unseen..).zip(x.chunks_exact(*channels)) {
                if let Some(tap) = tap(number, r, *kernel) {
                    sum = taps[tap * width + column].mul_add(x[first + column], sum);
                }
            }
            y[first + column] = sum;
        }
    }
}

/// The tap of row `r` of a tile that falls on row `number` of its windows, if it sees that row.
#[inline(always)]
fn tap(number: usize, r: usize, kernel: usize) -> Option<usize> {
    number.checked_sub(r).filter(|&tap| tap < kernel)
}
