//! Sinusoidal positions.

/// The position vectors of `tokens` (`[rows, time]`, row after row) that follow `past` tokens: `[rows · time, hidden]`.
///
/// Tokens are numbered from 1, padding not counted; row `p` of the table is `[sin(p·f_0) …, cos(p·f_0) …]` with
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
            let position = count as f32;
            table.extend(frequencies.iter().map(|f| (position * f).sin()));
            table.extend(frequencies.iter().map(|f| (position * f).cos()));
        }
    }
    table
}
