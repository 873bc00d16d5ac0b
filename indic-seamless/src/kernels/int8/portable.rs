//! Plain Rust.

use super::{
    GROUP, PANEL,
    tile::{STEP, Tile},
};

pub(super) fn plain<const R: usize>(tile: &Tile<'_, R>, sums: &mut [[i32; PANEL]; R]) {
    sums.as_flattened_mut().fill(0);
    for (group, panel) in tile.panel.chunks_exact(STEP).enumerate() {
        let (columns, _) = panel.as_chunks::<GROUP>();
        for (row, sums) in tile.rows.iter().zip(&mut *sums) {
            let Some(x) = row[group * GROUP..].first_chunk::<GROUP>() else { return };
            let x = x.map(i32::from);
            for (sum, w) in sums.iter_mut().zip(columns) {
                let w = w.map(i32::from);
                *sum += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
            }
        }
    }
}
