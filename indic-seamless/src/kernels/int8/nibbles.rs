//! Weights as half bytes, which become bytes again on the way to the kernels.
//!
//! 4 outputs times 8 inputs share a step `s` of 1 to 15. A half byte `n` among them stands for the byte `(n - 8) · s`. With the
//! scale of the output, that byte is a weight as everywhere in this module: products are those of the bytes, and only the memory
//! that a product reads is smaller, by 15 to 32.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    GROUP, PANEL, Rows, packed_shape,
    tile::{self, ROWS, STEP},
};
use crate::kernels::isa::{Kernels, vectorise};

#[cfg(target_arch = "aarch64")]
use super::neon;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// The bytes that share a vector's lane, and a step with those of the same outputs in the next group.
pub(super) const LANE: usize = 16;
const LANES: usize = STEP / LANE;

/// Half bytes of two groups, those of the first in the low halves, then the steps of the lanes.
pub(super) const BLOCK: usize = STEP + LANES;

/// Inputs of a block.
const INPUTS: usize = 2 * GROUP;

/// Blocks that become bytes at a time: these stay in the first-level cache.
const BLOCKS: usize = 32;

/// The largest step, of which the largest weight of an output is 7.
const STEPS: usize = 15;
const LARGEST: f32 = 7.0 * STEPS as f32;

/// The bytes that the 16 half bytes stand for, by the step.
static BYTES: [[i8; LANE]; STEPS + 1] = bytes_by_step();

const fn bytes_by_step() -> [[i8; LANE]; STEPS + 1] {
    let mut bytes = [[0; LANE]; STEPS + 1];
    let mut step = 0;
    while step <= STEPS {
        let mut n = 0;
        while n < LANE {
            bytes[step][n] = (n as i8 - 8) * step as i8;
            n += 1;
        }
        step += 1;
    }
    bytes
}

/// The table of a step, which has four bits.
#[inline(always)]
pub(super) fn bytes_of_step(step: u8) -> &'static [i8; LANE] {
    &BYTES[usize::from(step & 0xf)]
}

/// The shape of a packed weight of `output` rows and `input` columns: `[panels, blocks, 17, 16]`.
///
/// Block `b` of panel `p` holds outputs `64·p ..` and inputs `8·b ..`. Its first 16 rows have the half bytes of
/// [`packed_shape`]'s groups `2·b` (the low halves) and `2·b + 1`, in their order there; row 16 has the step of each lane.
pub(crate) fn nibble_shape(output: usize, input: usize) -> [usize; 4] {
    [output.div_ceil(PANEL), input.div_ceil(INPUTS), LANES + 1, LANE]
}

/// Packs rows of `input` values, one per output, into whole panels and a scale per output, as [`pack`](super::pack) does.
///
/// Of several steps, each lane gets the one with the least sum of squared errors.
pub(crate) fn pack_nibbles(rows: &[f32], input: usize, packed: &mut [u8], scales: &mut [f32]) {
    let [_, blocks, ..] = nibble_shape(scales.len(), input);
    let panels = packed.par_chunks_exact_mut((blocks * BLOCK).max(1)).zip(scales.par_chunks_mut(PANEL));
    panels.zip(rows.par_chunks((PANEL * input).max(1))).for_each(|((packed, scales), rows)| {
        vectorise(
            #[inline(always)]
            || pack_panel(rows, input, packed, scales),
        );
    });
}

#[inline(always)]
fn pack_panel(rows: &[f32], input: usize, packed: &mut [u8], scales: &mut [f32]) {
    let mut inverses = [0.0; PANEL];
    for ((row, scale), inverse) in rows.chunks_exact(input).zip(&mut *scales).zip(&mut inverses) {
        let largest = row.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        *scale = largest / LARGEST;
        *inverse = if largest > 0.0 { LARGEST / largest } else { 0.0 };
    }
    for (number, block) in packed.chunks_exact_mut(BLOCK).enumerate() {
        let (halves, steps) = block.split_at_mut(STEP);
        for (lane, (halves, step)) in halves.chunks_exact_mut(LANE).zip(steps).enumerate() {
            // The 16 bytes of the first group, then those of the second.
            let mut values = [0.0; 2 * LANE];
            for (place, value) in values.iter_mut().enumerate() {
                let output = lane * GROUP + place % LANE / GROUP;
                let column = number * INPUTS + place / LANE * GROUP + place % GROUP;
                if output < scales.len() && column < input {
                    *value = rows[output * input + column] * inverses[output];
                }
            }
            *step = best_step(&values);
            let half = |value: f32| nearest(value, f32::from(*step)) as u8;
            for (place, halves) in halves.iter_mut().enumerate() {
                *halves = half(values[place]) | half(values[LANE + place]) << 4;
            }
        }
    }
}

/// The half byte for a value, as a number.
#[inline(always)]
fn nearest(value: f32, step: f32) -> f32 {
    (value / step).round_ties_even().clamp(-8.0, 7.0) + 8.0
}

/// The step for the values of a lane: larger ones round more, smaller ones cut off more.
#[inline(always)]
fn best_step(values: &[f32; 2 * LANE]) -> u8 {
    let (mut best, mut least) = (1, f32::INFINITY);
    for step in 1..=STEPS as u8 {
        let parts = f32::from(step);
        let error = values.iter().map(|value| ((nearest(*value, parts) - 8.0) * parts - value).powi(2)).sum::<f32>();
        if error < least {
            (best, least) = (step, error);
        }
    }
    best
}

/// The bytes of a packed matrix, in the order of [`packed_shape`].
pub(crate) fn bytes_of(packed: &[u8], output: usize, input: usize) -> Vec<i8> {
    let ([_, blocks, ..], [panels, groups, ..]) = (nibble_shape(output, input), packed_shape(output, input));
    let mut bytes = vec![0; panels * groups * STEP];
    let pairs =
        bytes.par_chunks_exact_mut((groups * STEP).max(1)).zip(packed.par_chunks_exact((blocks * BLOCK).max(1)));
    pairs.for_each(|(bytes, packed)| {
        for (bytes, block) in bytes.chunks_mut(2 * STEP).zip(packed.chunks_exact(BLOCK)) {
            let mut both = [0; 2 * STEP];
            expand_plain(block, &mut both);
            // The last block may have one group only.
            bytes.copy_from_slice(&both[..bytes.len()]);
        }
    });
    bytes
}

/// [`tile::tile`] for a panel of half bytes.
#[inline(always)]
pub(super) fn tile(kernels: Kernels, rows: &Rows, tile: Range<usize>, panel: &[u8], sums: &mut [[i32; PANEL]; ROWS]) {
    #[cfg(target_arch = "x86_64")]
    if let (1, Kernels::Avx512Vnni(_) | Kernels::AvxVnni(..) | Kernels::Avx2(_)) = (tile.len(), kernels) {
        let row = &rows.values[tile.start * rows.depth..][..rows.depth];
        // SAFETY: as for `expand`; the row has a group for each that the panel has, except for the last one of a block.
        #[allow(unsafe_code, reason = "code for instructions that the compiler does not take for granted")]
        unsafe {
            x86::nibbles_row(row, panel, &mut sums[0]);
        }
        return;
    }
    let mut bytes = [0; BLOCKS * 2 * STEP];
    let mut part = [[0; PANEL]; ROWS];
    sums.as_flattened_mut().fill(0);
    for (number, blocks) in panel.chunks(BLOCKS * BLOCK).enumerate() {
        let first = number * BLOCKS * INPUTS;
        let depth = first..rows.depth.min(first + BLOCKS * INPUTS);
        expand(kernels, blocks, &mut bytes);
        let bytes = &bytes[..depth.len() * PANEL];
        tile::tile(kernels, rows, tile.clone(), depth, bytes, &mut part);
        for (sum, part) in sums.as_flattened_mut().iter_mut().zip(part.as_flattened()) {
            *sum += part;
        }
    }
}

/// Writes the bytes of some blocks.
#[inline(always)]
fn expand(kernels: Kernels, blocks: &[u8], bytes: &mut [i8]) {
    // SAFETY: the variants of `Kernels` hold evidence that the machine has their instructions, those of AVX-512 and AVX-VNNI
    // also of AVX2.
    #[allow(unsafe_code, reason = "code for instructions that the compiler does not take for granted")]
    match kernels {
        #[cfg(target_arch = "x86_64")]
        Kernels::Avx512Vnni(_) | Kernels::AvxVnni(..) | Kernels::Avx2(_) => unsafe { x86::expand(blocks, bytes) },
        #[cfg(target_arch = "aarch64")]
        Kernels::I8mm(_) | Kernels::Neon(_) => unsafe { neon::expand(blocks, bytes) },
        Kernels::Portable => expand_plain(blocks, bytes),
    }
}

fn expand_plain(blocks: &[u8], bytes: &mut [i8]) {
    for (block, bytes) in blocks.chunks_exact(BLOCK).zip(bytes.chunks_exact_mut(2 * STEP)) {
        let (halves, steps) = block.split_at(STEP);
        let (first, second) = bytes.split_at_mut(STEP);
        for (place, both) in halves.iter().enumerate() {
            let table = bytes_of_step(steps[place / LANE]);
            first[place] = table[usize::from(both & 0xf)];
            second[place] = table[usize::from(both >> 4)];
        }
    }
}
