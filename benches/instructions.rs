//! Small pieces of work whose instructions are counted: `ci/instructions.sh` runs each under Callgrind, and compares the counts
//! with those in `benches/instructions.tsv`. Unlike times, they are the same on every machine and under every load.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example instructions -- WORK REPEATS
//! ```
//!
//! Without arguments it lists the pieces of work.

#![allow(clippy::disallowed_methods, reason = "uploads are counted in the library only")]

use std::{hint::black_box, process::ExitCode};

use burn::tensor::{Device, Tensor, TensorData};
use indic_seamless::{
    Backend,
    features::{FeatureBatch, Features},
    model::{Encoded, config::ModelConfig},
    nn::{LinearConfig, Storage},
};

type Work = fn(&Device, usize);

/// Each by its name.
const WORKS: [(&str, Work); 10] = [
    ("int8-1-row", |device, repeats| product(device, Storage::Int8, 1, repeats)),
    ("int8-5-rows", |device, repeats| product(device, Storage::Int8, 5, repeats)),
    ("int8-60-rows", |device, repeats| product(device, Storage::Int8, 60, repeats)),
    ("int4-1-row", |device, repeats| product(device, Storage::Int4, 1, repeats)),
    ("int4-5-rows", |device, repeats| product(device, Storage::Int4, 5, repeats)),
    ("f32-1-row", |device, repeats| product(device, Storage::Float, 1, repeats)),
    ("f32-60-rows", |device, repeats| product(device, Storage::Float, 60, repeats)),
    ("encoder-int8", |device, repeats| encoder(device, Storage::Int8, repeats)),
    ("encoder-f32", |device, repeats| encoder(device, Storage::Float, repeats)),
    ("decoder-int8", decoder),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let work = |name: &str| WORKS.iter().find(|(other, _)| *other == name).map(|(_, work)| work);
    let (Some(work), Some(repeats)) = (
        arguments.first().and_then(|name| work(name)),
        arguments.get(1).and_then(|repeats| repeats.parse::<usize>().ok()),
    ) else {
        WORKS.iter().for_each(|(name, _)| println!("{name}"));
        return if arguments.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    // All in this thread: others would count while they wait.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    match (pool, Backend::Flex.device()) {
        (Ok(_), Ok(device)) => {
            // Making random weights takes as long every time, and cancels out.
            device.seed(1);
            work(&device, repeats);
            ExitCode::SUCCESS
        }
        (Err(error), _) => fail(&error.to_string()),
        (_, Err(error)) => fail(&error.to_string()),
    }
}

fn fail(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Numbers between -1 and 1.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// A product of rows and a weight.
fn product(device: &Device, storage: Storage, rows: usize, repeats: usize) {
    let layer = LinearConfig::new(512, 256).init(storage, device);
    let x = Tensor::from_data(TensorData::new(numbers(rows * 512), [1, rows, 512]), device);
    for _ in 0..=repeats {
        black_box(layer.forward(black_box(&x)));
    }
}

/// A model of one layer each.
fn small() -> ModelConfig {
    ModelConfig {
        vocab_size: 4096,
        hidden_size: 256,
        speech_encoder_layers: 1,
        speech_encoder_attention_heads: 4,
        speech_encoder_intermediate_size: 512,
        decoder_layers: 1,
        decoder_attention_heads: 4,
        decoder_ffn_dim: 512,
        ..ModelConfig::default()
    }
}

/// The encoder on a second of sound.
fn encoder(device: &Device, storage: Storage, repeats: usize) {
    let model = small().init(storage, device);
    let Ok(features) = Features::extract(&numbers(16_000)) else { unreachable!("a second is long enough") };
    let features = FeatureBatch::new(&[features], 0.0);
    for _ in 0..=repeats {
        black_box(model.encode(black_box(&features)));
    }
}

/// Steps of the decoder with five hypotheses.
fn decoder(device: &Device, repeats: usize) {
    let model = small().init(Storage::Int8, device);
    let hidden = Tensor::from_data(TensorData::new(numbers(63 * 256), [1, 63, 256]), device);
    let mut state = model.start(&Encoded { hidden, lengths: vec![63] }, 5, 2 + 2 * (repeats + 1));
    model.decode(&mut state, &[3, 7]);
    state.reorder(&[0; 5]);
    let mut logits = Vec::new();
    for _ in 0..=repeats {
        let hidden = model.decode(&mut state, black_box(&[7; 5]));
        if let Err(error) = model.logits_into(&hidden, &mut logits) {
            unreachable!("a CPU does not fail: {error}");
        }
    }
}
