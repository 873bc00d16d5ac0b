//! Weights as bytes, in the order in which the kernels read them.

use rayon::prelude::*;

use super::{GROUP, PANEL};

/// The shape of a packed weight of `output` rows and `input` columns: `[panels, groups, 64, 4]`.
///
/// Panel `p` holds outputs `64·p ..`, and of these, group `g` holds inputs `4·g ..`: the element of output `o` and input
/// `i` is at `[o / 64, i / 4, o % 64, i % 4]`. What is beyond the matrix is zero.
pub(crate) fn packed_shape(output: usize, input: usize) -> [usize; 4] {
    [output.div_ceil(PANEL), input.div_ceil(GROUP), PANEL, GROUP]
}

/// Packs rows of `input` values, one per output, into the bytes of whole panels and a scale per output: `value ≈ byte ·
/// scale`, and the largest magnitude of each row is 127.
pub(crate) fn pack(rows: &[f32], input: usize, packed: &mut [i8], scales: &mut [f32]) {
    let [_, groups, ..] = packed_shape(scales.len(), input);
    let panels = packed.par_chunks_exact_mut((groups * PANEL * GROUP).max(1)).zip(scales.par_chunks_mut(PANEL));
    panels.zip(rows.par_chunks((PANEL * input).max(1))).for_each(|((packed, scales), rows)| {
        for (column, (row, scale)) in rows.chunks_exact(input).zip(scales).enumerate() {
            let largest = row.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            *scale = largest / 127.0;
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            for (group, values) in packed.chunks_exact_mut(PANEL * GROUP).zip(row.chunks(GROUP)) {
                for (byte, value) in group[column * GROUP..].iter_mut().zip(values) {
                    *byte = (value * inverse).round_ties_even() as i8;
                }
            }
        }
    });
}

/// The packed weight of some of the outputs, in the order of `outputs`.
pub(crate) fn gather(packed: &[i8], input: usize, outputs: &[u32]) -> Vec<i8> {
    let [panels, groups, ..] = packed_shape(outputs.len(), input);
    let panel = groups * PANEL * GROUP;
    let mut gathered = vec![0; panels * panel];
    gathered.par_chunks_exact_mut(panel.max(1)).zip(outputs.par_chunks(PANEL)).for_each(|(gathered, outputs)| {
        let (gathered, _) = gathered.as_chunks_mut::<GROUP>();
        for (column, &output) in outputs.iter().enumerate() {
            let output = output as usize;
            let (bytes, _) = packed[output / PANEL * panel..][..panel].as_chunks::<GROUP>();
            let from = bytes.iter().skip(output % PANEL).step_by(PANEL);
            gathered.iter_mut().skip(column).step_by(PANEL).zip(from).for_each(|(to, from)| *to = *from);
        }
    });
    gathered
}

/// The numbers of a packed weight of `input` columns, as its bytes lie in a file, row after row.
pub(crate) fn unpack(packed: &[u8], scales: &[f32], input: usize) -> Vec<f32> {
    let [_, groups, ..] = packed_shape(scales.len(), input);
    let mut rows = vec![0.0; scales.len() * input];
    rows.par_chunks_exact_mut(input.max(1)).zip(scales).enumerate().for_each(|(row, (values, scale))| {
        let start = (row / PANEL * groups * PANEL + row % PANEL) * GROUP;
        for (group, values) in values.chunks_mut(GROUP).enumerate() {
            let bytes = &packed[start + group * PANEL * GROUP..][..GROUP];
            values.iter_mut().zip(bytes).for_each(|(value, byte)| *value = f32::from(*byte as i8) * scale);
        }
    });
    rows
}
