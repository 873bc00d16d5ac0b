//! The inner product of matrices that everything with many rows is made of.

use pulp::Simd;

use super::linear::Float;

/// Rows of the left matrix in a tile of [`Panel::product`].
pub(super) const ROWS: usize = 6;
/// Vectors across in a tile: 6 x 2 sums, 2 vectors and 1 broadcast value fit into 16 registers.
const VECTORS: usize = 2;
/// The same for the 32 registers of AVX-512.
const WIDE: usize = 4;

/// The right matrix of a product, row after row, each padded with zeros to whole tiles.
pub(super) struct Panel {
    values: Vec<f32>,
    depth: usize,
    /// Columns that count.
    pub(super) width: usize,
    /// Columns with padding.
    pub(super) stride: usize,
}

impl Panel {
    #[inline(always)]
    fn zeros<S: Simd>(depth: usize, width: usize) -> Self {
        let stride = width.next_multiple_of(VECTORS * S::F32_LANES);
        Self { values: vec![0.0; depth * stride], depth, width, stride }
    }

    /// `x: [depth, width]` as it is.
    #[inline(always)]
    pub(super) fn new<S: Simd>(x: &[f32], width: usize) -> Self {
        let mut panel = Self::zeros::<S>(x.len() / width, width);
        for (to, from) in panel.values.chunks_exact_mut(panel.stride).zip(x.chunks_exact(width)) {
            to[..width].copy_from_slice(from);
        }
        panel
    }

    /// The transpose of `width` rows of `depth` values.
    #[inline(always)]
    pub(super) fn transposed<'a, S: Simd, W: Float + 'a>(
        rows: impl Iterator<Item = &'a [W]>,
        width: usize,
        depth: usize,
    ) -> Self {
        // A tile of this many rows and columns reads and writes whole cache lines.
        const TILE: usize = 16;
        let mut panel = Self::zeros::<S>(depth, width);
        let rows: Vec<&[W]> = rows.take(width).collect();
        for (group, rows) in rows.chunks(TILE).enumerate() {
            for first in (0..depth).step_by(TILE) {
                let depth = TILE.min(depth - first);
                let mut tile = [[0.0; TILE]; TILE];
                for (column, row) in rows.iter().enumerate() {
                    for (tile, value) in tile.iter_mut().zip(&row[first..first + depth]) {
                        tile[column] = value.value();
                    }
                }
                for (k, tile) in tile.iter().take(depth).enumerate() {
                    let start = (first + k) * panel.stride + group * TILE;
                    panel.values[start..start + rows.len()].copy_from_slice(&tile[..rows.len()]);
                }
            }
        }
        panel
    }

    /// `left · self` for `rows` rows of `left`, at most [`ROWS`], which begin `left_stride` apart and of which the first
    /// `depth` values count: into `out`, rows `stride` apart.
    #[inline(always)]
    pub(super) fn product<S: Simd>(&self, simd: S, left: &[f32], left_stride: usize, rows: usize, out: &mut [f32]) {
        // Rows that are not there repeat the last one; their results are not used.
        let row = |r: usize| &left[r.min(rows - 1) * left_stride..][..self.depth];
        let left: [&[f32]; ROWS] = std::array::from_fn(row);
        let mut column = 0;
        while column < self.stride {
            if S::F32_LANES == 16 && column + WIDE * S::F32_LANES <= self.stride {
                self.tile::<S, WIDE>(simd, left, column, out);
                column += WIDE * S::F32_LANES;
            } else {
                self.tile::<S, VECTORS>(simd, left, column, out);
                column += VECTORS * S::F32_LANES;
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize>(&self, simd: S, left: [&[f32]; ROWS], column: usize, out: &mut [f32]) {
        let width = V * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
        for (k, right) in self.values.chunks_exact(self.stride).enumerate() {
            let (right, _) = S::as_simd_f32s(&right[column..column + width]);
            for r in 0..ROWS {
                let value = simd.splat_f32s(left[r][k]);
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(value, right[v], sums[r][v]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let (out, _) = S::as_mut_simd_f32s(&mut out[r * self.stride + column..][..width]);
            out.copy_from_slice(sums);
        }
    }
}
