//! Transcribes speech while it is spoken: each segment is printed at the pause after it.
//!
//! Run with:
//!
//! ```text
//! arecord -q -t raw -f S16_LE -r 16000 -c 1 | cargo run --release --example microphone -- --model DIR --lang hin
//! ```
//!
//! Standard input is raw signed 16-bit little-endian PCM, mono, at 16 kHz.

use std::{error::Error, io, path::PathBuf, sync::mpsc::channel, thread, time::Duration};

use clap::Parser;
use indic_seamless::{AudioOptions, Language, PipeFormat, Segment, TranscribeOptions, Transcriber};

#[derive(Parser)]
struct Args {
    /// Folder of a checkpoint, or "demo" for the small model in the library
    #[arg(long)]
    model: PathBuf,
    /// Language of the text, by code or English name
    #[arg(long)]
    lang: Language,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let transcriber =
        if args.model.as_os_str() == "demo" { Transcriber::demo()? } else { Transcriber::from_dir(&args.model)? };
    let format = PipeFormat::Pcm16 { rate: 16_000, channels: 1 };
    let reader = AudioOptions::new().max_duration(Duration::MAX).reader_from_pipe(io::stdin(), format)?;

    // Read on a thread of its own: a microphone does not wait for the model.
    let (sender, pieces) = channel();
    thread::spawn(move || reader.into_iter().try_for_each(|piece| sender.send(piece)));

    let mut stream = transcriber.stream(args.lang, TranscribeOptions::default())?;
    for samples in pieces {
        show(&stream.feed(&samples?)?);
    }
    show(&stream.finish()?);
    Ok(())
}

fn show(segments: &[Segment]) {
    for Segment { start, end, text, .. } in segments {
        println!("{start:7.2} - {end:7.2}  {text}");
    }
}
