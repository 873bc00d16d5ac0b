//! Times the stages of this crate on one recording, and prints a JSON object. `compare.py` runs it beside the reference.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example measure -- --model DIR --audio speech.wav --precision int8 --threads 2
//! ```
//!
//! Stages: loading, features, the encoder (whole, and by kinds of stages, which are computed one by one when they are looked at),
//! generation from the encoder's output (greedy and with beams, exactly `--new-tokens` tokens; also greedy in the script of
//! `--lang` alone; the first token includes the keys and values of the cross-attention), and all of it end to end. Last, decoder
//! steps in turn with passes over a gigabyte of memory: the share of the memory bandwidth that the steps reach.

mod common;
#[path = "../../indic-seamless-cli/src/memory.rs"]
mod memory;

use std::{
    collections::BTreeMap,
    hint::black_box,
    ops::ControlFlow,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use indic_seamless::{
    CancelToken, GenerationConfig, Isa, ModelDecoder, Precision, Script, TranscribeOptions, Transcriber, Waveform,
    features::{FeatureBatch, Features},
    generation::{Observer, generate},
    model::{PartialHead, SpeechToText, encoder::Stage},
};
use rayon::prelude::*;
use serde_json::{Value, json};

use self::{common::Subject, memory::peak_rss_bytes};

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Runs of each stage
    #[arg(long, default_value_t = 3, value_name = "N")]
    repeats: usize,
    /// Stop after the encoder
    #[arg(long)]
    encoder_only: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let measured = match rayon::ThreadPoolBuilder::new().num_threads(args.subject.threads).build() {
        // Inside the pool, as in `Transcriber`.
        Ok(pool) => pool.install(|| measure(&args)).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match measured {
        Ok(result) => {
            println!("{result:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> indic_seamless::Result<Value> {
    let started = Instant::now();
    let transcriber = Transcriber::builder().precision(args.subject.precision).build(&args.subject.model)?;
    let load = started.elapsed().as_secs_f64();
    if !args.encoder_only {
        // Until the decoder's weights have moved to huge pages.
        thread::sleep(Duration::from_secs(6));
    }
    let audio = Waveform::open(&args.subject.audio)?;
    let mut result = json!({
        "precision": transcriber.precision().name(),
        "isa": Isa::checked()?.name(),
        "threads": args.subject.threads,
        "audio_s": audio.duration().as_secs_f64(),
        "load_s": load,
    });

    result["features_s"] = repeat(args.repeats.max(5), || Features::extract(audio.samples()));
    let features = Features::extract(audio.samples())?;
    let features = FeatureBatch::new(&[features], transcriber.checkpoint().padding_value());
    let model = transcriber.model();
    result["encoder_s"] = repeat(args.repeats, || model.encode(&features));

    if !args.encoder_only {
        let encoded = model.encode(&features);
        let language = transcriber.checkpoint().language_token(args.subject.lang)?;
        let tokens = transcriber.checkpoint().tokenizer().tokens_of(Script::of(args.subject.lang));
        let in_script = Arc::new(model.partial_head(tokens));
        // The times between the tokens of one search, beginning with the time to the first token.
        let search = |beams: usize, in_script: Option<&Arc<PartialHead>>| -> indic_seamless::Result<Vec<f64>> {
            let config = exactly(args, transcriber.checkpoint().generation(), beams);
            let prompt = vec![vec![config.decoder_start_token_id, language]];
            let mut times = vec![Instant::now()];
            let mut on_token = |_| times.push(Instant::now());
            let mut observer = Observer { on_token: &mut on_token, cancel: &CancelToken::new() };
            let mut decoder = ModelDecoder::new(model, &encoded, &config, 2);
            if let Some(head) = in_script {
                decoder = decoder.with_head(Arc::clone(head));
            }
            black_box(generate(&mut decoder, &prompt, &config, &[], &mut observer)?);
            Ok(times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect())
        };
        for (name, beams, in_script) in
            [("greedy", 1, None), ("beam5", 5, None), ("greedy_in_script", 1, Some(&in_script))]
        {
            search(beams, in_script)?;
            let (mut first, mut steps) = (Vec::new(), Vec::new());
            for _ in 0..args.repeats {
                let mut between = search(beams, in_script)?.into_iter();
                first.extend(between.next());
                steps.extend(between);
            }
            if name == "greedy" {
                result["first_token_s"] = summary(first);
            }
            result[format!("{name}_token_s")] = summary(steps);
        }
        let mut end_to_end = Vec::new();
        for _ in 0..args.repeats {
            let generation = Some(exactly(args, transcriber.checkpoint().generation(), 1));
            let started = Instant::now();
            let options = TranscribeOptions { generation, ..Default::default() };
            black_box(transcriber.transcribe_with(&audio, args.subject.lang, options)?);
            end_to_end.push(started.elapsed().as_secs_f64());
        }
        result["end_to_end_s"] = summary(end_to_end);
        result["peak_memory_gb"] = json!(peak_rss_bytes().map(|bytes| bytes as f64 / 1e9));
        for (kind, seconds) in stages(args.repeats, model, &features) {
            result[format!("encoder_{kind}_s")] = seconds;
        }
        result["step_gb"] = json!(step_bytes(&transcriber) / 1e9);
        // In turn, because other guests of the same machine change its bandwidth within seconds.
        let memory = vec![1u64; 1 << 27];
        let (mut bandwidth, mut steps) = (Vec::new(), Vec::new());
        for _ in 0..args.repeats.max(5) {
            bandwidth.extend((0..4).map(|_| read_gb_per_s(&memory)));
            steps.extend(search(1, None)?.split_off(1));
        }
        result["read_gb_per_s"] = summary(bandwidth);
        result["step_beside_reading_s"] = summary(steps);
    }
    Ok(result)
}

/// What the kinds of stages of the encoder take, all layers together: each the time since the output before it.
fn stages(repeats: usize, model: &SpeechToText, features: &FeatureBatch) -> BTreeMap<&'static str, Value> {
    let kind = |stage: Stage| match stage {
        Stage::Ffn1(_) | Stage::Ffn2(_) => "feed_forward",
        Stage::SelfAttention(_) => "attention",
        Stage::Depthwise(_) => "convolution_to_depthwise",
        Stage::Convolution(_) => "convolution_from_depthwise",
        Stage::Conformer(_) => "last_norm",
        _ => "projection_and_adapter",
    };
    let mut all: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for _ in 0..repeats {
        let mut run: BTreeMap<&'static str, f64> = BTreeMap::new();
        let mut started = Instant::now();
        let mut inspect = |stage: Stage, _: &_| {
            *run.entry(kind(stage)).or_default() += started.elapsed().as_secs_f64();
            started = Instant::now();
            ControlFlow::Continue(())
        };
        let _ = black_box(model.encode_inspected(features, &mut inspect));
        run.into_iter().for_each(|(kind, seconds)| all.entry(kind).or_default().push(seconds));
    }
    all.into_iter().map(|(kind, seconds)| (kind, summary(seconds))).collect()
}

/// A search of exactly so many tokens.
fn exactly(args: &Args, base: &GenerationConfig, beams: usize) -> GenerationConfig {
    GenerationConfig { num_beams: beams, ..args.subject.exactly(base) }
}

/// Runs a stage once to warm up, then times it.
fn repeat<T>(repeats: usize, mut stage: impl FnMut() -> T) -> Value {
    black_box(stage());
    let time = |_| {
        let started = Instant::now();
        black_box(stage());
        started.elapsed().as_secs_f64()
    };
    summary((0..repeats).map(time).collect())
}

fn summary(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let at = |part: f64| seconds.get(((seconds.len().max(1) - 1) as f64 * part) as usize).copied();
    json!({ "median": at(0.5), "p10": at(0.1), "min": at(0.0), "runs": seconds.len() })
}

/// Bytes of weights that one greedy step reads.
fn step_bytes(transcriber: &Transcriber) -> f64 {
    let config = transcriber.checkpoint().config();
    let (hidden, ffn) = (config.hidden_size, config.decoder_ffn_dim);
    // Self-attention has four matrices; of the cross-attention's, keys and values are computed once per clip.
    let layer = 6 * hidden * hidden + 2 * hidden * ffn;
    let bytes = match transcriber.precision() {
        Precision::Int8 => 1,
        Precision::Bf16 => 2,
        _ => 4,
    };
    (bytes * (config.decoder_layers * layer + config.vocab_size * hidden)) as f64
}

/// How fast all threads together read memory, in GB/s.
fn read_gb_per_s(memory: &[u64]) -> f64 {
    let started = Instant::now();
    // Many sums at a time, which vectorise.
    let sum = |part: &[u64]| {
        let mut sums = [0u64; 64];
        part.as_chunks::<64>().0.iter().for_each(|chunk| sums.iter_mut().zip(chunk).for_each(|(s, x)| *s ^= x));
        sums.iter().fold(0, |all, s| all ^ s)
    };
    black_box(memory.par_chunks(1 << 20).map(sum).reduce(|| 0, |a, b| a ^ b));
    size_of_val(memory) as f64 / started.elapsed().as_secs_f64() / 1e9
}
