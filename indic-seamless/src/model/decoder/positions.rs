//! Sinusoidal positions.

/// The position vectors of `tokens` (`[rows, time]`, row after row) that follow `past` tokens: `[rows · time, hidden]`.
///
/// Tokens are numbered from `padding + 1`, padding not counted; row `p` of the table is `[sin(p·f_0) …, cos(p·f_0) …]` with
/// `f_i = 10000^(-i / (hidden/2 - 1))`, and that of padding is zero. In single precision like the reference's table.
pub(super) fn encode(tokens: &[u32], time: usize, past: usize, padding: u32, hidden: usize) -> Vec<f32> {
    let half = hidden / 2;
    let step = (10_000f64.ln() / (half - 1) as f64) as f32;
    let frequencies: Vec<f32> = (0..half).map(|i| (-(i as f32) * step).exp()).collect();
    let mut table = Vec::with_capacity(tokens.len() * hidden);
    for row in tokens.chunks(time.max(1)) {
        let mut count = past;
        for &token in row {
            if token == padding {
                table.resize(table.len() + hidden, 0.0);
                continue;
            }
            count += 1;
            let position = (count + padding as usize) as f32;
            table.extend(frequencies.iter().map(|f| (position * f).sin()));
            table.extend(frequencies.iter().map(|f| (position * f).cos()));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0 to 6 of the table of transformers 4.57.6 for eight columns, with row 0 as that of padding.
    const TABLE: [[f32; 8]; 7] = [
        [0.0; 8],
        [0.841_471, 0.046_399, 0.002_154, 0.0001, 0.540_302, 0.998_923, 0.999_998, 1.0],
        [0.909_297, 0.092_699, 0.004_309, 0.0002, -0.416_147, 0.995_694, 0.999_991, 1.0],
        [0.141_120, 0.138_798, 0.006_463, 0.0003, -0.989_992, 0.990_321, 0.999_979, 1.0],
        [-0.756_802, 0.184_599, 0.008_618, 0.0004, -0.653_644, 0.982_814, 0.999_963, 1.0],
        [-0.958_924, 0.230_002, 0.010_772, 0.0005, 0.283_662, 0.973_190, 0.999_942, 1.0],
        [-0.279_415, 0.274_909, 0.012_926, 0.0006, 0.960_170, 0.961_470, 0.999_916, 1.0],
    ];

    #[test]
    fn positions_are_those_of_transformers_for_any_padding() {
        // The rows that `SeamlessM4Tv2SinusoidalPositionalEmbedding(16, 8, padding)` gives for these tokens.
        for (padding, rows) in [(0, [1, 2, 0, 3, 5]), (1, [2, 3, 0, 4, 6])] {
            let found = [encode(&[3, 5, padding, 7], 4, 0, padding, 8), encode(&[9], 1, 4, padding, 8)].concat();
            let wanted = rows.map(|row| TABLE[row]).concat();
            assert_eq!(found.len(), wanted.len());
            let alike = found.iter().zip(&wanted).all(|(found, wanted)| (found - wanted).abs() < 2e-6);
            assert!(alike, "padding {padding}: {found:?}, by transformers {wanted:?}");
        }
    }
}
