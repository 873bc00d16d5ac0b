//! The inner product of matrices that everything with many rows is made of.

use half::bf16;
use pulp::{Simd, WithSimd};

use super::{
    Float,
    pairs::{Pair, pair_sums},
};
use crate::kernels::isa::prefetch;

/// Rows of the left matrix in a tile of [`Panel::product`].
pub(in crate::kernels) const ROWS: usize = 6;
/// Vectors across in a tile: 6 x 2 sums, 2 vectors and 1 broadcast value fit into 16 registers.
const VECTORS: usize = 2;
/// The same for 32 registers: those of AVX-512 and of NEON.
const WIDE: usize = 4;

/// Asks for the row that will be used some rows after `number`, of rows of `width` numbers that begin `stride` apart: each is on a page
/// of its own, where the hardware does not look ahead.
#[inline(always)]
pub(in crate::kernels) fn prefetch_ahead(rows: &[f32], number: usize, stride: usize, width: usize) {
    const AHEAD: usize = 16;
    prefetch(rows.get((number + AHEAD) * stride..).and_then(|row| row.get(..width)).unwrap_or_default());
}

/// What the matrices of a product are made of: one number, or as many as one lane of an instruction takes.
pub(in crate::kernels) trait Element: Copy + Default + Send + Sync {
    /// How many numbers it holds, neighbours along the axis that the product sums over.
    const NUMBERS: usize;

    /// Numbers that are already elements.
    fn as_is(numbers: &[f32]) -> Option<&[Self]>;

    /// Up to [`NUMBERS`](Self::NUMBERS) numbers; those that are not there are zero.
    fn pack<W: Float>(numbers: &[W]) -> Self;

    /// Neighbours become elements, as many as fit; the last one may lack numbers, which are zero.
    fn pack_row<W: Float>(numbers: &[W], to: &mut [Self]);

    /// `left · panel` for a panel of `V` vectors across, into rows of `out` that begin `stride` apart.
    fn tile<S: Simd, const V: usize>(simd: S, left: [&[Self]; ROWS], panel: &[Self], out: &mut [f32], stride: usize);
}

impl Element for f32 {
    const NUMBERS: usize = 1;

    #[inline(always)]
    fn as_is(numbers: &[f32]) -> Option<&[Self]> {
        Some(numbers)
    }

    #[inline(always)]
    fn pack<W: Float>(numbers: &[W]) -> Self {
        numbers[0].value()
    }

    #[inline(always)]
    fn pack_row<W: Float>(numbers: &[W], to: &mut [Self]) {
        to.iter_mut().zip(numbers).for_each(|(to, number)| *to = number.value());
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize>(simd: S, left: [&[Self]; ROWS], panel: &[Self], out: &mut [f32], stride: usize) {
        simd.vectorize(FloatTile::<V> { left, panel, out, stride });
    }
}

/// A function of its own, since amid others its sums do not stay in registers.
struct FloatTile<'a, const V: usize> {
    left: [&'a [f32]; ROWS],
    panel: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
}

impl<const V: usize> WithSimd for FloatTile<'_, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, panel, out, stride } = self;
        let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
        // In step, so that no index has to be checked.
        let [a, b, c, d, e, f] = left.map(<[f32]>::iter);
        let left = a.zip(b).zip(c).zip(d).zip(e).zip(f);
        for (right, (((((a, b), c), d), e), f)) in panel.chunks_exact(V * S::F32_LANES).zip(left) {
            let (right, _) = S::as_simd_f32s(right);
            for (x, sums) in [a, b, c, d, e, f].into_iter().zip(&mut sums) {
                let value = simd.splat_f32s(*x);
                for v in 0..V {
                    sums[v] = simd.mul_add_e_f32s(value, right[v], sums[v]);
                }
            }
        }
        for (sums, out) in sums.iter().zip(out.chunks_mut(stride)) {
            S::as_mut_simd_f32s(&mut out[..V * S::F32_LANES]).0.copy_from_slice(sums);
        }
    }
}

impl Element for Pair {
    const NUMBERS: usize = 2;

    #[inline(always)]
    fn as_is(_numbers: &[f32]) -> Option<&[Self]> {
        None
    }

    #[inline(always)]
    fn pack<W: Float>(numbers: &[W]) -> Self {
        [numbers[0].rounded(), numbers.get(1).map_or(bf16::ZERO, |number| number.rounded())]
    }

    #[inline(always)]
    fn pack_row<W: Float>(numbers: &[W], to: &mut [Self]) {
        let to = to.as_flattened_mut();
        let len = numbers.len().min(to.len());
        to[len..].fill(bf16::ZERO);
        to.iter_mut().zip(numbers).for_each(|(to, number)| *to = number.rounded());
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize>(_simd: S, left: [&[Self]; ROWS], panel: &[Self], out: &mut [f32], stride: usize) {
        pair_sums(left, panel, V * S::F32_LANES, out, stride);
    }
}

/// The right matrix of a product: as many columns as a tile has, row after row, then the next columns; the last ones are
/// padded with zeros.
pub(in crate::kernels) struct Panel<E> {
    values: Vec<E>,
    /// Elements along the axis that is summed over.
    depth: usize,
    /// Columns that count.
    pub(in crate::kernels) width: usize,
    /// Columns with padding.
    pub(in crate::kernels) stride: usize,
}

impl<E: Element> Panel<E> {
    #[inline(always)]
    fn vectors<S: Simd>() -> usize {
        if S::REGISTER_COUNT == 32 { WIDE } else { VECTORS }
    }

    /// Columns of a tile.
    #[inline(always)]
    fn across<S: Simd>() -> usize {
        Self::vectors::<S>() * S::F32_LANES
    }

    #[inline(always)]
    fn with_memory<S: Simd>(depth: usize, width: usize, mut values: Vec<E>) -> Self {
        let (depth, stride) = (depth.div_ceil(E::NUMBERS), width.next_multiple_of(Self::across::<S>()));
        // Padding must be zero; all else is written.
        if values.len() != depth * stride || width < stride {
            values.clear();
            values.resize(depth * stride, E::default());
        }
        Self { values, depth, width, stride }
    }

    /// The memory, for the next panel.
    pub(in crate::kernels) fn into_memory(self) -> Vec<E> {
        self.values
    }

    /// `depth` rows of `width` numbers, which begin `stride` apart, as they are.
    #[inline(always)]
    pub(in crate::kernels) fn new<S: Simd>(x: &[f32], stride: usize, depth: usize, width: usize) -> Self {
        let (mut panel, across) = (Self::with_memory::<S>(depth, width, Vec::new()), Self::across::<S>());
        for (k, upper) in (0..depth).step_by(E::NUMBERS).enumerate() {
            let row = |number: usize| &x[number * stride..][..width];
            (upper..upper + E::NUMBERS).for_each(|number| prefetch_ahead(x, number, stride, width));
            let lower = (E::NUMBERS > 1 && upper + 1 < depth).then(|| row(upper + 1));
            let upper = row(upper);
            for first in (0..width).step_by(across) {
                let start = first * panel.depth + k * across;
                let columns = across.min(width - first);
                let upper = &upper[first..first + columns];
                let to = &mut panel.values[start..start + columns];
                match lower.map(|lower| &lower[first..first + columns]) {
                    Some(lower) => {
                        to.iter_mut().zip(upper.iter().zip(lower)).for_each(|(to, (a, b))| *to = E::pack(&[*a, *b]));
                    }
                    None => to.iter_mut().zip(upper).for_each(|(to, a)| *to = E::pack(&[*a])),
                }
            }
        }
        panel
    }

    /// The transpose of `width` rows of `depth` values, in `memory` if it has the size. Columns of which there is no row hold
    /// anything.
    #[inline(always)]
    pub(in crate::kernels) fn transposed<'a, S: Simd, W: Float + 'a>(
        rows: impl Iterator<Item = &'a [W]>,
        width: usize,
        depth: usize,
        memory: Vec<E>,
    ) -> Self {
        /// So many rows are interleaved at a time, and so many of their elements.
        const ABREAST: usize = 4;
        const ELEMENTS: usize = 32;
        let (mut panel, across) = (Self::with_memory::<S>(depth, width, memory), Self::across::<S>());
        let rows: Vec<&[W]> = rows.take(width).map(|row| &row[..depth]).collect();
        let whole = depth / (ELEMENTS * E::NUMBERS) * ELEMENTS;
        for (columns, rows) in panel.values.chunks_exact_mut(panel.depth * across).zip(rows.chunks(across)) {
            let (fours, _) = rows.as_chunks::<ABREAST>();
            for (column, rows) in (0..).step_by(ABREAST).zip(fours) {
                for k in (0..whole).step_by(ELEMENTS) {
                    let mut parts = [[E::default(); ELEMENTS]; ABREAST];
                    for (part, row) in parts.iter_mut().zip(rows) {
                        E::pack_row(&row[k * E::NUMBERS..(k + ELEMENTS) * E::NUMBERS], part);
                    }
                    let mut interleaved = [[E::default(); ABREAST]; ELEMENTS];
                    for (i, to) in interleaved.iter_mut().enumerate() {
                        *to = [parts[0][i], parts[1][i], parts[2][i], parts[3][i]];
                    }
                    for (to, from) in columns[k * across..].chunks_exact_mut(across).zip(&interleaved) {
                        to[column..column + ABREAST].copy_from_slice(from);
                    }
                }
            }
            // What is left beside and below.
            for (column, row) in rows.iter().enumerate() {
                let first = if column < fours.len() * ABREAST { whole } else { 0 };
                for (k, numbers) in row.chunks(E::NUMBERS).enumerate().skip(first) {
                    columns[k * across + column] = E::pack(numbers);
                }
            }
        }
        panel
    }

    /// `left · self` for `rows` rows of `left`, at most [`ROWS`], which begin `left_stride` apart: into `out`, rows
    /// `stride` apart.
    #[inline(always)]
    pub(in crate::kernels) fn product<S: Simd>(
        &self,
        simd: S,
        left: &[E],
        left_stride: usize,
        rows: usize,
        out: &mut [f32],
    ) {
        // Rows that are not there repeat the last one; their results are not used.
        let mut rows_of = [&left[..0]; ROWS];
        for (r, row) in rows_of.iter_mut().enumerate() {
            *row = &left[r.min(rows - 1) * left_stride..][..self.depth];
        }
        let across = Self::across::<S>();
        for (number, panel) in self.values.chunks_exact((self.depth * across).max(1)).enumerate() {
            let out = &mut out[number * across..];
            if S::REGISTER_COUNT == 32 {
                E::tile::<S, WIDE>(simd, rows_of, panel, out, self.stride);
            } else {
                E::tile::<S, VECTORS>(simd, rows_of, panel, out, self.stride);
            }
        }
    }
}
