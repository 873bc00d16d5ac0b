//! Weight files that are right but for some changes: to names, types, shapes, places, bytes and the layout.

use indic_seamless::Precision;
use serde_json::Value;

use crate::{
    checkpoint::{load, run},
    input::Input,
    tiny::{INT4, INT8, TINY, TensorFile, WEIGHTS, WHOLE},
};

/// Sizes at which programs go wrong.
const SIZES: [u64; 12] = [0, 1, 2, 7, 8, 9, 64, 1 << 16, 1 << 31, 1 << 32, 1 << 63, u64::MAX];
const TYPES: [&str; 9] = ["F32", "F16", "BF16", "I8", "U8", "F64", "BOOL", "F8_E4M3", "F4"];

/// Weights in `f32`.
pub(crate) fn float(data: &[u8]) {
    changed(&WHOLE, data);
}

/// Weights in bytes.
pub(crate) fn int8(data: &[u8]) {
    changed(&INT8, data);
}

/// Weights in half bytes and in bytes.
pub(crate) fn int4(data: &[u8]) {
    changed(&INT4, data);
}

fn changed(file: &TensorFile, data: &[u8]) {
    let mut input = Input(data);
    let precision = input.choose(Precision::ALL);
    let mut file = file.clone();
    let mut changes = 0;
    while !input.is_empty() && changes < 8 {
        change(&mut file, &mut input);
        changes += 1;
    }
    let mut files = TINY.clone();
    files.insert(WEIGHTS, file.bytes());
    if load(&files, precision) {
        run(&files, precision);
    }
}

fn change(file: &mut TensorFile, input: &mut Input<'_>) {
    let kind = input.byte() % 12;
    let place = usize::from(input.short());
    if file.tensors.is_empty() {
        return;
    }
    let (place, other) = (place % file.tensors.len(), usize::from(input.byte()) % file.tensors.len());
    let size = input.choose(&SIZES);
    let model = file.tensors[other].clone();
    let tensor = &mut file.tensors[place];
    match kind {
        0 => drop(file.tensors.remove(place)),
        1 => tensor.name = model.name,
        2 => input.choose(&TYPES).clone_into(&mut tensor.dtype),
        3 => {
            if let Some(found) = tensor.shape.get_mut(other % 4) {
                *found = size;
            }
        }
        4 => tensor.shape.push(size),
        5 => drop(tensor.shape.pop()),
        6 => tensor.offsets[other % 2] = size,
        7 => tensor.offsets = model.offsets,
        8 => {
            let at = tensor.offsets[0] as usize;
            let bytes = input.take(4);
            if let Some(found) = file.data.get_mut(at..at.saturating_add(bytes.len())) {
                found.copy_from_slice(bytes);
            }
        }
        9 => tensor.shape = model.shape,
        10 => {
            let text = String::from_utf8_lossy(input.take(16)).into_owned();
            file.metadata.insert("quantization".to_owned(), Value::String(text));
        }
        _ => file.data.truncate(size.min(file.data.len() as u64) as usize),
    }
}
