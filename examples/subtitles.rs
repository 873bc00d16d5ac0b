//! Writes subtitles beside a film or recording: `film.srt` beside `film.mp4`.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example subtitles -- --model DIR --lang tam film.mp4
//! ```

use std::{error::Error, fs, path::PathBuf, time::Duration};

use clap::Parser;
use indic_seamless::{
    AudioOptions, Language, Progress, TranscribeOptions, Transcriber,
    subtitles::{SubtitleOptions, srt},
};

#[derive(Parser)]
struct Args {
    /// Folder of a checkpoint, or "demo" for the small model in the library
    #[arg(long)]
    model: PathBuf,
    /// Language of the subtitles, by code or English name
    #[arg(long)]
    lang: Language,
    /// Film or recording
    film: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let transcriber =
        if args.model.as_os_str() == "demo" { Transcriber::demo()? } else { Transcriber::from_dir(&args.model)? };
    let reader = AudioOptions::new().max_duration(Duration::MAX).reader(&args.film)?;
    let mut on_progress = |progress: Progress| eprintln!("{:.0} s done", progress.done_s);
    let options = TranscribeOptions {
        // With the times of words, each cue appears when its first word is spoken.
        words: true,
        on_progress: Some(&mut on_progress),
        ..TranscribeOptions::default()
    };
    let transcript = transcriber.transcribe_reader(reader, args.lang, options)?;
    // Lines that fit a phone.
    let options = SubtitleOptions { max_line_length: 32, ..SubtitleOptions::default() };
    let path = args.film.with_extension("srt");
    fs::write(&path, srt(&transcript.segments, &options))?;
    println!("{}", path.display());
    Ok(())
}
