//! Writes a checkpoint with int8 or int4 weights, which is a quarter of the size or less and several times as fast.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example quantize -- --model ai4bharat/indic-seamless --precision int8 --output NEW_DIR
//! cargo run --release --example transcribe -- --model NEW_DIR --lang hin speech.wav
//! ```

use std::path::{Path, PathBuf};

use clap::Parser;
use indic_seamless::{
    Precision, Result,
    checkpoint::{Checkpoint, HubModel},
};

#[derive(Parser)]
struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, or "demo" for the small model in the library
    #[arg(long)]
    model: String,
    /// Type of the weights to write
    #[arg(long, default_value = "int8", value_parser = ["int8", "int4"])]
    precision: String,
    /// New folder for the result
    #[arg(long)]
    output: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let checkpoint = match args.model.as_str() {
        "demo" => Checkpoint::demo()?,
        id if HubModel::is_id(id) && !Path::new(id).exists() => {
            Checkpoint::open(HubModel::new(id).download(&mut |_| {})?)?
        }
        dir => Checkpoint::open(dir)?,
    };
    checkpoint.quantize(&args.output, args.precision.parse::<Precision>()?, &mut |_, _| {})?;
    println!("{}: {} weights", args.output.display(), args.precision);
    Ok(())
}
